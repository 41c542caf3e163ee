"""Keys: which real parent row each real child row belongs to; checked, and never shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.linked.link import Link
from gpusynth.table import Source
from gpusynth.table.storage import value_type

__all__ = ["Parentage", "find_parents", "read_column"]

_SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Parentage:
    """Real children and their parents.

    Attributes
    ----------
    parent_row : array of int64, shape (n_children,)
        Row of the parent file.
    n_children : array of int64, shape (n_parents,)
    """

    parent_row: Array
    n_children: Array


def find_parents(link: Link, child: Source, parent: Source, *, batch_rows: int) -> Parentage:
    """Read both key columns and match them.

    Parameters
    ----------
    link : Link
    child, parent : Source
    batch_rows : int

    Returns
    -------
    Parentage

    Raises
    ------
    PlanError
        If a file lacks its key column.
    DataError
        If a key is missing or stands twice in the parent file, if the types differ, or if children
        have no parent. Messages name rows, never a key.
    """
    of_parent = _read_keys(parent, link.parent_column, link.parent, batch_rows=batch_rows)
    of_child = _read_keys(child, link.key, link.child, batch_rows=batch_rows)
    if _family(of_parent.type) != _family(of_child.type):
        remedy = "Give both the same type."
        if child.is_text != parent.is_text:
            remedy = "Keys of a CSV file are text: keep both files in one format."
        raise DataError(
            f"{link.child}: the key column {link.key!r} has the type {of_child.type}, but "
            f"{link.parent_column!r} of {link.parent} has {of_parent.type}. {remedy}"
        )
    of_child, of_parent = of_child.combine_chunks(), of_parent.combine_chunks()
    if of_child.type != of_parent.type:
        wide = pa.large_string() if _family(of_parent.type) == "text" else _widest(of_parent.type)
        of_child, of_parent = of_child.cast(wide), of_parent.cast(wide)
    first = np.asarray(pc.index_in(of_parent, value_set=of_parent), np.int64)
    twice = np.flatnonzero(first != np.arange(len(of_parent)))
    if len(twice):
        raise DataError(
            f"{link.parent}: {len(twice)} rows have a key in {link.parent_column!r} that an "
            f"earlier row has, {_rows(twice)}. Every parent needs a key of its own."
        )
    found = pc.index_in(of_child, value_set=of_parent)
    if found.null_count:
        orphans = np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))
        raise DataError(
            f"{link.child}: {len(orphans)} rows are orphans, {_rows(orphans)}: their "
            f"{link.key!r} is none of {link.parent_column!r} in {link.parent}. "
            "Add their parents or remove the rows."
        )
    rows = np.asarray(found, np.int64)
    return Parentage(rows, np.bincount(rows, minlength=len(of_parent)).astype(np.int64))


def read_column(source: Source, column: str, *, batch_rows: int) -> pa.ChunkedArray:
    """Read one column whole, without its dictionary.

    Parameters
    ----------
    source : Source
    column : str
    batch_rows : int

    Returns
    -------
    pyarrow.ChunkedArray
    """
    storage = source.arrow_schema.field(column).type
    plain = value_type(storage)
    if str(plain) == "string_view":  # Arrow looks nothing up in them
        plain = pa.large_string()
    parts = [
        batch.column(0).cast(plain) for batch in source.batches([column], batch_rows=batch_rows)
    ]
    return pa.chunked_array(parts, type=plain)


def _read_keys(source: Source, column: str, name: str, *, batch_rows: int) -> pa.ChunkedArray:
    if source.arrow_schema.names.count(column) != 1:
        raise PlanError(
            f"{name}: the file {source.name} has no single column {column!r}, which a link names "
            "as its key. Correct the name."
        )
    keys = read_column(source, column, batch_rows=batch_rows)
    if _family(keys.type) == "other":
        raise DataError(
            f"{name}: the key column {column!r} has the type {keys.type}. "
            "A key must be a whole number or text."
        )
    if keys.null_count:
        missing = np.flatnonzero(keys.is_null().to_numpy())
        raise DataError(
            f"{name}: the key column {column!r} is missing in {len(missing)} rows, "
            f"{_rows(missing)}. Every row needs a key."
        )
    return keys


def _family(storage: pa.DataType) -> str:
    if pa.types.is_integer(storage):
        return "whole number"
    if pa.types.is_string(storage) or pa.types.is_large_string(storage):
        return "text"
    return "other"


def _widest(storage: pa.DataType) -> pa.DataType:
    return pa.uint64() if pa.types.is_unsigned_integer(storage) else pa.int64()


def _rows(rows: Array) -> str:
    """Name data rows from 1."""
    shown = ", ".join(str(row + 1) for row in rows[:_SHOWN_ROWS].tolist())
    what = "data row" if len(rows) == 1 else "data rows"
    return f"{what} {shown}{' and more' if len(rows) > _SHOWN_ROWS else ''}"
