"""Parquet out, by many threads: row groups are encoded apart and joined to one file.

Arrow encodes a file in one thread. Nothing in a row group but the places of its column chunks
depends on where it lies, so each is written as a file of its own in memory, and the row groups are
put one after the other, with their places moved. The bytes are those that Arrow's own writer gives
for the whole file, which `joins_like_arrow` tries out before it is relied upon.

References
----------
.. [1] Apache Parquet, src/main/thrift/parquet.thrift (FileMetaData, RowGroup, ColumnChunk).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from gpusynth.io.compact_thrift import (
    list_items,
    read_whole,
    struct_fields,
    write_list_head,
    write_whole,
)

__all__ = ["RowGroupJoin", "RowGroupPart", "encode_row_group", "joins_like_arrow", "open_parquet"]

_MAGIC = b"PAR1"
_LENGTH_BYTES = 4

_N_ROWS, _ROW_GROUPS = 3, 4
"""Fields of FileMetaData."""
_COLUMNS, _GROUP_PLACE, _ORDINAL = 1, 5, 7
"""Fields of RowGroup."""
_CHUNK_PLACE, _CHUNK = 2, 3
"""Fields of ColumnChunk."""
_PAGE_PLACES = (9, 10, 11)
"""Fields of ColumnMetaData: the first data page, index page and dictionary page."""


def open_parquet(file: Any, schema: pa.Schema) -> pq.ParquetWriter:
    """Open Arrow's writer with the options of every synthetic file.

    Parameters
    ----------
    file : binary file or pyarrow.NativeFile
    schema : pyarrow.Schema

    Returns
    -------
    pyarrow.parquet.ParquetWriter
    """
    return pq.ParquetWriter(file, schema, compression="zstd")


@dataclass(frozen=True, slots=True)
class RowGroupPart:
    """One row group, encoded as a file of its own.

    Attributes
    ----------
    pages : memoryview
        Its column chunks, as they lie in any file.
    footer : bytes
        Of the file that it was written to.
    n_rows : int
    group : tuple of (int, int)
        Where the row group's description begins and ends in the footer.
    places : tuple of (int, int)
        Where the footer says where something lies in the file: begin and end of each number.
    ordinal : tuple of (int, int), or None
        Where it says which row group it is, if it does.
    """

    pages: memoryview
    footer: bytes
    n_rows: int
    group: tuple[int, int]
    places: tuple[tuple[int, int], ...]
    ordinal: tuple[int, int] | None


def encode_row_group(batch: pa.RecordBatch, schema: pa.Schema) -> RowGroupPart:
    """Encode rows; from any thread.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        With at least one row.
    schema : pyarrow.Schema
        Of the file, with its metadata.

    Returns
    -------
    RowGroupPart
    """
    sink = pa.BufferOutputStream()
    with open_parquet(sink, schema) as writer:
        named = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        writer.write_batch(named, row_group_size=batch.num_rows)
    content = memoryview(sink.getvalue())
    end = len(content) - len(_MAGIC) - _LENGTH_BYTES
    begin = end - int.from_bytes(content[end : end + _LENGTH_BYTES], "little")
    footer = bytes(content[begin:end])
    fields = {field.number: field for field in struct_fields(footer, 0)}
    (group,) = list_items(footer, fields[_ROW_GROUPS].begin)
    places, ordinal = _places_of(footer, group[0])
    pages = content[len(_MAGIC) : begin]
    return RowGroupPart(pages, footer, batch.num_rows, group, places, ordinal)


def _places_of(
    footer: bytes, begin: int
) -> tuple[tuple[tuple[int, int], ...], tuple[int, int] | None]:
    """Return where a row group's description tells places in the file, and its number."""
    places, ordinal = [], None
    for field in struct_fields(footer, begin):
        if field.number == _GROUP_PLACE:
            places.append((field.begin, field.end))
        elif field.number == _ORDINAL:
            ordinal = field.begin, field.end
        elif field.number == _COLUMNS:
            for chunk, _ in list_items(footer, field.begin):
                places += _places_of_chunk(footer, chunk)
    return tuple(places), ordinal


def _places_of_chunk(footer: bytes, begin: int) -> list[tuple[int, int]]:
    places = []
    for field in struct_fields(footer, begin):
        if field.number == _CHUNK_PLACE and read_whole(footer, field.begin):
            places.append((field.begin, field.end))
        elif field.number == _CHUNK:
            places += [
                (inner.begin, inner.end)
                for inner in struct_fields(footer, field.begin)
                if inner.number in _PAGE_PLACES
            ]
    return places


class RowGroupJoin:
    """One Parquet file, made of row groups that were encoded apart.

    Parameters
    ----------
    file : binary file
        At its begin.
    schema : pyarrow.Schema
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema
        self._place = self._n_rows = 0
        self._groups: list[bytes] = []
        self._first: RowGroupPart | None = None

    def append(self, part: RowGroupPart) -> None:
        """Write the next row group."""
        if self._first is None:
            self._first = part
            self._put(_MAGIC)
        shift = self._place - len(_MAGIC)
        changes = {place: read_whole(part.footer, place[0]) + shift for place in part.places}
        if part.ordinal is not None:
            changes[part.ordinal] = len(self._groups)
        self._groups.append(_changed(part.footer, part.group, changes))
        self._put(part.pages)
        self._n_rows += part.n_rows

    def finish(self) -> None:
        """Write the footer."""
        if self._first is None:  # no rows
            with open_parquet(self._file, self._schema):
                return
        own = self._first.footer
        fields = {field.number: field for field in struct_fields(own, 0)}
        n_rows, groups = fields[_N_ROWS], fields[_ROW_GROUPS]
        footer = b"".join(
            [
                own[: n_rows.begin],
                write_whole(self._n_rows),
                own[n_rows.end : groups.begin],
                write_list_head(len(self._groups)),
                *self._groups,
                own[groups.end :],
            ]
        )
        self._put(footer + len(footer).to_bytes(_LENGTH_BYTES, "little") + _MAGIC)

    def _put(self, content: bytes | memoryview) -> None:
        self._file.write(content)
        self._place += len(content)


def _changed(footer: bytes, part: tuple[int, int], changes: dict[tuple[int, int], int]) -> bytes:
    """Return a part of a footer with other numbers at some places."""
    pieces, done = [], part[0]
    for (begin, end), number in sorted(changes.items()):
        pieces += [footer[done:begin], write_whole(number)]
        done = end
    return b"".join([*pieces, footer[done : part[1]]])


@cache
def joins_like_arrow() -> bool:
    """Return whether row groups that are joined give the bytes that this Arrow writes.

    Tried once a process, on a few rows of several types.

    Returns
    -------
    bool
    """
    numbers = list(range(400))
    table = pa.table(
        {
            "whole": pa.array([None if n % 7 == 0 else n for n in numbers], pa.int16()),
            "text": [f"answer {n % 5}" for n in numbers],
            "level": pa.array(["a" if n % 3 else None for n in numbers]).dictionary_encode(),
            "number": [n / 3 for n in numbers],
        },
        metadata={"key": "value"},
    )
    batches = table.to_batches(max_chunksize=150)
    by_arrow, joined = io.BytesIO(), io.BytesIO()
    with open_parquet(by_arrow, table.schema) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)
    join = RowGroupJoin(joined, table.schema)
    try:
        for batch in batches:
            join.append(encode_row_group(batch, table.schema))
    except (KeyError, IndexError, ValueError):  # a footer that is laid out in another way
        return False
    join.finish()
    return joined.getvalue() == by_arrow.getvalue()
