"""Means and quantiles of the real file, as constants of an expression."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.expression.columns import NumberColumn, Rows
from gpusynth.table.table import Table

__all__ = ["mean_of", "quantile_of"]


def quantile_of(column: NumberColumn, share: float, table: Table) -> Fraction | None:
    """Return a quantile of a column's numbers, spikes included, missing answers left out.

    Linear between the two numbers around place ``(n - 1) * share`` (type 7 of [1]_, R's default).

    Parameters
    ----------
    column : NumberColumn
    share : float
        In [0, 1].
    table : Table
        The real file.

    Returns
    -------
    Fraction in storage units, or None when all answers are missing

    References
    ----------
    .. [1] Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The American
       Statistician 50(4), 361-365.
    """
    units = _known_units(column, table)
    if not len(units):
        return None
    place = (len(units) - 1) * share
    low, high = math.floor(place), math.ceil(place)
    ends = np.partition(units, [low, high])
    first, last = Fraction(ends[low].item()), Fraction(ends[high].item())
    return first + (last - first) * Fraction(place - low)


def mean_of(column: NumberColumn, table: Table) -> Fraction | None:
    """Return the mean of a column's numbers, spikes included, missing answers left out.

    The sum is exact, so that it depends neither on the order of the rows nor on the processor.

    Returns
    -------
    Fraction in storage units, or None when all answers are missing
    """
    units = _known_units(column, table)
    if not len(units):
        return None
    total: int | float
    if units.dtype == np.int64:
        # The halves of 64 bits add up without overflow for 2^31 rows.
        total = (int((units >> 32).sum()) << 32) + int((units & 0xFFFF_FFFF).sum())
    else:
        total = math.fsum(units)
    return Fraction(total) / len(units)


def _known_units(column: NumberColumn, table: Table) -> Array:
    name = column.name
    rows = Rows(lambda _: (table.codes[name], table.values.get(name)))
    units, missing = column.units_of(rows)
    return units[~missing]
