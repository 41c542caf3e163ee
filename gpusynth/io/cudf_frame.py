"""cuDF data frames as sources: columns told by distinct values, the rest streamed as Arrow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.errors import DataError
from gpusynth.io.columns import plain_batch, plain_schema, selected_names
from gpusynth.io.cudf import distinct_of_series, is_number, is_told, on_gpu
from gpusynth.io.device_numbers import DeviceNumbers, has_kernels
from gpusynth.io.input_file import no_rows
from gpusynth.table.device_rows import NumberRows
from gpusynth.table.distinct import DistinctBatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["CudfSource"]

_NAME = "table"


class CudfSource:
    """A `gpusynth.table.source.Source` over a cuDF data frame, whose rows stay on the device.

    Parameters
    ----------
    frame : cudf.DataFrame
        Its index is left out.

    Raises
    ------
    DataError
        If there are no rows or columns, or names or types that cannot be used.
    BackendUnavailableError
        If cuDF cannot use a GPU any more.
    """

    name = _NAME
    is_text = False

    def __init__(self, frame: Any) -> None:
        if getattr(frame.columns, "nlevels", 1) > 1:
            raise DataError("the table has column names of several levels. Flatten them to text.")
        self._frame = frame
        self._columns = {str(name): name for name in frame.columns}
        with on_gpu():
            empty = frame.head(0).to_arrow(preserve_index=False).schema.remove_metadata()
        fields = [self._field(field) for field in empty]
        self.arrow_schema = plain_schema(pa.schema(fields), _NAME)
        self.n_rows: int = len(frame)
        if self.n_rows == 0:
            raise no_rows("the table")

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of exactly `batch_rows` rows (the last may be shorter), in row order.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns to copy to the host, in this order; all by default.
        batch_rows : int
        """
        names = selected_names(columns, self.arrow_schema)
        schema = pa.schema([self.arrow_schema.field(name) for name in names])
        chosen = self._frame[[self._columns[name] for name in names]]
        for first in range(0, self.n_rows, batch_rows):
            with on_gpu():
                table = chosen.iloc[first : first + batch_rows].to_arrow(preserve_index=False)
            arrays = [
                _as_typed(column.combine_chunks(), field.type)
                for column, field in zip(table.columns, schema, strict=True)
            ]
            yield plain_batch(pa.RecordBatch.from_arrays(arrays, schema=schema), schema)

    def distinct_batches(self, name: str) -> Iterator[DistinctBatch] | None:
        """Tell a column by its distinct values; None for floats and decimals.

        Parameters
        ----------
        name : str

        Returns
        -------
        iterator of DistinctBatch, or None
        """
        kind = self.arrow_schema.field(name).type
        if not is_told(kind):
            return None
        return iter([distinct_of_series(self._frame[self._columns[name]], kind)])

    def number_rows(self, name: str) -> Iterator[NumberRows] | None:
        """Return the rows of a column of numbers, which are learned and encoded on the device.

        Parameters
        ----------
        name : str

        Returns
        -------
        iterator of NumberRows, or None
            None for columns of other types, and where our kernels cannot run.
        """
        kind = self.arrow_schema.field(name).type
        if not has_kernels() or not is_number(kind):
            return None
        return iter([DeviceNumbers.of(self._frame[self._columns[name]], kind)])

    def fingerprint(self) -> str:
        """SHA-256 of columns: their distinct values and places, or their values where streamed.

        Not that of the same rows in a table of Arrow, whose text would have to cross.
        """
        digest = hashlib.sha256()
        for field in self.arrow_schema:
            digest.update(f"{field.name}\n{field.type}\n".encode())
            told = self.distinct_batches(field.name)
            if told is None:
                for batch in self.batches([field.name]):
                    digest.update(_ipc(batch))
                continue
            for one in told:
                digest.update(_ipc(pa.record_batch([one.values], names=["values"])))
                n_places = len(one.values) + 1
                digest.update(one.spread(np.arange(n_places, dtype=_narrow(n_places))).tobytes())
        return digest.hexdigest()

    def _field(self, field: pa.Field) -> pa.Field:
        """Return the field; where it has categories, with indices for all of them.

        cuDF's own are as narrow as those of the rows that are asked for.
        """
        if not pa.types.is_dictionary(field.type):
            return pa.field(field.name, field.type)
        n_levels = len(self._frame[self._columns[field.name]].cat.categories)
        index = pa.from_numpy_dtype(np.min_scalar_type(-max(n_levels, 1)))
        return pa.field(field.name, pa.dictionary(index, field.type.value_type, field.type.ordered))


def _as_typed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(
            array.indices.cast(kind.index_type),
            array.dictionary.cast(kind.value_type),
            ordered=kind.ordered,
        )
    return array.cast(kind)


def _ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _narrow(n: int) -> Any:
    return np.min_scalar_type(n - 1)
