"""Fit: a target, its weights and rows in the integers and the order that the grower needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.trees.params import CartParams
from gpusynth.trees.target import (
    WEIGHTED_NUMBER_BITS,
    ClassTarget,
    Target,
    fixed_point,
    fixed_weight,
)
from gpusynth_kernels.cpu import finish
from gpusynth_kernels.cpu.kinds import (
    CLASSES_BY_ENTROPY,
    CLASSES_BY_GINI,
    NUMBERS,
    WEIGHTED_CLASSES,
)
from gpusynth_kernels.scalar.entropy import log_table

__all__ = ["Fit", "prepare_fit"]


@cache
def _entropy_table() -> Array:
    return log_table()


@dataclass(slots=True)
class Fit:
    """Everything that the kernels need of one fit."""

    mode: int
    n_classes: int
    order: Array
    numbers: Array
    weight: Array
    table: Array = field(default_factory=lambda: np.zeros(1, np.int64))

    @property
    def target(self) -> tuple[int, Array, Array, Array]:
        """What kernels call the target: classes, numbers, weights, entropy table."""
        return self.n_classes, self.numbers, self.weight, self.table


def prepare_fit(
    target: Target, params: CartParams, weight: Array | None, rows: Array | None
) -> Fit:
    """Turn a target, weights and rows into what the kernels need.

    Parameters
    ----------
    target : ClassTarget or NumberTarget
    params : CartParams
    weight : array of float64, shape (n,), or None
    rows : array of int32 or int64, ascending, or None
        Rows that take part, None for all; those of weight 0 leave.

    Returns
    -------
    Fit
        Rows in order of (class, row).

    Raises
    ------
    PlanError
        If the criterion does not fit the target or the weights.
    DataError
        If a class, number or weight is not usable, or no row takes part.
    """
    taking_part = None if rows is None else np.asarray(rows, np.int64)
    fit = _in_integers(target, params, weight, taking_part)
    if not len(fit.order):
        raise DataError("a tree needs at least one row")
    return fit


def _in_integers(
    target: Target, params: CartParams, weight: Array | None, rows: Array | None
) -> Fit:
    none = np.zeros(0, np.int64)
    units = none
    if weight is not None:
        units = np.zeros(len(weight), np.int64)
        rows = np.arange(target.n_rows) if rows is None else rows
        units[rows] = fixed_weight(np.asarray(weight)[rows])
        rows = rows[units[rows] > 0]
    if isinstance(target, ClassTarget):
        if params.criterion == "variance":
            raise PlanError("criterion variance is for numbers; classes take gini or entropy")
        codes = target.codes if rows is None else target.codes[rows]
        if len(codes) and int(codes.max()) >= target.n_classes:
            raise DataError(f"a class is not below n_classes = {target.n_classes}")
        order = np.empty(len(codes), np.uint64)
        finish.class_entries(target.codes, none if rows is None else rows, target.n_classes, order)
        if params.criterion == "entropy":
            if weight is not None:
                raise PlanError("criterion entropy takes no weights: use gini")
            return Fit(CLASSES_BY_ENTROPY, target.n_classes, order, none, none, _entropy_table())
        mode = CLASSES_BY_GINI if weight is None else WEIGHTED_CLASSES
        return Fit(mode, target.n_classes, order, none, units)
    if params.criterion in ("gini", "entropy"):
        raise PlanError(f"criterion {params.criterion} is for classes; numbers take variance")
    values = np.asarray(target.values)
    if rows is None:
        order = np.arange(len(values), dtype=np.uint64)
        return Fit(NUMBERS, 0, order, fixed_point(values)[0], units)
    numbers = np.zeros(len(values), np.int64)
    if weight is None:
        numbers[rows] = fixed_point(values[rows])[0]
    else:
        numbers[rows] = fixed_point(values[rows], WEIGHTED_NUMBER_BITS)[0] * units[rows]
    return Fit(NUMBERS, 0, rows.astype(np.uint64), numbers, units)
