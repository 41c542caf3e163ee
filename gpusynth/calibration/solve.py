"""Solve: weights that meet margins, checked before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.calibration.constraints import Constraint
from gpusynth.calibration.distances import CalibrationMethod, Distance, check_method
from gpusynth.calibration.feasible import check_cells
from gpusynth.calibration.newton import solve_dual
from gpusynth.calibration.raking import rake
from gpusynth.errors import DataError

__all__ = ["Calibration", "MarginFit", "calibrate_weights"]

_FEW = 0.5
"""Rows with the same cells are calibrated as one where that leaves at most this share of them."""


@dataclass(frozen=True, slots=True)
class MarginFit:
    """How well one margin is met.

    Attributes
    ----------
    title : str
    n_cells : int
    worst_before : float
        Largest relative deviation of the weights that calibration starts from, before any scaling.
    worst_after : float
    """

    title: str
    n_cells: int
    worst_before: float
    worst_after: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated weights.

    Attributes
    ----------
    weights : array of float64, shape (n_rows,)
        Positive wherever the weight was.
    scale : float
        What all weights were multiplied by first, so that they add up to the population.
    lowest, highest : float
        Range of the factors (g-weights) on top of that; bounds are on these.
    iterations : int
    margins : tuple of MarginFit
    """

    weights: Array
    scale: float
    lowest: float
    highest: float
    iterations: int
    margins: tuple[MarginFit, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all but the weights.

        Returns
        -------
        dict
        """
        return {
            "scale": self.scale,
            "lowest_factor": self.lowest,
            "highest_factor": self.highest,
            "iterations": self.iterations,
            "margins": [
                {
                    "margin": fit.title,
                    "n_cells": fit.n_cells,
                    "worst_deviation_before": fit.worst_before,
                    "worst_deviation_after": fit.worst_after,
                }
                for fit in self.margins
            ],
        }


def calibrate_weights(
    base: Array,
    constraints: Sequence[Constraint],
    *,
    method: CalibrationMethod = "raking",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 500,
    file: str = "table",
) -> Calibration:
    """Find the weights nearest to given ones that meet all margins.

    Parameters
    ----------
    base : array of float64, shape (n_rows,)
        Weights to start from, none negative.
    constraints : sequence of Constraint
    method : {"raking", "linear", "logit"}
        See `gpusynth.calibration.distances`.
    bounds : tuple of float, optional
        Lowest and highest factor.
    tolerance : float
        Relative deviation of a total that counts as none; 1e-9 is far above what rounding makes of
        sums over 10^8 rows and far below what is published.
    max_iterations : int
        Rounds over all margins (raking without numbers and bounds), else Newton steps.
    file : str
        For messages.

    Returns
    -------
    Calibration

    Raises
    ------
    PlanError
        If the bounds do not fit the method.
    DataError
        If no weights can meet the margins (which, by how much), a cell with a positive total has no
        rows, or a weight would not be positive.
    """
    check_method(method, bounds)
    scale = _scale(base, constraints)
    scaled = base * scale
    check_cells(scaled, constraints, bounds, file=file)
    start, few, inverse = _merged(scaled, constraints)
    distance = Distance(method, bounds)
    if method == "raking" and bounds is None and all(c.numbers is None for c in few):
        factors, iterations = rake(start, few, tolerance=tolerance, max_iterations=max_iterations)
    else:
        scales = np.concatenate(_scales(scaled, constraints))
        factors, iterations = solve_dual(
            start, few, scales, distance, tolerance=tolerance, max_iterations=max_iterations
        )
    factors = factors if inverse is None else factors[inverse]
    weights = scaled * factors
    before, after = _worst(base, scaled, constraints), _worst(weights, scaled, constraints)
    # Rows are added up in another order than merged ones: the last bits may differ.
    if max(after) > 1.01 * tolerance + 1e-12:
        place = constraints[int(np.argmax(after))].margin.place
        raise _not_met(file, place, max(after), f"the method {method}", bounds, iterations)
    used = base > 0
    n_bad = int((weights[used] <= 0).sum())
    if n_bad:
        raise DataError(
            f"{file}: linear calibration makes {n_bad} weights zero or negative. Use the method "
            "raking, or give bounds, such as [0.2, 5]."
        )
    fits = tuple(
        MarginFit(c.margin.title, c.n_cells, b, a)
        for c, b, a in zip(constraints, before, after, strict=True)
    )
    lowest, highest = float(factors[used].min()), float(factors[used].max())
    return Calibration(weights, scale, lowest, highest, iterations, fits)


def _scale(base: Array, constraints: Sequence[Constraint]) -> float:
    """Return what brings the weights to the population of the first margin that says it.

    Only where the margins contain the population does this leave the result of linear calibration
    and raking as it is; bounds then limit what calibration does within the population.
    """
    for constraint in constraints:
        if constraint.numbers is None and constraint.margin.complete:
            population, total = float(constraint.targets.sum()), float(base.sum())
            return population / total if population > 0 else 1.0
    return 1.0


def _merged(
    base: Array, constraints: Sequence[Constraint]
) -> tuple[Array, Sequence[Constraint], Array | None]:
    """Put rows with the same cells together: they have the same factor.

    Returns
    -------
    tuple of base, constraints, and the place of each row (None where rows stay as they are)
    """
    if any(constraint.numbers is not None for constraint in constraints):
        return base, constraints, None
    number = np.zeros(len(base), np.int64)
    first = np.zeros(1, np.int64)
    for constraint in constraints:
        _, first, number = np.unique(
            number * (constraint.n_cells + 1) + constraint.cells + 1,
            return_index=True,
            return_inverse=True,
        )
    if len(first) > _FEW * len(base):
        return base, constraints, None
    merged = [replace(constraint, cells=constraint.cells[first]) for constraint in constraints]
    return np.bincount(number, weights=base, minlength=len(first)), merged, number


def _scales(base: Array, constraints: Sequence[Constraint]) -> list[Array]:
    """Return what deviations are relative to: the total; of a total of 0 all that is added up."""
    scales = []
    for constraint in constraints:
        scale = np.abs(constraint.targets)
        if constraint.numbers is not None and (scale == 0).any():
            sizes = replace(constraint, numbers=np.abs(constraint.numbers)).totals(base)
            scale = np.where(scale == 0, sizes, scale)
        scales.append(np.where(scale == 0, 1.0, scale))
    return scales


def _worst(weights: Array, base: Array, constraints: Sequence[Constraint]) -> list[float]:
    """Return the largest relative deviation of each constraint."""
    pairs = zip(constraints, _scales(base, constraints), strict=True)
    return [float((np.abs(c.totals(weights) - c.targets) / s).max()) for c, s in pairs]


def _not_met(
    file: str,
    place: str,
    worst: float,
    method: str,
    bounds: tuple[float, float] | None,
    iterations: int,
) -> DataError:
    limits = "" if bounds is None else f" within the bounds [{bounds[0]:g}, {bounds[1]:g}]"
    remedy = "Drop or coarsen a margin" if bounds is None else "Widen the bounds, or drop a margin"
    return DataError(
        f"{file}: {method}{limits} finds no weights that meet all margins "
        f"({iterations} iterations): the {place} is still off by {100 * worst:.3g} %. {remedy}, or "
        "raise max_iterations."
    )
