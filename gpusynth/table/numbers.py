"""Numbers: typed Arrow arrays <-> int64 or float64, exactly.

Integers, dates (days or milliseconds), timestamps, times and durations are int64 in their storage
unit; decimals are int64 in units of 10^-scale; floats are float64. Nulls become 0; the caller
keeps the null mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.table.storage import family_of, value_type

__all__ = ["decimal_scale", "from_numbers", "null_mask", "to_numbers"]


def null_mask(array: Any) -> Array:
    """Return which rows of an Arrow array are null, shape (n,) bool."""
    if array.null_count == 0 and not pa.types.is_dictionary(array.type):
        return np.zeros(len(array), bool)
    return np.asarray(pc.is_null(array))


def decimal_scale(arrow_type: Any) -> int:
    """Return the digits after the point of a decimal type, 0 for other types."""
    inner = value_type(arrow_type)
    return int(inner.scale) if pa.types.is_decimal(inner) else 0


def to_numbers(array: Any) -> Array:
    """Return the numbers of a typed Arrow array.

    Parameters
    ----------
    array : pyarrow.Array
        Whole numbers, floats or decimals; not text.

    Returns
    -------
    array of int64 or float64, shape (n,)
        0 where `array` is null. Floats keep NaN and infinities; -0.0 becomes 0.0, since the sign
        of nothing is no answer.

    Raises
    ------
    DataError
        If a whole number does not fit 64 bits.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    family = family_of(array.type)
    if family == "float":
        numbers = np.array(pc.fill_null(array.cast(pa.float64()), 0.0), dtype=np.float64)
        numbers += 0.0
        return numbers
    if family == "decimal":
        return _decimal_units(array)
    if pa.types.is_date32(array.type) or pa.types.is_time32(array.type):
        array = array.cast(pa.int32())
    try:
        whole = array.cast(pa.int64())
    except pa.ArrowInvalid:
        # Not chained: Arrow's message shows the value.
        raise DataError(
            "a whole number above 2^63 - 1 does not fit; give the column the role key or drop"
        ) from None
    return np.array(pc.fill_null(whole, 0), dtype=np.int64)


_TOO_MANY_DIGITS = (
    "a decimal number has more digits than 64 bits hold; give the column the role key or drop, or "
    "store it with fewer decimals"
)


def _decimal_units(array: Any) -> Array:
    """Read the unscaled integers of a decimal array from its 16-byte two's complement words."""
    try:
        wide = array
        if array.type.bit_width != 128:
            wide = array.cast(pa.decimal128(38, array.type.scale))
    except pa.ArrowInvalid:
        raise DataError(_TOO_MANY_DIGITS) from None
    words = np.frombuffer(wide.buffers()[1], np.int64).reshape(-1, 2)
    words = words[wide.offset : wide.offset + len(wide)]
    missing = null_mask(wide)
    low = np.where(missing, 0, words[:, 0])
    high = np.where(missing, 0, words[:, 1])
    if np.any(high != low >> 63):
        raise DataError(_TOO_MANY_DIGITS)
    return low


def from_numbers(numbers: Array, missing: Array, arrow_type: Any) -> Any:
    """Return the typed Arrow array of numbers: the inverse of `to_numbers`.

    Parameters
    ----------
    numbers : array of int64 or float64, shape (n,)
    missing : array of bool, shape (n,)
        Rows that become null.
    arrow_type : pyarrow.DataType
        Whole number, float, decimal, or a dictionary of these.

    Returns
    -------
    pyarrow.Array of `arrow_type`
    """
    inner = value_type(arrow_type)
    family = family_of(inner)
    mask = missing if missing.any() else None
    if family == "decimal":
        typed = _decimal_array(numbers, missing, inner)
    elif family == "float":
        typed = pa.array(numbers.astype(np.float64, copy=False), mask=mask).cast(inner)
    elif pa.types.is_date32(inner) or pa.types.is_time32(inner):
        typed = pa.array(numbers.astype(np.int32), mask=mask).cast(inner)
    else:
        typed = pa.array(numbers.astype(np.int64, copy=False), mask=mask).cast(inner)
    if pa.types.is_dictionary(arrow_type):
        return pc.dictionary_encode(typed).cast(arrow_type)
    return typed


def _decimal_array(units: Array, missing: Array, arrow_type: Any) -> Any:
    words = np.empty((units.shape[0], 2), np.int64)
    words[:, 0] = units
    words[:, 1] = units >> 63
    validity = None
    if missing.any():
        validity = pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())
    wide_type = pa.decimal128(38, arrow_type.scale)
    if arrow_type.bit_width == 128:
        wide_type = arrow_type
    wide = pa.Array.from_buffers(
        wide_type, units.shape[0], [validity, pa.py_buffer(words.tobytes())]
    )
    return wide if wide_type == arrow_type else wide.cast(arrow_type)
