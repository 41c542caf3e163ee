"""Output: a drawn replicate of a linked file, with new keys that agree with its parent's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

import gpusynth
from gpusynth.arrays import Array
from gpusynth.engine import Listener, Resolved
from gpusynth.engine.output import csv_style, replicate_batches
from gpusynth.engine.output_columns import number_keys, output_schema
from gpusynth.engine.released import UsedLevels, released_schema
from gpusynth.io import ReplicateMetadata, ReplicateWriter
from gpusynth.linked.synthesis import DrawnFile

__all__ = ["linked_batches", "linked_table", "write_linked"]


def linked_batches(
    drawn: DrawnFile, resolved: Resolved, *, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Decode a replicate, a batch at a time, and put the new keys of the parents in.

    Parameters
    ----------
    drawn : DrawnFile
    resolved : Resolved
        How the file is put out.
    batch_rows : int

    Yields
    ------
    pyarrow.RecordBatch
    """
    first = 0
    for batch in replicate_batches(drawn.rows, resolved, batch_rows):
        last = first + batch.num_rows
        if drawn.key is not None and drawn.file_rows.parent_row is not None:
            name = resolved.plan.output.new_name(drawn.key)
            place = batch.schema.get_field_index(name)
            field = batch.schema.field(place)
            rows = drawn.file_rows.parent_row[first:last]
            arrays = list(batch.columns)
            arrays[place] = _keys_of(rows, drawn, field.type)
            batch = pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
        yield batch
        first = last


def _keys_of(rows: Array, drawn: DrawnFile, storage: pa.DataType) -> pa.Array:
    """Return the new keys of parent rows, in the type of the child's column."""
    plain = storage.value_type if pa.types.is_dictionary(storage) else storage
    # Rows of one batch belong to parents that lie together, unless they are shuffled.
    low, high = int(rows.min()), int(rows.max())
    keys = number_keys(str(drawn.key), plain, low, high - low + 1, drawn.n_parents)
    taken = keys.take(pa.array(rows - low))
    return taken if plain == storage else taken.cast(storage)


def linked_table(drawn: DrawnFile, resolved: Resolved, *, batch_rows: int) -> pa.Table:
    """Decode a replicate to a table in memory.

    Parameters
    ----------
    drawn : DrawnFile
    resolved : Resolved
    batch_rows : int

    Returns
    -------
    pyarrow.Table
    """
    batches = linked_batches(drawn, resolved, batch_rows=batch_rows)
    return pa.Table.from_batches(batches, schema=output_schema(resolved))


def write_linked(
    drawn: DrawnFile,
    resolved: Resolved,
    path: Path,
    *,
    plan_fingerprint: str,
    seed: int,
    batch_rows: int,
    listener: Listener,
    notes: Mapping[str, str],
) -> None:
    """Write a replicate to a file, with its schema, plan, seed and version in the metadata.

    Parameters
    ----------
    drawn : DrawnFile
    resolved : Resolved
        How the file is put out.
    path : pathlib.Path
        The suffix decides the format.
    plan_fingerprint : str
        Of the plan that was carried out.
    seed : int
        The user's.
    batch_rows : int
    listener : Listener
    notes : mapping of str to str
        Column -> how its tails were treated.

    Raises
    ------
    OutputError
        If the file cannot be written; none is left.
    """
    schema = output_schema(resolved)
    metadata = ReplicateMetadata(
        schema=released_schema(resolved, UsedLevels.of(drawn.rows, resolved), notes),
        plan_fingerprint=plan_fingerprint,
        seed=seed,
        version=gpusynth.__version__,
        replicate=drawn.rows.number,
    ).to_mapping()
    with ReplicateWriter(path, schema, metadata=metadata, style=csv_style(schema)) as writer:
        for batch in linked_batches(drawn, resolved, batch_rows=batch_rows):
            writer.write(batch)
            listener.advance(path.name, work=batch.num_rows, rows=batch.num_rows)
