"""Encode mixed columns for principal components: every part of a file on one scale.

Each column becomes one or two *parts*, by the real file:

- numbers: ``sign(x) log(1 + |x|)`` (or x itself), standardised over the rows that have a number;
  a row without one stands at the mean, 0;
- levels: one indicator for each of the commonest levels, all other levels together, centred and
  divided by ``sqrt(sum_l p_l (1 - p_l))``, so that a category has variance 1 in all, as a number
  has. In a column of numbers the levels are its missing codes, against all numbers.

Parts that do not vary in the real file are left out. A part is a table by code, so a file is never
expanded: its covariance follows from two-way counts and from sums of numbers by level.

References
----------
.. [1] Pages, J. (2004). Analyse factorielle de donnees mixtes. Revue de statistique appliquee 52,
       93-111 (numbers and indicators in one analysis; the scaling here weighs columns alike).
.. [2] SDNist 2.5, sdnist/metrics/pca.py (signed logarithm of continuous features).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.counting import count_codes
from gpusynth.evaluate.labels import code_labels
from gpusynth.evaluate.marginals import all_combinations, count_marginals, lay_out
from gpusynth.evaluate.utility.correlations import standardised
from gpusynth.evaluate.utility.level_numbers import numbers_by_level

__all__ = ["Encoding", "Part", "encode", "moments", "project"]

Transform = Literal["signed_log", "none"]


@dataclass(frozen=True, slots=True)
class Part:
    """One column, or one side of it, as a table by code.

    Attributes
    ----------
    column : int
        Position in the files.
    is_number : bool
        Whether it is read by `CodedTable.number_codes`, else by `CodedTable.codes`.
    level : array of int64, shape (n_codes,)
        Indicator of each code of a part of levels; of a number just zeros.
    values : array of float64, shape (n_codes, width)
        Standardised values by number code (width 1), or by code.
    labels : tuple of str, length width
    """

    column: int
    is_number: bool
    level: Array
    values: Array
    labels: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of columns of the expanded file."""
        return int(self.values.shape[1])

    def codes(self, table: CodedTable) -> Array:
        """Return the codes of a file's rows by which `values` is looked up."""
        return table.number_codes[self.column] if self.is_number else table.codes[self.column]


@dataclass(frozen=True, slots=True)
class Encoding:
    """All parts of a file.

    Attributes
    ----------
    parts : tuple of Part
    offsets : array of int64, shape (n_parts + 1,)
        Where each part begins among the columns of the expanded file.
    left_out : tuple of str
        Columns that do not vary in the real file.
    """

    parts: tuple[Part, ...]
    offsets: Array
    left_out: tuple[str, ...]

    @property
    def labels(self) -> tuple[tuple[int, str], ...]:
        """Column position and label of each column of the expanded file."""
        return tuple((part.column, label) for part in self.parts for label in part.labels)


def encode(real: CodedTable, *, max_levels: int, transform: Transform) -> Encoding:
    """Decide the parts by the real file.

    Parameters
    ----------
    real : CodedTable
    max_levels : int
        Indicators of one column; rarer levels share the last one.
    transform : {"signed_log", "none"}
        Of numbers, before they are standardised.

    Raises
    ------
    IncomputableMetricError
        If no column varies.
    """
    parts: list[Part] = []
    left_out: list[str] = []
    numbers = set(real.number_columns)
    for position, column in enumerate(real.columns):
        found = []
        if position in numbers:
            found.append(_number_part(real, position, column, transform))
        found.append(_level_part(real, position, column, max_levels))
        kept = [part for part in found if part is not None]
        parts += kept
        if not kept:
            left_out.append(column.name)
    if not parts:
        raise IncomputableMetricError(
            "no column varies in the real file; principal components need one that does"
        )
    offsets = np.cumsum([0, *(part.width for part in parts)])
    return Encoding(tuple(parts), offsets, tuple(left_out))


def _number_part(
    real: CodedTable, position: int, column: CodedColumn, transform: Transform
) -> Part | None:
    x = column.numbers
    if x is None or len(x) == 0:
        return None
    counts = count_codes(real.number_codes[position], len(x) + 1, real.weight)[:-1]
    if counts.sum() == 0:
        return None
    z = standardised(np.sign(x) * np.log1p(np.abs(x)) if transform == "signed_log" else x, counts)
    if z is None:
        return None
    values = np.append(z, 0.0)[:, None]
    return Part(position, True, np.zeros(len(values), np.int64), values, ("value",))  # noqa: FBT003


def _level_part(
    real: CodedTable, position: int, column: CodedColumn, max_levels: int
) -> Part | None:
    counts = count_codes(real.codes[position], column.n_codes, real.weight)
    n_codes, labels = column.n_codes, code_labels(column)
    if column.numbers is not None:
        # every number is one level, which missing codes are held against
        level = np.minimum(np.arange(n_codes), column.n_missing)
        names = [*labels[: column.n_missing], "(number)"]
    elif n_codes > max_levels:
        common = np.sort(np.argsort(-counts, kind="stable")[: max_levels - 1])
        level = np.full(n_codes, len(common), np.int64)
        level[common] = np.arange(len(common))
        names = [*(labels[code] for code in common), "(other levels)"]
    else:
        level, names = np.arange(n_codes), list(labels)
    share = np.bincount(level, counts.astype(np.float64), len(names)) / float(real.total)
    spread = float(np.sqrt(np.sum(share * (1.0 - share))))
    if np.count_nonzero(share) < 2:
        return None
    indicators = (np.eye(len(names)) - share) / spread
    return Part(position, False, level, indicators[level], tuple(names))  # noqa: FBT003


def moments(table: CodedTable, encoding: Encoding) -> tuple[Array, Array]:
    """Return the means and the covariance matrix of the expanded file.

    Returns
    -------
    mean : array of float64, shape (width,)
    covariance : array of float64, shape (width, width)
        Divisor: all rows or all weight. Pairs of levels come from exact counts.
    """
    width = int(encoding.offsets[-1])
    second = np.zeros((width, width))
    mean = np.zeros(width)
    levels = [p for p, part in enumerate(encoding.parts) if not part.is_number]
    numbers = [p for p, part in enumerate(encoding.parts) if part.is_number]
    weight = None if table.weight is None else table.weight / float(table.total)
    n = float(table.n_rows) if weight is None else 1.0
    spans = [
        slice(int(first), int(last))
        for first, last in zip(encoding.offsets[:-1], encoding.offsets[1:], strict=True)
    ]
    recoded = _recoded(table, encoding, levels)
    indicators = [_indicator_values(encoding.parts[p]) for p in levels]
    for a, p in enumerate(levels):
        share = count_codes(recoded.codes[a], len(indicators[a]), table.weight) / table.total
        mean[spans[p]] = np.einsum("l,lw->w", share, indicators[a])
        second[spans[p], spans[p]] = np.einsum("l,lv,lw->vw", share, indicators[a], indicators[a])
    for (a, b), joint in _joint_shares(recoded):
        block = np.einsum("ij,iv,jw->vw", joint, indicators[a], indicators[b])
        second[spans[levels[a]], spans[levels[b]]] = block
        second[spans[levels[b]], spans[levels[a]]] = block.T
    for q in numbers:
        z, codes = encoding.parts[q].values[:, 0], encoding.parts[q].codes(table)
        weighted = z[codes] if weight is None else z[codes] * weight
        mean[spans[q]] = weighted.sum() / n
        met = numbers_by_level(recoded, codes, len(z) - 1)
        for a, (level, number, share) in enumerate(met):
            p = levels[a]
            sums = np.bincount(level, share * z[number], len(indicators[a]))
            block = np.einsum("l,lw->w", sums, indicators[a])
            second[spans[q], spans[p]] = block[None, :]
            second[spans[p], spans[q]] = block[:, None]
        for p in numbers[: numbers.index(q) + 1]:
            other = encoding.parts[p].values[:, 0][encoding.parts[p].codes(table)]
            product = np.einsum("i,i->", weighted, other) / n
            second[spans[q], spans[p]] = second[spans[p], spans[q]] = product
    return mean, second - np.outer(mean, mean)


def _indicator_values(part: Part) -> Array:
    """Return the values of a part by level instead of by code; 0 for a level without a code."""
    values = np.zeros((part.width, part.width))
    values[part.level] = part.values
    return values


def _recoded(table: CodedTable, encoding: Encoding, levels: list[int]) -> CodedTable:
    """Return the parts of levels as a table of their own."""
    columns, codes = [], []
    for p in levels:
        part = encoding.parts[p]
        columns.append(CodedColumn(str(p), part.labels, has_null=False, n_missing=0))
        codes.append(part.level.astype(code_dtype(part.width))[table.codes[part.column]])
    return CodedTable(tuple(columns), tuple(codes), table.n_rows, table.weight)


def _joint_shares(recoded: CodedTable) -> list[tuple[tuple[int, int], Array]]:
    """Return the shares of all pairs of levels, pair by pair of columns."""
    if len(recoded.columns) < 2:
        return []
    layout = lay_out(
        recoded.n_codes, all_combinations(len(recoded.columns), 2), n_rows=recoded.n_rows
    )
    counts = count_marginals(recoded, layout)
    return [
        ((int(a), int(b)), counts.table(number) / float(counts.total))
        for number, (a, b) in enumerate(layout.combinations)
    ]


def project(table: CodedTable, encoding: Encoding, directions: Array) -> Array:
    """Return the scores of a file's rows, float64, shape (n_components, n_rows).

    Parameters
    ----------
    table : CodedTable
    encoding : Encoding
    directions : array of float64, shape (width, n_components)
    """
    scores = np.zeros((directions.shape[1], table.n_rows))
    for part, first in zip(encoding.parts, encoding.offsets[:-1], strict=True):
        by_code = np.einsum(
            "cw,wk->kc", part.values, directions[int(first) : int(first) + part.width]
        )
        codes = part.codes(table)
        for component, lookup in enumerate(by_code):
            scores[component] += lookup[codes]
    return scores
