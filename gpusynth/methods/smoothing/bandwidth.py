"""Bandwidth of a kernel density estimate: the solve-the-equation rule of Sheather and Jones."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite, pi, sqrt

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.smoothing.scientific import scientific

__all__ = ["bandwidth_of"]

_FARTHEST = 1000.0  # squared distance in bandwidths beyond which exp(-d/2) adds nothing, as in R
_LEAST_BINS = 1000  # as in R
_BINS_IN_PILOT = 10
_COARSEST_IN_PILOT = 4  # below it, the count of numbers in one bin decides the result
_MOST_BINS = 1 << 17
_MOST_APART = 4000  # bins; 32 bandwidths are some 500 where bins were made to fit the pilot
_TRIES = 99  # how often the interval is widened, as in R
_PRECISION = 1e-10  # of the root, relative to the interval; R stops at 0.01


@dataclass(frozen=True, slots=True)
class _PairCounts:
    """How many pairs of numbers lie each number of bins apart.

    Attributes
    ----------
    n : int
        Numbers.
    width : float
        Of a bin.
    counts : array of float64, shape (n_distances,)
        Whole numbers below 2^53 for fewer than 10^8 numbers; exact to 1e-16 beyond.
    """

    n: int
    width: float
    counts: Array

    def functional(self, order: int, h: float) -> float:
        """Estimate the integral of f^(order) f with pilot bandwidth h, for order 4 or 6 [1]_.

        Numbers are paired with themselves too.
        """
        squares = (np.arange(len(self.counts)) * self.width / h) ** 2
        near = squares < _FARTHEST
        d = squares[near]
        if order == 4:
            hermite, own, power = d * d - 6 * d + 3, 3.0, 5
        else:
            hermite, own, power = d**3 - 15 * d * d + 45 * d - 15, -15.0, 7
        pairs = float(np.sum(np.exp(-d / 2) * hermite * self.counts[near]))
        total = 2 * pairs + self.n * own
        return total / (self.n * (self.n - 1.0) * h**power * sqrt(2 * pi))


def bandwidth_of(distinct: Array, counts: Array, *, n_bins: int | None = None) -> float:
    """Return the bandwidth for a kernel density estimate with a normal kernel.

    The rule of Sheather and Jones [1]_ as R's ``bw.SJ(method = "ste")`` computes it from binned
    numbers, which is what synthpop's ``density(y, width = "SJ")$bw`` is. The root of its equation
    is found to 1e-10; R stops within 1 % of an upper bound of it. Where the equation has no root
    (few or very discrete numbers), or numbers are so skewed that 131,072 bins do not resolve
    the pilot bandwidth, Silverman's rule [2]_, eq. 3.31, R's ``bw.nrd0``.

    Parameters
    ----------
    distinct : array of float64, shape (n_distinct,)
        Ascending and finite.
    counts : array of int64, shape (n_distinct,)
        How often each occurs.
    n_bins : int, optional
        R's ``nb``, 1000 by default there. None: 1000, or as many as make a bin a tenth of the pilot
        bandwidth: with 1000 bins, half of a skewed column lies in one bin, and R's result is far
        too small.

    Returns
    -------
    float
        0 for fewer than two distinct numbers.

    References
    ----------
    .. [1] Sheather, S. J. & Jones, M. C. (1991). A reliable data-based bandwidth selection method
       for kernel density estimation. JRSS B 53(3), 683-690.
    .. [2] Silverman, B. W. (1986). Density Estimation. Chapman and Hall.
    """
    if len(distinct) < 2:
        return 0.0
    n = int(counts.sum())
    deviation = _standard_deviation(distinct, counts, n)
    between = _interquartile_range(distinct, counts, n)
    scale = min(deviation, between / 1.349)
    if scale > 0:
        bins = n_bins or _enough_bins(distinct, _pilot(scale, n))
        found = _solve(_count_pairs(distinct, counts, bins), scale) if bins else None
        if found is not None:
            return found
    silverman = min(deviation, between / 1.34) or deviation
    return float(0.9 * silverman * float(n) ** -0.2)


def _standard_deviation(distinct: Array, counts: Array, n: int) -> float:
    mean = np.sum(counts * distinct) / n
    return float(np.sqrt(np.sum(counts * (distinct - mean) ** 2) / (n - 1)))


def _interquartile_range(distinct: Array, counts: Array, n: int) -> float:
    """Return the difference of the quartiles, by R's default type 7."""
    last = np.cumsum(counts)

    def quantile(numerator: int) -> float:
        whole, quarters = divmod(numerator * (n - 1), 4)
        below = distinct[np.searchsorted(last, whole, side="right")]
        above = distinct[np.searchsorted(last, min(whole + 1, n - 1), side="right")]
        return float(below + (above - below) * quarters / 4)

    return quantile(3) - quantile(1)


def _pilot(scale: float, n: int) -> float:
    """Return the bandwidth at which the integral of f^(4) f is estimated first [1]_."""
    return float(1.24 * scale * float(n) ** (-1 / 7))


def _enough_bins(distinct: Array, pilot: float) -> int:
    """Return how many bins resolve the pilot bandwidth; 0 where too many would be needed."""
    span = float(distinct[-1] - distinct[0])
    if _COARSEST_IN_PILOT * span > pilot * _MOST_BINS:
        return 0
    return int(min(max(_LEAST_BINS, ceil(_BINS_IN_PILOT * span / pilot)), _MOST_BINS))


def _count_pairs(distinct: Array, counts: Array, n_bins: int) -> _PairCounts:
    """Bin the numbers, from 0 outwards as R does, and count pairs of bins."""
    width = float(distinct[-1] - distinct[0]) * 1.01 / n_bins
    bins = np.trunc(distinct / width).astype(np.int64)
    bins -= bins.min()
    heights = np.bincount(bins, weights=counts, minlength=n_bins)[:n_bins]
    farthest = min(n_bins, _MOST_APART)
    pairs = np.array([heights[i:] @ heights[: n_bins - i] for i in range(farthest)])
    pairs[0] = np.sum(heights * (heights - 1)) / 2
    return _PairCounts(int(counts.sum()), width, pairs)


def _solve(pairs: _PairCounts, scale: float) -> float | None:
    """Solve the equation; None where it has no root."""
    n = pairs.n
    curvature = -pairs.functional(6, 1.23 * scale * n ** (-1 / 9))
    if not isfinite(curvature) or curvature <= 0:
        return None
    ratio = pairs.functional(4, _pilot(scale, n)) / curvature
    if not isfinite(ratio) or ratio <= 0:
        return None
    pilot = 1.357 * ratio ** (1 / 7)
    constant = 1 / (2 * sqrt(pi) * n)

    def excess(h: float) -> float:
        roughness = pairs.functional(4, pilot * h ** (5 / 7))
        return float((constant / roughness) ** 0.2) - h if roughness > 0 else float("nan")

    upper = 1.144 * scale * n**-0.2
    lower = 0.1 * upper
    for attempt in range(_TRIES):
        product = excess(lower) * excess(upper)
        if not isfinite(product):
            return None
        if product <= 0:
            precision = _PRECISION * lower
            return float(scientific("scipy.optimize").brentq(excess, lower, upper, xtol=precision))
        if attempt % 2:
            lower /= 1.2
        else:
            upper *= 1.2
    return None
