"""Output: a drawn replicate as record batches, a file or a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import gpusynth
from gpusynth.engine.prepared import Resolved
from gpusynth.engine.progress import Listener
from gpusynth.engine.released import UsedLevels, released_schema
from gpusynth.engine.replicate import SyntheticRows
from gpusynth.engine.settings import RunSettings
from gpusynth.errors import OutputError, PlanError
from gpusynth.io import CsvStyle, IoName, ReplicateMetadata, ReplicateWriter
from gpusynth.table import DECIMALS_METADATA, decode_batch, parse_storage
from gpusynth.table import output_schema as drawn_schema

__all__ = [
    "check_checkpoints",
    "check_destination",
    "check_keys",
    "csv_style",
    "number_keys",
    "output_schema",
    "output_sources",
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


def output_schema(resolved: Resolved) -> pa.Schema:
    """Return names, order and types of the output: the input's, without dropped columns.

    Under the new names where the plan gives any, and with its flag as the last column.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    pyarrow.Schema
        Of a text file the types that its schema names; a text file says none itself.
    """
    output = resolved.plan.output
    real = _real_schema(resolved)
    fields = [field.with_name(output.new_name(field.name)) for field in real]
    if output.flag is not None:
        fields.append(pa.field(output.flag, pa.bool_(), nullable=False))
    return pa.schema(fields, metadata=real.metadata)


def output_sources(resolved: Resolved) -> Mapping[str, str]:
    """Return, for each output column that has one, the real column that it stands for.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    dict of str to str
        Name in the output -> name in the real file.
    """
    output = resolved.plan.output
    # A calibrated weight is a new number: it keeps its own type.
    names = [n for n in _real_schema(resolved).names if n not in resolved.plan.calibrated]
    return {output.new_name(name): name for name in names}


def _real_schema(resolved: Resolved) -> pa.Schema:
    """Return the output's columns under their real names, without the flag."""
    source = resolved.source.arrow_schema
    drawn = drawn_schema(resolved.schema, source)
    fields = {field.name: field for field in drawn}
    for column in resolved.schema.with_role("key"):
        storage = parse_storage(column.storage)
        given = source.field(column.name)
        fields[column.name] = given if given.type == storage else pa.field(column.name, storage)
    left_out = resolved.plan.predict_only
    for name in resolved.plan.calibrated:
        # Rounding to the real column's decimals would miss the margins of small cells.
        fields[name] = pa.field(name, pa.float64(), fields[name].nullable)
    ordered = [
        fields[name] for name in resolved.schema.names if name in fields and name not in left_out
    ]
    return pa.schema(ordered, metadata=drawn.metadata)


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


def check_keys(resolved: Resolved, n_rows: int) -> None:
    """Check that every key column can count to `n_rows`.

    Parameters
    ----------
    resolved : Resolved
    n_rows : int

    Raises
    ------
    PlanError
        Naming the column and its type.
    """
    schema = _real_schema(resolved)
    for name in resolved.plan.key_columns:
        number_keys(name, schema.field(name).type, n_rows - 1, 1, n_rows)


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
    schema, real = output_schema(resolved), _real_schema(resolved)
    keys = set(resolved.plan.key_columns)
    drawn = pa.schema(
        [field for field in real if field.name not in keys and field.name not in rows.weights]
    )
    used = UsedLevels.of(rows, resolved)
    for first in range(0, rows.n_output, batch_rows):
        last = min(first + batch_rows, rows.n_output)
        part = slice(first, last) if rows.order is None else rows.order[first:last]
        batch = decode_batch(
            resolved.schema,
            resolved.codecs,
            {name: codes[part] for name, codes in rows.codes.items()},
            {name: values[part] for name, values in rows.values.items()},
            drawn,
        )
        columns = [
            number_keys(field.name, field.type, first, last - first, rows.n_output)
            if field.name in keys
            else pa.array(rows.weights[field.name][part])
            if field.name in rows.weights
            else used.shorten(field.name, batch.column(field.name), resolved)
            for field in real
        ]
        if resolved.plan.output.flag is not None:
            columns.append(pa.array(np.ones(last - first, np.bool_)))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


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
    batch_rows: int,
    listener: Listener,
    notes: Mapping[str, str] | None = None,
    writer: IoName = "arrow",
) -> None:
    """Write a replicate to a file, with its schema, plan, seed and version in the metadata.

    Parameters
    ----------
    rows : SyntheticRows
    resolved : Resolved
    path : pathlib.Path
        The suffix decides the format.
    seed : int
    batch_rows : int
    listener : Listener
    notes : mapping of str to str, optional
        Column -> what its description says besides, such as how its tails were treated.
    writer : {"arrow", "cudf"}
        Of a Parquet file.

    Raises
    ------
    OutputError
        If the file cannot be written; none is left.
    """
    schema = output_schema(resolved)
    metadata = ReplicateMetadata(
        schema=released_schema(resolved, UsedLevels.of(rows, resolved), notes or {}),
        plan_fingerprint=resolved.plan.fingerprint(),
        seed=seed,
        version=gpusynth.__version__,
        replicate=rows.number,
    ).to_mapping()
    with ReplicateWriter(
        path, schema, metadata=metadata, style=csv_style(schema), writer=writer
    ) as file:
        for batch in replicate_batches(rows, resolved, batch_rows):
            file.write(batch)
            listener.advance(path.name, work=batch.num_rows, rows=batch.num_rows)


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


def number_keys(name: str, storage: pa.DataType, first: int, n_rows: int, n_total: int) -> pa.Array:
    """Return row numbers from 1; text is padded with zeros so that it sorts as numbers do.

    Parameters
    ----------
    name : str
        Of the key column, for messages.
    storage : pyarrow.DataType
    first : int
        Number of the rows before.
    n_rows : int
    n_total : int
        Rows of the whole file, which settle how wide text is.

    Returns
    -------
    pyarrow.Array
        Of the type `storage`.

    Raises
    ------
    PlanError
        If the type cannot be numbered, or not so far.
    """
    numbers = pa.array(np.arange(first + 1, first + n_rows + 1, dtype=np.int64))
    plain = storage.value_type if pa.types.is_dictionary(storage) else storage
    if pa.types.is_string(plain) or pa.types.is_large_string(plain):
        width = len(str(n_total))
        numbers = pa.array([f"{number:0{width}}" for number in numbers.to_pylist()])
    elif not (pa.types.is_integer(plain) or pa.types.is_floating(plain)):
        raise PlanError(
            f"column {name!r} has role key and the type {storage}, which cannot be numbered. "
            "A key must be a whole number or text: drop the column or change its role."
        )
    try:
        return numbers.cast(storage)
    except pa.ArrowInvalid:
        raise PlanError(
            f"column {name!r} has role key and the type {storage}, which cannot count "
            f"{n_total} rows. Ask for fewer rows or give the column another role."
        ) from None
