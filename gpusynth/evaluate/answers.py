"""Read one column of Arrow data as answers: which are levels, which are numbers.

Levels are compared as text, so that files written by different programs can be compared: ``1`` in
an integer column, ``"1"`` in a text column and ``1.0`` in a column of floats are the same level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.table.schema import Column
from gpusynth.table.special_codes import stored_float

__all__ = [
    "Answers",
    "LevelBook",
    "missing_text",
    "numbers_apart",
    "read_levels",
    "read_numbers",
]


@dataclass(slots=True)
class LevelBook:
    """Numbers for the texts of one column, in order of appearance; null is None.

    Attributes
    ----------
    numbers : dict
        Text -> number.
    n_real : int
        How many of them the real file has; set when it has been read.
    """

    numbers: dict[str | None, int] = field(default_factory=dict)
    n_real: int | None = None

    def number(self, text: str | None) -> int:
        """Return the number of a level, a new one for a text not seen before.

        After the real file, a text such as "17.0" stands for "17" when only the latter is known:
        programs that know no missing integers write integers that way.
        """
        if self.n_real is not None and text is not None and text not in self.numbers:
            whole = _whole_text(text)
            if whole is not None and self.numbers.get(whole, self.n_real) < self.n_real:
                return self.numbers[whole]
        return self.numbers.setdefault(text, len(self.numbers))


@dataclass(frozen=True, slots=True)
class Answers:
    """A block of one column.

    Attributes
    ----------
    levels : array of int32, shape (n_rows,)
        Number of the row's level in the book; -1 where the answer is a number.
    values : array of float64, shape (number of -1,)
        The numbers, in row order.
    """

    levels: Array
    values: Array


def _parsed(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole_text(text: str) -> str | None:
    number = _parsed(text)
    return str(int(number)) if number is not None and number == int(number) else None


def _number_text(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _encoded(array: pa.Array, column: Column, file: str) -> tuple[list[str | None], pa.Array]:
    """Return the distinct answers as text, and for each row which of them it is (or null)."""
    try:
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        distinct = array.dictionary
        if pa.types.is_floating(distinct.type):
            return [_float_text(value) for value in distinct.to_pylist()], array.indices
        texts: list[str | None] = pc.cast(distinct, pa.string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{file}: column {column.name!r} has type {array.type}, whose answers cannot be "
            "compared as text. Leave the column out (role drop) or store it as text or numbers."
        ) from None
    if column.kind == "boolean":
        texts = [None if text is None else text.lower() for text in texts]
    return texts, array.indices


def _float_text(value: float | None) -> str | None:
    if value is None or math.isnan(value):
        return None
    return _number_text(value) if math.isfinite(value) else str(value)


def read_levels(array: pa.Array, column: Column, book: LevelBook, file: str) -> Answers:
    """Read a block of a column whose every answer is a level.

    Raises
    ------
    DataError
        If answers of this type have no text.
    """
    texts, indices = _encoded(array, column, file)
    table = np.array([book.number(text) for text in texts], np.int32)
    if indices.null_count:
        indices = pc.fill_null(indices.cast(pa.int64()), len(table))
        table = np.append(table, np.int32(book.number(None)))
    return Answers(table[indices.to_numpy()], np.empty(0))


def numbers_apart(column: Column, *, spikes_apart: bool) -> dict[float, str]:
    """Return the numbers of a column that are levels of their own, with their text."""
    apart = {}
    for code in column.missing_codes:
        number = _parsed(str(code))
        if number is not None:
            apart[number] = missing_text(code)
    if spikes_apart:
        apart.update({spike: _number_text(spike) for spike in column.spikes})
    return apart


def missing_text(code: str | float) -> str:
    """Text under which a missing code is a level: "-8" for -8 and -8.0 alike."""
    number = _parsed(str(code))
    return str(code) if number is None else _number_text(number)


def read_numbers(
    array: pa.Array, column: Column, book: LevelBook, apart: Mapping[float, str], file: str
) -> Answers:
    """Read a block of a column of numbers, dates or times.

    Parameters
    ----------
    array : pyarrow.Array
        Numbers of any type, dates (read as days), times (read as microseconds) or text.
    column : Column
    book : LevelBook
        Takes null, the numbers in `apart`, infinities, and texts that are no number.
    apart : mapping of float to str
        Numbers that are levels of their own (numeric missing codes, spikes), and their text.
    file : str
        For messages.

    Raises
    ------
    DataError
        If the column can neither be read as numbers nor as text.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    levels = np.full(len(array), -1, np.int32)
    array = _take_missing_texts(array, column, book, levels)
    values = _as_float64(array, column)
    if values is None:
        values = _parse_texts(array, column, book, levels, file)
    null = np.flatnonzero(np.isnan(values) & (levels < 0))
    if len(null):
        levels[null] = book.number(None)
    for number in (math.inf, -math.inf, *apart):
        rows = np.flatnonzero(values == stored_float(array.type, number))
        if len(rows):
            levels[rows] = book.number(apart.get(number, str(number)))
    return Answers(levels, values[levels < 0])


def _take_missing_texts(array: pa.Array, column: Column, book: LevelBook, levels: Array) -> Any:
    """Note missing codes such as "N" in `levels`, and return the array with null in their place."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return array
    for code in column.missing_codes:
        if isinstance(code, str) and _parsed(code) is None:
            hit = pc.fill_null(pc.equal(array, code), fill_value=False)
            rows = np.flatnonzero(hit.to_numpy(zero_copy_only=False))
            if len(rows):
                levels[rows] = book.number(code)
                array = pc.if_else(hit, pa.scalar(None, array.type), array)
    return array


def _as_float64(array: pa.Array, column: Column) -> Any:
    """Return float64 with NaN for null, or None where a text does not parse."""
    try:
        if column.kind == "date":
            array = pc.cast(array, pa.date32(), safe=False).cast(pa.int32())
        elif column.kind == "timestamp":
            array = pc.cast(array, pa.timestamp("us"), safe=False).cast(pa.int64())
        return pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _parse_texts(
    array: pa.Array, column: Column, book: LevelBook, levels: Array, file: str
) -> Array:
    """Read text of which some answers are no numbers; those become levels by their text."""
    texts, indices = _encoded(array, column, file)
    parsed = np.full(len(texts) + 1, np.nan)
    number = np.full(len(texts) + 1, -1, np.int32)
    for position, text in enumerate(texts):
        value = _text_value(text, column)
        if value is None:
            number[position] = book.number(text)
        else:
            parsed[position] = value
    indices = pc.fill_null(indices.cast(pa.int64()), len(texts)).to_numpy()
    levels[:] = np.where(number[indices] >= 0, number[indices], levels)
    return parsed[indices]


def _text_value(text: str | None, column: Column) -> float | None:
    """Return the number that a text means, NaN for null, None when it means none."""
    if text is None:
        return math.nan
    try:
        if column.kind in ("integer", "numeric"):
            return float(text)
        values = _as_float64(pa.array([text.strip()], pa.string()), column)
        return None if values is None else float(values[0])
    except ValueError:
        return None
