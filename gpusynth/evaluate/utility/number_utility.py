"""How well the numbers of one column are reproduced; formulas are in `distribution`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.utility.column_counts import ColumnCounts, ColumnSides
from gpusynth.evaluate.utility.distribution import (
    kolmogorov_smirnov,
    mean_and_deviation,
    quantiles,
    wasserstein,
)

__all__ = ["NumberUtility", "compare_numbers", "mean_or_none"]


@dataclass(frozen=True, slots=True)
class NumberUtility:
    """How well the numbers of a column are reproduced.

    Attributes
    ----------
    real_zero_share, synthetic_zero_share : float
        Of all rows.
    real_mean, synthetic_mean, real_deviation, synthetic_deviation : float
    shares, real_quantiles, synthetic_quantiles : array of float64
    ks, wasserstein : float
    wasserstein_ratio : float or None
        Over the standard deviation of the real numbers; None when they are all equal.
    expected_ks, expected_wasserstein : float or None
        Of bootstrap resamples of the real file.
    holdout_ks, holdout_wasserstein : float or None
    """

    real_zero_share: float
    synthetic_zero_share: float
    real_mean: float
    synthetic_mean: float
    real_deviation: float
    synthetic_deviation: float
    shares: Array
    real_quantiles: Array
    synthetic_quantiles: Array
    ks: float
    wasserstein: float
    wasserstein_ratio: float | None
    expected_ks: float | None = None
    expected_wasserstein: float | None = None
    holdout_ks: float | None = None
    holdout_wasserstein: float | None = None


def mean_or_none(values: Sequence[float]) -> float | None:
    """Return the mean, None when there are no values."""
    return float(np.mean(values)) if values else None


def _with_numbers(files: Sequence[ColumnCounts | None]) -> list[Array]:
    """Return the counts of numbers of those files that have any."""
    counts = [one.numbers for one in files if one is not None and one.numbers is not None]
    return [one for one in counts if one.sum() > 0]


def compare_numbers(
    x: Array, sides: ColumnSides, shares: Sequence[float], *, are_weights: bool
) -> NumberUtility:
    """Compare the numbers of a column.

    Parameters
    ----------
    x : array of float64, shape (n_numbers,)
        The distinct numbers of all files, ascending.
    sides : ColumnSides
        The real and the synthetic file have numbers.
    shares : sequence of float
        Of quantiles.
    are_weights : bool
        Whether counts are weights.
    """
    real, synthetic = _with_numbers((sides.real, sides.synthetic))
    resampled, kept = _with_numbers(sides.resampled), _with_numbers((sides.holdout,))
    zero = x == 0.0
    real_mean, real_deviation = mean_and_deviation(x, real)
    synthetic_mean, synthetic_deviation = mean_and_deviation(x, synthetic)
    distance = wasserstein(x, real, synthetic)
    return NumberUtility(
        real_zero_share=float(real[zero].sum() / sides.real.codes.sum()),
        synthetic_zero_share=float(synthetic[zero].sum() / sides.synthetic.codes.sum()),
        real_mean=real_mean,
        synthetic_mean=synthetic_mean,
        real_deviation=real_deviation,
        synthetic_deviation=synthetic_deviation,
        shares=np.asarray(shares, np.float64),
        real_quantiles=quantiles(x, real, shares, are_weights=are_weights),
        synthetic_quantiles=quantiles(x, synthetic, shares, are_weights=are_weights),
        ks=kolmogorov_smirnov(real, synthetic),
        wasserstein=distance,
        wasserstein_ratio=distance / real_deviation if real_deviation > 0.0 else None,
        expected_ks=mean_or_none([kolmogorov_smirnov(real, one) for one in resampled]),
        expected_wasserstein=mean_or_none([wasserstein(x, real, one) for one in resampled]),
        holdout_ks=mean_or_none([kolmogorov_smirnov(real, one) for one in kept]),
        holdout_wasserstein=mean_or_none([wasserstein(x, real, one) for one in kept]),
    )
