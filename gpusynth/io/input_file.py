"""Checks of an input file before a reader opens it, and errors that never show a value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from gpusynth.errors import DataError

__all__ = ["check_input_file", "no_rows", "reading"]


def check_input_file(path: Path) -> None:
    """Check that there is a readable file with something in it.

    Raises
    ------
    DataError
        Saying what is wrong with the path and what to do.
    """
    try:
        if not path.exists():
            raise DataError(f"{path} does not exist. Check the path and the spelling.")
        if path.is_dir():
            raise DataError(f"{path} is a directory. Give one file.")
        if not path.is_file():
            raise DataError(f"{path} is not an ordinary file. Save the data as a file first.")
        if not os.access(path, os.R_OK):
            raise DataError(f"{path} may not be read. Ask for the permission to read it.")
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes). Export or copy it again.")
        str(path).encode()
    except UnicodeEncodeError:  # Arrow takes names in UTF-8 only
        shown = str(path).encode(errors="backslashreplace").decode()
        raise DataError(
            f"{shown}: the name or a directory's is not in UTF-8, or in letters that this locale "
            "does not have. Rename it, or set PYTHONUTF8=1."
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from None


def no_rows(file: str) -> DataError:
    """Build the error for a file or table without rows."""
    return DataError(f"{file} has no rows. Synthesis learns from rows; give data with some.")


@contextmanager
def reading(place: str, remedy: str) -> Iterator[None]:
    """Turn what a reading library raises into one `DataError`.

    The library's own words are dropped because they often quote rows of the file; the operating
    system's are kept.

    Parameters
    ----------
    place : str
        File, and row group or the like, at which the message points.
    remedy : str
        What to do, as a sentence.

    Raises
    ------
    DataError
    """
    try:
        yield
    except DataError:
        raise
    except MemoryError:
        # Arrow's memory error is both a MemoryError and an ArrowException: not the file's fault.
        raise
    except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        reason = f": {os.strerror(number)}" if number else ""
        raise DataError(f"{place} cannot be read{reason}. {remedy}") from None
