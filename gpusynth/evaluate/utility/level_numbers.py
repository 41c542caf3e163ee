"""Which numbers meet which levels: the joint counts behind sums of a number by level."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.marginals import count_marginals, lay_out

__all__ = ["numbers_by_level"]

_MOST_CODES = 65_536
"""Codes that the counting kernels take."""

_MOST_CELLS = 1 << 22
"""Cells that are counted together, 32 MB: tables of many numbers are large."""


def numbers_by_level(
    levels: CodedTable, number_codes: Array, n_numbers: int
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield, for each column of levels, the pairs of level and number that occur.

    Counting pairs of codes first is several times as fast as adding up rows, and exact. Where there
    are more numbers than the kernels take, pairs are rows.

    Parameters
    ----------
    levels : CodedTable
        Columns of levels alone.
    number_codes : array of int, shape (n_rows,)
        See `CodedTable.number_codes`; rows with code `n_numbers` have no number and are left out.
    n_numbers : int

    Yields
    ------
    level : array of int, shape (n_pairs,)
    number : array of int, shape (n_pairs,)
        Both are codes; a pair may come more than once.
    weight : array of float64, shape (n_pairs,)
        Share of all rows (or of all weight) that the pair has.
    """
    if not levels.columns:
        return
    if n_numbers >= _MOST_CODES:
        yield from _pairs_of_rows(levels, number_codes, n_numbers)
        return
    column = CodedColumn("number", ("",) * (n_numbers + 1), has_null=False, n_missing=0)
    joined = CodedTable(
        (*levels.columns, column), (*levels.codes, number_codes), levels.n_rows, levels.weight
    )
    last = len(levels.columns)
    largest = int(levels.n_codes.max()) * (n_numbers + 1)
    n_together = max(_MOST_CELLS // largest, 1)
    for first in range(0, last, n_together):
        some = range(first, min(first + n_together, last))
        tables = np.array([(position, last) for position in some], np.int32)
        counts = count_marginals(joined, lay_out(joined.n_codes, tables, n_rows=levels.n_rows))
        for position in range(len(some)):
            cells, amounts = counts.cells(position)
            level, number = np.divmod(cells, n_numbers + 1)
            kept = number < n_numbers
            yield level[kept], number[kept], amounts[kept] / float(levels.total)


def _pairs_of_rows(
    levels: CodedTable, number_codes: Array, n_numbers: int
) -> Iterator[tuple[Array, Array, Array]]:
    rows = number_codes < n_numbers
    weight = np.ones(levels.n_rows) if levels.weight is None else levels.weight
    share = weight[rows] / float(levels.total)
    for codes in levels.codes:
        yield codes[rows], number_codes[rows], share
