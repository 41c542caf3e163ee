"""A record batch as lines of CSV: the shortest text that reads back as the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

__all__ = ["CsvStyle", "csv_header", "csv_lines"]

_TEXT = pa.large_string()
_SPECIAL = '[",\r\n]'
_FRACTION_ZEROS = r"(?:\.0+|(\.\d*[1-9])0+)((?:[+-]\d{4}|Z)?)$"


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How an input file writes its values, for an output in the same style.

    Attributes
    ----------
    decimals : mapping of column name to int
        Digits after the point of columns of numbers that always show as many ("17000.0").
        Numbers that need more digits than that are written with all they need.
    booleans : mapping of column name to (str, str)
        Words for true and false; ``true`` and ``false`` by default.
    """

    decimals: Mapping[str, int] = field(default_factory=dict)
    booleans: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def csv_header(names: Sequence[str]) -> bytes:
    """Return the header line."""
    return _lines([_quoted(pa.array([name], _TEXT)) for name in names])


def csv_lines(batch: pa.RecordBatch, style: CsvStyle) -> bytes:
    """Return one line a row.

    Null is an empty field, the empty string is ``""``; other text is quoted only where it holds
    a comma, a quotation mark or a line end. Numbers have the fewest digits that read back as the
    same number, unless `style` asks for more, and no exponent where 16 digits do. Timestamps
    leave out a fraction of zeros. Lines end in LF.
    """
    return _lines(
        [
            _field_text(array, name, style)
            for name, array in zip(batch.schema.names, batch.columns, strict=True)
        ]
    )


def _lines(fields: Sequence[pa.Array]) -> bytes:
    filled = [pc.fill_null(array, "") for array in fields]
    comma = pa.scalar(",", _TEXT)
    joined = pc.binary_join_element_wise(*filled, comma) if len(filled) > 1 else filled[0]
    ended = pc.binary_join_element_wise(joined, pa.scalar("", _TEXT), pa.scalar("\n", _TEXT))
    # The text of all rows lies end to end in one buffer.
    offsets = np.frombuffer(ended.buffers()[1], np.int64)[ended.offset :][: len(ended) + 1]
    return bytes(memoryview(ended.buffers()[2])[offsets[0] : offsets[-1]])


def _field_text(array: pa.Array, name: str, style: CsvStyle) -> pa.Array:
    if pat.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pat.is_string(kind) or pat.is_large_string(kind):
        return _quoted(array.cast(_TEXT))
    if pat.is_boolean(kind):
        true, false = style.booleans.get(name, ("true", "false"))
        return _quoted(pc.if_else(array, pa.scalar(true, _TEXT), pa.scalar(false, _TEXT)))
    if pat.is_timestamp(kind):
        return pc.replace_substring_regex(array.cast(_TEXT), _FRACTION_ZEROS, r"\1\2")
    if pat.is_integer(kind) or pat.is_floating(kind):
        return _number_text(array, style.decimals.get(name, 0))
    return array.cast(_TEXT)


def _quoted(text: pa.Array) -> pa.Array:
    needs = pc.or_(pc.match_substring_regex(text, _SPECIAL), pc.equal(pc.binary_length(text), 0))
    if not pc.any(needs).as_py():
        return text
    mark = pa.scalar('"', _TEXT)
    inner = pc.replace_substring(text, '"', '""')
    quoted = pc.binary_join_element_wise(mark, inner, mark, pa.scalar("", _TEXT))
    return pc.if_else(needs, quoted, text)


def _number_text(array: pa.Array, decimals: int) -> pa.Array:
    text = array.cast(_TEXT)
    if pat.is_floating(array.type):
        text = _without_exponents(array, text)
    if decimals == 0:
        return text
    # A decimal of 38 digits holds any number below 10^(38 - decimals) exactly enough; whether it
    # is the same number is checked by reading it back.
    small = pc.less(pc.abs(array.cast(pa.float64())), 1e15)
    within = pc.if_else(small, array, pa.scalar(None, array.type))
    fixed = within.cast(pa.float64()).cast(pa.decimal128(38, decimals)).cast(_TEXT)
    plain = pc.invert(pc.match_substring(fixed, "E"))
    readable = pc.if_else(plain, fixed, pa.scalar(None, _TEXT))
    same = pc.equal(readable.cast(pa.float64()), array.cast(pa.float64()))
    return pc.if_else(pc.fill_null(same, fill_value=False), readable, text)


def _without_exponents(array: pa.Array, text: pa.Array) -> pa.Array:
    """Write numbers that Arrow shows with an exponent in full, if 16 digits suffice."""
    size = pc.abs(array.cast(pa.float64()))
    short = pc.and_(pc.less(size, 1e16), pc.greater_equal(size, 1e-6))
    chosen = pc.fill_null(pc.and_(pc.match_substring(text, "e"), short), fill_value=False)
    numbers = pc.filter(array, chosen).to_numpy(zero_copy_only=False)
    if not len(numbers):
        return text
    in_full = [np.format_float_positional(number, trim="-") for number in numbers]
    return pc.replace_with_mask(text, chosen, pa.array(in_full, _TEXT))
