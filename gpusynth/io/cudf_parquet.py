"""Parquet on the GPU: read by row groups within its memory, and written with the same types.

Columns of other types than cuDF reads as Arrow does, and those whose row groups are too large for
the device, are read by Arrow beside, so that a batch is the same whoever read its columns.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

from gpusynth.errors import DataError
from gpusynth.io.columns import selected_names
from gpusynth.io.cudf import (
    check_cudf,
    distinct_of_series,
    free_device_bytes,
    is_number,
    is_told,
    read_row_groups,
)
from gpusynth.io.cudf_out import DeviceBatch, parquet_writer
from gpusynth.io.device_numbers import DeviceNumbers, has_kernels
from gpusynth.io.parquet import ParquetSource
from gpusynth.io.rebatch import rebatch
from gpusynth.table.device_rows import NumberRows
from gpusynth.table.distinct import DistinctBatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["CudfParquetFormat", "CudfParquetSource", "is_gpu_type"]

_SHARE = 4
"""A part of the free memory that a read may be estimated at: one in four."""


def is_gpu_type(kind: pa.DataType) -> bool:
    """Return whether cuDF reads and writes an Arrow type as Arrow does.

    Parameters
    ----------
    kind : pyarrow.DataType

    Returns
    -------
    bool
    """
    number = pat.is_integer(kind) or pat.is_float32(kind) or pat.is_float64(kind)
    text = pat.is_string(kind) or pat.is_large_string(kind)
    time = pat.is_timestamp(kind) and kind.tz is None and kind.unit in ("ms", "us", "ns")
    return bool(number or text or time or pat.is_boolean(kind))


class CudfParquetSource(ParquetSource):
    """A `gpusynth.table.source.Source` over a Parquet file that cuDF reads.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        As for `ParquetSource`.
    BackendUnavailableError
        If cuDF is not installed, or cannot use a GPU.
    """

    def __init__(self, path: Path) -> None:
        check_cudf()
        super().__init__(path)
        self._budget = free_device_bytes() // _SHARE
        self._sizes = self._estimates()
        self._on_gpu = {
            name
            for name, sizes in self._sizes.items()
            if is_gpu_type(self.arrow_schema.field(name).type) and max(sizes) <= self._budget
        }

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of exactly `batch_rows` rows (the last may be shorter), in row order.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns to read, in this order; all by default.
        batch_rows : int

        Raises
        ------
        DataError
            If a row group is damaged.
        """
        names = selected_names(columns, self.arrow_schema)
        there = [name for name in names if name in self._on_gpu]
        here = [name for name in names if name not in self._on_gpu]
        if not there:
            yield from super().batches(names, batch_rows=batch_rows)
            return
        from_gpu = rebatch(self._device_batches(there), batch_rows)
        if not here:
            yield from from_gpu
            return
        schema = pa.schema(
            [self.arrow_schema.field(name) for name in names], self.arrow_schema.metadata
        )
        for one, other in zip(from_gpu, super().batches(here, batch_rows=batch_rows), strict=True):
            arrays = [(one if name in self._on_gpu else other).column(name) for name in names]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def distinct_batches(self, name: str) -> Iterator[DistinctBatch] | None:
        """Tell a column by its distinct values; None for floats, and what Arrow reads.

        Parameters
        ----------
        name : str

        Returns
        -------
        iterator of DistinctBatch, or None
        """
        kind = self.arrow_schema.field(name).type
        if name not in self._on_gpu or not is_told(kind):
            return None
        return (
            distinct_of_series(self._read([name], groups)[name], kind)
            for groups in self._parts([name])
        )

    def number_rows(self, name: str) -> Iterator[NumberRows] | None:
        """Return the rows of a column of numbers, which are learned and encoded on the device.

        Parameters
        ----------
        name : str

        Returns
        -------
        iterator of NumberRows, or None
            None for columns of other types and what Arrow reads, and where our kernels cannot run.
        """
        kind = self.arrow_schema.field(name).type
        if name not in self._on_gpu or not is_number(kind) or not has_kernels():
            return None
        return (
            DeviceNumbers.of(self._read([name], groups)[name], kind)
            for groups in self._parts([name])
        )

    def _device_batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        schema = pa.schema(
            [self.arrow_schema.field(name) for name in names], self.arrow_schema.metadata
        )
        for groups in self._parts(names):
            table = self._read(names, groups).to_arrow(preserve_index=False)
            arrays = [table[field.name].combine_chunks().cast(field.type) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _read(self, names: list[str], groups: list[int]) -> Any:
        try:
            return read_row_groups(self._path, names, groups)
        except (RuntimeError, ValueError, OSError) as error:
            # cuDF's words may quote the file
            raise DataError(
                f"{self.name}: row groups {groups[0] + 1} to {groups[-1] + 1} cannot be read on "
                f'the GPU ({type(error).__name__}). Check nvidia-smi; io "arrow" tells whether the '
                "file is damaged."
            ) from None

    def _parts(self, names: list[str]) -> Iterator[list[int]]:
        """Yield row groups, as many at a time as the device has room for; one at least."""
        part: list[int] = []
        held = 0
        for group in range(len(self._sizes[names[0]])):
            size = sum(self._sizes[name][group] for name in names)
            if part and held + size > self._budget:
                yield part
                part, held = [], 0
            part.append(group)
            held += size
        yield part

    def _estimates(self) -> dict[str, list[int]]:
        """Return bytes that each column takes of each row group while it is read and sorted.

        Decoded values, sort and places: 16 bytes a number, 64 a text (whose length the footer
        does not tell where a dictionary holds it), and the pages as they lie in the file.
        """
        sizes: dict[str, list[int]] = {name: [] for name in self.arrow_schema.names}
        with pq.ParquetFile(self._path) as file:
            metadata = file.metadata
            for group in range(metadata.num_row_groups):
                of_group = metadata.row_group(group)
                for at in range(of_group.num_columns):
                    column = of_group.column(at)
                    if column.path_in_schema in sizes:
                        text = column.physical_type == "BYTE_ARRAY"
                        row = 64 if text else 16
                        pages = 4 * column.total_uncompressed_size
                        sizes[column.path_in_schema].append(row * of_group.num_rows + pages)
        return {name: found for name, found in sizes.items() if found}


class CudfParquetFormat:
    """One Parquet file that cuDF writes; see `gpusynth.io.write.ReplicateWriter`.

    Values, types, nulls and metadata are those of Arrow's file; its bytes are others.

    Parameters
    ----------
    file : binary file
    schema : pyarrow.Schema
        With columns for which `is_gpu_type` holds, dictionaries of such included.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema
        self._writer: Any = None

    def encode(self, batch: pa.RecordBatch | DeviceBatch) -> DeviceBatch:
        """Return the row group as it is: it is encoded on the device."""
        if isinstance(batch, DeviceBatch):
            return batch
        return DeviceBatch(tuple(self._schema.names), batch, {}, batch.num_rows)

    def append(self, batch: DeviceBatch) -> None:
        """Write one row group."""
        if self._writer is None:
            nullable = {field.name: field.nullable for field in self._schema}
            self._writer = parquet_writer(self._file, nullable, _key_values(self._schema))
        self._writer(batch)

    def finish(self) -> None:
        """Write the footer."""
        if self._writer is None:  # no rows: Arrow writes the same columns
            pq.write_table(self._schema.empty_table(), self._file, compression="zstd")
        else:
            self._writer(None)

    def close(self) -> None:
        """Leave the file to whoever opened it."""


def _key_values(schema: pa.Schema) -> dict[str, str]:
    """Return the footer's own entries: the schema's, and the schema itself as Arrow keeps it."""
    kept = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    whole = base64.b64encode(schema.serialize().to_pybytes()).decode()
    return {**kept, "ARROW:schema": whole}
