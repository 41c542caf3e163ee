"""Columns of an analysis, read from several files and brought to the same levels.

Only the columns that a formula names are read. A column is a number in all files or categorical in
all; levels are the union over the files, so that a level that one replicate happens to lack keeps
its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.errors import DataError
from gpusynth.inference.alignment import ColumnKind, aligned_columns, is_text, without_codes
from gpusynth.inference.extra import imported
from gpusynth.table import Schema
from gpusynth.table.source import BATCH_ROWS, Source

__all__ = ["LoadedSource", "Variables", "Wanted", "read_variables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Columns to read.

    Attributes
    ----------
    columns : tuple of str
    categorical : collection of str
        Those that are levels even where they hold numbers.
    missing_allowed : collection of str
        Those whose missing values do not make a row unusable.
    """

    columns: tuple[str, ...]
    categorical: Collection[str] = ()
    missing_allowed: Collection[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Variables:
    """Columns of one file.

    Attributes
    ----------
    name : str
        What messages call the file.
    frame : pandas.DataFrame
        Complete rows; float64 and categorical columns.
    n_rows : int
        Of the file.
    """

    name: str
    frame: Any
    n_rows: int


def read_variables(
    sources: Sequence[Source], wanted: Wanted, *, names: Sequence[str], schema: Schema | None = None
) -> list[Variables]:
    """Read columns from several files.

    Parameters
    ----------
    sources : sequence of Source
    wanted : Wanted
    names : sequence of str
        What messages call the files.
    schema : Schema, optional
        Says which columns are categorical, in which order, and which values stand for missing.

    Returns
    -------
    list of Variables
        In the order of `sources`.

    Raises
    ------
    DataError
        If a column is unknown or of different kinds in different files, or no row is complete.
    """
    tables = [
        _read(source, wanted.columns, name) for source, name in zip(sources, names, strict=True)
    ]
    known = {} if schema is None else {column.name: column for column in schema.columns}
    columns: list[dict[str, Any]] = [{} for _ in tables]
    for column in wanted.columns:
        arrays = [table.column(column) for table in tables]
        described = known.get(column)
        if described is not None and described.missing_codes:
            arrays = [without_codes(array, described) for array in arrays]
        typed_text = any(
            is_text(source.arrow_schema.field(column).type) and not source.is_text
            for source in sources
        )
        kind = ColumnKind(column, described, column in wanted.categorical, typed_text)
        aligned = aligned_columns(arrays, kind, names)
        for position, values in enumerate(aligned):
            columns[position][column] = values
    return [
        _complete(parts, table.num_rows, name, wanted)
        for parts, table, name in zip(columns, tables, names, strict=True)
    ]


class LoadedSource:
    """A source whose columns are read once for several models.

    Parameters
    ----------
    source : Source
    columns : collection of str
        Those that may be asked for; unknown ones are left to `read_variables` to refuse.
    """

    def __init__(self, source: Source, columns: Collection[str]) -> None:
        self._source = source
        self.name = source.name
        self.is_text = source.is_text
        self.arrow_schema: pa.Schema = source.arrow_schema
        self._table = _table(source, [one for one in source.arrow_schema.names if one in columns])

    @property
    def n_rows(self) -> int | None:
        """Number of rows."""
        return int(self._table.num_rows)

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield the loaded columns; text as dictionaries."""
        chosen: Any = self._table if columns is None else self._table.select(list(columns))
        yield from chosen.to_batches(max_chunksize=batch_rows)

    def fingerprint(self) -> str:
        """SHA-256 of the source."""
        return self._source.fingerprint()


def _table(source: Source, columns: list[str]) -> pa.Table:
    batches = [_encoded(batch) for batch in source.batches(columns)]
    return pa.Table.from_batches(batches).unify_dictionaries()


def _read(source: Source, columns: Sequence[str], name: str) -> pa.Table:
    have = source.arrow_schema.names
    unknown = [column for column in columns if column not in have]
    if unknown:
        near = get_close_matches(unknown[0], have, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{name}: no column {', '.join(map(repr, unknown))}, which the formula or its options "
            f"use.{hint}"
        )
    return _table(source, list(columns))


def _encoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Hold text as dictionaries, in a fraction of its memory."""
    arrays = [
        array.cast(pa.large_string()).dictionary_encode() if is_text(array.type) else array
        for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _complete(columns: dict[str, Any], n_rows: int, name: str, wanted: Wanted) -> Variables:
    pandas = imported("pandas")
    frame = pandas.DataFrame(columns, copy=False)
    usable = np.ones(n_rows, dtype=bool)
    for column in frame.columns:
        if column not in wanted.missing_allowed:
            usable &= ~frame[column].isna().to_numpy()
    if not usable.any():
        raise DataError(f"{name}: no row has values in all of {', '.join(map(repr, columns))}.")
    if not usable.all():
        frame = frame[usable].reset_index(drop=True)
    return Variables(name, frame, n_rows)
