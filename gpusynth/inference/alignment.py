"""One column of several files: numbers in all of them, or categories with the same levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.extra import imported
from gpusynth.table import Column
from gpusynth.table.special_codes import stored_float

__all__ = ["ColumnKind", "aligned_columns", "is_text", "without_codes"]

_LEADING_ZERO = r"^[+-]?0[0-9]"
"""Text such as "01" is a code, in gpusynth's inference of schemas too."""


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """What is known of a column before its values are looked at.

    Text of a typed file stays text; that of a CSV file is a number where it reads as one.
    """

    name: str
    described: Column | None
    as_levels: bool
    typed_text: bool


def aligned_columns(
    arrays: list[pa.ChunkedArray], kind: ColumnKind, names: Sequence[str]
) -> list[Any]:
    """Return the column of every file as float64 arrays, or as categoricals of equal levels."""
    column, described = kind.name, kind.described
    for array, name in zip(arrays, names, strict=True):
        if pat.is_temporal(array.type):
            raise DataError(
                f"{name}: column {column!r} holds dates. Make it a number, such as its year."
            )
    if described is not None and not described.is_number:
        levels = described.levels or ()
        if all(_is_number_type(array.type) for array in arrays):
            # Codes stored as numbers stay numbers, so that formulas compare with numbers.
            return _number_levels([_numbers(array) for array in arrays], levels)
        return _categoricals([_texts(array) for array in arrays], levels)
    as_text = kind.typed_text and described is None
    numbers = [None if as_text else _numbers(array) for array in arrays]
    if all(array is not None for array in numbers):
        return _number_levels(numbers, ()) if kind.as_levels else numbers
    if described is not None:
        raise DataError(
            f"{names[_first_none(numbers)]}: column {column!r} holds text, but the schema says "
            "that it is a number. List its codes for missing answers under missing_codes."
        )
    are_numbers = [_is_number_type(array.type) for array in arrays]
    if any(are_numbers):
        raise DataError(
            f"column {column!r} is a number in {names[are_numbers.index(True)]} and text in "
            f"{names[are_numbers.index(False)]}. Store it as one type or give a schema."
        )
    ordered = _common_order(arrays)
    return _categoricals([_texts(array) for array in arrays], ordered)


def _first_none(arrays: list[Array | None]) -> int:
    return next(position for position, array in enumerate(arrays) if array is None)


def _numbers(array: pa.ChunkedArray) -> Array | None:
    """Return float64 with NaN for null; None where the column is not made of numbers."""
    if _is_number_type(array.type):
        return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    if not pat.is_dictionary(array.type) or not is_text(array.type.value_type):
        return None
    combined = _combined(array)
    levels = combined.dictionary
    if len(levels) == 0 or pc.any(pc.match_substring_regex(levels, _LEADING_ZERO)).as_py():
        return None
    try:
        by_code = levels.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    codes = combined.indices.cast(pa.int64()).fill_null(len(levels))
    return np.append(by_code, np.nan)[codes.to_numpy(zero_copy_only=False)]


def _combined(array: pa.ChunkedArray) -> pa.DictionaryArray:
    combined = array.unify_dictionaries().combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def _texts(array: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return levels as text, dictionary-encoded."""
    if not pat.is_dictionary(array.type):
        array = array.cast(pa.large_string()).dictionary_encode()
    combined = _combined(array)
    return pa.DictionaryArray.from_arrays(
        combined.indices, combined.dictionary.cast(pa.large_string())
    )


def _common_order(arrays: list[pa.ChunkedArray]) -> tuple[str, ...]:
    """Return the order of ordered dictionaries, where all files agree on it."""
    orders = {
        tuple(_texts(array).dictionary.to_pylist()) if _is_ordered(array.type) else ()
        for array in arrays
    }
    return orders.pop() if len(orders) == 1 else ()


def _is_ordered(kind: pa.DataType) -> bool:
    return bool(pat.is_dictionary(kind) and kind.ordered)


def _categoricals(arrays: list[pa.DictionaryArray], first: Sequence[str]) -> list[Any]:
    """Return categoricals with the levels of `first` and then all others, sorted."""
    pandas = imported("pandas")
    found = set()
    for array in arrays:
        used = pc.unique(array.indices).drop_null()
        found.update(array.dictionary.take(used).to_pylist())
    levels = [level for level in first if level in found]
    levels += sorted(found - set(levels))
    place = {level: position for position, level in enumerate(levels)}
    dtype = pandas.CategoricalDtype(levels)
    aligned = []
    for array in arrays:
        codes = [place.get(level, -1) for level in array.dictionary.to_pylist()]
        indices = array.indices.cast(pa.int64()).fill_null(len(codes))
        positions = np.array([*codes, -1], dtype=np.int32)[indices.to_numpy(zero_copy_only=False)]
        aligned.append(pandas.Categorical.from_codes(positions, dtype=dtype))
    return aligned


def _number_levels(arrays: list[Any], first: Sequence[str]) -> list[Any]:
    """Return categoricals of numbers, whole where all are; levels of `first` first, then sorted."""
    pandas = imported("pandas")
    found = np.unique(np.concatenate([np.unique(array[~np.isnan(array)]) for array in arrays]))
    if (found == np.rint(found)).all() and (np.abs(found) < 2**53).all():
        found = found.astype(np.int64)
    place = {text: position for position, text in enumerate(first)}
    ranks = [place.get(str(level), len(place)) for level in found.tolist()]
    order = np.argsort(ranks, kind="stable")
    # Positions among the sorted levels -> positions in the order wanted.
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    dtype = pandas.CategoricalDtype(found[order])
    aligned = []
    for array in arrays:
        missing = np.isnan(array)
        codes = np.append(position, -1)[np.searchsorted(found, np.where(missing, np.inf, array))]
        aligned.append(pandas.Categorical.from_codes(codes, dtype=dtype))
    return aligned


def _is_number_type(kind: pa.DataType) -> bool:
    return bool(
        pat.is_integer(kind) or pat.is_floating(kind) or pat.is_decimal(kind) or pat.is_null(kind)
    )


def without_codes(array: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Turn the codes for missing answers into nulls."""
    plain = _plain(array)
    if _is_number_type(plain.type):
        numbers = [code for code in column.missing_codes if not isinstance(code, str)]
        codes = [stored_float(plain.type, number) for number in numbers]
        values: Any = plain.cast(pa.float64(), safe=False)
        chosen = pc.is_in(values, value_set=pa.array(codes, pa.float64()))
        return pc.if_else(chosen, pa.scalar(None, plain.type), plain)
    texts = pa.array([str(code) for code in column.missing_codes], pa.large_string())
    chosen = pc.is_in(plain.cast(pa.large_string()), value_set=texts)
    answers = pc.if_else(chosen, pa.scalar(None, plain.type), plain)
    # Levels again, without the codes: what is left may read as numbers.
    return answers.dictionary_encode() if is_text(plain.type) else answers


def _plain(array: pa.ChunkedArray) -> pa.ChunkedArray:
    return array.cast(array.type.value_type) if pat.is_dictionary(array.type) else array


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is text."""
    return bool(pat.is_string(kind) or pat.is_large_string(kind))
