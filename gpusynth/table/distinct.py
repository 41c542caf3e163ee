"""Distinct values: what a source that lies on a device tells of a column in the place of its rows.

A column is told as batches: the distinct values of some rows, how often each occurs, and a way to
put something else in their places. What is asked of a column's values (what it is, which codes it
has) is then asked of the distinct ones alone, and the rows stay where they are. The answers are
those of a stream over the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.table.source import Source
from gpusynth.table.table import Codec

__all__ = ["DistinctBatch", "DistinctSource", "distinct_batches", "encode_distinct"]


@dataclass(frozen=True, slots=True)
class DistinctBatch:
    """Some rows of a column, told by their distinct values.

    Attributes
    ----------
    arrow_type : pyarrow.DataType
        Of the column.
    values : pyarrow.Array, shape (n_values,)
        Distinct, without nulls. Of a dictionary column all of its dictionary, in its order.
    counts : array of int64, shape (n_values,)
        Rows of each; 0 for a value of a dictionary that no row has.
    n_null : int
    spread : callable
        From an array of shape (n_values + 1,), what stands for each value and at last for null, to
        the array of shape (n_rows,) of what stands for each row, on the host.
    """

    arrow_type: Any
    values: Any
    counts: Array
    n_null: int
    spread: Callable[[Array], Array]

    @property
    def n_rows(self) -> int:
        """Rows told of."""
        return int(self.counts.sum()) + self.n_null


@runtime_checkable
class DistinctSource(Protocol):
    """A source that can tell columns by their distinct values."""

    def distinct_batches(self, name: str) -> Iterator[DistinctBatch] | None:
        """Return the batches of a column, in row order; None where its rows must be streamed."""
        ...


def distinct_batches(source: Source, name: str) -> Iterator[DistinctBatch] | None:
    """Return the batches of a column of any source; None where its rows must be streamed.

    Parameters
    ----------
    source : Source
    name : str

    Returns
    -------
    iterator of DistinctBatch, or None
    """
    return source.distinct_batches(name) if isinstance(source, DistinctSource) else None


def encode_distinct(
    codec: Codec, batch: DistinctBatch, *, first_row: int
) -> tuple[Array, Array | None]:
    """Encode the rows of a batch by encoding its distinct values.

    Parameters
    ----------
    codec : Codec
    batch : DistinctBatch
    first_row : int
        Number of rows before this batch.

    Returns
    -------
    codes : array of uint8 or uint16, shape (n_rows,)
    values : array of int64 or float64, shape (n_rows,), or None
        As `Codec.encode` returns them.

    Raises
    ------
    CodecError
        If a value has no code; the row that it names is none of the file's.
    """
    used = np.flatnonzero(batch.counts)
    codes, exact = codec.encode(_with_null(batch, used), first_row=first_row)

    def by_row(by_value: Array) -> Array:
        by_place = np.zeros(len(batch.values) + 1, by_value.dtype)
        by_place[used] = by_value[: len(used)]
        if batch.n_null:
            by_place[-1] = by_value[-1]
        return batch.spread(by_place)

    return by_row(codes), None if exact is None else by_row(exact)


def _with_null(batch: DistinctBatch, used: Array) -> Any:
    """Return the values that occur, and null after them where it occurs, in the column's type."""
    if pa.types.is_dictionary(batch.arrow_type):
        places: list[int | None] = [*used.tolist(), *([None] if batch.n_null else [])]
        return pa.DictionaryArray.from_arrays(
            pa.array(places, batch.arrow_type.index_type),
            batch.values,
            ordered=batch.arrow_type.ordered,
        )
    taken = batch.values.take(pa.array(used))
    nulls = pa.nulls(1 if batch.n_null else 0, batch.arrow_type)
    return pa.concat_arrays([taken, nulls])
