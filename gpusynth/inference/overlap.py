"""How well two intervals agree."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array

__all__ = ["interval_overlap"]


def interval_overlap(first: tuple[Array, Array], second: tuple[Array, Array]) -> Array:
    """Return the overlap of intervals: mean of its shares of both lengths.

    Karr, Kohnen, Oganian, Reiter and Sanil (2006), The American Statistician 60, equation 1. It is
    1 for equal intervals and negative for disjoint ones, the more so the farther they lie apart.

    Parameters
    ----------
    first, second : tuple of (lower, upper), arrays of float64, shape (p,)

    Returns
    -------
    array of float64, shape (p,)
        NaN where an interval is not finite or has no length.
    """
    common = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    lengths = [upper - lower for lower, upper in (first, second)]
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap: Array = 0.5 * (common / lengths[0] + common / lengths[1])
    usable = [(length > 0) & np.isfinite(length) for length in lengths]
    return np.where(usable[0] & usable[1], overlap, np.nan)
