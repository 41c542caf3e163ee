"""Completed files: the rows as they were given, with imputed answers in the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine import Resolved
from gpusynth.imputation.chain_files import Cells
from gpusynth.table import Table, exact_numbers, output_schema

__all__ = ["completed_batches", "completed_schema"]


def completed_schema(resolved: Resolved) -> pa.Schema:
    """Return names, order and types of a completed file: the input's.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    pyarrow.Schema
        Of a text file the types that its schema names, and text for columns with role drop or key.
    """
    source = resolved.source.arrow_schema
    coded = {field.name: field for field in output_schema(resolved.schema, source)}
    fields = [coded.get(field.name, field) for field in source]
    return pa.schema(fields, metadata=source.metadata)


def completed_batches(
    resolved: Resolved,
    table: Table,
    missing: Mapping[str, Array],
    cells: Cells,
    *,
    batch_rows: int,
) -> Iterator[pa.RecordBatch]:
    """Yield one completed file, a batch at a time.

    Answers that were given are the file's own, read again, and never pass through a model.

    Parameters
    ----------
    resolved : Resolved
    table : Table
        The file as codes, before anything was imputed.
    missing : mapping of str to array of int32
        Rows that were imputed, by column.
    cells : dict of str to tuple of (codes, values or None)
        What was imputed.
    batch_rows : int

    Yields
    ------
    pyarrow.RecordBatch
        With the schema that `completed_schema` returns.
    """
    schema = completed_schema(resolved)
    is_text = resolved.source.is_text
    first = 0
    for batch in resolved.source.batches(batch_rows=batch_rows):
        part = slice(first, first + batch.num_rows)
        columns = []
        for place, field in enumerate(schema):
            name = field.name
            if name in cells:
                columns.append(_completed(table, name, part, missing[name], cells[name]))
            elif is_text and name in table.codes:
                values = table.values.get(name)
                numbers = None if values is None else values[part]
                columns.append(table.codecs[name].decode(table.codes[name][part], numbers))
            else:
                columns.append(batch.column(place))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        first = part.stop


def _completed(
    table: Table, name: str, part: slice, missing: Array, cell: tuple[Array, Array | None]
) -> pa.Array:
    """Return the rows of a part of an imputed column."""
    low, high = np.searchsorted(missing, (part.start, part.stop))
    places = missing[low:high] - part.start
    codes = table.codes[name][part].copy()
    given = table.values.get(name)
    values = None if given is None else given[part].copy()
    if cell[1] is not None:
        if values is None:
            values = exact_numbers(table.codecs[name], codes, cell[1].dtype)
        values[places] = cell[1][low:high]
    codes[places] = cell[0][low:high]
    return table.codecs[name].decode(codes, values)
