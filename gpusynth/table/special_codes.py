"""Special codes: the answers of a column that are states of their own.

They are numbered in this order: null, NaN, +infinity, -infinity (each only where it occurs in the
data), then the schema's missing codes in its order, then its spikes in its order. Infinite numbers
are states because no tree can average them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.errors import CodecError
from gpusynth.table.numbers import decimal_scale
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.storage import family_of, parse_storage
from gpusynth.table.text_numbers import parse_dates, parse_numbers, parse_timestamps

__all__ = [
    "AUTOMATIC",
    "NumberSpecials",
    "automatic_of",
    "number_dtype",
    "parse_texts",
    "stored_float",
]

_ROUNDING = 1e-9
"""What a float of the schema may be off from the decimal that it stands for, relatively."""

AUTOMATIC = ("null", "nan", "inf", "-inf")
"""States that need no schema: a column has those that occur."""


def automatic_of(sketch: ColumnSketch) -> tuple[str, ...]:
    """Return the automatic states that occur in a column."""
    counts = (sketch.n_null, sketch.n_nan, sketch.n_plus_infinity, sketch.n_minus_infinity)
    return tuple(name for name, count in zip(AUTOMATIC, counts, strict=True) if count)


def number_dtype(column: Column) -> type:
    """Return the dtype of a number column's values: int64, or float64 for numeric floats."""
    family = family_of(parse_storage(column.storage))
    is_whole = column.kind != "numeric" or family in ("whole", "decimal")
    return np.int64 if is_whole else np.float64


def parse_texts(column: Column, texts: Any) -> tuple[Array, Array]:
    """Parse texts (no nulls) as the column's kind says.

    Returns
    -------
    numbers : array of `number_dtype`, shape (n,)
    parses : array of bool, shape (n,)
    """
    if column.kind == "date":
        return parse_dates(texts)
    if column.kind == "timestamp":
        return parse_timestamps(texts)
    return parse_numbers(texts, whole=number_dtype(column) == np.int64)


def stored_float(storage: Any, number: float) -> float:
    """Return a number as a column of that Arrow type holds it.

    A float32 column that was written with -9.9 holds the nearest float32, which is no double -9.9.
    """
    is_narrow = pa.types.is_float16(storage) or pa.types.is_float32(storage)
    return float(storage.to_pandas_dtype()(number)) if is_narrow else float(number)


@dataclass(frozen=True, slots=True)
class NumberSpecials:
    """The special codes of a number column.

    Attributes
    ----------
    automatic : tuple of str
        Codes 0, 1, ...; see `AUTOMATIC`.
    answers : tuple of str, int or float
        What the further codes stand for: texts (only where the storage is text), else numbers in
        storage units (decimals in 10^-scale).
    """

    automatic: tuple[str, ...]
    answers: tuple[str | int | float, ...]

    @classmethod
    def of(cls, column: Column, automatic: tuple[str, ...]) -> NumberSpecials:
        """Read the special codes from the schema.

        Raises
        ------
        CodecError
            If a missing code or spike cannot be a value of the column's storage.
        """
        storage = parse_storage(column.storage)
        is_text = family_of(storage) == "text"
        answers: list[str | int | float] = []
        for position, code in enumerate(column.missing_codes, start=1):
            if isinstance(code, str):
                answers.append(code if is_text else _number_of(column, code, position))
            else:
                answers.append(_in_units(column, code, f"missing code {position}"))
        for position, spike in enumerate(column.spikes, start=1):
            answers.append(_in_units(column, spike, f"spike {position}"))
        return cls(automatic, tuple(answers))

    @property
    def n_special(self) -> int:
        """Number of special codes."""
        return len(self.automatic) + len(self.answers)

    @property
    def texts(self) -> dict[str, int]:
        """Text -> code."""
        first = len(self.automatic)
        return {a: first + i for i, a in enumerate(self.answers) if isinstance(a, str)}

    @property
    def numbers(self) -> dict[int | float, int]:
        """Number in storage units -> code."""
        first = len(self.automatic)
        return {a: first + i for i, a in enumerate(self.answers) if not isinstance(a, str)}


def _number_of(column: Column, text: str, position: int) -> int | float:
    """Read a missing code written as text, for a column whose storage is not text."""
    texts = pa.array([text], pa.string())
    if column.kind in ("date", "timestamp"):
        numbers, parses = parse_texts(column, texts)
        if parses[0]:
            return _time_units(column, int(numbers[0]), f"missing code {position}")
    else:
        numbers, parses = parse_numbers(texts, whole=False)
        if parses[0]:
            return _in_units(column, float(numbers[0]), f"missing code {position}")
    raise CodecError(
        f"column {column.name!r}: missing code {position} is text, but the storage is "
        f"{column.storage}; write it as a number (or ISO date), or remove it"
    )


def _time_units(column: Column, number: int, what: str) -> int:
    """Turn days, or microseconds, into the storage's unit."""
    storage = column.storage
    if column.kind == "date":
        return _held(column, number if storage != "date64[ms]" else number * 86_400_000, what)
    for unit, per_second in (("[s", 1), ("[ms", 10**3), ("[us", 10**6), ("[ns", 10**9)):
        if storage.startswith(f"timestamp{unit}"):
            units, rest = divmod(number * per_second, 10**6)
            if rest:
                raise _finer(column, what)
            return _held(column, units, what)
    return _held(column, number, what)


def _in_units(column: Column, number: float, what: str) -> int | float:
    """Turn a number of the schema into storage units of the right Python type."""
    storage = parse_storage(column.storage)
    scale = decimal_scale(storage)
    if number_dtype(column) == np.float64:
        return stored_float(storage, number) + 0.0
    units = round(number * 10**scale) if scale else number
    if scale and abs(units - number * 10**scale) > _ROUNDING * max(1, abs(units)):
        raise _finer(column, what)
    if units != int(units):
        raise CodecError(
            f"column {column.name!r}: {what} is not a whole number, but the column is "
            f"{column.kind}; correct the schema"
        )
    return _held(column, int(units), what)


def _finer(column: Column, what: str) -> CodecError:
    return CodecError(
        f"column {column.name!r}: {what} is finer than {column.storage} can hold, so no answer "
        "is it; correct the schema"
    )


def _held(column: Column, units: int, what: str) -> int:
    """Check that an int64 holds a number in storage units."""
    if not -(2**63) <= units < 2**63:
        raise CodecError(
            f"column {column.name!r}: {what} lies beyond what {column.storage} can hold; "
            "correct the schema"
        )
    return units
