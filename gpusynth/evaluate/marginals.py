"""Count k-way marginals of coded tables, many at a time, and compare them.

Tables with few cells are dense and counted by the kernels; tables with far more cells than rows
are kept as sorted (cell, count) pairs. Counts are int64 and add up block by block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, isqrt

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.device_counts import (
    BLOCK_ROWS,
    count_dense,
    count_packed,
    has_room,
    most_codes,
)
from gpusynth.evaluate.packing import pack_columns, packed_codes
from gpusynth.streams import StreamKey, uniform
from gpusynth_kernels.cpu.counts import count_cells, count_pairs, sum_absolute_differences

__all__ = [
    "MarginalCounts",
    "MarginalLayout",
    "absolute_differences",
    "add_counts",
    "all_combinations",
    "count_marginals",
    "lay_out",
    "matched_counts",
    "matched_shares",
    "sampled_combinations",
]

_CELLS_PER_ROW = 16
_DENSE_CELLS = 1 << 16
"""A table is dense up to 65,536 cells, or 16 cells a row: zeroing and scanning a cell costs about
1 ns, sorting a row 30 to 60 ns on either side."""

_MOST_CELLS = 1 << 28
"""All dense tables of one layout together: 2 GiB of int64 a file. Beyond it tables are sparse."""


@dataclass(frozen=True, slots=True)
class MarginalLayout:
    """Which marginals are counted, and where each table lies.

    Attributes
    ----------
    combinations : array of int32, shape (n_tables, k)
        Column positions of each marginal; the last varies fastest in its table.
    n_codes : array of int64, shape (n_columns,)
    offsets : array of int64, shape (n_tables + 1,)
        Dense tables in one array; a sparse table has no cells there.
    is_dense : array of bool, shape (n_tables,)
    """

    combinations: Array
    n_codes: Array
    offsets: Array
    is_dense: Array

    @property
    def n_tables(self) -> int:
        """Number of marginals."""
        return len(self.combinations)

    def shape(self, table: int) -> tuple[int, ...]:
        """Return the numbers of codes of a marginal's columns."""
        return tuple(int(n) for n in self.n_codes[self.combinations[table]])


@dataclass(frozen=True, slots=True)
class MarginalCounts:
    """Counts of all marginals of a layout in one file.

    Attributes
    ----------
    layout : MarginalLayout
    dense : array of int64
        All dense tables.
    sparse : mapping of table number to (cells, counts)
        Cells ascending and distinct, int64.
    total : int
        Rows, or the sum of their weights.
    """

    layout: MarginalLayout
    dense: Array
    sparse: Mapping[int, tuple[Array, Array]]
    total: int

    def table(self, number: int) -> Array:
        """Return one dense table in its own shape.

        Raises
        ------
        IncomputableMetricError
            If the table is sparse, that is, too large to be shown whole.
        """
        if not self.layout.is_dense[number]:
            raise IncomputableMetricError(
                f"marginal {number} has {np.prod(self.layout.shape(number), dtype=object)} cells, "
                "too many for a dense table; use fewer or coarser columns"
            )
        cells = self.dense[self.layout.offsets[number] : self.layout.offsets[number + 1]]
        return cells.reshape(self.layout.shape(number))

    def cells(self, number: int) -> tuple[Array, Array]:
        """Return the cells of a table that are not empty, ascending, and their counts."""
        if number in self.sparse:
            return self.sparse[number]
        flat = self.dense[self.layout.offsets[number] : self.layout.offsets[number + 1]]
        cells = np.flatnonzero(flat)
        return cells, flat[cells]


def all_combinations(n_columns: int, k: int) -> Array:
    """Return all k-subsets of the columns in lexicographic order, int32, shape (C(n, k), k)."""
    _check_k(n_columns, k)
    return np.array(list(combinations(range(n_columns), k)), np.int32).reshape(-1, k)


def sampled_combinations(n_columns: int, k: int, n_tables: int, key: StreamKey) -> Array:
    """Draw distinct k-subsets of the columns, int32, shape (at most n_tables, k).

    All of them are returned, in order, where there are no more than `n_tables`. Otherwise subset
    i is the set of columns with the k smallest random numbers of candidate i; repeated ones are
    passed over.
    """
    _check_k(n_columns, k)
    if comb(n_columns, k) <= n_tables:
        return all_combinations(n_columns, k)
    found: dict[tuple[int, ...], None] = {}
    first = 0
    while len(found) < n_tables:
        numbers = uniform(key, first, n_tables * n_columns)[:, 0].reshape(n_tables, n_columns)
        first += n_tables * n_columns
        for columns in np.sort(np.argsort(numbers, axis=1, kind="stable")[:, :k], axis=1):
            if len(found) < n_tables:
                found.setdefault(tuple(int(c) for c in columns))
    return np.array(list(found), np.int32)


def _check_k(n_columns: int, k: int) -> None:
    if not 1 <= k <= 4:
        raise ValueError(f"k must be 1, 2, 3 or 4, got {k}")
    if k > n_columns:
        raise IncomputableMetricError(
            f"{k}-way marginals need {k} columns, the files have {n_columns} in common; lower k"
        )


def lay_out(n_codes: Sequence[int] | Array, tables: Array, *, n_rows: int) -> MarginalLayout:
    """Decide which tables are dense and where they lie.

    Parameters
    ----------
    n_codes : sequence of int
        Codes of each column.
    tables : array of int, shape (n_tables, k)
    n_rows : int
        Rows of the largest file; only speed and memory depend on it.
    """
    codes = np.asarray(n_codes, np.int64)
    tables = np.ascontiguousarray(tables, np.int32)
    cells = np.prod(codes[tables].astype(np.float64), axis=1)
    is_dense = cells <= max(_DENSE_CELLS, _CELLS_PER_ROW * n_rows)
    order = np.argsort(cells, kind="stable")
    within = np.cumsum(np.where(is_dense, cells, 0.0)[order]) <= _MOST_CELLS
    is_dense[order] &= within
    offsets = np.zeros(len(tables) + 1, np.int64)
    offsets[1:] = np.cumsum(np.where(is_dense, cells, 0.0)).astype(np.int64)
    return MarginalLayout(tables, codes, offsets, is_dense)


def count_marginals(table: CodedTable, layout: MarginalLayout) -> MarginalCounts:
    """Count all marginals of a layout in a table, dense ones on the device where there is one."""
    dense = np.zeros(int(layout.offsets[-1]), np.int64)
    rest = layout.is_dense.copy()
    on_device = has_room(len(dense), len(layout.n_codes))
    if layout.combinations.shape[1] == 2:
        rest &= ~_count_packed_pairs(table, layout, dense, on_device=on_device)
    chosen = np.flatnonzero(rest)
    if len(chosen):
        _count_one_by_one(table, layout, chosen, dense, on_device=on_device)
    sparse = {
        int(number): _sparse_counts(table, layout, int(number))
        for number in np.flatnonzero(~layout.is_dense)
    }
    return MarginalCounts(layout, dense, sparse, table.total)


def _count_one_by_one(
    table: CodedTable, layout: MarginalLayout, chosen: Array, dense: Array, *, on_device: bool
) -> None:
    used, columns = np.unique(layout.combinations[chosen], return_inverse=True)
    tables = columns.reshape(len(chosen), -1).astype(np.int32)
    if on_device:
        count_dense(table, used, tables, layout.n_codes[used], layout.offsets[chosen], dense)
        return
    for block in table.blocks(BLOCK_ROWS):
        codes = np.empty((len(used), block.n_rows), np.uint16)
        for position, column in enumerate(used):
            codes[position] = block.codes[column]
        weight = np.empty(0, np.int64) if block.weight is None else block.weight
        count_cells(codes, tables, layout.n_codes[used], weight, layout.offsets[chosen], dense)


def _count_packed_pairs(
    table: CodedTable, layout: MarginalLayout, dense: Array, *, on_device: bool
) -> Array:
    """Count pairs of columns with few codes together; return which tables have been counted."""
    most = most_codes() if on_device else min(max(isqrt(table.n_rows // 4), 16), 256)
    low, high = layout.combinations.min(axis=1), layout.combinations.max(axis=1)
    small = layout.n_codes <= most
    done = layout.is_dense & small[low] & small[high] & (layout.combinations[:, 0] == low)
    done &= low < high
    used = np.flatnonzero(small)
    wanted = len(used) * (len(used) - 1) // 2
    base = np.full((len(small), len(small)), -1, np.int64)
    numbers = np.flatnonzero(done)
    base[low[numbers], high[numbers]] = layout.offsets[numbers]
    if wanted == 0 or (base >= 0).sum() < wanted or len(numbers) > wanted:
        return np.zeros_like(done)
    packing = pack_columns(layout.n_codes, used, most)
    if on_device:
        count_packed(table, packing, layout.n_codes, base, dense)
        return done
    for block in table.blocks(BLOCK_ROWS):
        weight = np.empty(0, np.int64) if block.weight is None else block.weight
        count_pairs(
            packed_codes(block, packing),
            packing.pairs,
            packing.sizes,
            packing.member_offsets,
            packing.members,
            packing.strides,
            layout.n_codes,
            weight,
            base,
            dense,
        )
    return done


def _sparse_counts(table: CodedTable, layout: MarginalLayout, number: int) -> tuple[Array, Array]:
    shape = layout.shape(number)
    if float(np.prod(np.array(shape, np.float64))) >= 2.0**63:
        names = ", ".join(repr(table.names[column]) for column in layout.combinations[number])
        raise IncomputableMetricError(
            f"the marginal of {names} has more than 2^63 cells; use fewer columns or coarser ones"
        )
    cells = np.zeros(table.n_rows, np.int64)
    for column, n_codes in zip(layout.combinations[number], shape, strict=True):
        cells *= n_codes
        cells += table.codes[column]
    return _grouped(cells, table.weight)


def _grouped(cells: Array, amounts: Array | None) -> tuple[Array, Array]:
    """Sum the amounts (1 each when None) of equal cells."""
    if amounts is None:
        distinct, counts = np.unique(cells, return_counts=True)
        return distinct, counts.astype(np.int64)
    distinct, group = np.unique(cells, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, group, amounts)
    return distinct, sums


def add_counts(a: MarginalCounts, b: MarginalCounts) -> MarginalCounts:
    """Add the counts of two blocks of one file."""
    sparse = {
        number: _grouped(
            np.concatenate((a.sparse[number][0], b.sparse[number][0])),
            np.concatenate((a.sparse[number][1], b.sparse[number][1])),
        )
        for number in a.sparse
    }
    return MarginalCounts(a.layout, a.dense + b.dense, sparse, a.total + b.total)


def absolute_differences(a: MarginalCounts, b: MarginalCounts) -> Array:
    """Sum |p_a - p_b| over the cells of each marginal: twice its total variation distance.

    Shares p are of all rows (or all weight) of their file.

    Returns
    -------
    array of float64, shape (n_tables,)
        In [0, 2]; right to 1e-12, the error of adding up at most 2^28 shares.

    Raises
    ------
    IncomputableMetricError
        If either side has no rows or no weight.
    """
    if a.total <= 0 or b.total <= 0:
        raise IncomputableMetricError("one side has no rows or no weight; shares are undefined")
    out = np.empty(a.layout.n_tables)
    sum_absolute_differences(
        a.dense, b.dense, a.layout.offsets, float(a.total), float(b.total), out
    )
    for number in a.sparse:
        _, shares = matched_shares(a, b, number)
        out[number] = np.abs(shares[0] - shares[1]).sum()
    return out


def matched_shares(a: MarginalCounts, b: MarginalCounts, number: int) -> tuple[Array, Array]:
    """Return the cells of a table that either side occupies, and the shares of both in them.

    Returns
    -------
    cells : array of int64, shape (n_cells,)
    shares : array of float64, shape (2, n_cells)
    """
    cells, counts = matched_counts(a, b, number)
    return cells, counts / np.array([[a.total], [b.total]], np.float64)


def matched_counts(a: MarginalCounts, b: MarginalCounts, number: int) -> tuple[Array, Array]:
    """Return the cells of a table that either side occupies, and the counts of both in them.

    Returns
    -------
    cells : array of int64, shape (n_cells,)
    counts : array of int64, shape (2, n_cells)
    """
    sides = (a.cells(number), b.cells(number))
    cells = np.union1d(sides[0][0], sides[1][0])
    counts = np.zeros((2, len(cells)), np.int64)
    for side, (own, amounts) in enumerate(sides):
        counts[side, np.searchsorted(cells, own)] = amounts
    return cells, counts
