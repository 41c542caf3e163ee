"""Finished files: what a run has put down, told by its journal, and whether it is as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpusynth.arrays import Array
from gpusynth.engine.checkpoint.journal import Journal, JournalEntry
from gpusynth.errors import CheckpointMismatchError, GpusynthError, OutputError
from gpusynth.io import file_sha256
from gpusynth.io.array_file import ArrayFile, WrittenFile, read_arrays, write_arrays

__all__ = ["FinishedFiles"]


class FinishedFiles:
    """The finished work of one run, or of one part of it.

    Files are checked against the journal's hash once, when they are asked for; what is damaged or
    missing counts as not done. All methods may be called from any thread.

    Parameters
    ----------
    files : pathlib.Path
        Directory of the checkpoints.
    journal : Journal

    Attributes
    ----------
    damaged : list of str
        Files that were not as the journal says.
    n_found : int
        Draws that an earlier process had finished.
    """

    def __init__(self, files: Path, journal: Journal) -> None:
        self._files = files
        self._journal = journal
        self._sound: dict[str, bool] = {}
        self._writing = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self.damaged: list[str] = []
        self.n_found = 0

    @property
    def files(self) -> Path:
        """Directory of the checkpoints."""
        return self._files

    def record(self, entry: JournalEntry) -> None:
        """Put down finished work whose file is in its place."""
        with self._file_in_work():
            self._journal.append(entry)
        self._sound[entry.file] = True

    def close(self) -> None:
        """Let files that are being written be finished, and refuse new ones."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._writing)

    @property
    def n_damaged_lines(self) -> int:
        """Lines of the journal that were passed over."""
        return self._journal.n_damaged

    @property
    def n_resumed(self) -> int:
        """How many times the run was resumed."""
        return sum(entry.kind == "resumed" for entry in self._journal.entries.values())

    def record_resumed(self) -> None:
        """Put down that another process goes on."""
        with self._file_in_work():
            number = self.n_resumed + 1
            self._journal.append(JournalEntry(kind="resumed", step=number))

    @property
    def has_any(self) -> bool:
        """Whether anything is finished."""
        return bool(self._journal.entries)

    def record_written(
        self,
        replicate: int,
        file: Path,
        sha256: str,
        n_rows: int,
        details: Mapping[str, Any],
        *,
        step: int = 0,
    ) -> None:
        """Put down that a file of the run is complete, and what the manifest says of it.

        The step tells files of one replicate apart where there are several.
        """
        entry = JournalEntry(
            kind="written",
            step=step,
            replicate=replicate,
            file=file.name,
            n_bytes=file.stat().st_size,
            sha256=sha256,
            details={**details, "n_rows": n_rows},
        )
        self.record(entry)

    def written(self, replicate: int, directory: Path, *, step: int = 0) -> JournalEntry | None:
        """Return the entry of a complete file of the run; None where it must be written."""
        return self._find("written", step, replicate, directory=directory)

    def put_arrays(
        self,
        name: str,
        arrays: Mapping[str, Array],
        document: Mapping[str, Any],
        *,
        step: int,
        replicate: int,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Put down a draw that is a set of arrays.

        Parameters
        ----------
        name : str
            Of the file.
        arrays : mapping of str to array, shape (n,)
        document : mapping
            What the arrays are of; JSON-serialisable.
        step, replicate : int
            Which draw it is.
        details : mapping, optional
            For the journal.

        Raises
        ------
        OutputError
        """
        with self._file_in_work():
            written = write_arrays(self._files / name, document, arrays)
            self._append("draw", name, written, step=step, replicate=replicate, details=details)

    def find_arrays(self, step: int, replicate: int) -> tuple[ArrayFile, Mapping[str, Any]] | None:
        """Return what `put_arrays` put down, and its details; None where it must be drawn.

        Raises
        ------
        CheckpointMismatchError
            If it is the file that the journal names and yet cannot be read.
        """
        entry = self._find("draw", step, replicate)
        if entry is None:
            return None
        try:
            return read_arrays(self._files / entry.file), entry.details
        except GpusynthError:
            raise CheckpointMismatchError(
                f"{entry.file} in the work directory cannot be read. "
                "Start the run again with --overwrite."
            ) from None

    def record_commit(self, files: Mapping[str, str]) -> None:
        """Put down that every file of the run lies ready: name -> SHA-256."""
        with self._file_in_work():
            self._journal.append(JournalEntry(kind="commit", details={"files": dict(files)}))

    def committed_files(self) -> dict[str, str] | None:
        """Return what `record_commit` put down; None where it did not."""
        entry = self._journal.entries.get(("commit", 0, 0, 0))
        files = {} if entry is None else entry.details.get("files", {})
        if not files or any(Path(name).name != name for name in files):
            return None
        return {str(name): str(sha256) for name, sha256 in files.items()}

    def details_of_draw(self, step: int, replicate: int) -> Mapping[str, Any] | None:
        """Return what the journal says of a draw, whether its file is still there or not."""
        entry = self._journal.entries.get(("draw", step, replicate, 0))
        return None if entry is None else entry.details

    def forget_draws(self) -> None:
        """Remove the files of all draws; the journal still names them."""
        for entry in list(self._journal.entries.values()):
            if entry.kind == "draw":
                (self._files / entry.file).unlink(missing_ok=True)

    def _append(
        self,
        kind: Any,
        name: str,
        written: WrittenFile,
        *,
        step: int,
        replicate: int,
        stratum: int = 0,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self._journal.append(
            JournalEntry(
                kind=kind,
                step=step,
                replicate=replicate,
                stratum=stratum,
                file=name,
                n_bytes=written.n_bytes,
                sha256=written.sha256,
                details=dict(details or {}),
            )
        )
        self._sound[name] = True

    def _find(
        self, kind: str, step: int, replicate: int, directory: Path | None = None
    ) -> JournalEntry | None:
        """Return the entry of a file that is as it was written."""
        entry = self._journal.entries.get((kind, step, replicate, 0))
        if entry is None or not entry.file:
            return None
        if entry.file not in self._sound:
            self._sound[entry.file] = self._is_sound(entry, directory or self._files)
        return entry if self._sound[entry.file] else None

    def _is_sound(self, entry: JournalEntry, directory: Path) -> bool:
        path = directory / entry.file
        try:
            if path.is_symlink() or path.stat().st_size != entry.n_bytes:
                sound = False
            else:
                sound = file_sha256(path) == entry.sha256
        except (OSError, GpusynthError):
            sound = False
        if not sound:
            self.damaged.append(entry.file)
        return sound

    @contextmanager
    def _file_in_work(self) -> Iterator[None]:
        """Hold back `close` until a file and its entry are complete."""
        with self._changed:
            if self._is_closed:
                raise OutputError("the run has ended; nothing more is put down")
            self._writing += 1
        try:
            yield
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()
