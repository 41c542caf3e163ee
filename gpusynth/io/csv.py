"""CSV in, plain or gzipped: every column as the file's own text, streamed block by block.

An empty field is null and ``""`` is the empty string: Arrow tells them apart. Spaces are kept.
Lines may end in LF, CRLF or CR; a field in quotation marks may hold commas, line ends and doubled
quotation marks; a byte order mark is skipped. Empty lines are skipped, except in a file of one
column, where an empty line is a null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from gpusynth.io.columns import selected_names
from gpusynth.io.csv_faults import find_fault, open_quotation
from gpusynth.io.csv_stream import open_bytes, open_reader, read_header
from gpusynth.io.digest import file_sha256
from gpusynth.io.input_file import no_rows
from gpusynth.io.rebatch import rebatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["CsvSource"]


class CsvSource:
    """A `gpusynth.table.source.Source` over a CSV file.

    Parameters
    ----------
    path : Path
        With the suffix ``.gz`` it is unpacked while reading.

    Raises
    ------
    DataError
        If the header is unusable, there are no rows, or the first block is broken; later, from
        `batches`, if a later block is broken. The message gives the row, counted from 1 without
        header and empty lines.
    """

    is_text = True
    n_rows: int | None = None
    """Only the end of the file tells."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        names = read_header(path)
        self.arrow_schema = pa.schema([(name, pa.string()) for name in names])
        if next(self._file_batches(names), None) is None:
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
            If a row has a wrong number of fields or a field is not UTF-8.
        """
        names = selected_names(columns, self.arrow_schema)
        return rebatch(self._file_batches(names), batch_rows)

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes."""
        return file_sha256(self._path)

    def _file_batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the blocks of the file as batches of the named columns, none of them empty."""
        header = self.arrow_schema.names
        # The last column is always read: an open quotation mark shows there.
        columns = [*names, *(header[-1:] if header[-1] not in names else [])]
        n_read = 0
        last = None
        with open_bytes(self._path) as stream:
            try:
                for batch in open_reader(stream, header, columns=columns):
                    if batch.num_rows:
                        last = batch.column(header[-1])[-1].as_py()
                        n_read += batch.num_rows
                        yield batch.select(names)
            except (pa.ArrowException, UnicodeDecodeError):
                raise find_fault(self._path, header) from None
        if last is not None and "\n" in last and not self._ends_quoted():
            raise open_quotation(self.name, n_read)

    def _ends_quoted(self) -> bool:
        """Return whether the file's last field is closed by a quotation mark."""
        end = b""
        with open_bytes(self._path) as stream:
            while block := stream.read(1 << 20):
                end = (end + block)[-4:]
        return end.rstrip(b"\r\n").endswith(b'"')
