"""Importance of predictors: which few of many columns explain a target best, one by one.

For very wide tables, where a tree on all earlier columns would cost too much. Everything is counted
from codes: no model is fitted. What a column explains only together with another is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table import Codec, Table
from gpusynth_kernels.cpu.counts import count_cells

__all__ = ["CoarseColumns", "limit_predictors", "most_important"]

MOST_ROWS = 1 << 18
"""Rows that are counted: all up to here, beyond it as many evenly spaced ones. The standard error
of an importance is then at most 0.002."""

_NUMBER_GROUPS = 32
_MOST_LEVELS = 1024
_MOST_CELLS = 1 << 22  # of the tables that are counted together: 32 MB
_DIGITS = 9  # importances are rounded here, so that rounding errors of float64 decide no order


@dataclass(frozen=True, slots=True)
class CoarseColumns:
    """Columns in few codes, on few rows: what importances are counted from.

    Attributes
    ----------
    position : mapping of str to int
        Column name -> row of `codes`.
    codes : array of uint16, shape (n_columns, n_rows)
        Special codes first, then levels, or groups of numbers in ascending order.
    n_codes : array of int64, shape (n_columns,)
    n_special : array of int64, shape (n_columns,)
        Special codes of numbers; 0 for levels, whose missing answers are levels like others.
    is_number : array of bool, shape (n_columns,)
    """

    position: Mapping[str, int]
    codes: Array
    n_codes: Array
    n_special: Array
    is_number: Array

    @classmethod
    def of(cls, table: Table, names: Sequence[str], *, most_rows: int = MOST_ROWS) -> CoarseColumns:
        """Make columns coarse, which serves all targets.

        A column of ordered codes, if it has more than 32 ordinary ones, gets 32 groups of about
        equally many rows; equal numbers are never parted. Of a column of unordered levels, the 1023
        most frequent ones stay and the others are one.

        Parameters
        ----------
        table : Table
        names : sequence of str
            Targets and candidates.
        most_rows : int
            If the table has more rows, this many evenly spaced ones are counted.

        Returns
        -------
        CoarseColumns
        """
        n_rows = min(table.n_rows, most_rows)
        rows: slice | Array = slice(None)
        if table.n_rows > n_rows:
            rows = np.arange(n_rows, dtype=np.int64) * table.n_rows // n_rows
        codes = np.empty((len(names), n_rows), np.uint16)
        n_codes = np.empty(len(names), np.int64)
        n_special = np.zeros(len(names), np.int64)
        is_number = np.zeros(len(names), bool)
        for number, name in enumerate(names):
            codec = table.codecs[name]
            own = table.codes[name][rows]
            groups = _groups(codec, np.bincount(own, minlength=codec.n_codes))
            codes[number] = groups[own]
            n_codes[number] = int(groups.max(initial=0)) + 1
            is_number[number] = codec.column.is_number
            if codec.column.is_number:
                n_special[number] = codec.n_special
        position = {name: number for number, name in enumerate(names)}
        return cls(position, codes, n_codes, n_special, is_number)

    @property
    def n_rows(self) -> int:
        """Rows that are counted."""
        return int(self.codes.shape[1])

    def importance(self, target: str, candidates: Sequence[str]) -> Array:
        """Return how much of a target each candidate explains by itself.

        For a target of levels, Goodman and Kruskal's tau [1]_: the share of the target's Gini
        impurity that knowing the candidate removes, ::

            tau = (sum_xy n_xy^2 / n_x - sum_y n_y^2 / n) / (n - sum_y n_y^2 / n)

        For a target of numbers, the larger of two, as the plan has two steps for it: tau of its
        state (which special code, or a number), and among the rows with a number the correlation
        ratio eta^2 of its rank, which is tau with a variance in the place of the impurity [2]_: ::

            eta^2 = sum_x n_x (mean_x - mean)^2 / sum (rank - mean)^2

        Both have mean (k - 1) / (n - 1) under independence, k being the codes that the candidate
        has; so both are adjusted as R^2 is, ``1 - (1 - share) (n - 1) / (n - k)``, and a column
        with many codes gains nothing by them. Squares are summed in integers.

        Parameters
        ----------
        target : str
        candidates : sequence of str

        Returns
        -------
        array of float64, shape (n_candidates,)
            At most 1; around 0 or below where nothing is explained; rounded to 9 digits.

        References
        ----------
        .. [1] Goodman, L. A. & Kruskal, W. H. (1954). Measures of association for cross
           classifications. JASA 49, 732-764.
        .. [2] Light, R. J. & Margolin, B. H. (1971). An analysis of variance for categorical data.
           JASA 66, 534-544.
        """
        goal = self.position[target]
        columns = np.array([self.position[name] for name in candidates], np.int32)
        found = np.empty(len(columns))
        for part in _parts(self.n_codes[columns] * self.n_codes[goal]):
            begins, table = self._count(columns[part], goal)
            if self.is_number[goal]:
                found[part] = _explained_number(table, begins, int(self.n_special[goal]))
            else:
                found[part] = _explained_class(table, begins)
        return np.round(found, _DIGITS)

    def _count(self, columns: Array, goal: int) -> tuple[Array, Array]:
        """Return where each candidate's rows begin in the stacked tables candidate x target."""
        heights = self.n_codes[columns]
        begins = np.cumsum(heights) - heights
        width = int(self.n_codes[goal])
        cells = np.zeros(int(heights.sum()) * width, np.int64)
        pairs = np.column_stack([columns, np.full_like(columns, goal)])
        nothing = np.empty(0, np.int64)
        count_cells(self.codes, pairs, self.n_codes, nothing, begins * width, cells)
        return begins, cells.reshape(-1, width)


def most_important(
    columns: CoarseColumns,
    target: str,
    *,
    candidates: Sequence[str],
    k: int,
    always: Sequence[str] = (),
) -> tuple[str, ...]:
    """Choose the columns that explain a target best, each by itself.

    Parameters
    ----------
    columns : CoarseColumns
        Made once for all targets.
    target : str
    candidates : sequence of str
        In visit order; of equally important ones the earlier is chosen.
    k : int
        How many to choose.
    always : sequence of str
        Candidates that are chosen first; more than `k` of them are all chosen.

    Returns
    -------
    tuple of str
        In visit order; all candidates if there are no more than `k`.
    """
    if len(candidates) <= k:
        return tuple(candidates)
    asked = set(always)
    others = [name for name in candidates if name not in asked]
    n_open = max(k - (len(candidates) - len(others)), 0)
    best = np.argsort(-columns.importance(target, others), kind="stable")[:n_open]
    chosen = asked | {others[place] for place in best}
    return tuple(name for name in candidates if name in chosen)


def limit_predictors(
    table: Table,
    predictors: Mapping[str, Sequence[str]],
    *,
    k: int,
    always: Sequence[str] = (),
) -> dict[str, tuple[str, ...]]:
    """Leave each target its `k` most important predictors.

    Parameters
    ----------
    table : Table
        All real columns.
    predictors : mapping of str to sequence of str
        Target -> the columns that may predict it, in visit order.
    k : int
    always : sequence of str
        Columns that stay a predictor wherever they are one.

    Returns
    -------
    dict of str to tuple of str
        In the order of `predictors`.
    """
    crowded = [target for target, names in predictors.items() if len(names) > k]
    used = dict.fromkeys(name for target in crowded for name in (target, *predictors[target]))
    columns = CoarseColumns.of(table, tuple(used))
    return {
        target: most_important(columns, target, candidates=names, k=k, always=always)
        for target, names in predictors.items()
    }


def _groups(codec: Codec, counts: Array) -> Array:
    """Return the group of each code, uint16, without gaps."""
    groups = np.arange(codec.n_codes)
    n_special, n_ordinary = codec.n_special, codec.n_codes - codec.n_special
    if codec.is_ordered and n_ordinary > _NUMBER_GROUPS:
        ordinary = counts[n_special:]
        below = np.cumsum(ordinary) - ordinary
        # By the middle of each code's rows, so that a frequent number does not draw others in.
        middle = (2 * below + ordinary) * _NUMBER_GROUPS // max(2 * int(ordinary.sum()), 1)
        middle = np.minimum(middle, _NUMBER_GROUPS - 1)
        first = np.concatenate([[True], np.diff(middle) > 0])
        groups[n_special:] = n_special + np.cumsum(first) - 1
    elif not codec.is_ordered and codec.n_codes > _MOST_LEVELS:
        frequent = np.argsort(-counts, kind="stable")[: _MOST_LEVELS - 1]
        groups[:] = _MOST_LEVELS - 1
        groups[np.sort(frequent)] = np.arange(_MOST_LEVELS - 1)
    return groups.astype(np.uint16)


def _parts(cells: Array) -> list[slice]:
    """Cut candidates into parts whose tables fit into `_MOST_CELLS`, or have one table."""
    cuts, filled = [0], 0
    for number, own in enumerate(cells):
        if filled and filled + int(own) > _MOST_CELLS:
            cuts.append(number)
            filled = 0
        filled += int(own)
    return [slice(begin, end) for begin, end in pairwise([*cuts, len(cells)]) if begin < end]


def _explained_class(table: Array, begins: Array) -> Array:
    """Return the adjusted tau of each candidate, from stacked tables candidate x class."""
    heights = table.sum(axis=1)
    n = int(heights[: _second(begins, len(table))].sum())
    totals = table[: _second(begins, len(table))].sum(axis=0)
    purity = float(np.sum(totals * totals)) / max(n, 1)
    within = np.sum(table * table, axis=1) / np.maximum(heights, 1)
    explained = np.add.reduceat(within, begins) - purity
    return _adjusted(explained, n - purity, n, np.add.reduceat(heights > 0, begins, dtype=np.int64))


def _explained_number(table: Array, begins: Array, n_special: int) -> Array:
    """Return the larger of the adjusted tau of the state and eta^2 of the rank."""
    numbers = table[:, n_special:]
    heights = numbers.sum(axis=1)
    totals = numbers[: _second(begins, len(table))].sum(axis=0)
    n = int(totals.sum())
    # Twice the middle rank of each group, less its mean: whole numbers that sum to 0.
    scores = 2 * np.cumsum(totals) - totals - n
    sums = (numbers * scores).sum(axis=1)
    between = sums.astype(np.float64) ** 2 / np.maximum(heights, 1)
    total = float(np.sum(totals * scores.astype(np.float64) ** 2))
    n_codes = np.add.reduceat(heights > 0, begins, dtype=np.int64)
    value = _adjusted(np.add.reduceat(between, begins), total, n, n_codes)
    if n_special == 0:
        return value
    states = np.column_stack([table[:, :n_special], heights])
    return np.maximum(value, _explained_class(states, begins))


def _second(begins: Array, n: int) -> int:
    """Return where the first candidate's rows end."""
    return int(begins[1]) if len(begins) > 1 else n


def _adjusted(explained: Array, total: float, n: int, n_codes: Array) -> Array:
    """Turn sums of squares into shares, less what so many codes explain by chance."""
    if total <= 0:
        return np.zeros(len(explained))
    freedom = n - n_codes
    share = 1 - (1 - explained / total) * ((n - 1) / np.maximum(freedom, 1))
    return np.where(freedom > 0, share, 0.0)
