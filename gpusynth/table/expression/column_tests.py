"""Comparisons of a column with constants: exact, and one look-up a row wherever codes say it all.

A missing code that a comparison asks for (`x = -8`) is an answer like any other; every other
comparison with a missing answer is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.expression.columns import LevelColumn, NumberColumn, Rows
from gpusynth.table.expression.parts import Evaluate

__all__ = [
    "columns_compared",
    "is_missing",
    "level_compared",
    "level_is_in",
    "number_compared",
    "number_is_in",
]

_COMPARE: Final[Mapping[str, Callable[[Array, Any], Array]]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def is_missing(column: NumberColumn | LevelColumn) -> Evaluate:
    """Return the test for null and all missing codes."""

    def evaluate(rows: Rows) -> Array:
        codes, _ = rows.column(column.name)
        return _signed(codes < column.n_missing)

    return evaluate


def number_is_in(
    column: NumberColumn, numbers: Sequence[Fraction | float], states: Iterable[int]
) -> Evaluate:
    """Return the test whether a number is one of several.

    Parameters
    ----------
    column : NumberColumn
    numbers : sequence of Fraction or float
        In storage units, as stored.
    states : iterable of int
        Missing codes that are asked for too.
    """
    whole = column.units.dtype == np.int64
    # A number between whole ones, or beyond 64 bits, equals none.
    known = [n for n in numbers if not whole or (n == int(n) and -(2**63) <= n < 2**63)]
    members = np.array([int(n) if whole else float(n) for n in known], column.units.dtype)
    ordinary_asked = len(numbers) > 0

    def holds(units: Array) -> Array:
        if len(members) == 1:
            return np.asarray(units == members[0])
        return np.isin(units, members)

    return _number_test(column, holds, _missing_part(column, states, ordinary_asked=ordinary_asked))


def number_compared(column: NumberColumn, operator: str, number: Fraction | float) -> Evaluate:
    """Return the comparison (<, <=, > or >=) of a number with a constant in storage units."""
    bound: int | float = float(number)
    if column.units.dtype == np.int64:
        # Of whole numbers, x < 2.5 is x < 3 and x <= 2.5 is x <= 2.
        up = operator in ("<", ">=")
        whole = math.ceil(number) if up else math.floor(number)
        bound = whole if abs(whole) < 2**63 else math.copysign(math.inf, whole)
    compare = _COMPARE[operator]

    def holds(units: Array) -> Array:
        return compare(units, bound)

    return _number_test(column, holds, _missing_part(column, (), ordinary_asked=True))


def level_is_in(column: LevelColumn, codes: Iterable[int]) -> Evaluate:
    """Return the test whether a level, or a missing code, is one of several codes."""
    asked = set(codes)
    ordinary = [code - column.n_missing for code in asked if code >= column.n_missing]
    holds = np.zeros(len(column.codec.levels), bool)
    holds[ordinary] = True
    states = [code for code in asked if code < column.n_missing]
    special = _missing_part(column, states, ordinary_asked=bool(ordinary))
    return _lookup(column.name, np.concatenate([special, _signed(holds)]))


def level_compared(column: LevelColumn, operator: str, code: int) -> Evaluate:
    """Return the comparison (<, <=, > or >=) of an ordered column with one of its levels."""
    holds = _COMPARE[operator](np.arange(len(column.codec.levels)), code - column.n_missing)
    special = _missing_part(column, (), ordinary_asked=True)
    return _lookup(column.name, np.concatenate([special, _signed(holds)]))


def columns_compared(
    operator: str, left: NumberColumn | LevelColumn, right: NumberColumn | LevelColumn
) -> Evaluate | None:
    """Return the exact comparison of two columns that are stored alike; None for others.

    Numbers are stored alike in the same unit and dtype; levels have an order in common when both
    columns are ordered and list the same levels.
    """
    compare = _COMPARE[operator]
    if isinstance(left, NumberColumn) and isinstance(right, NumberColumn):
        same_units = left.per_unit == right.per_unit and left.units.dtype == right.units.dtype
        if not same_units or left.is_time != right.is_time:
            return None

        def numbers(rows: Rows) -> Array:
            (a, no_a), (b, no_b) = left.units_of(rows), right.units_of(rows)
            return np.where(no_a | no_b, np.int8(0), _signed(compare(a, b)))

        return numbers
    if isinstance(left, NumberColumn) or isinstance(right, NumberColumn):
        return None
    both_ordered = left.codec.column.kind == right.codec.column.kind == "ordered"
    if not both_ordered or left.codec.levels != right.codec.levels:
        return None

    def levels(rows: Rows) -> Array:
        a, b = left.level_numbers(rows), right.level_numbers(rows)
        return np.where((a < 0) | (b < 0), np.int8(0), _signed(compare(a, b)))

    return levels


def _signed(holds: Array) -> Array:
    return np.where(holds, np.int8(1), np.int8(-1))


def _missing_part(
    column: NumberColumn | LevelColumn, states: Iterable[int], *, ordinary_asked: bool
) -> Array:
    """Return the truth for each missing code.

    Null is not known to be anything. A missing code is an answer when missing codes are asked for:
    it is one of them, or it is not; but whether it is an ordinary answer is not known.
    """
    truth = np.full(column.n_missing, 0 if ordinary_asked else -1, np.int8)
    truth[: column.n_automatic] = 0
    truth[list(states)] = 1
    return truth


def _number_test(
    column: NumberColumn, holds: Callable[[Array], Array], missing_part: Array
) -> Evaluate:
    by_code = _signed(holds(column.units))
    by_code[: column.n_missing] = missing_part
    exact = _lookup(column.name, by_code)

    def evaluate(rows: Rows) -> Array:
        codes, values = rows.column(column.name)
        if values is None:
            return exact(rows)
        truth = _signed(holds(values))
        n_special = column.codec.n_special
        if n_special:
            special = by_code[np.minimum(codes, n_special - 1)]
            truth = np.where(codes < n_special, special, truth)
        return truth

    return evaluate


def _lookup(name: str, by_code: Array) -> Evaluate:
    def evaluate(rows: Rows) -> Array:
        codes, _ = rows.column(name)
        return by_code[codes]

    return evaluate
