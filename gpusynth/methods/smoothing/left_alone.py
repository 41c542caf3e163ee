"""Which numbers smoothing leaves as they are, and on which grid smoothed ones must lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table import Column, parse_storage
from gpusynth.table.numbers import decimal_scale
from gpusynth.table.special_codes import NumberSpecials, number_dtype

__all__ = ["NumberGrid", "frequent_number", "top_code"]

_TIME_KINDS = ("date", "timestamp")


def frequent_number(distinct: Array, counts: Array) -> Array:
    """Return the number that more than 70 % of the rows share, or none; shape (0 or 1,).

    As in synthpop's ``syn.smooth``: such a number is a state and no measurement.
    """
    return distinct[counts * 10 > 7 * counts.sum()]


def top_code(distinct: Array, counts: Array) -> Array:
    """Return the largest number where it is a top code, or none; shape (0 or 1,).

    It is taken for one where it is more than 11 times as frequent as the next number, as in
    synthpop's ``syn.smooth`` (``10 * next < largest - next``).
    """
    if len(distinct) < 2 or counts[-1] <= 11 * counts[-2]:
        return distinct[:0]
    return distinct[-1:]


@dataclass(frozen=True, slots=True)
class NumberGrid:
    """Which numbers a column can hold.

    Attributes
    ----------
    step : float
        Numbers are multiples of it, in storage units; 0 where `decimals` says it.
    decimals : int or None
        Digits after the point, for columns that are not whole.
    low, high : float
        The schema's bounds, in storage units.
    special : array of float64, shape (n_special,)
        Missing codes and spikes: ascending numbers that stand for something else.
    """

    step: float
    decimals: int | None
    low: float
    high: float
    special: Array

    @classmethod
    def of(cls, column: Column, distinct: Array) -> NumberGrid:
        """Derive the grid of a column.

        Parameters
        ----------
        column : Column
            Of a kind of numbers.
        distinct : array of float64, shape (n_distinct,)
            The numbers that were drawn: dates and timestamps stay on the coarsest unit (whole days,
            whole seconds) that all of these lie on.
        """
        storage = parse_storage(column.storage)
        scale = decimal_scale(storage)
        low, high = column.bounds or (None, None)
        step = 0.0
        if number_dtype(column) == np.int64:
            step = 1.0
            if column.kind in _TIME_KINDS:
                step = float(np.gcd.reduce(distinct.astype(np.int64), initial=0)) or 1.0
            elif scale and column.decimals is not None:
                step = 10.0 ** max(scale - column.decimals, 0)
        special = NumberSpecials.of(column, ()).numbers
        return cls(
            step,
            column.decimals,
            -inf if low is None else low * 10.0**scale,
            inf if high is None else high * 10.0**scale,
            np.array(sorted(special), np.float64),
        )

    def round(self, numbers: Array) -> Array:
        """Return the nearest numbers of the grid, within the bounds if any of the grid is."""
        if self.step:
            rounded = np.rint(numbers / self.step) * self.step
            low = np.ceil(self.low / self.step) * self.step
            high = np.floor(self.high / self.step) * self.step
        elif self.decimals is None:
            rounded, low, high = numbers, self.low, self.high
        else:
            rounded, low, high = np.round(numbers, self.decimals), self.low, self.high
        return np.clip(rounded, low, max(low, high))
