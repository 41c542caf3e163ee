"""Order the levels of a column by the first principal component of their class proportions.

References
----------
.. [1] Coppersmith, D., Hong, S. J. & Hosking, J. R. M. (1999). Partitioning nominal attributes in
       decision trees. Data Mining and Knowledge Discovery 3, 197-217, section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit

__all__ = ["POWER_STEPS", "principal_scores"]

POWER_STEPS = 12
"""Steps of the power method. The order needs the direction to a few digits only; 12 steps bring
the second component below 1e-3 of the first when it explains 75 % as much variance."""


@jit
def principal_scores(
    counts: Any, totals: Any, mean: Any, direction: Any, following: Any, out: Any
) -> None:
    """Set ``out[s]`` to the score of level s on the first principal component.

    The covariance is that of the class proportions over rows: each level weighs by its rows. The
    power method starts from the class whose proportion varies most, and all sums run in ascending
    order of level and class, so the result is one number on every machine.

    Parameters
    ----------
    counts : array of int64, shape (>= n_levels, n_classes)
        Rows (or weights) by level and class.
    totals : array of int64, shape (n_levels,)
        Row sums; levels whose total is 0 score 0.
    mean, direction, following : arrays of float64, shape (n_classes,), work
    out : array of float64, shape (n_levels,)
    """
    n_levels = totals.shape[0]
    n_classes = counts.shape[1]
    n = np.int64(0)
    for s in range(n_levels):
        n += totals[s]
    for k in range(n_classes):
        of_class = np.int64(0)
        for s in range(n_levels):
            of_class += counts[s, k]
        mean[k] = np.float64(of_class) / np.float64(n)
    largest = -1.0
    widest = 0
    for k in range(n_classes):
        variance = 0.0
        for s in range(n_levels):
            if totals[s] > 0:
                d = np.float64(counts[s, k]) / np.float64(totals[s]) - mean[k]
                variance += (d * d) * np.float64(totals[s])
        if variance > largest:
            largest = variance
            widest = k
        direction[k] = 0.0
    direction[widest] = 1.0
    for _ in range(POWER_STEPS):
        for k in range(n_classes):
            following[k] = 0.0
        for s in range(n_levels):
            if totals[s] > 0:
                projection = 0.0
                for k in range(n_classes):
                    d = np.float64(counts[s, k]) / np.float64(totals[s]) - mean[k]
                    projection += d * direction[k]
                projection *= np.float64(totals[s])
                for k in range(n_classes):
                    d = np.float64(counts[s, k]) / np.float64(totals[s]) - mean[k]
                    following[k] += d * projection
        longest = 0.0
        for k in range(n_classes):
            longest = max(longest, abs(following[k]))
        if longest == 0.0:
            break
        for k in range(n_classes):
            direction[k] = following[k] / longest
    for s in range(n_levels):
        score = 0.0
        if totals[s] > 0:
            for k in range(n_classes):
                score += (np.float64(counts[s, k]) / np.float64(totals[s])) * direction[k]
        out[s] = score
