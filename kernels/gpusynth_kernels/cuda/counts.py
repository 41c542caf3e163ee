"""Marginal counts on a device: the twin of `cpu.counts.count_cells`.

Rows are counted into the tables of all combinations in one launch, with atomic additions of
integers: no order of rows, and no grid, can change a count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import cuda, kernel

__all__ = ["count_cells"]


@kernel
def count_cells(
    codes: Any, combinations: Any, n_codes: Any, weight: Any, begins: Any, out: Any
) -> None:
    """Add the rows of a block to k-way tables; arguments as in `cpu.counts.count_cells`.

    A thread takes one row of one table at a time, rows fastest, so that neighbours read
    neighbouring codes. Launch it over ``n_tables * n_rows``.
    """
    n_rows = codes.shape[1]
    k = combinations.shape[1]
    for i in range(cuda.grid(1), combinations.shape[0] * n_rows, cuda.gridsize(1)):
        table = i // n_rows
        row = i - table * n_rows
        cell = np.int64(0)
        for position in range(k):
            column = combinations[table, position]
            cell = cell * n_codes[column] + codes[column, row]
        if weight.shape[0] > 0:
            cuda.atomic.add(out, begins[table] + cell, weight[row])
        else:
            cuda.atomic.add(out, begins[table] + cell, 1)
