"""Output: a drawn replicate as record batches, a file or a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

import gpusynth
from gpusynth.engine.prepare import Resolved
from gpusynth.engine.progress import Listener
from gpusynth.engine.replicate import SyntheticRows
from gpusynth.errors import PlanError
from gpusynth.io import CsvStyle, ReplicateMetadata, ReplicateWriter
from gpusynth.table import DECIMALS_METADATA, Schema, decode_batch, parse_storage
from gpusynth.table import output_schema as drawn_schema

__all__ = ["check_keys", "output_schema", "replicate_batches", "to_table", "write_replicate"]


def output_schema(resolved: Resolved) -> pa.Schema:
    """Return names, order and types of the output: the input's, without dropped columns.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    pyarrow.Schema
        Of a text file the types that its schema names; a text file says none itself.
    """
    source = resolved.source.arrow_schema
    drawn = drawn_schema(resolved.schema, source)
    fields = {field.name: field for field in drawn}
    for column in resolved.schema.with_role("key"):
        storage = parse_storage(column.storage)
        given = source.field(column.name)
        fields[column.name] = given if given.type == storage else pa.field(column.name, storage)
    left_out = resolved.plan.predict_only
    ordered = [
        fields[name] for name in resolved.schema.names if name in fields and name not in left_out
    ]
    return pa.schema(ordered, metadata=drawn.metadata)


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
    schema = output_schema(resolved)
    for name in resolved.plan.key_columns:
        _keys(name, schema.field(name).type, n_rows - 1, 1, n_rows)


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
    schema = output_schema(resolved)
    keys = set(resolved.plan.key_columns)
    drawn = pa.schema([field for field in schema if field.name not in keys])
    for first in range(0, rows.n_rows, batch_rows):
        part = slice(first, min(first + batch_rows, rows.n_rows))
        batch = decode_batch(
            resolved.schema,
            resolved.codecs,
            {name: codes[part] for name, codes in rows.codes.items()},
            {name: values[part] for name, values in rows.values.items()},
            drawn,
        )
        columns = [
            _keys(field.name, field.type, part.start, part.stop - part.start, rows.n_rows)
            if field.name in keys
            else batch.column(field.name)
            for field in schema
        ]
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

    Raises
    ------
    OutputError
        If the file cannot be written; none is left.
    """
    schema = output_schema(resolved)
    metadata = ReplicateMetadata(
        schema=_released(resolved.schema, resolved.plan.predict_only),
        plan_fingerprint=resolved.plan.fingerprint(),
        seed=seed,
        version=gpusynth.__version__,
        replicate=rows.number,
    ).to_mapping()
    with ReplicateWriter(path, schema, metadata=metadata, style=_style(schema)) as writer:
        for batch in replicate_batches(rows, resolved, batch_rows):
            writer.write(batch)
            listener.advance(path.name, work=batch.num_rows, rows=batch.num_rows)


def _released(schema: Schema, left_out: Sequence[str]) -> Schema:
    """Leave out what the output does not have: a dropped column may name confidential levels."""
    return Schema(
        columns=tuple(c for c in schema.columns if c.role != "drop" and c.name not in left_out)
    )


def _style(schema: pa.Schema) -> CsvStyle:
    """Write numbers with as many decimals as the real file does."""
    decimals = {
        field.name: int(field.metadata[DECIMALS_METADATA])
        for field in schema
        if field.metadata and DECIMALS_METADATA in field.metadata
    }
    return CsvStyle(decimals=decimals)


def _keys(name: str, storage: pa.DataType, first: int, n_rows: int, n_total: int) -> pa.Array:
    """Return row numbers from 1; text is padded with zeros so that it sorts as numbers do."""
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
