"""Codec of number columns: integer, numeric, date and timestamp.

Codes above the special ones ascend with the numbers: one for each distinct number while they fit
65,535 codes (the codec is exact), else bins (`gpusynth.table.bins`) with the exact values beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import CodecError
from gpusynth.table.bins import bin_starts
from gpusynth.table.number_counts import numbers_of
from gpusynth.table.numbers import from_numbers, null_mask, to_numbers
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.special_codes import NumberSpecials, automatic_of, number_dtype, parse_texts
from gpusynth.table.storage import family_of, parse_storage, take
from gpusynth.table.text_numbers import format_numbers

__all__ = ["MOST_CODES", "NumberCodec"]

MOST_CODES = 65_535
"""All codes of a number column at most: the grower compares codes with a 16-bit threshold and needs
one above the largest."""

_ORDINARY, _UNKNOWN, _UNREADABLE = -1, -2, -3

_SECOND = 1_000_000
"""Microseconds, in which times of text files are counted."""


@dataclass(frozen=True)
class NumberCodec:
    """Fitted codec of a number column; see `gpusynth.table.table.Codec`.

    Attributes
    ----------
    column : Column
    specials : NumberSpecials
    code_values : array of int64 or float64, shape (n_codes - n_special,)
        Ascending; the number of each ordinary code, or the lowest of its bin.
    is_exact : bool
    """

    column: Column
    specials: NumberSpecials
    code_values: Array
    is_exact: bool

    @classmethod
    def fit(cls, column: Column, sketch: ColumnSketch) -> NumberCodec:
        """Fit the codec to a sketch of all rows.

        Raises
        ------
        CodecError
            If the column cannot be read as its kind, or a special code does not fit its storage.
        """
        specials = NumberSpecials.of(column, automatic_of(sketch))
        dtype = number_dtype(column)
        counts = numbers_of(column, sketch, specials)
        ordinary = counts.without(np.array(list(specials.numbers), dtype))
        most_bins = MOST_CODES - specials.n_special
        starts = bin_starts(ordinary, most_bins)
        return cls(column, specials, starts, is_exact=ordinary.n_distinct <= most_bins)

    @property
    def n_special(self) -> int:
        """Number of missing codes and spikes."""
        return self.specials.n_special

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return self.n_special + int(self.code_values.shape[0])

    @property
    def is_ordered(self) -> bool:
        """Numbers are always split by threshold."""
        return True

    def encode(self, array: Any, *, first_row: int = 0) -> tuple[Array, Array | None]:
        """Encode an Arrow array of the storage type, or the text of a text file.

        Parameters
        ----------
        array : pyarrow.Array, shape (n,)
        first_row : int
            Number of rows before this batch; for messages.

        Returns
        -------
        codes : array of uint8 or uint16, shape (n,)
        values : array of int64 or float64, shape (n,), or None when exact
            0 at special codes.

        Raises
        ------
        CodecError
            If a value has no code; names column and row, never the value.
        """
        numbers, states = self._read(array)
        for special, code in self.specials.numbers.items():
            states[(numbers == special) & (states == _ORDINARY)] = code
        ordinary = states == _ORDINARY
        places, known = self._places(numbers)
        states[ordinary & ~known] = _UNKNOWN
        if states.min(initial=0) < _ORDINARY:
            self._refuse(array, states, first_row)
        codes = np.where(ordinary, places + self.n_special, states)
        codes = codes.astype(code_dtype(self.n_codes))
        if self.is_exact:
            return codes, None
        return codes, np.where(ordinary, numbers, numbers.dtype.type(0))

    def decode(self, codes: Array, values: Array | None) -> Any:
        """Decode to an Arrow array of the storage type.

        Parameters
        ----------
        codes : array of uint8 or uint16, shape (n,)
        values : array of int64 or float64, shape (n,), or None
            Needed unless the codec is exact; read at ordinary codes only. Given for an exact
            codec too, they count and not the codes' numbers (smoothing changes values).

        Raises
        ------
        CodecError
            If the codec is not exact and `values` is None.
        """
        if self.is_exact and values is None:
            return take(self._typed(*self._numbers_of_codes), pa.array(codes))
        if values is None:
            raise CodecError(f"column {self.column.name!r}: decoding needs values beside the codes")
        numbers, states = self._numbers_of_codes
        special = codes < self.n_special
        safe = np.where(special, codes, 0)
        row_numbers = np.where(special, numbers[safe], values.astype(numbers.dtype, copy=False))
        return self._typed(row_numbers, np.where(special, states[safe], _ORDINARY))

    def to_json(self) -> Mapping[str, Any]:
        """Return a JSON-serialisable description."""
        return {
            "codec": "numbers",
            "column": self.column.model_dump(mode="json"),
            "automatic": list(self.specials.automatic),
            "answers": list(self.specials.answers),
            "code_values": self.code_values.tolist(),
            "is_exact": self.is_exact,
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> NumberCodec:
        """Rebuild a codec from `to_json`."""
        column = Column.model_validate(mapping["column"])
        return cls(
            column,
            NumberSpecials(tuple(mapping["automatic"]), tuple(mapping["answers"])),
            np.array(mapping["code_values"], dtype=number_dtype(column)),
            is_exact=mapping["is_exact"],
        )

    def _automatic(self, name: str) -> int:
        names = self.specials.automatic
        return names.index(name) if name in names else _UNKNOWN

    def _read(self, array: Any) -> tuple[Array, Array]:
        """Return the numbers, and each row's state: a special code or `_ORDINARY` or below."""
        if family_of(array.type) == "text":
            return self._read_text(array)
        missing = null_mask(array)
        numbers = to_numbers(array)
        states = np.full(len(array), _ORDINARY, np.int32)
        if numbers.dtype == np.float64:
            odd = ~np.isfinite(numbers)
            if odd.any():
                states[np.isnan(numbers)] = self._automatic("nan")
                states[numbers == np.inf] = self._automatic("inf")
                states[numbers == -np.inf] = self._automatic("-inf")
                numbers[odd] = 0.0
            if number_dtype(self.column) == np.int64:
                states[(numbers != np.floor(numbers)) | (np.abs(numbers) >= 2.0**62)] = _UNREADABLE
                numbers = np.where(states == _ORDINARY, numbers, 0.0).astype(np.int64)
        states[missing] = self._automatic("null")
        return numbers, states

    def _read_text(self, array: Any) -> tuple[Array, Array]:
        """Parse each distinct text once."""
        encoded = array.cast(pa.string()).dictionary_encode()
        texts = encoded.dictionary
        distinct, parses = parse_texts(self.column, texts)
        distinct_states = np.where(parses, _ORDINARY, _UNREADABLE).astype(np.int32)
        for text, code in self.specials.texts.items():
            place = texts.index(text).as_py()
            if place >= 0:
                distinct[place], distinct_states[place] = 0, code
        missing = null_mask(array)
        if not len(texts):
            numbers = np.zeros(len(array), distinct.dtype)
            return numbers, np.full(len(array), self._automatic("null"), np.int32)
        indices = np.asarray(pc.fill_null(encoded.indices, 0))
        states = distinct_states[indices]
        states[missing] = self._automatic("null")
        return distinct[indices], states

    def _places(self, numbers: Array) -> tuple[Array, Array]:
        """Return the ordinary code (from 0) of each number, and whether it has one."""
        values = self.code_values
        if not values.shape[0]:
            return np.zeros(numbers.shape, np.int64), np.zeros(numbers.shape, bool)
        places = np.searchsorted(values, numbers, side="right") - 1
        places = np.maximum(places, 0)
        known = values[places] == numbers if self.is_exact else np.ones(numbers.shape, bool)
        return places, known

    @cached_property
    def _numbers_of_codes(self) -> tuple[Array, Array]:
        """The number and the state of each code (states as `_typed` takes them)."""
        n_automatic = len(self.specials.automatic)
        answers = [0 if isinstance(a, str) else a for a in self.specials.answers]
        dtype = number_dtype(self.column)
        fill = np.concatenate([np.zeros(n_automatic, dtype), np.array(answers, dtype)])
        is_text = [isinstance(answer, str) for answer in self.specials.answers]
        states = np.full(self.n_codes if self.is_exact else max(self.n_special, 1), _ORDINARY)
        states[:n_automatic] = np.arange(n_automatic)
        for position, text in enumerate(is_text):
            if text:
                states[n_automatic + position] = n_automatic + position
        numbers: Array = np.zeros(states.shape, dtype)
        numbers[: self.n_special] = fill
        if self.is_exact:
            numbers[self.n_special :] = self.code_values
        return numbers, states

    def _typed(self, numbers: Array, states: Array) -> Any:
        """Return numbers as the storage type; `states` of 0 or more name a code to put instead."""
        storage = parse_storage(self.column.storage)
        names = self.specials.automatic
        null = states == names.index("null") if "null" in names else np.zeros(states.shape, bool)
        if family_of(storage) != "text":
            if family_of(storage) == "float":
                numbers = numbers.astype(np.float64)
                for name in ("nan", "inf", "-inf"):
                    if name in names:
                        numbers[states == names.index(name)] = float(name)
            return from_numbers(numbers, null, storage)
        texts = self._texts(numbers)
        specials = pa.array(
            [None] * len(names)
            + [a if isinstance(a, str) else None for a in self.specials.answers],
            pa.string(),
        )
        rows = np.arange(states.shape[0]) + len(specials)
        everything = pa.concat_arrays([specials, texts])
        return everything.take(pa.array(np.where(states >= 0, states, rows))).cast(storage)

    def _texts(self, numbers: Array) -> Any:
        """Write numbers as the file does."""
        column = self.column
        if column.kind == "date":
            return pa.array(numbers.astype(np.int32)).cast(pa.date32()).cast(pa.string())
        if column.kind == "timestamp":
            return _timestamp_texts(numbers, with_fractions=self._has_fractions)
        return format_numbers(numbers, column.decimals if column.trailing_zeros else None)

    @cached_property
    def _has_fractions(self) -> bool:
        """Whether times are written with fractions of a second: any code stands for one.

        Not asked of the rows that are decoded, which would make texts depend on how they are cut.
        """
        known = [*self.code_values.tolist(), *self.specials.numbers]
        return any(number % _SECOND for number in known)

    def _refuse(self, array: Any, states: Array, first_row: int) -> NoReturn:
        position = int(np.argmax(states < _ORDINARY))
        place = f"column {self.column.name!r}, row {first_row + position + 1}"
        if not array[position].is_valid:
            raise CodecError(
                f"{place}: the answer is missing, but none was when the codec was fitted; "
                "fit the codec on these data"
            )
        if states[position] == _UNREADABLE:
            raise CodecError(
                f"{place}: the answer does not read as {self.column.kind}; add it to the "
                "column's missing_codes in the schema, or make the column categorical"
            )
        raise CodecError(
            f"{place}: the number did not occur when the codec was fitted; fit it on these data"
        )


def _timestamp_texts(microseconds: Array, *, with_fractions: bool) -> Any:
    """Write microseconds as text, whole seconds without a fraction unless all have one."""
    is_whole = microseconds % _SECOND == 0
    if with_fractions or not is_whole.any():
        return pa.array(microseconds).cast(pa.timestamp("us")).cast(pa.string())
    seconds = pa.array(microseconds // _SECOND).cast(pa.timestamp("s")).cast(pa.string())
    if is_whole.all():
        return seconds
    exact = pa.array(microseconds).cast(pa.timestamp("us")).cast(pa.string())
    return pc.if_else(pa.array(is_whole), seconds, exact)
