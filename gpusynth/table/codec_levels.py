"""Codec of columns with levels: categorical, ordered and boolean.

Levels are handled as text whatever the storage ("1" for an integer 1, "true" for a boolean); codes
above the special ones are the levels in their order. Always exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import MOST_CODES, Array, code_dtype
from gpusynth.errors import CodecError
from gpusynth.table.numbers import null_mask
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.special_codes import automatic_of
from gpusynth.table.storage import is_text_type, parse_storage, take, value_type
from gpusynth.table.uncastable import first_uncastable

__all__ = ["LevelCodec"]

_UNKNOWN = -1


@dataclass(frozen=True)
class LevelCodec:
    """Fitted codec of a column with levels; see `gpusynth.table.table.Codec`.

    Attributes
    ----------
    column : Column
    automatic : tuple of str
        The states among null, nan, inf, -inf that occur; codes 0, 1, ...
    missing : tuple of str
        The schema's missing codes as text.
    levels : tuple of str
    dictionary : tuple of str
        Order of an Arrow dictionary's values, unused ones included; empty for other storages.
    """

    column: Column
    automatic: tuple[str, ...]
    missing: tuple[str, ...]
    levels: tuple[str, ...]
    dictionary: tuple[str, ...] = ()

    @classmethod
    def fit(cls, column: Column, sketch: ColumnSketch) -> LevelCodec:
        """Fit the codec to a sketch of all rows.

        Raises
        ------
        CodecError
            If the levels are too many, or cannot be values of the storage.
        """
        missing = tuple(_text_of(code) for code in column.missing_codes)
        levels = column.levels
        if levels is None:
            levels = tuple(text for text in _levels_in(column, sketch) if text not in set(missing))
        dictionary: tuple[str, ...] = ()
        if pa.types.is_dictionary(parse_storage(column.storage)):
            found = sketch.dictionary.levels if sketch.dictionary is not None else ()
            dictionary = tuple(dict.fromkeys((*found, *missing, *levels)))
        codec = cls(column, automatic_of(sketch), missing, levels, dictionary)
        if codec.n_codes > MOST_CODES:
            raise _too_many(column)
        codec._typed_codes  # noqa: B018 - fails here, not in the middle of a run
        return codec

    @property
    def n_special(self) -> int:
        """Number of missing codes."""
        return len(self.automatic) + len(self.missing)

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return self.n_special + len(self.levels)

    @property
    def is_ordered(self) -> bool:
        """False for categorical: those are split by subsets."""
        return self.column.kind != "categorical"

    @property
    def is_exact(self) -> bool:
        """Every code stands for one level."""
        return True

    @property
    def code_values(self) -> Array | None:
        """Levels have no numbers."""
        return None

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
        values : None

        Raises
        ------
        CodecError
            If a value is no level; names column and row, never the value.
        """
        missing = null_mask(array)
        if pa.types.is_dictionary(array.type):
            if len(array.dictionary):
                by_index = self._codes_of(array.dictionary)
                codes = by_index[np.asarray(pc.fill_null(array.indices, 0), dtype=np.int64)]
            else:
                codes = np.full(len(array), _UNKNOWN, np.int32)
        elif pa.types.is_null(array.type):
            codes = np.full(len(array), _UNKNOWN, np.int32)
        else:
            codes = self._codes_of(array)
        codes[missing] = self._automatic_code("null")
        if codes.min(initial=0) < 0:
            self._refuse(array, codes, first_row)
        return codes.astype(code_dtype(self.n_codes)), None

    def decode(self, codes: Array, values: Array | None = None) -> Any:
        """Decode to an Arrow array of the storage type.

        Parameters
        ----------
        codes : array of uint8 or uint16, shape (n,)
        values : None
            Not used: codes say everything.
        """
        storage = parse_storage(self.column.storage)
        taken = take(self._typed_codes, pa.array(codes))
        if not pa.types.is_dictionary(storage):
            return taken.cast(storage)
        return pa.DictionaryArray.from_arrays(
            taken.cast(storage.index_type), self._typed_dictionary, ordered=storage.ordered
        )

    def to_json(self) -> Mapping[str, Any]:
        """Return a JSON-serialisable description."""
        return {
            "codec": "levels",
            "column": self.column.model_dump(mode="json"),
            "automatic": list(self.automatic),
            "missing": list(self.missing),
            "levels": list(self.levels),
            "dictionary": list(self.dictionary),
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> LevelCodec:
        """Rebuild a codec from `to_json`."""
        return cls(
            Column.model_validate(mapping["column"]),
            tuple(mapping["automatic"]),
            tuple(mapping["missing"]),
            tuple(mapping["levels"]),
            tuple(mapping["dictionary"]),
        )

    def _automatic_code(self, name: str) -> int:
        return self.automatic.index(name) if name in self.automatic else _UNKNOWN

    def _codes_of(self, array: Any) -> Array:
        """Look up values; nulls and unknown values give `_UNKNOWN`."""
        plain = _plain(array)
        known = self._cast((*self.missing, *self.levels), plain.type)
        places = pc.fill_null(pc.index_in(plain, value_set=known), _UNKNOWN)
        codes = np.array(places, dtype=np.int32)
        codes[codes >= 0] += len(self.automatic)
        if pa.types.is_floating(plain.type):
            numbers = np.asarray(pc.fill_null(plain, 0.0))
            codes[np.isnan(numbers)] = self._automatic_code("nan")
            codes[numbers == np.inf] = self._automatic_code("inf")
            codes[numbers == -np.inf] = self._automatic_code("-inf")
        return codes

    def _cast(self, texts: tuple[str | None, ...], arrow_type: Any) -> Any:
        if all(text is None for text in texts):
            # Arrow reads no text as a time of day, but a column of nulls needs no reading.
            return pa.nulls(len(texts), arrow_type)
        try:
            return pa.array(texts, pa.string()).cast(arrow_type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # Not chained: Arrow's message shows the level.
            raise CodecError(
                f"column {self.column.name!r}: {self._named(texts, arrow_type)} of the schema is "
                f"no value of the storage {self.column.storage}; correct the schema"
            ) from None

    def _named(self, texts: tuple[str | None, ...], arrow_type: Any) -> str:
        """Say by its number which text of the schema has no value, without the text."""
        place = first_uncastable(pa.array(texts, pa.string()), arrow_type)
        text = None if place is None else texts[place]
        for kind, listed in (
            ("level", self.column.levels or ()),
            ("missing code", self.column.missing_codes),
        ):
            if text is not None and text in listed:
                return f"{kind} {listed.index(text) + 1}"
        return "a level or missing code"

    @cached_property
    def _typed_codes(self) -> Any:
        """What each code stands for: typed values, or positions in the dictionary."""
        storage = parse_storage(self.column.storage)
        if pa.types.is_dictionary(storage):
            place = {text: position for position, text in enumerate(self.dictionary)}
            known: tuple[int | None, ...] = tuple(
                place[text] for text in (*self.missing, *self.levels)
            )
            return pa.array((None,) * len(self.automatic) + known, pa.int64())
        inner = _plain_type(storage)
        states = tuple(None if name == "null" else name for name in self.automatic)
        return self._cast((*states, *self.missing, *self.levels), inner)

    @cached_property
    def _typed_dictionary(self) -> Any:
        inner = value_type(parse_storage(self.column.storage))
        return self._cast(self.dictionary, _plain_type(inner)).cast(inner)

    def _refuse(self, array: Any, codes: Array, first_row: int) -> NoReturn:
        position = int(np.argmax(codes < 0))
        place = f"column {self.column.name!r}, row {first_row + position + 1}"
        if not array[position].is_valid:
            raise CodecError(
                f"{place}: the answer is missing, but none was when the codec was fitted; "
                "fit the codec on these data"
            )
        raise CodecError(
            f"{place}: the answer is none of the column's {len(self.levels):,} levels and "
            f"{len(self.missing)} missing codes; add it to the schema's levels or missing_codes, "
            "or remove the levels to take them from the data"
        )


def _text_of(code: str | int | float) -> str:
    """Write a missing code as a level is written: whole floats without a point."""
    if isinstance(code, float) and code == int(code):
        return str(int(code))
    return str(code)


def _plain_type(arrow_type: Any) -> Any:
    """Return the type in which lookups are done: Arrow has no kernels for some."""
    if is_text_type(arrow_type):
        return pa.string()
    return pa.float32() if pa.types.is_float16(arrow_type) else arrow_type


def _plain(array: Any) -> Any:
    plain = array.cast(_plain_type(array.type))
    if pa.types.is_floating(plain.type):
        # -0.0 and 0.0 are one answer, but two keys of a hash table.
        return pc.add(plain, pa.scalar(0.0, plain.type))
    return plain


def _levels_in(column: Column, sketch: ColumnSketch) -> tuple[str, ...]:
    """Return the levels that occur in the data, in the order of the storage."""
    if sketch.dictionary is not None:
        return sketch.dictionary.levels
    if sketch.texts is None:
        return tuple(sketch.number_texts().to_pylist()) if sketch.numbers is not None else ()
    if sketch.texts.stopped:
        raise _too_many(column)
    texts = tuple(sketch.texts.texts.to_pylist())
    if column.storage == "int64":
        return tuple(sorted(texts, key=lambda text: (len(text.lstrip("-")), text)))
    return texts


def _too_many(column: Column) -> CodecError:
    return CodecError(
        f"column {column.name!r} has more than {MOST_CODES:,} levels; make it coarser, or give "
        "it the role key or drop"
    )
