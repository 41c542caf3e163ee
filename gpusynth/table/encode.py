"""Encode a source to a `Table` of codes, and decode codes to record batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import CodecError, DataError
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.codecs import coded_columns
from gpusynth.table.device_rows import number_rows
from gpusynth.table.distinct import distinct_batches, encode_distinct
from gpusynth.table.narrow import narrow_batch
from gpusynth.table.schema import Schema
from gpusynth.table.side_by_side import Each, side_by_side
from gpusynth.table.source import BATCH_ROWS, Source
from gpusynth.table.special_codes import number_dtype
from gpusynth.table.table import Codec, Table

__all__ = ["MakeArray", "coded_dtypes", "decode_batch", "encode_table"]

MakeArray: TypeAlias = Callable[[str, int, Any], Array]
"""(name, rows, dtype) -> zeros, in memory or elsewhere; no name is asked for twice."""


def _in_memory(_name: str, n_rows: int, dtype: Any) -> Array:
    return np.zeros(n_rows, dtype)


class _Column:
    """A growing array; exact when the number of rows is known beforehand."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def put(self, first_row: int, part: Array) -> None:
        end = first_row + part.shape[0]
        if end > self._array.shape[0]:
            # Half as much again each time; resize moves large arrays without a second copy.
            self._array.resize(max(end, self._array.shape[0] * 3 // 2), refcheck=False)
        self._array[first_row:end] = part

    def result(self, n_rows: int) -> Array:
        if self._array.shape[0] != n_rows:
            self._array.resize(n_rows, refcheck=False)
        return self._array


def coded_dtypes(schema: Schema, codecs: Mapping[str, Codec]) -> dict[str, Any]:
    """Return what arrays a table has: the dtype of each column's codes and, if any, numbers.

    Parameters
    ----------
    schema : Schema
    codecs : mapping of column name to Codec

    Returns
    -------
    dict of str to dtype
        ``codes 3`` and ``values 3`` for the coded column of number 3, from 0.
    """
    dtypes: dict[str, Any] = {}
    for number, name in enumerate(coded_columns(schema)):
        dtypes[f"codes {number}"] = code_dtype(codecs[name].n_codes)
        if not codecs[name].is_exact:
            dtypes[f"values {number}"] = number_dtype(schema[name])
    return dtypes


def encode_table(
    schema: Schema,
    codecs: Mapping[str, Codec],
    source: Source,
    *,
    batch_rows: int = BATCH_ROWS,
    make_array: MakeArray = _in_memory,
    n_threads: int = 1,
) -> Table:
    """Encode all columns that have codecs, in one stream over the source.

    Parameters
    ----------
    schema : Schema
    codecs : mapping of column name to Codec
        From `fit_codecs` on this source.
    source : Source
    batch_rows : int
        Rows read at a time; the table does not depend on it.
    make_array : callable
        Makes the arrays by the names of `coded_dtypes`. Those that are not made in memory must
        have the right size: the source must know its number of rows.
    n_threads : int
        Columns that are encoded side by side.

    Returns
    -------
    Table

    Raises
    ------
    CodecError
        If a value has no code; names file, column and row, never the value.
    DataError
        If the source has no rows.
    """
    names = coded_columns(schema)
    expected = source.n_rows or batch_rows
    columns = {
        place: _Column(make_array(place, expected, dtype))
        for place, dtype in coded_dtypes(schema, codecs).items()
    }
    codes = {name: columns[f"codes {i}"] for i, name in enumerate(names)}
    values = {
        name: columns[f"values {i}"] for i, name in enumerate(names) if f"values {i}" in columns
    }
    n_rows = 0
    streamed = []
    for name in names:
        told = _encode_told(source, codecs[name], name, codes[name], values.get(name))
        if not told:
            streamed.append(name)
        n_rows = max(n_rows, told)
    if streamed:
        with side_by_side(n_threads) as each:
            own = [(codecs[name], codes[name], values.get(name)) for name in streamed]
            n_rows = _encode_streamed(source, streamed, own, each, batch_rows)
    if n_rows == 0:
        raise DataError(f"{source.name}: no rows; there is nothing to synthesize")
    return Table(
        schema=schema,
        codecs=codecs,
        codes={name: column.result(n_rows) for name, column in codes.items()},
        values={name: column.result(n_rows) for name, column in values.items()},
        n_rows=n_rows,
    )


def _encode_streamed(
    source: Source,
    names: list[str],
    columns: list[tuple[Codec, _Column, _Column | None]],
    each: Each,
    batch_rows: int,
) -> int:
    """Encode columns batch by batch; return the number of rows."""
    n_rows = 0

    def encode(place: int) -> None:
        codec, codes, values = columns[place]
        try:
            part, exact = _encode(codec, batch.column(place), n_rows)
        except CodecError as error:
            raise CodecError(f"{source.name}: {error}") from error
        codes.put(n_rows, part)
        if exact is not None and values is not None:
            values.put(n_rows, exact)

    for batch in source.batches(names, batch_rows=batch_rows):
        each(encode, range(len(names)))
        n_rows += batch.num_rows
    return n_rows


def _encode(codec: Codec, array: Any, first_row: int) -> tuple[Array, Array | None]:
    """Encode an array, by its distinct values where its type has few."""
    told = narrow_batch(array)
    if told is not None:
        with suppress(CodecError):  # the array tells the row
            return encode_distinct(codec, told, first_row=first_row)
    return codec.encode(array, first_row=first_row)


def _encode_told(
    source: Source, codec: Codec, name: str, codes: _Column, values: _Column | None
) -> int:
    """Encode a column where its rows lie; return them, 0 where they must be streamed."""
    n_rows = 0
    try:
        for part, exact in _encoded_where_it_lies(source, codec, name):
            codes.put(n_rows, part)
            if exact is not None and values is not None:
                values.put(n_rows, exact)
            n_rows += len(part)
    except CodecError:  # the stream tells the row
        return 0
    return n_rows


def _encoded_where_it_lies(
    source: Source, codec: Codec, name: str
) -> Iterator[tuple[Array, Array | None]]:
    """Yield codes and numbers of a column's parts; nothing where its rows must be streamed."""
    numbers = number_rows(source, name) if isinstance(codec, NumberCodec) else None
    if numbers is not None and isinstance(codec, NumberCodec):
        for rows in numbers:
            yield rows.encode(codec)
        return
    n_rows = 0
    for batch in distinct_batches(source, name) or ():
        yield encode_distinct(codec, batch, first_row=n_rows)
        n_rows += batch.n_rows


def decode_batch(
    schema: Schema,
    codecs: Mapping[str, Codec],
    codes: Mapping[str, Array],
    values: Mapping[str, Array],
    arrow_schema: Any,
) -> Any:
    """Decode codes to a record batch.

    Parameters
    ----------
    schema : Schema
    codecs : mapping of column name to Codec
    codes : mapping of column name to array of uint8 or uint16, shape (n,)
    values : mapping of column name to array of int64 or float64, shape (n,)
        Of the columns whose codec is not exact.
    arrow_schema : pyarrow.Schema
        Columns of the batch, in order (see `output_schema`).

    Returns
    -------
    pyarrow.RecordBatch

    Raises
    ------
    CodecError
        If a column of `arrow_schema` is not in the schema, has no codec or another type.
    """
    arrays = []
    for field in arrow_schema:
        if field.name not in schema.names or field.name not in codecs:
            raise CodecError(
                f"column {field.name!r} cannot be decoded: its role is drop or key, or the "
                "schema does not have it"
            )
        array = codecs[field.name].decode(codes[field.name], values.get(field.name))
        if array.type != field.type:
            raise CodecError(
                f"column {field.name!r} decodes to {array.type}, but the output asks for "
                f"{field.type}; take the output's types from output_schema"
            )
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema)
