"""Parquet in: streamed row group by row group, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gpusynth.io.columns import plain_batch, plain_schema, selected_names
from gpusynth.io.digest import file_sha256
from gpusynth.io.input_file import no_rows, reading
from gpusynth.io.rebatch import rebatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["ParquetSource"]

_BUFFER_BYTES = 1 << 16
"""Read buffer of one column. Without it a whole column chunk is loaded, that is a whole column
when the file is one row group; with more, thousands of columns would cost gigabytes."""

_REMEDY = "The file is damaged, cut off or not Parquet; copy or export it again."


class ParquetSource:
    """A `gpusynth.table.source.Source` over a Parquet file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If the file is damaged or cut off, has no rows or no columns, or has columns that cannot
        be used; later, from `batches`, if a row group is damaged.
    """

    is_text = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        with reading(self.name, _REMEDY), pq.ParquetFile(path) as file:
            self._file_schema = file.schema_arrow
            self.n_rows: int = file.metadata.num_rows
        self.arrow_schema = plain_schema(self._file_schema, self.name)
        if self.n_rows == 0:
            raise no_rows(self.name)

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
            If a row group is damaged; the message gives its number, counted from 1.
        """
        names = selected_names(columns, self.arrow_schema)
        return rebatch(self._file_batches(names, batch_rows), batch_rows)

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes."""
        return file_sha256(self._path)

    def _file_batches(self, names: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        schema = pa.schema(
            [self.arrow_schema.field(name) for name in names], self.arrow_schema.metadata
        )
        with (
            reading(self.name, _REMEDY),
            pq.ParquetFile(self._path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file,
        ):
            for group in range(file.num_row_groups):
                place = f"{self.name}: row group {group + 1} of {file.num_row_groups}"
                with reading(place, _REMEDY):
                    for batch in file.iter_batches(
                        batch_size=batch_rows, row_groups=[group], columns=names
                    ):
                        yield plain_batch(batch, schema)
