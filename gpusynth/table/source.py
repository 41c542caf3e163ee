"""Source: what the table floor asks of a survey file, whatever its format.

The readers of real files are `gpusynth.io`; `TableSource` here serves a table that is already in
memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from gpusynth.errors import DataError

__all__ = ["BATCH_ROWS", "Source", "TableSource"]

BATCH_ROWS = 131_072
"""Rows of a batch unless told: 1 MiB a float64 column, so a batch of 130 columns stays in reach of
the last-level cache's order of size while per-batch overhead is below 1 %. Results never depend
on it."""


@runtime_checkable
class Source(Protocol):
    """A survey file that can be streamed any number of times, always in the same row order.

    Attributes
    ----------
    name : str
        File name, or ``"table"`` for data in memory; used in messages.
    arrow_schema : pyarrow.Schema
        Columns of every batch. Of a text file every column is ``string``, holding the text of the
        file; an empty field without quotes is null.
    is_text : bool
        True for text files (CSV): types must be found out from the text, and "01" stays text.
    n_rows : int or None
        None when it is not known before reading.
    """

    @property
    def name(self) -> str:
        """File name, or "table"."""
        ...

    @property
    def arrow_schema(self) -> pa.Schema:
        """Columns of every batch."""
        ...

    @property
    def is_text(self) -> bool:
        """True when types must be found out from text."""
        ...

    @property
    def n_rows(self) -> int | None:
        """Number of rows, None when not known before reading."""
        ...

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield record batches of at most `batch_rows` rows, in row order.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns to read, in this order; all by default.
        batch_rows : int
            Upper bound; a batch may be shorter.
        """
        ...

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes, or of the table's Arrow IPC bytes."""
        ...


class TableSource:
    """A `Source` over a `pyarrow.Table` in memory.

    Parameters
    ----------
    table : pyarrow.Table
    name : str
    is_text : bool
        True when every column is ``string`` and types must be found out from the text.

    Raises
    ------
    DataError
        If `is_text` and a column is not ``string``.
    """

    def __init__(self, table: pa.Table, *, name: str = "table", is_text: bool = False) -> None:
        if is_text:
            for field in table.schema:
                if field.type != pa.string():
                    raise DataError(
                        f"{name}: column {field.name!r} of a text source must be string, "
                        f"it is {field.type}"
                    )
        self._table = table
        self.name = name
        self.is_text = is_text

    @property
    def arrow_schema(self) -> pa.Schema:
        """Columns of every batch."""
        return self._table.schema

    @property
    def n_rows(self) -> int | None:
        """Number of rows."""
        return int(self._table.num_rows)

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield record batches of at most `batch_rows` rows, in row order."""
        table: Any = self._table if columns is None else self._table.select(list(columns))
        yield from table.to_batches(max_chunksize=batch_rows)

    def fingerprint(self) -> str:
        """SHA-256 of the table's Arrow IPC stream, written as one chunk a column."""
        digest = hashlib.sha256()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._table.schema) as writer:
            for batch in self._table.combine_chunks().to_batches():
                writer.write_batch(batch)
        digest.update(sink.getvalue())
        return digest.hexdigest()
