"""Output: a drawn replicate as record batches, a file or a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

import gpusynth
from gpusynth.engine.delivery.decoding import RowDecoder
from gpusynth.engine.delivery.output_columns import output_schema
from gpusynth.engine.delivery.released import UsedLevels, released_schema
from gpusynth.engine.delivery.resident_output import DeviceDecoder
from gpusynth.engine.device import ROW_GROUPS_AT_A_TIME
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.memory import Memory
from gpusynth.engine.progress import Listener
from gpusynth.engine.real.prepared import Resolved
from gpusynth.engine.settings import RunSettings
from gpusynth.errors import OutputError, PlanError
from gpusynth.io import CsvStyle, IoName, ReplicateMetadata, ReplicateWriter
from gpusynth.table import DECIMALS_METADATA

__all__ = [
    "check_checkpoints",
    "check_destination",
    "csv_style",
    "describe_replicate",
    "replicate_batches",
    "to_table",
    "write_replicate",
]


def check_destination(data: Any, output: str | Path | None) -> None:
    """Check that what comes of a file has a directory to go to.

    Parameters
    ----------
    data : path or table
    output : str or pathlib.Path or None

    Raises
    ------
    OutputError
    """
    if output is None and isinstance(data, (str, os.PathLike)):
        raise OutputError(
            "a file is synthesized into a directory: name it with output=. "
            "To get a table back, give a table."
        )


def check_checkpoints(settings: RunSettings, output: str | Path | None) -> None:
    """Check that checkpoints have a directory, and models that are kept have checkpoints.

    Parameters
    ----------
    settings : RunSettings
    output : str or pathlib.Path or None

    Raises
    ------
    OutputError, PlanError
    """
    if settings.checkpoints and output is None:
        raise OutputError("checkpoints are files: name the run directory with output=.")
    if settings.keep_models and not settings.checkpoints:
        raise PlanError("models are kept from checkpoints: ask for both.")


def replicate_batches(
    rows: SyntheticRows, resolved: Resolved, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Decode a replicate, a batch at a time.

    Parameters
    ----------
    rows : SyntheticRows
    resolved : Resolved
    batch_rows : int

    Yields
    ------
    pyarrow.RecordBatch
        With the schema that `output_schema` returns.
    """
    decoder = RowDecoder.of(rows, resolved, UsedLevels.of(rows, resolved))
    for first in range(0, rows.n_output, batch_rows):
        yield decoder.batch(first, min(first + batch_rows, rows.n_output))


def to_table(rows: SyntheticRows, resolved: Resolved, batch_rows: int) -> pa.Table:
    """Decode a replicate to a table in memory.

    Parameters
    ----------
    rows : SyntheticRows
    resolved : Resolved
    batch_rows : int

    Returns
    -------
    pyarrow.Table
    """
    batches = replicate_batches(rows, resolved, batch_rows)
    return pa.Table.from_batches(batches, schema=output_schema(resolved))


def write_replicate(
    rows: SyntheticRows,
    resolved: Resolved,
    path: Path,
    *,
    seed: int,
    listener: Listener,
    notes: Mapping[str, str] | None = None,
    writer: IoName = "arrow",
    n_threads: int = 1,
    memory: Memory | None = None,
) -> None:
    """Write a replicate to a file, with its schema, plan, seed and version in the metadata.

    Parameters
    ----------
    rows : SyntheticRows
    resolved : Resolved
    path : pathlib.Path
        The suffix decides the format.
    seed : int
    listener : Listener
    notes : mapping of str to str, optional
        Column -> what its description says besides, such as how its tails were treated.
    writer : {"arrow", "cudf"}
        Of a Parquet file.
    n_threads : int
        That decode and encode row groups side by side, as many as memory has room for.
    memory : Memory, optional
        All that is available by default.

    Raises
    ------
    OutputError
        If the file cannot be written; none is left.
    """
    schema, by_cudf = output_schema(resolved), writer == "cudf"
    used = UsedLevels.of(rows, resolved, n_threads=n_threads, where_they_lie=by_cudf)
    metadata = describe_replicate(rows, resolved, used, seed=seed, notes=notes)
    n_writers = (memory or Memory()).writers(schema, n_threads)
    if by_cudf:
        n_writers = min(n_writers, ROW_GROUPS_AT_A_TIME)
    with ReplicateWriter(
        path,
        schema,
        metadata=metadata,
        style=csv_style(schema),
        writer=writer,
        n_threads=n_writers,
    ) as file:
        new = DeviceDecoder if file.is_on_device and rows.resident is not None else RowDecoder
        file.write_groups(
            new.of(rows, resolved, used).batch,
            rows.n_output,
            written=lambda n_rows: listener.advance(path.name, work=n_rows, rows=n_rows),
        )


def describe_replicate(
    rows: SyntheticRows,
    resolved: Resolved,
    used: UsedLevels,
    *,
    seed: int,
    notes: Mapping[str, str] | None = None,
    plan_fingerprint: str | None = None,
) -> dict[str, str]:
    """Return what a file of a replicate says of itself.

    Parameters
    ----------
    rows : SyntheticRows
    resolved : Resolved
    used : UsedLevels
    seed : int
        The user's.
    notes : mapping of str to str, optional
        Column -> how its tails were treated.
    plan_fingerprint : str, optional
        Of the plan that was carried out; that of `resolved` by default.

    Returns
    -------
    dict of str to str
    """
    return ReplicateMetadata(
        schema=released_schema(resolved, used, notes or {}),
        plan_fingerprint=plan_fingerprint or resolved.plan.fingerprint(),
        seed=seed,
        version=gpusynth.__version__,
        replicate=rows.number,
    ).to_mapping()


def csv_style(schema: pa.Schema) -> CsvStyle:
    """Return the style that writes numbers with as many decimals as the real file does.

    Parameters
    ----------
    schema : pyarrow.Schema

    Returns
    -------
    CsvStyle
    """
    decimals = {
        field.name: int(field.metadata[DECIMALS_METADATA])
        for field in schema
        if field.metadata and DECIMALS_METADATA in field.metadata
    }
    return CsvStyle(decimals=decimals)
