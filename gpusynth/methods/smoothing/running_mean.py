"""Running mean of sorted numbers."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array

__all__ = ["running_mean"]


def running_mean(ascending: Array, window: int) -> Array:
    """Return the mean of each number and its neighbours.

    synthpop's "rmean": ``broman::runningmean`` over the ranks. At the ends the window is cut off.

    Parameters
    ----------
    ascending : array of float64, shape (n,)
    window : int
        Odd; ``window // 2`` neighbours on either side.

    Returns
    -------
    array of float64, shape (n,)
        Ascending too, within the range of the numbers.
    """
    n = len(ascending)
    reach = min(window // 2, max(n - 1, 0))
    total = ascending.copy()
    terms = np.ones(n)
    # Neighbour by neighbour in a fixed order: a difference of running totals would lose digits.
    for step in range(1, reach + 1):
        total[step:] += ascending[:-step]
        terms[step:] += 1
        total[:-step] += ascending[step:]
        terms[:-step] += 1
    return total / terms
