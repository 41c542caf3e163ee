"""Arithmetic on bound numbers: what each operator and function computes.

A result that is no finite number (a division by zero, the logarithm of a number that is not above
0, an overflow) is missing. Decimals are carried along where they stay known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.expression.columns import NumberColumn, Rows
from gpusynth.table.expression.parts import NumberPart, finite

__all__ = ["call", "column_part", "constant", "power", "product", "total"]

_MOST_SQUARES = 64  # whole exponents up to here are products: the same on every processor


def constant(number: Fraction, *, decimals: int | None = None, is_time: bool = False) -> NumberPart:
    """Return a number that is the same in every row."""
    value = np.asarray(float(number))
    return NumberPart(lambda _: value, decimals=decimals, is_time=is_time, is_plain=True)


def column_part(column: NumberColumn) -> NumberPart:
    """Return the numbers of a column."""
    return NumberPart(
        column.numbers, decimals=column.decimals, is_time=column.is_time, is_plain=True
    )


def total(terms: Sequence[tuple[str, NumberPart]], *, is_time: bool = False) -> NumberPart:
    """Return a sum of signed terms, added from left to right."""
    signed = tuple(part if sign == "+" else _negative(part) for sign, part in terms)
    decimals = _most([part.decimals for part in signed])

    def evaluate(rows: Rows) -> Array:
        return finite(reduce(np.add, [part.evaluate(rows) for part in signed]))

    return NumberPart(evaluate, decimals=decimals, is_time=is_time, terms=signed)


def _negative(part: NumberPart) -> NumberPart:
    return NumberPart(lambda rows: -part.evaluate(rows), decimals=part.decimals)


def product(first: NumberPart, rest: Sequence[tuple[Literal["*", "/"], NumberPart]]) -> NumberPart:
    """Return a product of factors and divisors, from left to right."""
    digits = [first.decimals, *(part.decimals for _, part in rest)]
    known = [count for count in digits if count is not None]
    is_whole = len(known) == len(digits) and all(operator == "*" for operator, _ in rest)

    def evaluate(rows: Rows) -> Array:
        result = first.evaluate(rows)
        for operator, part in rest:
            factor = part.evaluate(rows)
            result = result * factor if operator == "*" else finite(result / factor)
        return finite(result)

    return NumberPart(evaluate, decimals=sum(known) if is_whole else None)


def power(base: NumberPart, exponent: NumberPart, whole: int | None) -> NumberPart:
    """Return a power; `whole` is the exponent where it is a literal whole number."""
    if whole is not None and 0 < whole <= _MOST_SQUARES:
        decimals = None if base.decimals is None else base.decimals * whole
        return NumberPart(lambda rows: finite(_repeated(base.evaluate(rows), whole)), decimals)

    def evaluate(rows: Rows) -> Array:
        bases, exponents = base.evaluate(rows), exponent.evaluate(rows)
        result = finite(np.power(bases, exponents))
        # For NumPy missing ^ 0 and 1 ^ missing are 1.
        return np.where(np.isnan(bases) | np.isnan(exponents), np.nan, result)

    return NumberPart(evaluate)


def _repeated(base: Array, exponent: int) -> Array:
    """Multiply by squaring."""
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        if exponent:
            base = base * base
    return result


def call(function: str, arguments: Sequence[NumberPart], digits: int) -> NumberPart:
    """Return a function of numbers; `digits` is what `round` keeps."""
    parts = tuple(arguments)
    first = parts[0]
    if function in ("min", "max"):
        extreme = np.minimum if function == "min" else np.maximum
        return NumberPart(
            lambda rows: reduce(extreme, [part.evaluate(rows) for part in parts]),
            decimals=_most([part.decimals for part in parts]),
            is_time=first.is_time,
            is_plain=all(part.is_plain for part in parts),
        )
    if function == "abs":
        return NumberPart(
            lambda rows: np.abs(first.evaluate(rows)), first.decimals, is_plain=first.is_plain
        )
    if function == "round":
        return NumberPart(
            lambda rows: finite(np.round(first.evaluate(rows), digits)), max(digits, 0)
        )
    if function in ("floor", "ceil"):
        whole: Callable[[Array], Array] = np.floor if function == "floor" else np.ceil
        return NumberPart(lambda rows: whole(first.evaluate(rows)), 0)
    compute: Callable[[Array], Array] = {"log": np.log, "exp": np.exp, "sqrt": np.sqrt}[function]
    return NumberPart(lambda rows: finite(compute(first.evaluate(rows))))


def _most(decimals: Sequence[int | None]) -> int | None:
    known = [count for count in decimals if count is not None]
    return max(known) if len(known) == len(decimals) else None
