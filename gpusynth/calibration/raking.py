"""Raking: iterative proportional fitting of weights to sums over levels.

References
----------
.. [1] Deming, W. E. and Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency
   table when the expected marginal totals are known. Annals of Mathematical Statistics 11(4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.calibration.constraints import Constraint

__all__ = ["rake"]


def rake(
    base: Array, constraints: Sequence[Constraint], *, tolerance: float, max_iterations: int
) -> tuple[Array, int]:
    """Scale weights to one margin after the other until all hold.

    Parameters
    ----------
    base : array of float64, shape (n_rows,)
    constraints : sequence of Constraint
        Of weights, not of numbers; every cell with a positive total has a positive base.
    tolerance : float
        Relative deviation of a total that counts as none.
    max_iterations : int

    Returns
    -------
    factors : array of float64, shape (n_rows,)
        1 in rows that no margin reaches.
    iterations : int
        Rounds over all margins; `max_iterations` where it did not converge.
    """
    factors = np.ones(len(base))
    iteration = 0
    for iteration in range(max_iterations + 1):
        ratios = []
        for constraint in constraints:
            totals = constraint.totals(base * factors)
            ratio = np.ones(len(totals))
            np.divide(constraint.targets, totals, out=ratio, where=totals > 0)
            ratios.append(ratio)
        worst = max(np.abs(1.0 / ratio[ratio > 0] - 1.0).max(initial=0) for ratio in ratios)
        if iteration == max_iterations or worst <= tolerance:
            break
        for number, constraint in enumerate(constraints):
            if number:  # the first ratio is of the weights as they are
                totals = constraint.totals(base * factors)
                np.divide(constraint.targets, totals, out=ratios[number], where=totals > 0)
            # A place more: rows in no cell, -1, keep their weight.
            factors = factors * np.append(ratios[number], 1.0)[constraint.cells]
    return factors, iteration
