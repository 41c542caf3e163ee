"""Marginal counts: how many rows (or how much weight) fall into each cell of many cross tables.

Everything is int64, so neither the number of threads nor the order of the rows, nor the blocks in
which rows arrive, can change a count. Weights come as integers (fixed point) for that reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from gpusynth_kernels.compile import jit, parallel_jit

__all__ = ["count_cells", "count_pairs", "sum_absolute_differences"]


@jit
def _cross(first: Any, second: Any, width: Any, weight: Any, table: Any) -> None:
    """Count one pair of columns; the hot loop, 0.4 ns a row while `table` is in the cache.

    With `width` 0 the table is the one-way table of `second`.
    """
    if weight.size:
        for row in range(first.size):
            table[np.int64(first[row]) * width + np.int64(second[row])] += weight[row]
    else:
        for row in range(first.size):
            table[np.int64(first[row]) * width + np.int64(second[row])] += 1


@jit
def _width(columns: Any, n_codes: Any) -> Any:
    """Return how far apart the rows of a two-way table lie; 0 for a one-way table."""
    return n_codes[columns[1]] if columns.size == 2 else np.int64(0)


@jit
def _extend(cell: Any, codes: Any, n_codes: Any) -> None:
    """Make another column the fastest digit of the cell numbers."""
    for row in range(cell.size):
        cell[row] = cell[row] * n_codes + np.int64(codes[row])


@parallel_jit
def count_cells(
    codes: Any, combinations: Any, n_codes: Any, weight: Any, begins: Any, out: Any
) -> None:
    """Add the rows of a block to the k-way tables of the given combinations of columns.

    Parameters
    ----------
    codes : array of uint16, shape (n_columns, n_rows)
    combinations : array of int32, shape (n_tables, k)
        Column numbers; the last one varies fastest in the table. k is at most 4 in practice, but
        any k whose cells fit in `out` works.
    n_codes : array of int64, shape (n_columns,)
    weight : array of int64, shape (n_rows,) or (0,)
        Empty: every row counts 1.
    begins : array of int64, shape (n_tables,)
        Where each table begins in `out`.
    out : array of int64
        Added to. One thread owns a whole table, so no two threads write to one cell.
    """
    for table in prange(combinations.shape[0]):
        cells = out[begins[table] :]
        columns = combinations[table]
        last = columns[columns.size - 1]
        if columns.size <= 2:
            _cross(codes[columns[0]], codes[last], _width(columns, n_codes), weight, cells)
        else:
            cell = np.empty(codes.shape[1], np.int64)
            for row in range(cell.size):
                cell[row] = codes[columns[0], row]
            for position in range(1, columns.size - 1):
                _extend(cell, codes[columns[position]], n_codes[columns[position]])
            _cross(cell, codes[last], n_codes[last], weight, cells)


@jit
def _add_pair(x: Any, y: Any, cx: Any, cy: Any, n_codes: Any, base: Any, n: Any, out: Any) -> None:
    """Add `n` to cell (cx, cy) of the table of columns (x, y), which is stored with x < y."""
    if x < y:
        out[base[x, y] + cx * n_codes[y] + cy] += n
    else:
        out[base[y, x] + cy * n_codes[x] + cx] += n


@jit
def _fold_between(
    table: Any, rows: Any, strides: Any, left: Any, right: Any, n_codes: Any, base: Any, out: Any
) -> None:
    """Fold the table of two packed columns into the tables of their members.

    In two stages: members of the right column first, so that the left column's members are summed
    over a table that is already narrow.
    """
    width = table.size // rows
    for y in right:
        narrow = np.zeros((rows, n_codes[y]), np.int64)
        code = np.empty(width, np.int64)
        for v in range(width):
            code[v] = (v // strides[y]) % n_codes[y]
        for u in range(rows):
            for v in range(width):
                narrow[u, code[v]] += table[u * width + v]
        for x in left:
            for u in range(rows):
                cx = (u // strides[x]) % n_codes[x]
                for cy in range(n_codes[y]):
                    if narrow[u, cy]:
                        _add_pair(x, y, cx, cy, n_codes, base, narrow[u, cy], out)


@jit
def _fold_within(table: Any, strides: Any, members: Any, n_codes: Any, base: Any, out: Any) -> None:
    """Fold the one-way table of a packed column into the tables of pairs of its members."""
    for i in range(members.size):
        for j in range(i):
            x, y = members[j], members[i]
            for u in range(table.size):
                if table[u]:
                    cx = (u // strides[x]) % n_codes[x]
                    cy = (u // strides[y]) % n_codes[y]
                    _add_pair(x, y, cx, cy, n_codes, base, table[u], out)


@parallel_jit
def count_pairs(
    packed: Any,
    pairs: Any,
    sizes: Any,
    member_offsets: Any,
    members: Any,
    strides: Any,
    n_codes: Any,
    weight: Any,
    base: Any,
    out: Any,
) -> None:
    """Add the rows of a block to the two-way tables of all pairs of the packed columns' members.

    Columns with few codes are packed several to one by mixed radix (``code_a + n_a * code_b +
    ...``): one increment of the table of two packed columns counts every pair of their members,
    since the small tables are sums over the large one. With 100 yes/no/missing columns that is
    25 times less work than a pass for each pair.

    Parameters
    ----------
    packed : array of uint16, shape (n_packed, n_rows)
    pairs : array of int32, shape (n_pairs, 2)
        Pairs of packed columns; (a, a) counts the pairs among the members of a.
    sizes : array of int64, shape (n_packed,)
        Codes of each packed column.
    member_offsets : array of int64, shape (n_packed + 1,)
    members : array of int32, shape (n_columns,)
        Column numbers, packed column by packed column.
    strides : array of int64, shape (n_columns,)
        By column: ``code = packed_code // stride % n_codes``.
    n_codes : array of int64, shape (n_columns,)
    weight : array of int64, shape (n_rows,) or (0,)
        Empty: every row counts 1.
    base : array of int64, shape (n_columns, n_columns)
        Where the table of columns x < y begins in `out`; code of x times n_codes[y] + code of y.
    out : array of int64
        Added to. The tables of one pair of packed columns belong to one thread.
    """
    for number in prange(pairs.shape[0]):
        a, b = pairs[number, 0], pairs[number, 1]
        left = members[member_offsets[a] : member_offsets[a + 1]]
        if a == b:
            table = np.zeros(sizes[a], np.int64)
            _cross(packed[a], packed[a], 0, weight, table)
            _fold_within(table, strides, left, n_codes, base, out)
        else:
            right = members[member_offsets[b] : member_offsets[b + 1]]
            table = np.zeros(sizes[a] * sizes[b], np.int64)
            _cross(packed[a], packed[b], sizes[b], weight, table)
            _fold_between(table, sizes[a], strides, left, right, n_codes, base, out)


@parallel_jit
def sum_absolute_differences(
    first: Any, second: Any, offsets: Any, first_total: Any, second_total: Any, out: Any
) -> None:
    """Sum |share in first - share in second| over the cells of each table.

    Parameters
    ----------
    first, second : array of int64
        Tables of the two sides, in the same layout.
    offsets : array of int64, shape (n_tables + 1,)
    first_total, second_total : float64
        What a share is a share of: all rows (or all weight) of each side.
    out : array of float64, shape (n_tables,)
        In [0, 2]. Float sums run over the cells in order, one thread a table: the same bits for any
        number of threads.
    """
    for table in prange(offsets.size - 1):
        total = 0.0
        for cell in range(offsets[table], offsets[table + 1]):
            total += abs(first[cell] / first_total - second[cell] / second_total)
        out[table] = total
