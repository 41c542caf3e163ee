"""Distributions of numbers, compared exactly: distinct numbers and how often each occurs.

Let F and G be the distribution functions of the real and the synthetic numbers, on the ascending
distinct numbers ``x_1 < ... < x_m`` of both.

======================  ============================================================
quantity                formula
======================  ============================================================
Kolmogorov-Smirnov      ``max_i |F(x_i) - G(x_i)|``
Wasserstein (order 1)   ``sum_i |F(x_i) - G(x_i)| (x_{i+1} - x_i)``, in the column's unit
quantile, no weights    R's type 7: linear between order statistics 1 + (n - 1) p
quantile, weights       smallest x with ``F(x) >= p`` (inverse of F)
======================  ============================================================

References
----------
.. [1] Hyndman, R. J., Fan, Y. (1996). Sample quantiles in statistical packages. The American
       Statistician 50, 361-365 (types 7 and 1).
.. [2] Vallender, S. S. (1974). Calculation of the Wasserstein distance between probability
       distributions on the line. Theory of Probability and its Applications 18, 784-786.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError

__all__ = ["kolmogorov_smirnov", "mean_and_deviation", "quantiles", "wasserstein"]


def _distribution(counts: Array) -> Array:
    total = int(counts.sum())
    if total == 0:
        raise IncomputableMetricError(
            "one of the files has no number in this column; distances of numbers are undefined"
        )
    return np.cumsum(counts) / total


def kolmogorov_smirnov(real: Array, synthetic: Array) -> float:
    """Return the largest difference of the distribution functions, in [0, 1].

    Parameters
    ----------
    real, synthetic : array of int64, shape (n_numbers,)
        Rows (or weight) of each distinct number, in ascending order of the numbers.

    Raises
    ------
    IncomputableMetricError
        If a side has no rows.
    """
    return float(np.max(np.abs(_distribution(real) - _distribution(synthetic))))


def wasserstein(numbers: Array, real: Array, synthetic: Array) -> float:
    """Return the area between the distribution functions, in the unit of the numbers.

    Parameters
    ----------
    numbers : array of float64, shape (n_numbers,)
        Ascending and distinct.
    real, synthetic : array of int64, shape (n_numbers,)

    Raises
    ------
    IncomputableMetricError
        If a side has no rows.
    """
    gap = np.abs(_distribution(real) - _distribution(synthetic))
    return float(np.sum(gap[:-1] * np.diff(numbers)))


def mean_and_deviation(numbers: Array, counts: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation (divisor: all rows or all weight).

    Raises
    ------
    IncomputableMetricError
        If there are no rows.
    """
    share = counts / float(_checked_total(counts))
    mean = float(np.sum(share * numbers))
    return mean, float(np.sqrt(np.sum(share * (numbers - mean) ** 2)))


def _checked_total(counts: Array) -> int:
    total = int(counts.sum())
    if total == 0:
        raise IncomputableMetricError("the column has no number; it has no mean")
    return total


def quantiles(
    numbers: Array, counts: Array, shares: Sequence[float], *, are_weights: bool = False
) -> Array:
    """Return quantiles of the numbers.

    Parameters
    ----------
    numbers : array of float64, shape (n_numbers,)
        Ascending and distinct.
    counts : array of int64, shape (n_numbers,)
    shares : sequence of float
        In [0, 1].
    are_weights : bool
        Whether counts are weights, so that there are no order statistics to interpolate.

    Returns
    -------
    array of float64, shape (len(shares),)

    Raises
    ------
    IncomputableMetricError
        If there are no rows.
    """
    total = _checked_total(counts)
    below = np.cumsum(counts)
    p = np.asarray(shares, np.float64)
    last = len(numbers) - 1
    if are_weights:
        wanted = np.ceil(p * float(total)).clip(1).astype(np.int64)
        return numbers[np.minimum(np.searchsorted(below, wanted, side="left"), last)]
    position = p * (total - 1)
    whole = np.floor(position).astype(np.int64)
    low = numbers[np.searchsorted(below, whole, side="right")]
    high = numbers[np.searchsorted(below, np.minimum(whole + 1, total - 1), side="right")]
    return low + (position - whole) * (high - low)
