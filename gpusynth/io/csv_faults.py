"""Where a CSV file is broken: found by a second, slower reading, only after the first one failed.

Arrow's own messages quote the row, so none of them is passed on.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gpusynth.errors import DataError
from gpusynth.io.csv_stream import BLOCK_BYTES, DAMAGED, csv_rows, open_bytes, open_reader
from gpusynth.io.input_file import no_rows

__all__ = ["find_fault", "open_quotation"]


def find_fault(path: Path, names: Sequence[str]) -> DataError:
    """Read a CSV file that could not be read and return the error that says where it is broken.

    Parameters
    ----------
    path : Path
    names : sequence of str
        The header.

    Returns
    -------
    DataError
        Naming the data row, counted from 1 without header and empty lines, and the column where
        one is to blame.
    """
    broken: list[tuple[int, int]] = []

    def on_broken_row(row: Any) -> str:
        # Arrow counts the header as row 1.
        broken.append((row.number - 1, row.actual_columns))
        return "error"

    n_read = 0
    try:
        with open_bytes(path) as stream:
            # As binary, so that bytes that are not UTF-8 get here and can be looked for.
            for batch in open_reader(stream, names, kind=pa.binary(), on_broken_row=on_broken_row):
                if (place := _not_utf8(batch)) is not None:
                    position, column = place
                    return DataError(
                        f"{path.name}: row {n_read + position + 1}, column {column!r} is not "
                        "UTF-8 text. Save the file as UTF-8."
                    )
                n_read += batch.num_rows
    except DataError as error:
        if broken:
            row, n_fields = broken[0]
            return DataError(
                f"{path.name}: row {row} has {n_fields} fields where the header has "
                f"{len(names)}. Correct its commas and quotation marks."
            )
        if (long_row := _overlong_row(path)) is not None:
            return DataError(
                f"{path.name}: row {long_row} is longer than {BLOCK_BYTES >> 20} MiB. "
                "Close its quotation mark, or shorten its text."
            )
        return no_rows(path.name) if _has_one_line(path) else error
    return DataError(f"{path.name} cannot be read. {DAMAGED}")


def open_quotation(file: str, row: int) -> DataError:
    """Build the error for a quotation mark that swallows the rest of the file."""
    return DataError(
        f"{file}: row {row} opens a quotation mark that is not closed. "
        "Close it, or double it where it is part of the text."
    )


def _not_utf8(batch: pa.RecordBatch) -> tuple[int, str] | None:
    """Return position and column of the first field that is not UTF-8."""
    places = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        try:
            array.cast(pa.string())
        except pa.ArrowInvalid:
            fields = enumerate(array.to_pylist())
            places.append((next(at for at, field in fields if not _is_utf8(field)), name))
    return min(places, key=lambda place: place[0], default=None)


def _is_utf8(field: bytes | None) -> bool:
    try:
        (field or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_one_line(path: Path) -> bool:
    """Return whether there is a header only, without a line end, which Arrow refuses to read."""
    with open_bytes(path) as stream:
        return len(stream.read(BLOCK_BYTES).splitlines()) == 1


def _overlong_row(path: Path) -> int | None:
    """Return the data row with a field too long for Python, as an open quotation mark makes it."""
    row = 0
    with open_bytes(path) as stream:
        try:
            for _ in csv_rows(stream):
                row += 1
        except csv.Error:
            return row
    return None
