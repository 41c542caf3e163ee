"""Codes <-> numbers of a column: what trees and formulas compute with, and new numbers coded."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.table.numbers import decimal_scale
from gpusynth.table.schema import Column
from gpusynth.table.special_codes import number_dtype
from gpusynth.table.storage import parse_storage
from gpusynth.table.table import Codec

__all__ = ["as_numbers", "code_numbers", "exact_numbers", "rounding_step"]


def as_numbers(codec: Codec, codes: Array, values: Array | None) -> Array:
    """Return the number of every row.

    Parameters
    ----------
    codec : Codec
        Of a column of numbers.
    codes : array of uint8 or uint16, shape (n,)
    values : array of float64 or int64, shape (n,), or None
        Exact numbers where codes are bins or numbers are new.

    Returns
    -------
    array of float64, shape (n,)
        A new array; what it holds where the code is special has no meaning.
    """
    if values is not None:
        return values.astype(np.float64)
    known = np.asarray(codec.code_values, dtype=np.float64)
    if known.size == 0:
        return np.zeros(len(codes))
    by_code = np.concatenate([np.zeros(codec.n_special), known])
    return by_code[codes]


def code_numbers(codec: Codec, numbers: Array) -> tuple[Array, Array]:
    """Code numbers that may never have occurred.

    They are rounded to the column's decimals (whole where the column is whole), brought within its
    bounds, and given the code of the nearest known number, or of their bin where codes are bins.

    Parameters
    ----------
    codec : Codec
        Of a column of numbers with at least one ordinary code.
    numbers : array of float64, shape (n,)
        Finite.

    Returns
    -------
    tuple of (codes (n,) uint8 or uint16, values (n,) float64 or int64)
    """
    column = codec.column
    dtype = number_dtype(column)
    step = rounding_step(column)
    if dtype == np.int64:
        rounded = np.rint(numbers / step) * step
    else:
        rounded = numbers if column.decimals is None else np.round(numbers, column.decimals)
    if column.bounds is not None:
        unit = 10.0 ** decimal_scale(parse_storage(column.storage))  # bounds are in the file's unit
        low, high = (None if bound is None else bound * unit for bound in column.bounds)
        if dtype == np.int64:
            low = None if low is None else np.ceil(low / step) * step
            high = None if high is None else np.floor(high / step) * step
        if low is not None or high is not None:
            rounded = np.clip(rounded, low, high)
    known = np.asarray(codec.code_values, np.float64)
    place = np.maximum(np.searchsorted(known, rounded, side="right") - 1, 0)
    if codec.is_exact:
        above = np.minimum(place + 1, len(known) - 1)
        place = np.where(known[above] - rounded < rounded - known[place], above, place)
    codes = (place + codec.n_special).astype(code_dtype(codec.n_codes))
    return codes, rounded.astype(dtype)


def rounding_step(column: Column) -> float:
    """Return the distance of the numbers that a column can take, in storage units.

    Parameters
    ----------
    column : Column
        Of a kind of numbers.

    Returns
    -------
    float
        A unit of the last decimal that the column has; 0 where it says none.
    """
    if number_dtype(column) != np.int64:
        return 0.0 if column.decimals is None else 10.0**-column.decimals
    scale = decimal_scale(parse_storage(column.storage))
    return 10.0 ** max(scale - column.decimals, 0) if scale and column.decimals is not None else 1.0


def exact_numbers(codec: Codec, codes: Array, dtype: Any) -> Array:
    """Return the numbers of codes in the column's own type; 0 where a code is special.

    Parameters
    ----------
    codec : Codec
        Exact.
    codes : array of uint8 or uint16, shape (n,)
    dtype : numpy dtype

    Returns
    -------
    array, shape (n,)
    """
    known = np.zeros(codec.n_codes, dtype)
    known[codec.n_special :] = codec.code_values
    return known[codes]
