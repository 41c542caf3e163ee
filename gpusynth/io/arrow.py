"""Arrow and Feather in: the IPC file format (with a footer) and the stream format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from gpusynth.errors import DataError
from gpusynth.io.columns import plain_batch, plain_schema, selected_names
from gpusynth.io.digest import file_sha256
from gpusynth.io.input_file import no_rows, reading
from gpusynth.io.rebatch import rebatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["ArrowSource"]

_FILE_MAGIC = b"ARROW1"
_FEATHER_1_MAGIC = b"FEA1"
_REMEDY = "The file is damaged, cut off or not Arrow; copy or export it again."


class ArrowSource:
    """A `gpusynth.table.source.Source` over an Arrow IPC file, Feather included.

    The file is mapped into memory and read batch by batch, so that an uncompressed one costs no
    memory of its own and of a compressed one a batch at a time is unpacked.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    n_rows : int or None
        None for the stream format, whose length only its end tells.

    Raises
    ------
    DataError
        If the file is damaged or cut off, has no rows or no columns, or has columns that cannot
        be used; later, from `batches`, if a record batch is damaged.
    """

    is_text = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        self.n_rows: int | None = None
        with path.open("rb") as file:
            magic = file.read(len(_FILE_MAGIC))
        if magic.startswith(_FEATHER_1_MAGIC):
            raise DataError(
                f"{self.name} is Feather version 1, which is no longer read. "
                "Write it again as Feather version 2 or Parquet."
            )
        self._has_footer = magic == _FILE_MAGIC
        with self._open(None) as reader:
            self._file_schema: pa.Schema = reader.schema
        self.arrow_schema = plain_schema(self._file_schema, self.name)
        self._count_rows()

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
            If a record batch is damaged; the message gives its number, counted from 1.
        """
        names = selected_names(columns, self.arrow_schema)
        return rebatch(self._file_batches(names), batch_rows)

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes."""
        return file_sha256(self._path)

    def _count_rows(self) -> None:
        if self._has_footer:
            with reading(self.name, _REMEDY):
                import pyarrow.dataset as dataset  # 6 MB that other formats do without

                self.n_rows = dataset.dataset(self._path, format="ipc").count_rows()
            is_empty = self.n_rows == 0
        else:
            first = self._file_batches([self.arrow_schema.names[0]])
            is_empty = all(batch.num_rows == 0 for batch in first)
        if is_empty:
            raise no_rows(self.name)

    @contextmanager
    def _open(self, names: Sequence[str] | None) -> Iterator[Any]:
        """Open a reader of the named columns, of all for None."""
        with reading(self.name, _REMEDY), pa.memory_map(str(self._path)) as file:
            options = None
            if names is not None:
                positions = sorted(self._file_schema.get_field_index(name) for name in names)
                options = pa.ipc.IpcReadOptions(included_fields=positions)
            opener = pa.ipc.open_file if self._has_footer else pa.ipc.open_stream
            with opener(file, options=options) as reader:
                yield reader

    def _file_batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = pa.schema(
            [self.arrow_schema.field(name) for name in names], self.arrow_schema.metadata
        )
        with self._open(names) as reader:
            if self._has_footer:
                file_batches = map(reader.get_batch, range(reader.num_record_batches))
            else:
                file_batches = iter(reader)
            for number in count(start=1):
                with reading(f"{self.name}: record batch {number}", _REMEDY):
                    batch = next(file_batches, None)
                    if batch is None:
                        return
                    # Damaged offsets crash the process when used; this finds them first.
                    batch.validate(full=True)
                    batch = plain_batch(batch, schema)
                yield batch
