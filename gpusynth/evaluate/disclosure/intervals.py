"""Shares with their intervals, and rows drawn for a measure that would be slow on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from gpusynth.arrays import Array
from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = ["CONFIDENCE", "Rate", "normal_quantile", "permutation", "sample_rows", "wilson"]

CONFIDENCE = 0.95
"""Of every interval in this package unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of trials, with its interval.

    Attributes
    ----------
    value : float
        In [0, 1].
    low, high : float
    n : int
        Trials.
    """

    value: float
    low: float
    high: float
    n: int


def normal_quantile(confidence: float) -> float:
    """Return z such that a normal variable lies within z deviations with this probability.

    Raises
    ------
    ValueError
        If `confidence` is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf(0.5 * (1.0 + confidence))


def wilson(n_hits: float, n: float, *, confidence: float = CONFIDENCE) -> Rate:
    """Return the share of hits with Wilson's interval, which needs no large numbers.

    ``(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)``

    Parameters
    ----------
    n_hits : float
    n : float
        Independent trials, at least one; not whole where it is an effective number of them.
    confidence : float

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
           inference. JASA 22, 209-212.
    """
    if not 0 <= n_hits <= n or n < 1:
        raise ValueError(f"a share needs trials, and at most as many hits; got {n_hits} of {n}")
    z = normal_quantile(confidence)
    share = n_hits / n
    middle = share + z * z / (2 * n)
    half = z * sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    shrink = 1.0 + z * z / n
    low, high = max((middle - half) / shrink, 0.0), min((middle + half) / shrink, 1.0)
    return Rate(share, low, high, round(n))


def sample_rows(n_rows: int, n: int | None, *, seed: int, step: int) -> Array:
    """Draw rows without replacement: those with the smallest random numbers, in file order.

    Parameters
    ----------
    n_rows : int
        Rows of the file.
    n : int, optional
        Rows to draw; all where it is None or at least `n_rows`.
    seed : int
    step : int
        Which sample: different steps draw independently.

    Returns
    -------
    array of int64, ascending
    """
    if n is None or n >= n_rows:
        return np.arange(n_rows)
    key = StreamKey(seed, step=step, purpose=Purpose.EVALUATE)
    order = np.argsort(random_bits(key, 0, n_rows)[:, 0], kind="stable")
    return np.sort(order[:n])


def permutation(n_rows: int, *, seed: int, step: int) -> Array:
    """Return the rows in random order, int64."""
    key = StreamKey(seed, step=step, purpose=Purpose.EVALUATE)
    return np.argsort(random_bits(key, 0, n_rows)[:, 0], kind="stable")
