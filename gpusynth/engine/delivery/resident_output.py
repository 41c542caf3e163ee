"""Resident output: columns of a drawn replicate that are put out where they lie, on a device.

For data frames of cuDF and for Parquet files that cuDF writes. What codes stand for crosses to the
device once a column, and nothing to the host. A column whose every value is a code is made there in
any case: where its codes lie on the host, they cross, 1 or 2 bytes a row, in the place of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.backends import memory_errors, upload, with_room
from gpusynth.engine.delivery.decoding import RowDecoder, decoded_names
from gpusynth.engine.delivery.output_columns import output_schema, real_schema
from gpusynth.engine.delivery.released import UsedLevels
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.real.prepared import Resolved
from gpusynth.errors import DeviceMemoryError
from gpusynth.io.cudf_columns import CodedColumn, Meanings, can_be_made, made_column, made_series
from gpusynth.io.cudf_out import DeviceBatch, like_cudf
from gpusynth.table import Codec

__all__ = ["DeviceDecoder", "MadeColumns", "to_cudf"]

_NUMBER_BYTES = 8
"""Of a row of a column, as an error of memory says it."""


@dataclass(frozen=True, slots=True)
class MadeColumns:
    """The columns of one replicate that are made on the device.

    Attributes
    ----------
    rows : SyntheticRows
    meanings : mapping of str to Meanings
        Column -> what its codes stand for.
    keys : frozenset of str
        Those of them that are numbered from 1; no code stands for any of their numbers.
    """

    rows: SyntheticRows
    meanings: Mapping[str, Meanings]
    keys: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: SyntheticRows, resolved: Resolved) -> MadeColumns:
        """Look which columns can be made there.

        Parameters
        ----------
        rows : SyntheticRows
            All columns are drawn.
        resolved : Resolved

        Returns
        -------
        MadeColumns
            Of no column where nothing lies on a device.
        """
        if rows.resident is None or not rows.n_output:
            return cls(rows, {})
        real = real_schema(resolved)
        found = {}
        for name in decoded_names(rows, resolved):
            meanings = _meanings(rows, real.field(name), resolved.codecs[name])
            if meanings is not None:
                found[name] = Meanings(meanings)
        kinds = {
            name: real.field(name).type for name in resolved.plan.key_columns if name in real.names
        }
        keys = {n: Meanings(pa.array([], k)) for n, k in kinds.items() if pa.types.is_integer(k)}
        return cls(rows, found | keys, frozenset(keys))

    def coded(self, name: str, first: int, last: int) -> CodedColumn:
        """Return some rows of a column, in the order in which they are put out.

        Parameters
        ----------
        name : str
        first, last : int
            The first row that is put out, and the one after the last.

        Returns
        -------
        CodedColumn

        Raises
        ------
        DeviceMemoryError, MemoryError
        """
        rows = self.rows
        if name in self.keys:
            from gpusynth_kernels.cuda.launch import arrays

            numbers = arrays().arange(first + 1, last + 1, dtype=np.int64)
            return CodedColumn(self.meanings[name], numbers, numbers)
        drawn = None if rows.resident is None else rows.resident.whole(name, rows.n_rows)
        if drawn is not None:
            part = slice(first, last)
            if rows.order is not None:
                part = upload(rows.order, keep=True)[part]
            values = None if drawn.values is None else drawn.values[part]
            return CodedColumn(self.meanings[name], drawn.codes[part], values)
        part = slice(first, last) if rows.order is None else rows.order[first:last]
        values = rows.values.get(name)
        return CodedColumn(
            self.meanings[name],
            upload(rows.codes[name][part]),
            None if values is None else upload(values[part]),
        )


def _meanings(rows: SyntheticRows, field: pa.Field, codec: Codec) -> pa.Array | None:
    """Return what the codes of a column stand for, None where it is decoded on the host."""
    name, resident = field.name, rows.resident
    has_numbers = name in rows.values
    if resident is None or not can_be_made(field.type, has_numbers=has_numbers):
        return None
    drawn = with_room(lambda: resident.whole(name, rows.n_rows), "a drawn column", 0)
    if has_numbers and drawn is not None and drawn.values is not None:
        n_states = codec.n_special
        array = codec.decode(np.arange(n_states), np.zeros(n_states, drawn.values.dtype))
    elif not has_numbers and codec.is_exact:
        array = codec.decode(np.arange(codec.n_codes), None)
    else:
        return None
    # Who writes arrays of the host tells of nulls where none may be.
    may_be = array.type == field.type and (field.nullable or not array.null_count)
    return array if may_be else None


@dataclass(frozen=True, slots=True)
class DeviceDecoder:
    """Decodes rows of one replicate for a Parquet file that is written on the device.

    Attributes
    ----------
    made : MadeColumns
    others : RowDecoder
        Of the other columns.
    names : tuple of str
        Of all columns, in order, as they are put out.
    """

    made: MadeColumns
    others: RowDecoder
    names: tuple[str, ...]

    @classmethod
    def of(cls, rows: SyntheticRows, resolved: Resolved, used: UsedLevels) -> DeviceDecoder:
        """Settle which columns are made where.

        Parameters
        ----------
        rows : SyntheticRows
        resolved : Resolved
        used : UsedLevels
            Of these rows.

        Returns
        -------
        DeviceDecoder
        """
        made = MadeColumns.of(rows, resolved)
        others = RowDecoder.of(rows, resolved, used, without=made.meanings)
        return cls(made, others, tuple(output_schema(resolved).names))

    def batch(self, first: int, last: int) -> DeviceBatch:
        """Decode some rows.

        Parameters
        ----------
        first, last : int
            The first row that is put out, and the one after the last.

        Returns
        -------
        DeviceBatch

        Raises
        ------
        DeviceMemoryError
        """
        new_name = self.others.resolved.plan.output.new_name

        def make() -> dict[str, Any]:
            return {
                new_name(name): made_column(self.made.coded(name, first, last))
                for name in self.made.meanings
            }

        n_bytes = _NUMBER_BYTES * len(self.made.meanings) * (last - first)
        made = with_room(make, "rows of a synthetic file", n_bytes)
        return DeviceBatch(self.names, self.others.batch(first, last), made, last - first)


def to_cudf(
    rows: SyntheticRows,
    resolved: Resolved,
    original: Any,
    sources: Mapping[str, str],
    *,
    batch_rows: int,
) -> Any:
    """Put a replicate out as a data frame of cuDF.

    Parameters
    ----------
    rows : SyntheticRows
        Columns that lie on the device are let go once they are put out.
    resolved : Resolved
    original : cudf.DataFrame
    sources : mapping of str to str
        Column of the output -> column of `original` whose dtype it takes.
    batch_rows : int
        Rows of the other columns that are decoded at a time.

    Returns
    -------
    cudf.DataFrame

    Raises
    ------
    DeviceMemoryError
        If the columns that were decoded on the host do not fit.
    """
    columns, made = MadeColumns.of(rows, resolved), {}
    for name in columns.meanings:
        # Without room on the device the column is decoded on the host.
        with suppress(DeviceMemoryError):
            made[name] = _series(columns, name)
            if rows.resident is not None:
                rows.resident.forget(name)
    # No levels are left out here: the frame takes the categories of the original in any case.
    decoder = RowDecoder.of(rows, resolved, UsedLevels({}), without=made)
    starts = range(0, rows.n_output, batch_rows) if decoder.schema.names else ()
    batches = [decoder.batch(first, min(first + batch_rows, rows.n_output)) for first in starts]
    table = pa.Table.from_batches(batches, schema=decoder.schema)
    put_out = {resolved.plan.output.new_name(name): series for name, series in made.items()}
    names = output_schema(resolved).names
    with memory_errors("the synthetic table", int(table.nbytes)):
        return like_cudf(table, original, sources, made=put_out, names=names)


def _series(columns: MadeColumns, name: str) -> Any:
    n_rows = columns.rows.n_output
    return with_room(
        lambda: made_series(columns.coded(name, 0, n_rows)),
        "a column of the synthetic table",
        _NUMBER_BYTES * n_rows,
    )
