"""Newton's method on the dual of calibration: finds lambda with ``sum d F(x'lambda) x = t``.

The matrix is never made. Each step is solved by conjugate gradients with a diagonal
preconditioner; sums go over rows in order, so that neither threads nor a library of linear algebra
decide a bit, and margins that repeat each other (each of them adds up to the population) need
neither a generalised inverse nor a ridge: from zero, conjugate gradients stay in the range of a
singular matrix [2]_.

References
----------
.. [1] Deville, J.-C. and Sarndal, C.-E. (1992). Calibration estimators in survey sampling. Journal
   of the American Statistical Association 87(418), 376-382. Section 3: Newton's method.
.. [2] Hestenes, M. R. and Stiefel, E. (1952). Methods of conjugate gradients for solving linear
   systems. Journal of Research of the National Bureau of Standards 49(6), 409-436.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.calibration.constraints import Constraint
from gpusynth.calibration.distances import Distance

__all__ = ["solve_dual"]

_MOST_HALVINGS = 60
_INNER_TOLERANCE = 1e-8  # of a residual: each outer iteration gains as many digits, and no more
_NO_CURVATURE = 1e-12  # of a direction, to its diagonal: rounding, where margins repeat each other
_LEAST_CURVATURE = 1e-14  # share of a cell's curvature that is kept where every row is at a bound


@dataclass(frozen=True, slots=True)
class _Design:
    """The matrix x of all constraints side by side, as cells and numbers."""

    constraints: Sequence[Constraint]

    @property
    def offsets(self) -> Array:
        """First column of each constraint."""
        return np.cumsum([0, *(constraint.n_cells for constraint in self.constraints)])

    def times(self, vector: Array, n_rows: int) -> Array:
        """Return x'v of each row."""
        out = np.zeros(n_rows)
        for start, constraint in zip(self.offsets.tolist(), self.constraints, strict=False):
            part = np.append(vector[start : start + constraint.n_cells], 0.0)
            own = part[constraint.cells]  # -1, no cell, takes the 0 at the end
            out += own if constraint.numbers is None else own * constraint.numbers
        return out

    def totals(self, weights: Array) -> Array:
        """Return the sums of weight times x."""
        return np.concatenate([constraint.totals(weights) for constraint in self.constraints])

    def diagonal(self, weights: Array) -> Array:
        """Return the sums of weight times x squared."""
        return np.concatenate(
            [
                c.totals(weights if c.numbers is None else weights * c.numbers)
                for c in self.constraints
            ]
        )


def solve_dual(
    base: Array,
    constraints: Sequence[Constraint],
    scales: Array,
    distance: Distance,
    *,
    tolerance: float,
    max_iterations: int,
) -> tuple[Array, int]:
    """Find the factors of weights that meet all constraints.

    Parameters
    ----------
    base : array of float64, shape (n_rows,)
    constraints : sequence of Constraint
    scales : array of float64, shape (n_cells of all,)
        What the deviation of each total is relative to.
    distance : Distance
    tolerance : float
    max_iterations : int

    Returns
    -------
    factors : array of float64, shape (n_rows,)
    iterations : int
    """
    design = _Design(constraints)
    targets = np.concatenate([constraint.targets for constraint in constraints])
    full = design.diagonal(base)
    solution = np.zeros(len(targets))
    u = np.zeros(len(base))
    factors = distance.factors(u)
    residual = targets - design.totals(base * factors)
    for iteration in range(max_iterations):
        if (np.abs(residual) <= tolerance * scales).all():
            return factors, iteration
        curvature = base * distance.slopes(u)
        diagonal = design.diagonal(curvature)
        floor = np.where(diagonal < _LEAST_CURVATURE * full, full, 0.0)
        direction = _conjugate_gradients(design, curvature, floor, residual, len(base))
        along = np.sum(residual * direction)
        if not along > 0:
            break
        change = design.times(direction, len(base))
        step = 1.0
        for _ in range(_MOST_HALVINGS):
            factors = distance.factors(u + step * change)
            with np.errstate(invalid="ignore", over="ignore"):
                trial = targets - design.totals(base * factors)
                # The dual is convex: along the direction the residual falls, and a step that does
                # not overshoot by more than 0.9 of the start's slope lowers the dual.
                ahead = np.sum(trial * direction)
            if np.isfinite(trial).all() and ahead >= -0.9 * along:
                break
            step /= 2
        else:
            factors = distance.factors(u)
            break
        solution += step * direction
        u = design.times(solution, len(base))
        factors = distance.factors(u)
        residual = targets - design.totals(base * factors)
    else:
        iteration = max_iterations
    return factors, iteration


def _conjugate_gradients(
    design: _Design, curvature: Array, floor: Array, residual: Array, n_rows: int
) -> Array:
    """Solve ``(x' diag(curvature) x + diag(floor)) p = residual``."""
    diagonal = design.diagonal(curvature) + floor
    inverse = np.divide(1.0, diagonal, out=np.zeros(len(diagonal)), where=diagonal > 0)
    solution = np.zeros(len(residual))
    left = residual.copy()
    scaled = inverse * left
    direction = scaled.copy()
    size = first = np.sum(left * scaled)
    for _ in range(2 * len(residual) + 20):
        if not size > _INNER_TOLERANCE**2 * first:
            break
        image = design.totals(curvature * design.times(direction, n_rows)) + floor * direction
        bend = np.sum(direction * image)
        if not bend > _NO_CURVATURE * np.sum(diagonal * direction * direction):
            break
        solution += (size / bend) * direction
        left -= (size / bend) * image
        scaled = inverse * left
        before, size = size, np.sum(left * scaled)
        direction = scaled + (size / before) * direction
    return solution
