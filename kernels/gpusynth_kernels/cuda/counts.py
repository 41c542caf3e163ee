"""Marginal counts on a device: the twin of `cpu.counts.count_cells`.

Rows are added with atomic additions of integers: no order of rows, and no grid, can change a count.
Small tables are counted in the shared memory of a block, with native 32-bit additions, and added to
the whole once; large ones, and weights, which need 64 bits, in global memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32

from gpusynth_kernels.cuda.launch import SIMULATED, cuda, device, kernel, to_device

__all__ = ["MOST_BLOCK_CELLS", "count_cells", "count_in_blocks", "count_tables"]

MOST_BLOCK_CELLS = 12_288
"""Cells of a table that is counted in shared memory: 48 KB, which every GPU gives a block."""

_ITEM_ROWS = 8 if SIMULATED else 1 << 15
"""Rows that a block counts before it adds its table to the whole: many more than there are cells,
and few enough that 2^18 rows of some tables still give each multiprocessor work."""

_THREADS = 4 if SIMULATED else 256
_MOST_BLOCKS = 2 if SIMULATED else 1 << 16


@device
def _cell(codes: Any, combinations: Any, n_codes: Any, table: Any, row: Any) -> Any:
    """Return the cell of a row in a table; the last column varies fastest."""
    cell = np.int64(0)
    for position in range(combinations.shape[1]):
        column = combinations[table, position]
        cell = cell * n_codes[column] + np.int64(codes[column, row])
    return cell


@kernel
def count_cells(
    codes: Any, combinations: Any, n_codes: Any, weight: Any, begins: Any, out: Any
) -> None:
    """Add the rows of a block to k-way tables; arguments as in `cpu.counts.count_cells`.

    A thread takes one row of one table at a time, rows fastest, so that neighbours read
    neighbouring codes. Launch it over ``n_tables * n_rows``.
    """
    n_rows = codes.shape[1]
    for i in range(cuda.grid(1), combinations.shape[0] * n_rows, cuda.gridsize(1)):
        table = i // n_rows
        row = i - table * n_rows
        cell = _cell(codes, combinations, n_codes, table, row)
        if weight.shape[0] > 0:
            cuda.atomic.add(out, begins[table] + cell, weight[row])
        else:
            cuda.atomic.add(out, begins[table] + cell, 1)


@kernel
def count_in_blocks(
    codes: Any, combinations: Any, n_codes: Any, sizes: Any, item_rows: Any, begins: Any, out: Any
) -> None:
    """Add the rows of a block to k-way tables of at most `MOST_BLOCK_CELLS` cells, without weights.

    An item is `item_rows` rows of one table; each block takes every so many-th item.

    Parameters
    ----------
    codes, combinations, n_codes, begins, out
        As in `cpu.counts.count_cells`.
    sizes : array of int64, shape (n_tables,)
        Cells of each table; the largest fits in the shared memory of the launch (int32 each).
    item_rows : int
    """
    cells = cuda.shared.array(0, int32)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    n_rows = codes.shape[1]
    n_parts = (n_rows + item_rows - 1) // item_rows
    for item in range(cuda.blockIdx.x, combinations.shape[0] * n_parts, cuda.gridDim.x):
        table = item // n_parts
        first = (item - table * n_parts) * item_rows
        for cell in range(thread, sizes[table], n_threads):
            cells[cell] = 0
        cuda.syncthreads()
        for row in range(first + thread, min(first + item_rows, n_rows), n_threads):
            cuda.atomic.add(cells, _cell(codes, combinations, n_codes, table, row), 1)
        cuda.syncthreads()
        for cell in range(thread, sizes[table], n_threads):
            if cells[cell] != 0:
                cuda.atomic.add(out, begins[table] + cell, np.int64(cells[cell]))
        cuda.syncthreads()


def count_tables(
    codes: Any, combinations: Any, n_codes: Any, weight: Any, begins: Any, out: Any
) -> None:
    """Add the rows of a block to k-way tables, each in the way that suits its size.

    Parameters
    ----------
    codes, combinations, n_codes, weight, begins
        As in `cpu.counts.count_cells`: arrays of the host.
    out : array of int64 on the device
        Added to.
    """
    n_rows = codes.shape[1]
    if not n_rows or not len(combinations):
        return
    sizes = np.prod(n_codes[combinations], axis=1)
    small = sizes <= (0 if len(weight) else MOST_BLOCK_CELLS)
    there, counts, weights = to_device(codes), to_device(n_codes), to_device(weight)
    for chosen in (np.flatnonzero(small), np.flatnonzero(~small)):
        if not len(chosen):
            continue
        tables, places = to_device(combinations[chosen]), to_device(begins[chosen])
        if small[chosen[0]]:
            own = to_device(sizes[chosen])
            n_items = len(chosen) * -(-n_rows // _ITEM_ROWS)
            grid = (min(n_items, _MOST_BLOCKS), _THREADS, 0, 4 * int(sizes[chosen].max()))
            count_in_blocks[grid](there, tables, counts, own, _ITEM_ROWS, places, out)
        else:
            n = len(chosen) * n_rows
            count_cells.over(n, there, tables, counts, weights, places, out)
