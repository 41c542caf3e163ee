"""What users give as replicates: files, a run's directory, tables; opened and named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.errors import DataError
from gpusynth.io import Source, open_source
from gpusynth.table import InferredSchema, Schema, plain_schema, read_schema

__all__ = ["Replicates", "open_real", "open_replicates"]

_PATTERNS = ("replicate_*.parquet", "replicate_*.csv")
_SCHEMA_FILE = "schema.toml"


@dataclass(frozen=True, slots=True)
class Replicates:
    """Opened replicates.

    Attributes
    ----------
    sources : tuple of Source
    names : tuple of str
        What messages call them.
    shape : tuple of int
        (m,), or (m, r) for lists of lists.
    schema : Schema or None
        Given, or found in the run's directory.
    """

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    shape: tuple[int, ...]
    schema: Schema | None


def open_replicates(
    replicates: Any, schema: Schema | InferredSchema | str | Path | None
) -> Replicates:
    """Open the replicates of an analysis.

    Parameters
    ----------
    replicates : path, table, or sequence of these or of sequences of these
        A directory of a run stands for its replicates, in their order.
    schema : Schema, InferredSchema or path, optional
        By default the ``schema.toml`` of the run's directory, if there is one.

    Returns
    -------
    Replicates

    Raises
    ------
    DataError
        If there is nothing, or nested lists differ in length.
    """
    known = plain_schema(schema)
    if isinstance(replicates, (str, os.PathLike)):
        place = Path(replicates)
        if place.is_dir():
            files = _files(place)
            described = place / _SCHEMA_FILE
            if known is None and described.is_file():
                known = read_schema(described)
            return _opened(files, (len(files),), known)
        return _opened([place], (1,), known)
    if not isinstance(replicates, (list, tuple)):
        return _opened([replicates], (1,), known)
    if not replicates:
        raise DataError("there are no replicates. Give at least one file or table.")
    if isinstance(replicates[0], (list, tuple)):
        lengths = {len(nest) for nest in replicates}
        if len(lengths) != 1:
            raise DataError("every imputation must have the same number of syntheses.")
        flat = [replicate for nest in replicates for replicate in nest]
        return _opened(flat, (len(replicates), lengths.pop()), known)
    return _opened(list(replicates), (len(replicates),), known)


def open_real(real: Any) -> tuple[Source, str]:
    """Open the real file or table.

    Parameters
    ----------
    real : path or table

    Returns
    -------
    tuple of (Source, name)
    """
    source = open_source(real)
    return source, _name(source, "the real table")


def _files(place: Path) -> list[Path]:
    for pattern in _PATTERNS:
        # Numbers above 999 have more digits: sorted by length first.
        files = sorted(place.glob(pattern), key=lambda path: (len(path.name), path.name))
        if files:
            return files
    raise DataError(f"{place} holds no replicate_*.parquet or replicate_*.csv.")


def _opened(given: Sequence[Any], shape: tuple[int, ...], schema: Schema | None) -> Replicates:
    sources = tuple(open_source(one) for one in given)
    names = [_name(source, f"replicate {n}") for n, source in enumerate(sources, start=1)]
    if len(set(names)) < len(names):
        names = [f"replicate {n} ({name})" for n, name in enumerate(names, start=1)]
    return Replicates(sources, tuple(names), shape, schema)


def _name(source: Source, otherwise: str) -> str:
    return otherwise if source.name == "table" else source.name
