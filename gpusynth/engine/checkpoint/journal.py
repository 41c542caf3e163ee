"""Journal: an append-only list of what a run has finished, one JSON line each.

A line counts only when it is whole and its own check sum is right: a line that a kill cut off, or
that a disk changed, is passed over, and the work that it stood for is done again. A line is
written after the file that it names is in its place, and both are on the disk before the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gpusynth.errors import OutputError
from gpusynth.io import write_bytes_atomic, writing
from gpusynth.io.output import NO_LINK

__all__ = ["Journal", "JournalEntry", "head_line", "open_or_begin"]

_CHECK = "check"
_CHECK_LENGTH = 16  # hexadecimal digits of SHA-256: against faults of a disk, not of a forger
_MAX_BYTES = 1 << 30  # far beyond 65,535 replicates of any plan that a disk holds
_FILE_NAME = r"^([A-Za-z0-9_-]+(\.[a-z0-9]+)+)?$"  # linked files are called as the user says


class JournalEntry(BaseModel):
    """One finished piece of work.

    Parameters
    ----------
    kind : {"model", "fit", "draw", "written", "commit", "resumed"}
        A model's file; a step whose models are complete; a step drawn in one replicate; a
        synthetic file; all files of the run; another process that goes on.
    step, replicate, stratum : int
        Which; 0 where it does not apply. Of "resumed" the step counts the times.
    file : str
        Name without a directory; empty where there is none.
    n_bytes : int
    sha256 : str
    details : dict
        Counts and seconds that the manifest of the run needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["model", "fit", "draw", "written", "commit", "resumed"]
    step: int = Field(0, ge=0)
    replicate: int = Field(0, ge=0)
    stratum: int = Field(0, ge=0)
    file: str = Field("", pattern=_FILE_NAME, max_length=255)
    n_bytes: int = Field(0, ge=0)
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What the entry is about; a later entry of the same key replaces an earlier one."""
        return (self.kind, self.step, self.replicate, self.stratum)


class Journal:
    """The journal's file; entries may be appended from any thread.

    Attributes
    ----------
    head : mapping
        What the run is.
    entries : dict of tuple to JournalEntry
        By `JournalEntry.key`, as found when the file was opened and appended since.
    n_damaged : int
        Lines that were passed over when the file was opened, a line that was cut off not counted.
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.head = head
        self.entries: dict[tuple[str, int, int, int], JournalEntry] = {}
        self.n_damaged = 0

    @classmethod
    def begin(cls, path: Path, head: Mapping[str, Any]) -> Self:
        """Write a new journal.

        Raises
        ------
        OutputError
        """
        write_bytes_atomic(path, _line(head), private=True)
        return cls(path, head)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a journal and make it ready for more.

        Raises
        ------
        OutputError
            If it cannot be read, or its head is damaged.
        """
        with writing(path), os.fdopen(os.open(path, os.O_RDONLY | NO_LINK), "rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise OutputError(f"{path} is larger than any journal. Start the run again.")
        whole, _, torn = content.rpartition(b"\n")
        lines = whole.split(b"\n")
        head = _content(lines[0])
        if head is None:
            raise OutputError(
                f"{path}: the first line, which says what the run is, is damaged. "
                "Start the run again with --overwrite."
            )
        journal = cls(path, head)
        for line in lines[1:]:
            entry = _entry(line)
            if entry is None:
                journal.n_damaged += 1
            else:
                journal.entries[entry.key] = entry
        if torn:
            with writing(path):
                os.truncate(path, len(whole) + 1)
        return journal

    def append(self, entry: JournalEntry) -> None:
        """Add an entry and wait until the disk has it.

        Raises
        ------
        OutputError
        """
        line = _line(entry.model_dump(mode="json"))
        with self._lock, writing(self._path):
            before = self._path.stat().st_size
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | NO_LINK)
            try:
                _write_all(descriptor, line)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)  # a disk that is full took a part of the line
                raise
            finally:
                os.close(descriptor)
            self.entries[entry.key] = entry


def head_line(path: Path) -> dict[str, Any]:
    """Return the first line of a journal without opening it for more.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict
        Empty where there is none, or it cannot be read: opening the journal says why.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | NO_LINK), "rb") as file:
            return _content(file.readline(_MAX_BYTES)) or {}
    except OSError:
        return {}


def open_or_begin(path: Path, head: Mapping[str, Any]) -> Journal:
    """Open the journal of a part of a run; begin it where there is none that can be read.

    Parameters
    ----------
    path : pathlib.Path
    head : mapping
        What the part is.

    Returns
    -------
    Journal

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if path.is_file() and not path.is_symlink():
        try:
            journal = Journal.open(path)
        except OutputError:
            return Journal.begin(path, head)
        if dict(journal.head) == dict(head):
            return journal
    return Journal.begin(path, head)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _line(content: Mapping[str, Any]) -> bytes:
    return _text({**content, _CHECK: _check(content)}) + b"\n"


def _text(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _check(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(content)).hexdigest()[:_CHECK_LENGTH]


def _content(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; None where it is damaged."""
    try:
        content = json.loads(line)
        if not isinstance(content, dict):
            return None
        check = content.pop(_CHECK, None)
        return content if check == _check(content) else None
    except (ValueError, RecursionError):
        return None


def _entry(line: bytes) -> JournalEntry | None:
    content = _content(line)
    if content is None or not re.fullmatch(r"[a-z]+", str(content.get("kind", ""))):
        return None
    try:
        return JournalEntry.model_validate(content)
    except ValidationError:
        return None
