"""Correlations of columns of numbers, pairwise complete, from codes of their distinct numbers.

With x and y standardised over the rows in which both columns have a number,
``r = sum w x y / sum w``. Means and variances come from counts of distinct numbers, so they lose
no digits however large the numbers are; only the last sum runs over rows, in file order.

Spearman's coefficient is that formula on mid-ranks: a number's rank is the weight of smaller
numbers plus half the weight of equal ones (without weights: the usual average ranks, less 1/2).

References
----------
.. [1] R Core Team, stats::cor, use = "pairwise.complete.obs", methods "pearson" and "spearman".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.counting import count_codes

__all__ = ["Correlations", "correlations", "mid_ranks", "standardised"]


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlations of all columns of numbers of one file.

    Attributes
    ----------
    positions : tuple of int
        Where the columns stand in the file.
    pearson, spearman : array of float64, shape (n, n)
        Symmetric, ones on the diagonal; NaN where a column does not vary among the rows in which
        both have a number.
    """

    positions: tuple[int, ...]
    pearson: Array
    spearman: Array


def standardised(values: Array, counts: Array) -> Array | None:
    """Standardise distinct values by their counts: mean 0, variance 1 (divisor: all weight).

    Parameters
    ----------
    values : array of float64, shape (n,)
    counts : array of int64, shape (n,)

    Returns
    -------
    array of float64, shape (n,), or None
        None when they do not vary.
    """
    occur = counts > 0
    if np.count_nonzero(occur) < 2:
        return None
    share = counts / float(counts.sum())
    centred = values - np.sum(share * values)
    largest = np.abs(centred[occur]).max()
    if largest == 0.0:
        return None
    # scaled before squaring, so that no number is too large to square
    scaled = centred / largest
    return np.asarray(scaled / np.sqrt(np.sum(share * scaled**2)))


def mid_ranks(counts: Array) -> Array:
    """Return the mid-rank of each distinct value as a share of all weight.

    Parameters
    ----------
    counts : array of int64, shape (n,)
        In ascending order of the values; not all 0.

    Returns
    -------
    array of float64, shape (n,)
    """
    return (np.cumsum(counts) - counts / 2.0) / float(counts.sum())


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of numbers: codes of its rows, and its standardised values and ranks."""

    codes: Array
    numbers: Array
    is_complete: bool
    tables: tuple[Array | None, Array | None]

    @classmethod
    def of(cls, codes: Array, numbers: Array, weight: Array | None) -> _Column:
        counts = count_codes(codes, len(numbers) + 1, weight)
        return cls(
            codes,
            numbers,
            bool((codes < len(numbers)).all()),
            _tables(numbers, counts[:-1]),
        )


def _tables(numbers: Array, counts: Array) -> tuple[Array | None, Array | None]:
    if counts.sum() == 0:
        return None, None
    return standardised(numbers, counts), standardised(mid_ranks(counts), counts)


def correlations(table: CodedTable) -> Correlations:
    """Correlate all columns of numbers of a file.

    Time is proportional to rows times pairs, about 10 ms for a million rows and a pair; a pair in
    which a number is missing takes twice as long.
    """
    positions = table.number_columns
    columns = [
        _Column.of(table.number_codes[position], numbers, table.weight)
        for position in positions
        if (numbers := table.columns[position].numbers) is not None
    ]
    found = np.full((2, len(columns), len(columns)), np.nan)
    for i, first in enumerate(columns):
        for kind in range(2):
            if first.tables[kind] is not None:
                found[kind, i, i] = 1.0
        for j in range(i):
            found[:, i, j] = found[:, j, i] = _pair(first, columns[j], table.weight)
    return Correlations(positions, found[0], found[1])


def _pair(a: _Column, b: _Column, weight: Array | None) -> tuple[float, float]:
    """Return Pearson's and Spearman's coefficient."""
    if not (a.is_complete and b.is_complete):
        both = (a.codes < len(a.numbers)) & (b.codes < len(b.numbers))
        weight = None if weight is None else weight[both]
        if not both.any() or (weight is not None and weight.sum() == 0):
            return np.nan, np.nan
        a, b = (_Column.of(c.codes[both], c.numbers, weight) for c in (a, b))
    found = [
        np.nan if x is None or y is None else _mean_product(x[a.codes], y[b.codes], weight)
        for x, y in zip(a.tables, b.tables, strict=True)
    ]
    return found[0], found[1]


def _mean_product(x: Array, y: Array, weight: Array | None) -> float:
    """Return the mean of x y; einsum, unlike a dot product, uses one thread and one order."""
    if weight is None:
        return _bounded(np.einsum("i,i->", x, y) / len(x))
    w = weight / float(weight.sum())
    return _bounded(np.einsum("i,i,i->", w, x, y))


def _bounded(r: float) -> float:
    return float(min(max(r, -1.0), 1.0))
