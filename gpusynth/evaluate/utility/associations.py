"""Associations in which categories take part: Cramer's V of pairs of columns, correlation ratio.

With shares p_ij of a table of r by c levels that occur, and ``phi2 = sum p_ij^2 / (p_i p_j) - 1``,

- Cramer's V: ``sqrt(phi2 / min(r - 1, c - 1))``;
- corrected for its bias: ``sqrt(max(0, phi2 - (r-1)(c-1)/(n-1)) / min(r' - 1, c' - 1))`` with
  ``r' = r - (r-1)^2 / (n-1)``, likewise c'; n is the number of rows, or Kish's effective number
  ``(sum w)^2 / sum w^2`` with weights.

Levels are codes: null, missing codes, spikes and bins of numbers are levels like any other.

The correlation ratio of a category and a number is the root of the share of the number's variance
that lies between levels, over the rows that have a number: ``sqrt(sum_g p_g m_g^2)`` with m_g the
mean of the standardised number in level g. On mid-ranks instead of numbers it is the root of
Kruskal and Wallis' statistic over n - 1: a few huge numbers do not decide it.

References
----------
.. [1] Cramer, H. (1946). Mathematical methods of statistics, section 21.9.
.. [2] Bergsma, W. (2013). A bias-correction for Cramer's V and Tschuprow's T. Journal of the Korean
       Statistical Society 42, 323-328, equations 4 to 6.
.. [3] Fisher, R. A. (1925). Statistical methods for research workers, section 45.
.. [4] Kish, L. (1965). Survey sampling, section 11.7.
.. [5] Kruskal, W. H., Wallis, W. A. (1952). Use of ranks in one-criterion variance analysis.
       Journal of the American Statistical Association 47, 583-621.
"""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.counting import count_codes
from gpusynth.evaluate.marginals import (
    MarginalCounts,
    all_combinations,
    count_marginals,
    lay_out,
)
from gpusynth.evaluate.utility.correlations import mid_ranks, standardised
from gpusynth.evaluate.utility.level_numbers import numbers_by_level

__all__ = ["correlation_ratios", "cramers_v", "effective_rows"]


def effective_rows(table: CodedTable) -> float:
    """Return the number of rows, or Kish's effective number of weighted rows."""
    if table.weight is None:
        return float(table.n_rows)
    share = table.weight / float(table.weight.sum())
    return float(1.0 / np.sum(share**2))


def cramers_v(table: CodedTable) -> tuple[Array, Array]:
    """Return Cramer's V of all pairs of columns, plain and corrected for its bias.

    Returns
    -------
    plain : array of float64, shape (n_columns, n_columns)
        Symmetric, ones on the diagonal; NaN where a column has a single level.
    corrected : array of float64, shape (n_columns, n_columns)
        NaN also where there are hardly more rows than levels.
    """
    n_columns = len(table.columns)
    plain = np.full((n_columns, n_columns), np.nan)
    corrected = plain.copy()
    shares = [
        count_codes(codes, column.n_codes, table.weight) / float(table.total)
        for codes, column in zip(table.codes, table.columns, strict=True)
    ]
    n_levels = np.array([np.count_nonzero(share) for share in shares])
    inverse = [np.divide(1.0, p, out=np.zeros_like(p), where=p > 0) for p in shares]
    varies = n_levels > 1
    plain[varies, varies] = corrected[varies, varies] = 1.0
    n = effective_rows(table)
    if n_columns < 2:
        return plain, corrected
    layout = lay_out(table.n_codes, all_combinations(n_columns, 2), n_rows=table.n_rows)
    counts = count_marginals(table, layout)
    for number, (i, j) in enumerate(layout.combinations):
        if varies[i] and varies[j]:
            phi2 = max(_inertia(counts, number, inverse[i], inverse[j]) - 1.0, 0.0)
            found = _v(phi2, int(n_levels[i]), int(n_levels[j]), n)
            plain[i, j], corrected[i, j] = plain[j, i], corrected[j, i] = found
    return plain, corrected


def _inertia(counts: MarginalCounts, number: int, first: Array, second: Array) -> float:
    """Return ``sum p_ij^2 / (p_i p_j)``, `first` and `second` being 1 / p_i and 1 / p_j."""
    total = float(counts.total)
    if counts.layout.is_dense[number]:
        squared = (counts.table(number) / total) ** 2
        return float(np.einsum("i,ij,j->", first, squared, second))
    cells, amounts = counts.cells(number)
    i, j = np.divmod(cells, len(second))
    return float(np.sum((amounts / total) ** 2 * first[i] * second[j]))


def _v(phi2: float, r: int, c: int, n: float) -> tuple[float, float]:
    plain = min(np.sqrt(phi2 / min(r - 1, c - 1)), 1.0)
    if n <= 1.0:
        return float(plain), float("nan")
    less = max(phi2 - (r - 1) * (c - 1) / (n - 1), 0.0)
    width = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    if width <= 0.0:  # hardly more rows than levels: nothing is known
        return float(plain), float("nan")
    return float(plain), float(min(np.sqrt(less / width), 1.0))


def correlation_ratios(table: CodedTable) -> tuple[Array, Array]:
    """Return the correlation ratio of every category with every column of numbers.

    Returns
    -------
    of_numbers : array of float64, shape (n_columns, n_columns)
        Row: category, column: number; NaN elsewhere, and where the number does not vary or the
        category has a single level among the rows that have a number.
    of_ranks : array of float64, shape (n_columns, n_columns)
    """
    n_columns = len(table.columns)
    found = np.full((2, n_columns, n_columns), np.nan)
    numbers = table.number_columns
    categories = [column for column in range(n_columns) if column not in set(numbers)]
    levels = CodedTable(
        tuple(table.columns[column] for column in categories),
        tuple(table.codes[column] for column in categories),
        table.n_rows,
        table.weight,
    )
    for place in numbers:
        distinct, codes = table.columns[place].numbers, table.number_codes[place]
        if distinct is None or codes is None:
            continue
        counts = count_codes(codes, len(distinct) + 1, table.weight)[:-1]
        if counts.sum() == 0:
            continue
        values = [standardised(of, counts) for of in (distinct, mid_ranks(counts))]
        met = numbers_by_level(levels, codes, len(distinct))
        for column, (level, number, weight) in zip(categories, met, strict=True):
            size = np.bincount(level, weight, table.columns[column].n_codes)
            occurs = size > 0
            if np.count_nonzero(occurs) < 2:
                continue
            for kind, z in enumerate(values):
                if z is not None:
                    sums = np.bincount(level, weight * z[number], len(size))
                    share = np.sum(sums[occurs] ** 2 / size[occurs]) / size.sum()
                    found[kind, column, place] = float(np.sqrt(min(share, 1.0)))
    return found[0], found[1]
