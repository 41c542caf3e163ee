"""Run log: what a run does, as JSON lines for programs, beside what people see.

A line names a phase or a step, seconds and rows, and never a value of the data.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from gpusynth.engine import Listener
from gpusynth.errors import OutputError
from gpusynth.io import writing

__all__ = ["Listeners", "RunLog"]

_BEGIN = b'{"at": '


class RunLog:
    """A listener that appends to a file of JSON lines; a context manager.

    Lines are ``{"at": seconds since the log was opened, "event": ...}`` with event ``begin``,
    ``phase`` (its name and, where known, its work), ``step`` (what was finished, its rows, and the
    seconds since the line before), ``phase_end`` (its seconds and rows) and ``end`` (how the run
    ended). Times are of a clock that never jumps; ``begin`` also has the wall clock's.

    Parameters
    ----------
    path : str or pathlib.Path
        Appended to, so that a run and its resumption share a log.

    Raises
    ------
    OutputError
        If it cannot be written, or is a file of something else, such as the data.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._opened = self._phase_began = self._said = time.monotonic()
        self._phase = ""
        self._rows = 0
        with writing(self._path):
            if self._path.is_file() and not _is_log(self._path):
                raise OutputError(
                    f"{self._path} exists and is no log of gpusynth. Choose another name for the "
                    "log."
                )
            self._file: TextIO = self._path.open("a", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._write("begin", utc=utc)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_phase()
        # The kind of an error and no more: its words are for the person who runs it.
        self._write("end", outcome="done" if kind is None else kind.__name__)
        self._file.close()

    def start(self, phase: str, work: int | None) -> None:
        """Begin a phase."""
        self._end_phase()
        self._phase = phase
        self._rows = 0
        self._phase_began = self._said = time.monotonic()
        self._write("phase", phase=phase, work=work)

    def advance(self, label: str, *, work: int, rows: int) -> None:
        """Write that something of the phase is finished; parts without a name only count."""
        self._rows += rows
        if label:
            now = time.monotonic()
            seconds = round(now - self._said, 6)
            self._said = now
            self._write("step", phase=self._phase, step=label, rows=rows, seconds=seconds)

    def _end_phase(self) -> None:
        if self._phase:
            seconds = round(time.monotonic() - self._phase_began, 6)
            self._write("phase_end", phase=self._phase, seconds=seconds, rows=self._rows)
            self._phase = ""

    def _write(self, event: str, **fields: Any) -> None:
        at = round(time.monotonic() - self._opened, 6)
        line = {"at": at, "event": event, **fields}
        with writing(self._path):
            self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
            self._file.flush()


def _is_log(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_BEGIN)) in (_BEGIN, b"")


class Listeners:
    """Several listeners as one.

    Parameters
    ----------
    listeners : sequence of Listener
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def start(self, phase: str, work: int | None) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.start(phase, work)

    def advance(self, label: str, *, work: int, rows: int) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.advance(label, work=work, rows=rows)
