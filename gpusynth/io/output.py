"""Output files: complete under their own name or not there at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from gpusynth.errors import OutputError

__all__ = [
    "NO_LINK",
    "PARTIAL",
    "atomic_file",
    "check_replaceable",
    "output_error",
    "prepare_output_directory",
    "write_bytes_atomic",
    "write_json_atomic",
    "writing",
]

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Flag of `os.open`: a symbolic link is no file of ours."""

PARTIAL = ".partial"
"""What a file's name ends in until the file is complete."""

_REMEDIES = {
    errno.ENOSPC: "Free some space or choose another place.",
    errno.EDQUOT: "Free some space or choose another place.",
    errno.EFBIG: "Choose a file system that allows larger files.",
    errno.EACCES: "Ask for the permission to write there or choose another place.",
    errno.EPERM: "Ask for the permission to write there or choose another place.",
    errno.EROFS: "Choose another place.",
    errno.ENOENT: "Make the directory first or correct the path.",
    errno.ENOTDIR: "Correct the path.",
    errno.EISDIR: "Give the name of a file.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def output_error(path: str | Path, error: OSError) -> OutputError:
    """Build the error for what the operating system refused, with what to do about it."""
    reason = os.strerror(error.errno) if error.errno else "the operating system refused"
    remedy = _REMEDIES.get(error.errno or 0, "Choose another place.")
    return OutputError(f"{path} cannot be written: {reason}. {remedy}")


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn what the operating system refuses into an `OutputError` that says what to do.

    Parameters
    ----------
    path : str or Path
        What the message names.

    Raises
    ------
    OutputError
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise output_error(path, error) from None


def check_replaceable(path: Path) -> None:
    """Check that a file may take the place of what is there: who may, could replace ``/dev/null``.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    OutputError
        If a device, a pipe or a socket is there.
    """
    with writing(path):
        is_special = path.exists() and not path.is_file() and not path.is_dir()
    if is_special or path.absolute().parent == Path("/dev"):  # links there, too: /dev/stdout
        raise OutputError(f"{path} is a device or a pipe, no file. Give the name of a file.")


@contextmanager
def atomic_file(path: str | Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a binary file that appears under its name only when everything is written.

    Until then it is called `path` + ``.partial``. It is flushed to the disk before it is renamed;
    after any exception it is removed, and what stood under `path` before is still there.

    Parameters
    ----------
    path : str or Path
    private : bool
        Readable and writable for the owner only (0600), from its first byte on.

    Yields
    ------
    binary file

    Raises
    ------
    OutputError
        If the operating system refuses: disk full, no permission, no such directory. What the
        ``with`` block itself raises goes through unchanged; `writing` is for its own writes.
    """
    path = Path(path)
    check_replaceable(path)
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        file = _private_file(partial) if private else partial.open("wb")
    try:
        yield file
        with writing(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            partial.replace(path)
    except BaseException:
        # Closing flushes, which fails again on a full disk.
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _private_file(path: Path) -> BinaryIO:
    """Open a new file for its owner only; what was left under the name is removed first."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


def write_bytes_atomic(path: str | Path, content: bytes, *, private: bool = False) -> None:
    """Write a file that is known as a whole; see `atomic_file`.

    Parameters
    ----------
    path : str or Path
    content : bytes
    private : bool

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with atomic_file(path, private=private) as file, writing(path):
        file.write(content)


def write_json_atomic(path: str | Path, content: Any) -> None:
    """Write JSON in one canonical form: keys sorted, two spaces, one newline at the end.

    Parameters
    ----------
    path : str or Path
    content : object
        Anything that `json.dumps` takes; NaN and infinity are refused, as JSON has neither.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ValueError
        If `content` holds NaN or infinity.
    """
    text = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes_atomic(path, text.encode() + b"\n")


def prepare_output_directory(path: str | Path, *, ignore: str = "") -> Path:
    """Make sure of an output directory that is empty and can be written.

    Parameters
    ----------
    path : str or Path
        Made, with its parents, if it does not exist.
    ignore : str
        Name of an entry that does not count.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If it is a file, cannot be written, or is not empty.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file. Give a directory for the output.")
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if n_entries := sum(entry.name != ignore for entry in path.iterdir()):
            raise OutputError(
                f"{path} is not empty: it has {n_entries} "
                f"{'entry' if n_entries == 1 else 'entries'}. "
                "Choose another directory or allow overwriting (--overwrite)."
            )
        # A run may take hours before its first output: find out now.
        with TemporaryFile(dir=path) as probe:
            probe.write(b"\n")
    return path


def _sync_directory(directory: Path) -> None:
    """Make the renaming itself survive a crash, where directories can be opened for that."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
