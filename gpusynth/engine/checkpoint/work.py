"""Work directory: where a run keeps what is not finished; private, and one run's at a time."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from gpusynth.errors import OutputError
from gpusynth.io import write_bytes_atomic, writing
from gpusynth.io.output import NO_LINK

if sys.platform != "win32":
    import fcntl

__all__ = ["JOURNAL_NAME", "WORK_NAME", "WorkDirectory"]

JOURNAL_NAME = "journal.jsonl"
"""Of the journal, in a work directory and in that of each part."""

WORK_NAME = ".gpusynth-work"
"""Of the work directory, inside the run directory."""

_NOTICE = """\
CONFIDENTIAL. This directory belongs to a run of gpusynth that has not finished. Its files hold
answers of the real data and models of them: they are as confidential as the data themselves.

Go on with `gpusynth resume` and the directory above, or remove this directory.
"""


class WorkDirectory:
    """The hidden directory of a run that is under way.

    Only its owner may enter it (mode 0700). Whoever works in it holds a lock that ends with the
    process, however the process ends.

    Parameters
    ----------
    run_directory : pathlib.Path

    Attributes
    ----------
    path : pathlib.Path
    files : pathlib.Path
        Directory of the checkpoints.
    staging : pathlib.Path
        Directory of the run's own files until they are complete.
    journal_file : pathlib.Path
    """

    def __init__(self, run_directory: Path) -> None:
        self._run_directory = run_directory
        self._lock: int | None = None
        self.path = run_directory / WORK_NAME
        self.files = self.path / "files"
        self.staging = self.path / "output"
        self.journal_file = self.path / JOURNAL_NAME

    @property
    def is_resumable(self) -> bool:
        """Whether a run has begun here that can be resumed."""
        return self.journal_file.is_file()

    def part(self, number: int) -> Path:
        """Return the directory of a part of the run that has checkpoints of its own."""
        return self.path / f"part_{number:05d}"

    def enter(self) -> None:
        """Make the directory and take its lock.

        Raises
        ------
        OutputError
            If another process works here, or the directory is a link.
        """
        with writing(self._run_directory):
            while not self._try_to_enter():
                pass

    def make_directories(self) -> None:
        """Make what is inside."""
        with writing(self.path):
            for directory in (self.files, self.staging):
                directory.mkdir(mode=0o700, exist_ok=True)
        write_bytes_atomic(self.path / "CONFIDENTIAL.txt", _NOTICE.encode(), private=True)

    def clear(self) -> None:
        """Remove everything inside but the lock.

        The journal goes last: as long as anything else is here, `resume` can finish the run.
        """
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry == self.journal_file):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry != self._lock_file:
                with suppress(OSError):
                    entry.unlink()

    def remove(self) -> None:
        """Remove the directory, its lock last."""
        with suppress(OSError):
            self.clear()
            if sys.platform == "win32":
                self.leave()  # there an open file cannot be removed
            self._lock_file.unlink()
            self.path.rmdir()
        self.leave()

    def leave(self) -> None:
        """Let the lock go; what is inside stays."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    def _try_to_enter(self) -> bool:
        """Return whether the lock was taken; False where the directory went away meanwhile."""
        if self.path.is_symlink():
            raise OutputError(f"{self.path} is a link. Remove it, or choose another directory.")
        self.path.mkdir(mode=0o700, exist_ok=True)
        try:
            _make_private(self.path)
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
        except FileNotFoundError:
            return False  # its last owner has just removed it
        try:
            _lock_or_raise(lock, self._run_directory)
            # A lock on a file that has been removed keeps nobody out.
            if _is_same(lock, self._lock_file):
                self._lock, lock = lock, -1
                return True
            return False
        finally:
            if lock >= 0:
                os.close(lock)


def _make_private(path: Path) -> None:
    """Refuse a directory that another user made, and close one that others may enter."""
    if sys.platform == "win32":
        return
    facts = path.lstat()
    if facts.st_uid != os.geteuid():
        raise OutputError(
            f"{path} belongs to another user, who could change what the run relies on. "
            "Remove it, or choose another directory."
        )
    if facts.st_mode & 0o077:
        path.chmod(0o700)


def _lock_or_raise(lock: int, run_directory: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"{run_directory}: another run is at work in this directory. "
            "Wait for it, or choose another directory."
        ) from None


def _is_same(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
