"""Targets of a fit, turned into the integers that decide its splits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth_kernels.dtypes import NUMBER_BITS

__all__ = [
    "WEIGHTED_NUMBER_BITS",
    "WEIGHT_SUM_BITS",
    "ClassTarget",
    "NumberTarget",
    "Target",
    "fixed_point",
    "fixed_weight",
]

WEIGHT_SUM_BITS = 38
"""All weights together stay at or below 2^38 units, so that squares of class weights keep 53 - 1
significant bits apart, and weight times a 24-bit number stays below 2^62 in any sum."""

WEIGHTED_NUMBER_BITS = 24


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """Classes to be told apart.

    Parameters
    ----------
    codes : array of uint8 or uint16, shape (n,)
    n_classes : int
    """

    codes: Array
    n_classes: int

    @property
    def n_rows(self) -> int:
        """Number of rows, taking part or not."""
        return len(self.codes)


@dataclass(frozen=True, slots=True)
class NumberTarget:
    """Numbers whose within-leaf sum of squares is to be small.

    Parameters
    ----------
    values : array of float64 or int64, shape (n,)
        Finite in the rows that take part.
    """

    values: Array

    @property
    def n_rows(self) -> int:
        """Number of rows, taking part or not."""
        return len(self.values)


Target: TypeAlias = ClassTarget | NumberTarget


def fixed_point(values: Array, bits: int = NUMBER_BITS) -> tuple[Array, float]:
    """Return `values` as integers below ``2^bits`` in size, and their scale.

    ``integer = rint((value - centre) * scale)``: the centre is the whole number in the middle of
    the range, the scale the largest power of two that fits. Whole numbers whose range is below
    2^32 keep their exact differences.

    Parameters
    ----------
    values : array of float64 or int64, shape (n,)
    bits : int

    Returns
    -------
    integers : array of int64, shape (n,)
    scale : float
        Units per 1.0 of the value.

    Raises
    ------
    DataError
        If a value is not finite; the message gives the position.
    """
    numbers = np.asarray(values)
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"a number target must be finite: position {row} is not")
    if not len(numbers):
        return np.zeros(0, np.int64), 1.0
    low, high = numbers.min(), numbers.max()
    if numbers.dtype.kind != "f" and int(high) - int(low) < 1 << (bits + 1):
        centre = (int(low) + int(high)) // 2
        integers = numbers.astype(np.int64) - centre
        span = max(int(high) - centre, centre - int(low), 1)
        shift = max(bits - span.bit_length(), 0)
        return integers << shift, float(2**shift)
    middle = math.floor(float(low) / 2 + float(high) / 2)
    reach = max(float(high) - middle, middle - float(low))
    if reach == 0.0:
        return np.zeros(len(numbers), np.int64), 1.0
    exponent = bits - math.frexp(reach)[1]
    centred = numbers.astype(np.float64) - float(middle)
    limit = (1 << bits) - 1
    integers = np.clip(np.rint(np.ldexp(centred, exponent)), -limit, limit).astype(np.int64)
    return integers, math.ldexp(1.0, exponent) if exponent < 1024 else math.inf


def fixed_weight(weight: Array) -> Array:
    """Return weights as integers whose sum is at most ``2^WEIGHT_SUM_BITS``.

    Parameters
    ----------
    weight : array of float64, shape (n,)
        Finite, not negative, not all zero.

    Returns
    -------
    array of int64, shape (n,)
        ``rint(weight * 2^s)`` for the largest whole s that keeps the bound; 0 only where the
        weight is 0 or below half a unit.

    Raises
    ------
    DataError
        For a weight that is negative or not finite (with its position), or when all are zero.
    """
    numbers = np.asarray(weight, np.float64)
    bad = ~np.isfinite(numbers) | (numbers < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(f"weights must be finite and not negative: position {row} is not")
    if not numbers.max(initial=0.0) > 0.0:
        raise DataError("all weights are zero: nothing can be fitted or drawn")
    largest = math.frexp(numbers.max())[1]
    total = math.fsum(np.ldexp(numbers, -largest))  # of shares of the largest: cannot overflow
    exponent = WEIGHT_SUM_BITS - largest - math.frexp(total)[1]
    integers = np.rint(np.ldexp(numbers, exponent)).astype(np.int64)
    while int(integers.sum()) > 1 << WEIGHT_SUM_BITS:
        exponent -= 1
        integers = np.rint(np.ldexp(numbers, exponent)).astype(np.int64)
    return integers
