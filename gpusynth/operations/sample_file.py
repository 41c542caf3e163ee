"""Sample: some rows of a survey file, spread over it, as a file for a timed run.

The rows are as confidential as the file: they lie in a directory that only the user can read, and
are removed when the run has been timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gpusynth.errors import DataError
from gpusynth.table import Source

__all__ = ["SurveyRows", "read_rows", "write_sample"]

_PIECES = 16
"""Pieces of a Parquet file that a sample is taken from: enough that a file sorted by region or size
shows what it holds, few enough that most row groups are not read."""


@dataclass(frozen=True, slots=True)
class SurveyRows:
    """Rows of a file, and how many it has.

    Attributes
    ----------
    rows : pyarrow.Table
        At most as many as were asked for.
    n_rows : int
        Of the whole file.
    is_text : bool
        Whether the file is text, so that every column of `rows` is.
    """

    rows: pa.Table
    n_rows: int
    is_text: bool


def read_rows(source: Source, path: Path, n_wanted: int) -> SurveyRows:
    """Read rows from evenly spaced row groups, or from the beginning of other files.

    Parameters
    ----------
    source : Source
    path : pathlib.Path
        Of the file that `source` reads.
    n_wanted : int

    Returns
    -------
    SurveyRows

    Raises
    ------
    DataError
        If there are no rows.
    """
    if path.suffix == ".parquet":
        file = pq.ParquetFile(path)
        rows, n_rows = _from_row_groups(file, n_wanted), int(file.metadata.num_rows)
    else:
        rows, n_rows = _from_the_beginning(source, n_wanted)
    if n_rows == 0:
        raise DataError(f"{source.name}: there are no rows to estimate from")
    return SurveyRows(rows, n_rows, source.is_text)


def write_sample(survey: SurveyRows, n_rows: int, path: Path) -> None:
    """Write evenly spaced rows; text as CSV, so that reading it is timed as well.

    Parameters
    ----------
    survey : SurveyRows
    n_rows : int
    path : pathlib.Path
        Without suffix; it is set to what was written.
    """
    chosen = np.linspace(0, survey.rows.num_rows - 1, n_rows).astype(np.int64)
    table = survey.rows.take(pa.array(chosen))
    if not survey.is_text:
        pq.write_table(table, path)
        return
    from pyarrow import csv

    csv.write_csv(table, path)


def _from_row_groups(file: pq.ParquetFile, n_wanted: int) -> pa.Table:
    n_groups = file.metadata.num_row_groups
    groups = np.unique(np.linspace(0, n_groups - 1, min(_PIECES, n_groups)).astype(int))
    each = -(-n_wanted // max(len(groups), 1))
    pieces: list[Any] = [
        file.read_row_group(int(group)).slice(0, each) for group in groups.tolist()
    ]
    if not pieces:
        return file.schema_arrow.empty_table()
    table = pa.concat_tables(pieces)
    if table.num_rows < min(n_wanted, file.metadata.num_rows):  # uneven groups: read on
        table = file.read().slice(0, n_wanted)
    return table.slice(0, n_wanted)


def _from_the_beginning(source: Source, n_wanted: int) -> tuple[pa.Table, int]:
    """Read all batches for their number of rows; keep the first rows."""
    kept, n_kept, n_rows = [], 0, 0
    for batch in source.batches():
        if n_kept < n_wanted:
            kept.append(batch.slice(0, n_wanted - n_kept))
            n_kept += kept[-1].num_rows
        n_rows += batch.num_rows
    table: pa.Table = pa.Table.from_batches(kept, schema=source.arrow_schema)
    return table, n_rows
