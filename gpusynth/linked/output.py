"""Output: a drawn replicate of a linked file, with new keys that agree with its parent's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine import Listener, Resolved
from gpusynth.engine.delivery.decoding import RowDecoder
from gpusynth.engine.delivery.output import csv_style, describe_replicate, replicate_batches
from gpusynth.engine.delivery.output_columns import number_keys, output_schema
from gpusynth.engine.delivery.released import UsedLevels
from gpusynth.engine.memory import Memory
from gpusynth.io import ReplicateWriter
from gpusynth.linked.synthesis import DrawnFile
from gpusynth.table.storage import value_type

__all__ = ["linked_table", "write_linked"]


def _with_keys(
    batch: pa.RecordBatch, first: int, drawn: DrawnFile, resolved: Resolved
) -> pa.RecordBatch:
    """Put the new keys of the parents into rows from `first` on, where the file has a parent."""
    if drawn.key is None or drawn.file_rows.parent_row is None:
        return batch
    name = resolved.plan.output.new_name(drawn.key)
    place = batch.schema.get_field_index(name)
    field = batch.schema.field(place)
    rows = drawn.file_rows.parent_row[first : first + batch.num_rows]
    arrays = list(batch.columns)
    arrays[place] = _keys_of(rows, drawn, field.type)
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _keys_of(rows: Array, drawn: DrawnFile, storage: pa.DataType) -> pa.Array:
    """Return the new keys of parent rows, in the type of the child's column."""
    plain = value_type(storage)
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
    batches = []
    first = 0
    for batch in replicate_batches(drawn.rows, resolved, batch_rows):
        batches.append(_with_keys(batch, first, drawn, resolved))
        first += batch.num_rows
    return pa.Table.from_batches(batches, schema=output_schema(resolved))


def write_linked(
    drawn: DrawnFile,
    resolved: Resolved,
    path: Path,
    *,
    plan_fingerprint: str,
    seed: int,
    listener: Listener,
    notes: Mapping[str, str],
    n_threads: int = 1,
    memory: Memory | None = None,
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
    listener : Listener
    notes : mapping of str to str
        Column -> how its tails were treated.
    n_threads : int
        That decode and encode row groups side by side, as many as memory has room for.
    memory : Memory, optional
        All that is available by default.

    Raises
    ------
    OutputError
        If the file cannot be written; none is left.
    """
    schema = output_schema(resolved)
    used = UsedLevels.of(drawn.rows, resolved, n_threads=n_threads)
    metadata = describe_replicate(
        drawn.rows, resolved, used, seed=seed, notes=notes, plan_fingerprint=plan_fingerprint
    )
    decoder = RowDecoder.of(drawn.rows, resolved, used)
    with ReplicateWriter(
        path,
        schema,
        metadata=metadata,
        style=csv_style(schema),
        n_threads=(memory or Memory()).writers(schema, n_threads),
    ) as writer:
        writer.write_groups(
            lambda first, last: _with_keys(decoder.batch(first, last), first, drawn, resolved),
            drawn.rows.n_output,
            written=lambda n_rows: listener.advance(path.name, work=n_rows, rows=n_rows),
        )
