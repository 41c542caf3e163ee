"""Univariate utility: each column's levels, missing answers, zeros, quantiles and distances.

Shares are of all rows (or of all weight) of a file. Distances of numbers are over the rows that
have one: missing codes are no numbers, spikes such as zero receipts are. Formulas of the distances
of numbers are in `gpusynth.evaluate.utility.distribution`; total variation is
``sum |p_real - p_synthetic| / 2`` over levels, missing codes and bins.

Each distance comes with what a bootstrap resample of the real file shows, and with that of the
holdout where there is one: rows drawn independently from a right model come no closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.baselines import bootstrap_rows
from gpusynth.evaluate.coded import CodedColumn, CommonCodes
from gpusynth.evaluate.labels import CodeKind, code_kinds, code_labels
from gpusynth.evaluate.utility.column_counts import ColumnCounts, ColumnSides, count_columns
from gpusynth.evaluate.utility.number_utility import NumberUtility, compare_numbers, mean_or_none

__all__ = ["QUANTILES", "ColumnUtility", "NumberUtility", "univariate"]

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of the quantiles that are compared."""


@dataclass(frozen=True, slots=True)
class ColumnUtility:
    """How well one column is reproduced.

    Attributes
    ----------
    name, kind : str
    labels : tuple of str
        Of levels, missing codes and bins.
    label_kinds : tuple of {"missing", "spike", "level", "bin"}
    real_counts, synthetic_counts : array of int64, shape (n_codes,)
        Rows; weight in an arbitrary unit where the files are weighted.
    real_shares, synthetic_shares : array of float64, shape (n_codes,)
    n_missing : int
        The first codes are missing ones: null, then missing codes.
    total_variation : float
    expected_total_variation, holdout_total_variation : float or None
    numbers : NumberUtility or None
        None where the column holds no numbers, or a file has none in it; `note` then says so.
    note : str
        What could not be compared, empty when all could.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    label_kinds: tuple[CodeKind, ...]
    real_counts: Array
    synthetic_counts: Array
    real_shares: Array
    synthetic_shares: Array
    n_missing: int
    total_variation: float
    expected_total_variation: float | None
    holdout_total_variation: float | None
    numbers: NumberUtility | None
    note: str = ""

    @property
    def real_missing_share(self) -> float:
        """Share of the real rows that are null or a missing code."""
        return float(self.real_shares[: self.n_missing].sum())

    @property
    def synthetic_missing_share(self) -> float:
        """Share of the synthetic rows that are null or a missing code."""
        return float(self.synthetic_shares[: self.n_missing].sum())


def univariate(
    codes: CommonCodes,
    *,
    shares: Sequence[float] = QUANTILES,
    n_bootstraps: int = 1,
    seed: int = 0,
) -> tuple[tuple[ColumnUtility, ...], ...]:
    """Compare each column of each synthetic file with the real one.

    Parameters
    ----------
    codes : CommonCodes
    shares : sequence of float
        Of quantiles.
    n_bootstraps : int
        Resamples of the real file whose mean distances are the expected ones; 0 for none.
    seed : int

    Returns
    -------
    tuple of tuple of ColumnUtility
        For each synthetic file one for each column, in the files' order.

    Raises
    ------
    IncomputableMetricError
        If a file has no rows or no weight.
    """
    real = count_columns(codes.real)
    holdout = None if codes.holdout is None else count_columns(codes.holdout)
    resampled: dict[int, list[tuple[ColumnCounts, ...]]] = {}
    for table in codes.synthetic:
        if table.n_rows not in resampled:
            resampled[table.n_rows] = [
                count_columns(codes.real.take(rows))
                for rows in (
                    bootstrap_rows(codes.real.n_rows, table.n_rows, seed=seed, replicate=number)
                    for number in range(n_bootstraps)
                )
            ]
    found = []
    for table in codes.synthetic:
        synthetic = count_columns(table)
        found.append(
            tuple(
                _compare_column(
                    column,
                    ColumnSides(
                        real[position],
                        synthetic[position],
                        None if holdout is None else holdout[position],
                        tuple(one[position] for one in resampled[table.n_rows]),
                    ),
                    shares,
                    are_weights=table.weight is not None,
                )
                for position, column in enumerate(codes.real.columns)
            )
        )
    return tuple(found)


def _shares(counts: Array) -> Array:
    total = int(counts.sum())
    if total == 0:
        raise IncomputableMetricError(
            "a file, or a resample of it, has no rows or no weight; shares are undefined"
        )
    return counts / total


def _total_variation(a: ColumnCounts, b: ColumnCounts) -> float:
    return float(np.abs(_shares(a.codes) - _shares(b.codes)).sum() / 2.0)


def _compare_column(
    column: CodedColumn, sides: ColumnSides, shares: Sequence[float], *, are_weights: bool
) -> ColumnUtility:
    real, synthetic = sides.real, sides.synthetic
    numbers, note = None, ""
    if column.numbers is not None and real.numbers is not None and synthetic.numbers is not None:
        empty = [
            name
            for name, counts in (("real", real.numbers), ("synthetic", synthetic.numbers))
            if counts.sum() == 0
        ]
        if empty:
            note = f"the {' and the '.join(empty)} file has no number in this column"
        else:
            numbers = compare_numbers(column.numbers, sides, shares, are_weights=are_weights)
    return ColumnUtility(
        name=column.name,
        kind=column.kind,
        labels=code_labels(column),
        label_kinds=code_kinds(column),
        real_counts=real.codes,
        synthetic_counts=synthetic.codes,
        real_shares=_shares(real.codes),
        synthetic_shares=_shares(synthetic.codes),
        n_missing=column.n_missing,
        total_variation=_total_variation(real, synthetic),
        expected_total_variation=mean_or_none(
            [_total_variation(real, one) for one in sides.resampled]
        ),
        holdout_total_variation=(
            None if sides.holdout is None else _total_variation(real, sides.holdout)
        ),
        numbers=numbers,
        note=note,
    )
