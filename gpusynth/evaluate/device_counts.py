"""Count marginals on a CUDA device: the same counts, to the last one, as on the processor.

Columns with few codes are packed as on the processor, so that one addition counts many pairs; the
tables of packed columns come back to the host and are folded into those of their members there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isqrt
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import CPU, Backend, device_memory
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.packing import Packing, packed_codes
from gpusynth_kernels.cpu.counts import count_pairs

__all__ = ["BLOCK_ROWS", "count_dense", "count_packed", "counting_on", "has_room", "most_codes"]

BLOCK_ROWS = 1 << 18
"""Rows that are counted at a time: 130 columns of uint16 codes then take 68 MB."""

_backend: ContextVar[Backend] = ContextVar("backend", default=CPU)


@contextmanager
def counting_on(backend: Backend) -> Iterator[None]:
    """Count on a backend's device within the ``with`` block; never changes a count.

    Parameters
    ----------
    backend : Backend
    """
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


def has_room(n_cells: int, n_columns: int) -> bool:
    """Return whether tables are to be counted on a device, and fit there.

    Parameters
    ----------
    n_cells : int
        Of all dense tables together: 8 bytes each.
    n_columns : int
        2 bytes a row of a block each, and 8 for its weight.

    Returns
    -------
    bool
    """
    if not _backend.get().on_device:
        return False
    return 8 * n_cells + (2 * n_columns + 8) * BLOCK_ROWS <= device_memory()


def most_codes() -> int:
    """Return the most codes of a packed column: two of them make a table for shared memory.

    Returns
    -------
    int
    """
    from gpusynth_kernels.cuda.counts import MOST_BLOCK_CELLS

    return isqrt(MOST_BLOCK_CELLS)


def count_dense(
    table: CodedTable, columns: Array, tables: Array, n_codes: Array, begins: Array, dense: Array
) -> None:
    """Add the rows of a table to dense k-way tables.

    Parameters
    ----------
    table : CodedTable
    columns : array of int, shape (n_used,)
        Positions of the columns that are used.
    tables : array of int32, shape (n_tables, k)
        Which of the used columns.
    n_codes : array of int64, shape (n_used,)
    begins : array of int64, shape (n_tables,)
        Where each table begins in `dense`.
    dense : array of int64, changed
    """
    from gpusynth_kernels.cuda.counts import count_tables
    from gpusynth_kernels.cuda.launch import to_host, zeros

    out = zeros(len(dense), np.int64)
    for block in table.blocks(BLOCK_ROWS):
        codes = np.empty((len(columns), block.n_rows), np.uint16)
        for position, column in enumerate(columns):
            codes[position] = block.codes[column]
        count_tables(codes, tables, n_codes, _weight(block), begins, out)
    dense += to_host(out)


def count_packed(
    table: CodedTable, packing: Packing, n_codes: Array, base: Array, dense: Array
) -> None:
    """Add the rows of a table to the two-way tables of all pairs of packed columns' members.

    Parameters
    ----------
    table : CodedTable
    packing : Packing
        With at most `most_codes` codes a packed column.
    n_codes : array of int64, shape (n_columns,)
    base : array of int64, shape (n_columns, n_columns)
        Where the table of a pair begins in `dense`.
    dense : array of int64, changed
    """
    from gpusynth_kernels.cuda.counts import count_tables
    from gpusynth_kernels.cuda.launch import to_host, zeros

    cells = packing.sizes[packing.pairs].prod(axis=1)
    offsets = np.concatenate([[0], np.cumsum(cells)])
    out = zeros(int(offsets[-1]), np.int64)
    for block in table.blocks(BLOCK_ROWS):
        codes = packed_codes(block, packing)
        count_tables(codes, packing.pairs, packing.sizes, _weight(block), offsets[:-1], out)
    counts = to_host(out)
    for number, pair in enumerate(packing.pairs):
        _fold(counts[offsets[number] : offsets[number + 1]], pair, packing, n_codes, base, dense)


def _fold(
    counts: Array, pair: Array, packing: Packing, n_codes: Array, base: Array, dense: Array
) -> None:
    """Count each occupied cell of two packed columns as one row whose weight is its count."""
    cells = np.flatnonzero(counts)
    first, second = pair
    codes = np.empty((len(packing.sizes), len(cells)), np.uint16)
    codes[first], codes[second] = np.divmod(cells, packing.sizes[second])
    count_pairs(
        codes,
        pair[None, :],
        packing.sizes,
        packing.member_offsets,
        packing.members,
        packing.strides,
        n_codes,
        counts[cells],
        base,
        dense,
    )


def _weight(block: CodedTable) -> Any:
    return np.empty(0, np.int64) if block.weight is None else block.weight
