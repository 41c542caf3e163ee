"""Bound parts of an expression: functions from a block of rows to truths, numbers or levels.

Truths are int8: 1 true, 0 missing, -1 false, so that Kleene's `and` is the minimum, `or` the
maximum and `not` the negative. Numbers are float64 with NaN for missing; nothing else in the
language is NaN or infinite. Levels are int32 places in `LevelPart.names`, -1 for missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.expression.columns import LevelColumn, Rows

__all__ = [
    "TOLERANCE",
    "Evaluate",
    "LevelPart",
    "MissingPart",
    "NumberPart",
    "Part",
    "TruthPart",
    "chosen",
    "compared",
    "finite",
]

Evaluate: TypeAlias = Callable[[Rows], Array]
"""Rows -> array of shape (n_rows,), or () where every row has the same answer."""

TOLERANCE = 1e-9
"""Computed numbers are equal when they differ by this share of the largest term at most: far above
the rounding of float64 (1e-16 a step), far below what an answer is given to."""


@dataclass(frozen=True, slots=True)
class TruthPart:
    """A condition."""

    evaluate: Evaluate


@dataclass(frozen=True, slots=True)
class NumberPart:
    """A number, or a time in days since 1970.

    Attributes
    ----------
    evaluate : callable
    decimals : int or None
        Digits after the point that it has at most; None for not known.
    is_time : bool
    is_plain : bool
        A column, a literal or a statistic: no rounding error to forgive.
    terms : tuple of NumberPart
        What it is the sum of; empty for itself.
    """

    evaluate: Evaluate
    decimals: int | None = None
    is_time: bool = False
    is_plain: bool = False
    terms: tuple[NumberPart, ...] = ()

    def with_largest(self, rows: Rows) -> tuple[Array, Array]:
        """Return the numbers, and the size of the largest term of each."""
        if not self.terms:
            numbers = self.evaluate(rows)
            return numbers, np.abs(numbers)
        terms = [term.evaluate(rows) for term in self.terms]
        total, largest = terms[0], np.abs(terms[0])
        for term in terms[1:]:
            total = total + term
            largest = np.maximum(largest, np.abs(term))
        return finite(total), largest


@dataclass(frozen=True, slots=True)
class LevelPart:
    """A level.

    Attributes
    ----------
    evaluate : callable
    names : tuple of str
        All levels that it can be.
    text : str or None
        The literal that it is.
    column : LevelColumn or None
        The column that it is.
    """

    evaluate: Evaluate
    names: tuple[str, ...]
    text: str | None = None
    column: LevelColumn | None = None


@dataclass(frozen=True, slots=True)
class MissingPart:
    """The literal missing, which fits anywhere."""


Part: TypeAlias = TruthPart | NumberPart | LevelPart | MissingPart


def finite(numbers: Array) -> Array:
    """Return numbers with NaN in place of infinities: a number that has no value is missing."""
    return np.where(np.isfinite(numbers), numbers, np.nan)


def chosen(condition: Array, then: Array, otherwise: Array, missing: float) -> Array:
    """Return one of two answers by a truth, `missing` where it is missing."""
    return np.where(condition > 0, then, np.where(condition < 0, otherwise, missing))


def compared(operator: str, left: NumberPart, right: NumberPart) -> Evaluate:
    """Return how two numbers are compared.

    Numbers that were computed are equal when they differ by no more than `TOLERANCE` of the
    largest term of the sums on both sides, and by less than half a unit of the last digit where
    that is known (so that sums of whole numbers or cents are compared exactly, however large).

    Parameters
    ----------
    operator : {"=", "!=", "<", "<=", ">", ">="}
    left, right : NumberPart

    Returns
    -------
    callable
        Gives truths.
    """
    decimals = None
    if left.decimals is not None and right.decimals is not None:
        decimals = max(left.decimals, right.decimals)
    is_exact = left.is_plain and right.is_plain

    def evaluate(rows: Rows) -> Array:
        a, largest_a = left.with_largest(rows)
        b, largest_b = right.with_largest(rows)
        difference = a - b
        if is_exact:
            same = difference == 0
        else:
            tolerance = TOLERANCE * np.maximum(largest_a, largest_b)
            if decimals is not None:
                tolerance = np.minimum(tolerance, 0.5 * 10.0**-decimals)
            same = np.abs(difference) <= tolerance
        return truths(operator, difference, same)

    return evaluate


def truths(operator: str, difference: Array, same: Array) -> Array:
    """Return the truth of a comparison from left - right; a missing difference is missing."""
    if operator in ("=", "!="):
        holds = same
    elif operator in ("<", ">="):
        holds = (difference < 0) & ~same
    else:
        holds = (difference < 0) | same
    signed = np.where(holds, np.int8(1), np.int8(-1))
    if operator in ("!=", ">", ">="):
        signed = -signed
    return np.where(np.isnan(difference), np.int8(0), signed)
