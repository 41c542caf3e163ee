"""Memory: how much there is, what a run needs, and where its columns go when that is too much.

Nothing here changes a byte of a result. Where the real columns would take too much memory they are
put into files that the system pages in and out; where the work space of fits would, fewer fits run
side by side.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.io.output import output_error
from gpusynth.table import BATCH_ROWS, Codec, Schema, coded_dtypes

__all__ = ["Memory", "available_bytes", "row_bytes", "zeros"]

_TABLE_SHARE = 0.4
"""Of the free memory that real columns may take together with their layout for trees: replicates
may take as much, and fits the rest."""

_FIT_SHARE = 0.5
"""Of the free memory that the work space of fits may take."""

_FIT_BYTES_PER_ROW = 64
"""Of the work space of one fit: order, target and weight (8 bytes each), sides, lists of the trunk,
and the donors of models that wait for their draw."""

_WRITE_SHARE = 0.25
"""Of the free memory that row groups may take while they are written."""

_WRITE_COPIES = 4
"""Of a row group: its codes and numbers, what they stand for, and what the format makes of it."""

_TEXT_BYTES = 24

_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USAGE_FILES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


def available_bytes() -> int:
    """Return the memory that this process may still take; a container's limit counts.

    Returns
    -------
    int
    """
    available = int(psutil.virtual_memory().available)
    for limit_file, usage_file in zip(_LIMIT_FILES, _USAGE_FILES, strict=True):
        with suppress(OSError, ValueError):  # not a container, or one without a limit ("max")
            limit = int(Path(limit_file).read_text(encoding="ascii"))
            used = int(Path(usage_file).read_text(encoding="ascii"))
            available = min(available, max(limit - used, 0))
    return available


def zeros(n_rows: int, dtype: Any, file: Path | None = None) -> Array:
    """Return zeros, in memory or in a file.

    Parameters
    ----------
    n_rows : int
    dtype : dtype
    file : pathlib.Path, optional

    Returns
    -------
    array of dtype, shape (n_rows,)

    Raises
    ------
    OutputError
        If the file cannot be made, above all because the disk is full.
    """
    dtype = np.dtype(dtype)
    if file is None or n_rows == 0:
        return np.zeros(n_rows, dtype)
    try:
        with file.open("wb") as made:
            file.chmod(0o600)
            if hasattr(os, "posix_fallocate"):
                # A full disk is an error here; found out through a mapped page it is a crash.
                os.posix_fallocate(made.fileno(), 0, n_rows * dtype.itemsize)
            else:
                made.truncate(n_rows * dtype.itemsize)
        mapped = np.memmap(file, dtype, mode="r+", shape=(n_rows,))
        return mapped.view(np.ndarray)
    except OSError as error:
        raise output_error(file.parent, error) from None


@dataclass(frozen=True, slots=True)
class Memory:
    """What a run may take.

    Attributes
    ----------
    limit : int or None
        Bytes that the user allows; what is available where it is None.
    scratch : pathlib.Path or None
        Directory for columns that memory does not hold; None where there is none.
    """

    limit: int | None = None
    scratch: Path | None = None

    @property
    def free(self) -> int:
        """Bytes that may be taken."""
        available = available_bytes()
        if self.limit is None:
            return available
        return max(min(available, self.limit - int(psutil.Process().memory_info().rss)), 0)

    def place_of(
        self, schema: Schema, codecs: Mapping[str, Codec], n_rows: int | None
    ) -> Path | None:
        """Return the directory for the real columns, None to keep them in memory.

        Parameters
        ----------
        schema : Schema
        codecs : mapping of str to Codec
        n_rows : int, optional

        Returns
        -------
        pathlib.Path or None
        """
        if self.scratch is None or n_rows is None:
            return None
        row = sum(np.dtype(dtype).itemsize for dtype in coded_dtypes(schema, codecs).values())
        return self.scratch if 2 * row * n_rows > _TABLE_SHARE * self.free else None

    def fits_at_a_time(self, n_rows: int, threads: int) -> int:
        """Return how many fits may run side by side.

        Parameters
        ----------
        n_rows : int
            Of the real data.
        threads : int

        Returns
        -------
        int
            From 1 to `threads`; the threads that are left over work inside the fits.
        """
        room = _FIT_SHARE * self.free / max(_FIT_BYTES_PER_ROW * n_rows, 1)
        return max(1, min(threads, int(room)))

    def writers(self, schema: pa.Schema, threads: int) -> int:
        """Return how many row groups of a file may be decoded and encoded side by side.

        Parameters
        ----------
        schema : pyarrow.Schema
            Of the file.
        threads : int

        Returns
        -------
        int
            From 1 to `threads`.
        """
        row = row_bytes(schema)
        room = _WRITE_SHARE * self.free / max(_WRITE_COPIES * row * BATCH_ROWS, 1)
        return max(1, min(threads, int(room)))


def row_bytes(schema: pa.Schema) -> int:
    """Return how many bytes a row of a table takes, texts estimated.

    Parameters
    ----------
    schema : pyarrow.Schema

    Returns
    -------
    int
    """
    return sum(_value_bytes(field.type) for field in schema)


def _value_bytes(kind: pa.DataType) -> int:
    try:
        return -(-int(kind.bit_width) // 8)
    except ValueError:  # text
        return _TEXT_BYTES
