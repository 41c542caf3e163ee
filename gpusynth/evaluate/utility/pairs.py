"""Pairs of columns: how strongly they go together in the real and in the synthetic file.

Two columns of numbers have Pearson's and Spearman's coefficient (exact numbers, pairwise complete);
any two columns have Cramer's V of their codes; a category and a number have the correlation ratio.
Formulas and sources are in `gpusynth.evaluate.utility.correlations` and
`gpusynth.evaluate.utility.associations`.

`Associations.strength` puts one figure on each pair, for heat maps: Spearman's coefficient of two
numbers, Cramer's V corrected for its bias of two categories, the correlation ratio of a mixed pair
on ranks (so that two enormous firms do not decide it).
Differences are synthetic less real; expected ones are mean absolute differences of bootstrap
resamples of the real file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.baselines import bootstrap_rows
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.utility.associations import correlation_ratios, cramers_v
from gpusynth.evaluate.utility.correlations import correlations

__all__ = ["Associations", "PairAssociations", "WorstPair", "associate", "pair_associations"]

PairMeasure = Literal["spearman", "cramers_v", "correlation_ratio"]


@dataclass(frozen=True, slots=True)
class Associations:
    """Associations of all pairs of columns of one file; NaN where one is undefined.

    Attributes
    ----------
    names : tuple of str
    is_number : array of bool, shape (n_columns,)
    pearson, spearman : array of float64, shape (n_columns, n_columns)
        Of two columns of numbers.
    cramers_v, cramers_v_corrected : array of float64, shape (n_columns, n_columns)
        Of any two columns, by their codes.
    correlation_ratio, rank_correlation_ratio : array of float64, shape (n_columns, n_columns)
        Row: category, column: number.
    """

    names: tuple[str, ...]
    is_number: Array
    pearson: Array
    spearman: Array
    cramers_v: Array
    cramers_v_corrected: Array
    correlation_ratio: Array
    rank_correlation_ratio: Array

    @property
    def strength(self) -> Array:
        """One figure a pair, float64, shape (n_columns, n_columns), symmetric."""
        both = np.logical_and.outer(self.is_number, self.is_number)
        neither = np.logical_and.outer(~self.is_number, ~self.is_number)
        ratio = self.rank_correlation_ratio
        mixed = np.where(self.is_number, ratio, ratio.T)
        return np.where(both, self.spearman, np.where(neither, self.cramers_v_corrected, mixed))

    def measure(self, first: int, second: int) -> PairMeasure:
        """Return which measure `strength` is for two columns, given by position."""
        n_numbers = int(self.is_number[first]) + int(self.is_number[second])
        names: tuple[PairMeasure, ...] = ("cramers_v", "correlation_ratio", "spearman")
        return names[n_numbers]


@dataclass(frozen=True, slots=True)
class WorstPair:
    """A pair whose association is reproduced badly.

    Attributes
    ----------
    columns : tuple of str
    measure : {"spearman", "cramers_v", "correlation_ratio"}
    real, synthetic : float
    expected_difference : float or None
        Mean absolute difference of resamples.
    """

    columns: tuple[str, str]
    measure: PairMeasure
    real: float
    synthetic: float
    expected_difference: float | None

    @property
    def difference(self) -> float:
        """Synthetic less real."""
        return self.synthetic - self.real


@dataclass(frozen=True, slots=True)
class PairAssociations:
    """Associations of one synthetic file beside those of the real one.

    Attributes
    ----------
    real, synthetic : Associations
    holdout : Associations or None
    expected_difference : array of float64, shape (n_columns, n_columns), or None
        Mean absolute difference of `Associations.strength` of resamples from the real one.
    mean_difference : float
        Mean absolute difference of strength over the pairs that have one in both files.
    mean_expected_difference, mean_holdout_difference : float or None
    n_pairs : int
        Pairs compared.
    undefined : tuple of (str, str)
        Pairs that have no association in one of the files: a column does not vary.
    worst : tuple of WorstPair
        Largest absolute difference first.
    """

    real: Associations
    synthetic: Associations
    holdout: Associations | None
    expected_difference: Array | None
    mean_difference: float
    mean_expected_difference: float | None
    mean_holdout_difference: float | None
    n_pairs: int
    undefined: tuple[tuple[str, str], ...]
    worst: tuple[WorstPair, ...]

    @property
    def difference(self) -> Array:
        """Strength in the synthetic file less that in the real one; NaN where undefined."""
        return self.synthetic.strength - self.real.strength


def associate(table: CodedTable) -> Associations:
    """Measure the associations of all pairs of columns of one file."""
    n_columns = len(table.columns)
    numbers = correlations(table)
    is_number = np.zeros(n_columns, bool)
    is_number[list(numbers.positions)] = True
    full = np.full((2, n_columns, n_columns), np.nan)
    if numbers.positions:
        full[np.ix_([0, 1], numbers.positions, numbers.positions)] = (
            numbers.pearson,
            numbers.spearman,
        )
    plain, corrected = cramers_v(table)
    return Associations(
        table.names, is_number, full[0], full[1], plain, corrected, *correlation_ratios(table)
    )


def pair_associations(
    codes: CommonCodes, *, n_bootstraps: int = 1, n_worst: int = 20, seed: int = 0
) -> tuple[PairAssociations, ...]:
    """Compare the associations of all pairs of columns.

    Parameters
    ----------
    codes : CommonCodes
    n_bootstraps : int
        Resamples of the real file; 0 for none.
    n_worst : int
        Pairs to list.
    seed : int

    Returns
    -------
    tuple of PairAssociations
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If there are fewer than two columns, or no pair in which both columns vary.
    """
    if len(codes.real.columns) < 2:
        raise IncomputableMetricError(
            "associations need two columns, the files have one in common; add columns"
        )
    real = associate(codes.real)
    holdout = None if codes.holdout is None else associate(codes.holdout)
    expected: dict[int, Array | None] = {}
    found = []
    for table in codes.synthetic:
        if table.n_rows not in expected:
            expected[table.n_rows] = _expected(codes.real, real, table.n_rows, n_bootstraps, seed)
        found.append(_compare(real, associate(table), holdout, expected[table.n_rows], n_worst))
    return tuple(found)


def _expected(
    table: CodedTable, real: Associations, n_rows: int, n_bootstraps: int, seed: int
) -> Array | None:
    """Return mean absolute differences of resamples; None without any."""
    if not n_bootstraps:
        return None
    total = np.zeros_like(real.pearson)
    for number in range(n_bootstraps):
        rows = bootstrap_rows(table.n_rows, n_rows, seed=seed, replicate=number)
        total += np.abs(associate(table.take(rows)).strength - real.strength)
    return total / n_bootstraps


def _mean_of(values: Array) -> float | None:
    """Return the mean of the pairs that are defined, None when there are none."""
    upper = values[np.triu_indices(len(values), 1)]
    defined = upper[~np.isnan(upper)]
    return float(defined.mean()) if len(defined) else None


def _compare(
    real: Associations,
    synthetic: Associations,
    holdout: Associations | None,
    expected: Array | None,
    n_worst: int,
) -> PairAssociations:
    strengths = real.strength, synthetic.strength
    gap = np.abs(strengths[1] - strengths[0])
    mean = _mean_of(gap)
    if mean is None:
        raise IncomputableMetricError(
            "no two columns vary in both files; associations need columns with two or more levels"
        )
    first, second = np.triu_indices(len(gap), 1)
    upper = gap[first, second]
    lost = np.isnan(upper)
    order = np.argsort(-np.where(lost, -1.0, upper), kind="stable")[: min(n_worst, (~lost).sum())]
    worst = []
    for i, j in zip(first[order], second[order], strict=True):
        chance = None if expected is None or np.isnan(expected[i, j]) else float(expected[i, j])
        worst.append(
            WorstPair(
                columns=(real.names[i], real.names[j]),
                measure=real.measure(i, j),
                real=float(strengths[0][i, j]),
                synthetic=float(strengths[1][i, j]),
                expected_difference=chance,
            )
        )
    return PairAssociations(
        real=real,
        synthetic=synthetic,
        holdout=holdout,
        expected_difference=expected,
        mean_difference=mean,
        mean_expected_difference=None if expected is None else _mean_of(expected),
        mean_holdout_difference=(
            None if holdout is None else _mean_of(np.abs(holdout.strength - strengths[0]))
        ),
        n_pairs=int((~lost).sum()),
        undefined=tuple(
            (real.names[i], real.names[j]) for i, j in zip(first[lost], second[lost], strict=True)
        ),
        worst=tuple(worst),
    )
