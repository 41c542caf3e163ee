"""Replicate files out: Parquet or CSV, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO, Protocol, Self

import pyarrow as pa

from gpusynth.errors import OutputError, SchemaError
from gpusynth.io.csv_text import CsvStyle, csv_header, csv_lines
from gpusynth.io.cudf_out import DeviceBatch
from gpusynth.io.cudf_parquet import CudfParquetFormat, is_gpu_type
from gpusynth.io.metadata import with_metadata
from gpusynth.io.output import atomic_file, writing
from gpusynth.io.parquet_join import (
    RowGroupJoin,
    encode_row_group,
    joins_like_arrow,
    open_parquet,
)
from gpusynth.io.rebatch import Rebatcher
from gpusynth.io.source import IoName
from gpusynth.table.side_by_side import in_order
from gpusynth.table.source import BATCH_ROWS

__all__ = ["WRITERS", "ReplicateWriter"]


class _FormatWriter(Protocol):
    """One file format: takes row groups that are already cut.

    `encode` may be called by any thread; what it returned is appended in the order of the rows.
    """

    def encode(self, batch: pa.RecordBatch) -> Any: ...

    def append(self, encoded: Any) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class ReplicateWriter:
    """Write one synthetic file, batch by batch; a context manager.

    The rows are cut anew into row groups of `row_group_rows`, so neither the file's bytes nor its
    row groups depend on how the caller cuts batches. (For dictionary columns: as long as all
    batches bring the same dictionary.) The file appears under its name when the ``with`` block
    ends without an exception, and otherwise not at all.

    Parquet has no seconds, no date64 and only dictionaries of ``string``: columns of such types
    come back as milliseconds, date32 and plain values or ``string`` dictionaries.

    Parameters
    ----------
    path : str or Path
        Ending in ``.parquet`` or ``.csv``.
    arrow_schema : pyarrow.Schema
        Names, order and types of the columns; its own metadata is kept.
    metadata : mapping of str to str
        Added to the metadata, as `gpusynth.io.metadata.ReplicateMetadata.to_mapping` makes it.
        A CSV file has none.
    row_group_rows : int
    style : CsvStyle, optional
        How to write values in a CSV file.
    writer : {"arrow", "cudf"}
        What writes a Parquet file; cuDF's has other bytes and the same content. A file with
        columns of a type that cuDF would change is Arrow's in any case.
    n_threads : int
        That make and encode row groups in `write_groups`; the bytes do not depend on it.

    Attributes
    ----------
    n_rows : int
        Rows written so far.

    Raises
    ------
    OutputError
        If the suffix is another one, or the operating system refuses: disk full, no permission,
        no such directory. Nothing stays behind.
    """

    def __init__(
        self,
        path: str | Path,
        arrow_schema: pa.Schema,
        *,
        metadata: Mapping[str, str],
        row_group_rows: int = BATCH_ROWS,
        style: CsvStyle | None = None,
        writer: IoName = "arrow",
        n_threads: int = 1,
    ) -> None:
        self.path = Path(path)
        self.n_rows = 0
        if self.path.suffix not in WRITERS:
            raise OutputError(
                f"{self.path}: the format is not known from the name. "
                f"Use one of {', '.join(WRITERS)}."
            )
        self._schema = with_metadata(arrow_schema, metadata)
        self._style = style or CsvStyle()
        self._by_cudf = writer == "cudf" and self.path.suffix == ".parquet"
        self._n_threads = n_threads
        self._group_rows = row_group_rows
        self._rebatcher = Rebatcher(row_group_rows)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(atomic_file(self.path))
        with self._stack.pop_all() as opened, writing(self.path):
            self._writer: _FormatWriter = self._open_format(file)
            self._stack = opened.pop_all()
        return self

    def _open_format(self, file: BinaryIO) -> _FormatWriter:
        if self._by_cudf and all(_is_for_gpu(field.type) for field in self._schema):
            return CudfParquetFormat(file, self._schema)
        if self._n_threads > 1 and self.path.suffix == ".parquet" and joins_like_arrow():
            return _JoinedParquetFormat(file, self._schema)
        return WRITERS[self.path.suffix](file, self._schema, self._style)

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch of any number of rows.

        Raises
        ------
        SchemaError
            If its columns are not those of the file, or it has nulls where none may be.
        OutputError
            If the operating system refuses.
        """
        self._check(batch)
        with writing(self.path):
            for group in self._rebatcher.push(batch):
                self._writer.append(self._writer.encode(group))
        self.n_rows += batch.num_rows

    @property
    def is_on_device(self) -> bool:
        """Whether `write_groups` takes columns that lie on the device."""
        return isinstance(self._writer, CudfParquetFormat)

    def write_groups(
        self,
        make: Callable[[int, int], pa.RecordBatch | DeviceBatch],
        n_rows: int,
        *,
        written: Callable[[int], None],
    ) -> None:
        """Write a file's rows, some row groups of which are made and encoded side by side.

        Parameters
        ----------
        make : callable
            (first row, row after the last) -> record batch; called from any thread. Only where the
            writer `is_on_device` may columns lie on the device, of the file's types.
        n_rows : int
            Of the file, to which nothing else is written.
        written : callable
            Told the rows of each row group that was written, in this thread.

        Raises
        ------
        SchemaError, OutputError
            As `write`.
        """

        def encode(first_row: int) -> tuple[int, Any]:
            batch = make(first_row, min(first_row + self._group_rows, n_rows))
            self._check(batch)
            return batch.num_rows, self._writer.encode(batch)

        def append(group: tuple[int, Any]) -> None:
            with writing(self.path):
                self._writer.append(group[1])
            self.n_rows += group[0]
            written(group[0])

        in_order(encode, range(0, n_rows, self._group_rows), append, n_threads=self._n_threads)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack, closing(self._writer):
            if error is not None:
                raise error
            with writing(self.path):
                for group in self._rebatcher.flush():
                    self._writer.append(self._writer.encode(group))
                self._writer.finish()

    def _check(self, batch: pa.RecordBatch | DeviceBatch) -> None:
        host, names = (
            (batch.host, list(batch.names))
            if isinstance(batch, DeviceBatch)
            else (batch, batch.schema.names)
        )
        if names != self._schema.names:
            raise SchemaError(
                f"{self.path.name}: the columns of a batch are not those of the file."
            )
        for name, array in zip(host.schema.names, host.columns, strict=True):
            field = self._schema.field(name)
            if array.type != field.type:
                raise SchemaError(
                    f"{self.path.name}: column {field.name!r} should be {field.type}, "
                    f"a batch brings {array.type}."
                )
            if array.null_count and not field.nullable:
                raise SchemaError(
                    f"{self.path.name}: column {field.name!r} may not have nulls, a batch does."
                )


def _is_for_gpu(kind: pa.DataType) -> bool:
    return is_gpu_type(kind.value_type if pa.types.is_dictionary(kind) else kind)


class _ParquetFormat:
    def __init__(self, file: BinaryIO, schema: pa.Schema, _style: CsvStyle) -> None:
        self._schema = schema
        self._writer = open_parquet(file, schema)

    def encode(self, batch: pa.RecordBatch) -> Any:
        return pa.RecordBatch.from_arrays(batch.columns, schema=self._schema)

    def append(self, encoded: Any) -> None:
        self._writer.write_batch(encoded, row_group_size=encoded.num_rows)

    def finish(self) -> None:
        self._writer.close()

    def close(self) -> None:
        # A writer that is left open would write its footer when it is collected. After a failure
        # closing fails again; the file is about to be removed.
        with suppress(OSError, pa.ArrowException):
            self._writer.close()


class _JoinedParquetFormat:
    """The same file, whose row groups are encoded by any thread."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._schema = schema
        self._join = RowGroupJoin(file, schema)

    def encode(self, batch: pa.RecordBatch) -> Any:
        return encode_row_group(batch, self._schema)

    def append(self, encoded: Any) -> None:
        self._join.append(encoded)

    def finish(self) -> None:
        self._join.finish()

    def close(self) -> None:
        """Leave the file to whoever opened it."""


class _CsvFormat:
    def __init__(self, file: BinaryIO, schema: pa.Schema, style: CsvStyle) -> None:
        self._file = file
        self._style = style
        file.write(csv_header(schema.names))

    def encode(self, batch: pa.RecordBatch) -> Any:
        return csv_lines(batch, self._style)

    def append(self, encoded: Any) -> None:
        self._file.write(encoded)

    def finish(self) -> None:
        """Do nothing: every line is written already."""

    def close(self) -> None:
        """Leave the file to whoever opened it."""


WRITERS: Mapping[str, Callable[[BinaryIO, pa.Schema, CsvStyle], _FormatWriter]] = MappingProxyType(
    {".parquet": _ParquetFormat, ".csv": _CsvFormat}
)
"""Suffix of a file name -> its format."""
