"""Counted source: a parent's file with the numbers of its children as its last columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.table import BATCH_ROWS, Column, Source

__all__ = ["CountedSource", "count_schema_column"]


class CountedSource:
    """A source with columns of counts at its end; a `Source` itself.

    Parameters
    ----------
    source : Source
    counts : mapping of str to array of int64, shape (n_rows,)
        Column -> number of children of each row.
    name : str
        For messages.

    Raises
    ------
    PlanError
        If the file has a column of that name.
    """

    def __init__(self, source: Source, counts: Mapping[str, Array], *, name: str) -> None:
        have = source.arrow_schema.names
        for column in counts:
            if column in have:
                raise PlanError(
                    f"{name} has a column {column!r} already, which is to count children. "
                    "Give the link another name with count."
                )
        self._source = source
        self._counts = dict(counts)
        self.name = name
        self.is_text = source.is_text
        self.n_rows = source.n_rows
        storage = pa.string() if source.is_text else pa.int64()
        schema = source.arrow_schema
        for column in counts:
            schema = schema.append(pa.field(column, storage, nullable=False))
        self.arrow_schema = schema

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield record batches of at most `batch_rows` rows, in row order."""
        names = list(self.arrow_schema.names) if columns is None else list(columns)
        schema = pa.schema([self.arrow_schema.field(name) for name in names])
        asked = [name for name in names if name not in self._counts]
        # A batch without columns says nothing of its rows.
        read = asked or [self._source.arrow_schema.names[0]]
        first = 0
        for batch in self._source.batches(read, batch_rows=batch_rows):
            last = first + batch.num_rows
            arrays = [
                self._count(name, first, last)
                if name in self._counts
                else batch.column(asked.index(name))
                for name in names
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            first = last

    def fingerprint(self) -> str:
        """SHA-256 of the source's own and the counts."""
        digest = hashlib.sha256(self._source.fingerprint().encode())
        for name, counts in self._counts.items():
            digest.update(name.encode() + b"\0" + np.asarray(counts, "<i8").tobytes())
        return digest.hexdigest()

    def _count(self, name: str, first: int, last: int) -> pa.Array:
        counts = pa.array(self._counts[name][first:last])
        return counts.cast(self.arrow_schema.field(name).type)


def count_schema_column(name: str, child: str) -> Column:
    """Return what a column of counts is.

    Parameters
    ----------
    name : str
    child : str
        Name of the file whose rows are counted.

    Returns
    -------
    Column
    """
    return Column(
        name=name,
        kind="integer",
        storage="int64",
        bounds=(0, None),
        note=f"Number of rows of {child} that belong to this row.",
    )
