"""Open a survey file or table: one call, whatever the format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from gpusynth.errors import DataError
from gpusynth.io.arrow import ArrowSource
from gpusynth.io.csv import CsvSource
from gpusynth.io.cudf import is_cudf
from gpusynth.io.cudf_frame import CudfSource
from gpusynth.io.cudf_parquet import CudfParquetSource
from gpusynth.io.input_file import check_input_file
from gpusynth.io.memory import MemorySource
from gpusynth.io.parquet import ParquetSource
from gpusynth.table.limits import MOST_COLUMNS
from gpusynth.table.source import Source

__all__ = ["SOURCES", "IoName", "open_source"]

IoName: TypeAlias = Literal["arrow", "cudf"]

SOURCES: Mapping[str, Callable[[Path], Source]] = MappingProxyType(
    {
        ".parquet": ParquetSource,
        ".csv": CsvSource,
        ".csv.gz": CsvSource,
        ".arrow": ArrowSource,
        ".feather": ArrowSource,
    }
)
"""Suffix of a file name, in small letters -> its reader."""


def open_source(data: Any, *, reader: IoName = "arrow") -> Source:
    """Open a file or a table in memory for streaming.

    Parameters
    ----------
    data : str, path, Source or table
        A file with a suffix of `SOURCES`, a source (returned as it is), or an object that
        `gpusynth.io.memory.arrow_table` takes.
    reader : {"arrow", "cudf"}
        What reads a Parquet file; the same rows.

    Returns
    -------
    Source

    Raises
    ------
    BackendUnavailableError
        If cuDF is to read and cannot.
    DataError
        If there is no such file, it cannot be read, it is damaged, it has no rows or columns, or
        its names or types cannot be used. A fault further inside a file shows when its rows are
        streamed.
    """
    if isinstance(data, (str, os.PathLike)):
        path = Path(data)
        check_input_file(path)
        found = _reader(path)
        if reader == "arrow":
            return _within_limits(found(path))
        if found is not ParquetSource:
            raise DataError(f'{path}: io "cudf" reads Parquet files only. Use io "arrow".')
        return _within_limits(CudfParquetSource(path))
    if isinstance(data, Source):
        return data
    return _within_limits(CudfSource(data) if is_cudf(data) else MemorySource(data))


def _within_limits(source: Source) -> Source:
    n_columns = len(source.arrow_schema.names)
    if n_columns > MOST_COLUMNS:
        raise DataError(
            f"{source.name} has {n_columns:,} columns, and {MOST_COLUMNS:,} are the most that a "
            "file may have. Is it transposed? Otherwise leave columns out."
        )
    return source


def _reader(path: Path) -> Callable[[Path], Source]:
    name = path.name.lower()
    for suffix, reader in SOURCES.items():
        if name.endswith(suffix):
            return reader
    known = ", ".join(SOURCES)
    raise DataError(f"{path}: the format is not known from the name. Use one of {known}.")
