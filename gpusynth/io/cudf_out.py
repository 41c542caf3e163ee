"""cuDF out: data frames and Parquet files, of columns on the host and columns on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from gpusynth.io.cudf import on_gpu

__all__ = ["DeviceBatch", "like_cudf", "parquet_writer"]


@dataclass(frozen=True, slots=True)
class DeviceBatch:
    """Some rows of a file, some of whose columns lie on the device.

    Attributes
    ----------
    names : tuple of str
        Of all columns, in order.
    host : pyarrow.RecordBatch
        The columns that lie on the host.
    made : mapping of str to pylibcudf.Column
        The others.
    num_rows : int
    """

    names: tuple[str, ...]
    host: pa.RecordBatch
    made: Mapping[str, Any]
    num_rows: int


def like_cudf(
    table: pa.Table,
    original: Any,
    sources: Mapping[str, str],
    *,
    made: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
) -> Any:
    """Return a table as a cuDF data frame with the dtypes of the one that was given.

    Parameters
    ----------
    table : pyarrow.Table
    original : cudf.DataFrame
    sources : mapping of str to str
        Column of the result -> column of `original` whose dtype it takes.
    made : mapping of str to cudf.Series, optional
        Columns that lie on the device already.
    names : sequence of str, optional
        All columns of the result, in order; those of `table` by default.

    Returns
    -------
    cudf.DataFrame

    Raises
    ------
    BackendUnavailableError
        If cuDF cannot use a GPU any more.
    MemoryError
        If there is no room on the device.
    """
    import cudf

    with on_gpu():
        frame = cudf.DataFrame.from_arrow(table)
        if made:
            columns = {n: made[n] if n in made else frame[n] for n in names or made}
            frame = cudf.DataFrame(columns, nan_as_null=False)
    return frame.astype({name: original[source].dtype for name, source in sources.items()})


def parquet_writer(
    file: Any, nullable: Mapping[str, bool], metadata: Mapping[str, str]
) -> Callable[[DeviceBatch | None], None]:
    """Return what writes a Parquet file on the GPU, compressed with Zstandard.

    Parameters
    ----------
    file : binary file
    nullable : mapping of str to bool
        Column -> whether it may have nulls; in the order of the file.
    metadata : mapping of str to str
        Of the footer.

    Returns
    -------
    callable
        Takes each row group (at least one), and None at the end.
    """
    writer: Any = None

    def write(batch: DeviceBatch | None) -> None:
        nonlocal writer
        with on_gpu():
            if batch is None:
                writer.close([])
                return
            table = _table(batch)
            if writer is None:
                writer = _opened(file, table, nullable, metadata)
            writer.write(table)

    return write


def _opened(
    file: Any, first: Any, nullable: Mapping[str, bool], metadata: Mapping[str, str]
) -> Any:
    """Open cuDF's writer for tables like the first one.

    Without Parquet's own dictionaries: cuDF numbers their entries in the order in which threads
    arrive (NVIDIA/cudf pull request 22279), so that two runs would give files of other bytes.
    """
    import pylibcudf as plc

    described = plc.io.types.TableInputMetadata(first)
    for column, (name, may_be_null) in zip(
        described.column_metadata, nullable.items(), strict=True
    ):
        column.set_name(name)
        column.set_nullability(may_be_null)
        column.set_encoding(plc.io.types.ColumnEncoding.PLAIN)
    options = (
        plc.io.parquet.ChunkedParquetWriterOptions.builder(plc.io.SinkInfo([file]))
        .metadata(described)
        .key_value_metadata([dict(metadata)])
        .compression(plc.io.types.CompressionType.ZSTD)
        .write_arrow_schema(False)  # noqa: FBT003 - ours is among the entries
        .build()
    )
    return plc.io.parquet.ChunkedParquetWriter.from_options(options)


def _table(batch: DeviceBatch) -> Any:
    """Return a batch as a table of pylibcudf; categories on the host go as their values."""
    import pylibcudf as plc

    names = batch.host.schema.names
    arrays = [
        array.dictionary_decode() if pat.is_dictionary(array.type) else array
        for array in batch.host.columns
    ]
    columns = dict(batch.made)
    if arrays:
        sent = plc.Table.from_arrow(pa.table(arrays, names=names))
        columns |= zip(names, sent.columns(), strict=True)
    return plc.Table([columns[name] for name in batch.names])
