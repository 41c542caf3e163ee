"""The bytes, header and blocks of a CSV file: what its reader and its fault finder share."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from gpusynth.errors import DataError
from gpusynth.io.columns import check_names
from gpusynth.io.input_file import reading

__all__ = ["BLOCK_BYTES", "DAMAGED", "csv_rows", "open_bytes", "open_reader", "read_header"]

BLOCK_BYTES = 1 << 22
"""Bytes parsed at a time. One row may be as long: 4 MiB hold 100,000 columns of 40 characters."""

DAMAGED = "The file is damaged or cut off; copy or export it again."

_OTHER_SEPARATORS = (";", "\t", "|")


@contextmanager
def open_bytes(path: Path) -> Iterator[Any]:
    """Open the file's text as bytes, unpacked where the name ends in ``.gz``.

    Raises
    ------
    DataError
        If it cannot be opened or unpacked.
    """
    packed = path.suffix.lower() == ".gz"
    with (
        reading(path.name, DAMAGED),
        pa.input_stream(str(path), compression="gzip" if packed else None) as stream,
    ):
        yield stream


def csv_rows(stream: Any) -> Iterator[list[str]]:
    """Yield the fields of each line that is not empty; slow, for headers and faults only.

    Bytes that are not UTF-8 become surrogates, so that a fault elsewhere does not hide the row.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    return (row for row in csv.reader(text) if row)


def read_header(path: Path) -> list[str]:
    """Return the column names.

    Raises
    ------
    DataError
        If there is no header, it is not UTF-8, names are missing or occur twice, or the
        separator is not the comma.
    """
    file = path.name
    with open_bytes(path) as stream:
        try:
            names = next(csv_rows(stream), None)
        except csv.Error:
            raise DataError(
                f"{file}: the header has a quotation mark that is never closed. Close it."
            ) from None
    if names is None:
        raise DataError(f"{file} holds nothing but empty lines. Export the data again.")
    if any(not name.isprintable() for name in names) and not _is_utf8(names):
        raise DataError(f"{file}: the header is not UTF-8 text. Save the file as UTF-8.")
    if len(names) == 1:
        used = [separator for separator in _OTHER_SEPARATORS if separator in names[0]]
        if used:
            raise DataError(
                f"{file} seems to be separated by {used[0]!r}. Save it separated by commas."
            )
    check_names(names, file)
    return names


def open_reader(
    stream: Any,
    names: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    kind: pa.DataType | None = None,
    on_broken_row: Callable[[Any], str] | None = None,
) -> Any:
    """Return Arrow's streaming reader, with every column as text.

    It runs in one thread, since only then Arrow counts rows; it reads about 300 MB/s all the same.

    Parameters
    ----------
    stream : binary file
    names : sequence of str
        All columns of the file.
    columns : sequence of str, optional
        The columns to read; all by default.
    kind : pyarrow.DataType, optional
        Of every column; ``string`` by default, which checks UTF-8.
    on_broken_row : callable, optional
        Called with Arrow's ``InvalidRow`` for a row with a wrong number of fields.
    """
    kind = pa.string() if kind is None else kind
    return arrow_csv.open_csv(
        stream,
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(
            newlines_in_values=True,
            ignore_empty_lines=len(names) > 1,
            invalid_row_handler=on_broken_row,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, kind),
            include_columns=columns,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _is_utf8(names: Sequence[str]) -> bool:
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in "".join(names)
