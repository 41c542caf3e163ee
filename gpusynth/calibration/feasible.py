"""Feasible: what can be said of margins and rows before anything is solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.calibration.constraints import Constraint
from gpusynth.errors import DataError

__all__ = ["check_cells"]

_SHOWN = 5


def check_cells(
    base: Array,
    constraints: Sequence[Constraint],
    bounds: tuple[float, float] | None,
    *,
    file: str,
) -> None:
    """Refuse cells whose total no positive weights within the bounds can have.

    Parameters
    ----------
    base : array of float64, shape (n_rows,)
        Scaled to the population.
    constraints : sequence of Constraint
    bounds : tuple of float, optional
    file : str
        For messages.

    Raises
    ------
    DataError
        Naming the margin, the cells and the remedy.
    """
    for constraint in constraints:
        if constraint.numbers is None:
            lowest = highest = constraint.totals(base)
        else:
            lowest = -_part(constraint, base, -1)
            highest = _part(constraint, base, 1)
        _check_empty(constraint, lowest, highest, file)
        if bounds is not None:
            _check_bounds(constraint, lowest, highest, bounds, file)


def _part(constraint: Constraint, base: Array, sign: int) -> Array:
    """Return the weighted totals of the positive (or of the negative, made positive) numbers."""
    given = constraint.numbers
    numbers = None if given is None else np.maximum(sign * given, 0.0)
    return replace(constraint, numbers=numbers).totals(base)


def _check_empty(constraint: Constraint, lowest: Array, highest: Array, file: str) -> None:
    targets, place = constraint.targets, constraint.margin.place
    nothing = "no rows with a positive weight"
    if constraint.numbers is not None:
        nothing = f"no rows with a weight and a fitting {constraint.margin.number}"
    empty = np.flatnonzero(((targets > 0) & (highest <= 0)) | ((targets < 0) & (lowest >= 0)))
    if len(empty):
        raise DataError(
            f"{file}: {place}: {_cells(constraint, empty)}, but {nothing}. "
            "Put cells together, or leave the margin out."
        )
    if constraint.numbers is None:
        filled = np.flatnonzero((targets == 0) & (highest > 0))
    else:
        filled = np.flatnonzero((targets == 0) & ((lowest < 0) != (highest > 0)))
    if len(filled):
        raise DataError(
            f"{file}: {place}: {_cells(constraint, filled)}, but rows with a weight, which would "
            "have to become 0. Put cells together, or leave the margin out."
        )


def _check_bounds(
    constraint: Constraint,
    lowest: Array,
    highest: Array,
    bounds: tuple[float, float],
    file: str,
) -> None:
    """Compare each total with the least and the most that factors within the bounds can give."""
    low, high = bounds
    targets, slack = constraint.targets, 1e-9 * np.maximum(np.abs(lowest), np.abs(highest))
    if constraint.numbers is None:
        least, most = low * highest, high * highest
    else:
        least, most = low * highest + high * lowest, high * highest + low * lowest
    beyond = np.flatnonzero((targets < least - slack) | (targets > most + slack))
    if not len(beyond):
        return
    centre = highest if constraint.numbers is None else highest + lowest
    needed = [
        f"{constraint.label(int(cell))} needs {targets[cell] / centre[cell]:.3g}"
        for cell in beyond[:_SHOWN]
        if centre[cell]
    ]
    raise DataError(
        f"{file}: {constraint.margin.place}: no factors within the bounds [{low:g}, {high:g}] give "
        f"the totals of {len(beyond)} cells: {'; '.join(needed)}. Widen the bounds, or put cells "
        "together."
    )


def _cells(constraint: Constraint, cells: Array) -> str:
    """Name cells and their totals, of real data their number only."""
    many = f"{len(cells)} of {constraint.n_cells} cells have"
    if constraint.margin.is_real:
        return f"{many} a real total"
    totals = [
        f"{constraint.label(int(cell))}: {constraint.targets[cell]:.10g}" for cell in cells[:_SHOWN]
    ]
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    return f"{many} a total ({'; '.join(totals)}{more})"
