"""Linked input: one file of several, opened, with its schema and the roles that links give."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpusynth.arrays import Array
from gpusynth.engine.checkpoint.given import Given
from gpusynth.engine.real.prepared import changed_input
from gpusynth.errors import PlanError
from gpusynth.io import file_sha256
from gpusynth.io.stamp import FileStamp
from gpusynth.linked.counted import CountedSource, count_schema_column
from gpusynth.linked.keys import Parentage
from gpusynth.linked.link import Link
from gpusynth.methods import Bag, Cart, Sample
from gpusynth.plan import Plan
from gpusynth.table import (
    Column,
    ColumnSketch,
    InferredSchema,
    Role,
    Schema,
    Source,
    check_schema,
    infer_schema,
    sketch_columns,
)

__all__ = ["LinkedInput", "open_input"]


@dataclass(frozen=True, slots=True)
class LinkedInput:
    """One file as it is synthesized: with the counts of its children.

    Attributes
    ----------
    name : str
        What links call it.
    source : Source
    schema : Schema
        Keys have the role key and the key of the parent the role drop.
    reasons : mapping of str to str
    sketches : mapping of str to ColumnSketch, or None
    choices : Plan
    fingerprint : str
        SHA-256 of the data as they were given.
    stamp : FileStamp or None
    link : Link or None
        To its parent.
    parentage : Parentage or None
    counts : tuple of str
        Columns that count children.
    """

    name: str
    source: Source
    schema: Schema
    reasons: Mapping[str, str]
    sketches: Mapping[str, ColumnSketch] | None
    choices: Plan
    fingerprint: str
    stamp: FileStamp | None
    link: Link | None
    parentage: Parentage | None
    counts: tuple[str, ...]

    def check_unchanged(self) -> None:
        """Check that the file is still the one that was read.

        Raises
        ------
        DataError
        """
        if self.stamp is None or not self.stamp.was_touched():
            return
        if self.stamp.has_new_content() or file_sha256(self.stamp.path) != self.fingerprint:
            raise changed_input(self.source.name, "was synthesized")


def open_input(
    name: str,
    data: Any,
    source: Source,
    *,
    given: Given,
    link: Link | None,
    parentage: Parentage | None,
    children: Sequence[Link],
    counts: Mapping[str, Array],
    batch_rows: int,
) -> LinkedInput:
    """Add the counts, settle schema and plan, and give the keys their roles.

    Parameters
    ----------
    name : str
    data : object
        What `source` was opened from.
    source : Source
    given : Given
    link : Link, optional
        To the parent.
    parentage : Parentage, optional
    children : sequence of Link
    counts : mapping of str to array of int64, shape (n_rows,)
        Column -> numbers of children.
    batch_rows : int

    Returns
    -------
    LinkedInput

    Raises
    ------
    PlanError, SchemaError, DataError
    """
    stamp = FileStamp.of(Path(data)) if isinstance(data, (str, os.PathLike)) else None
    fingerprint = source.fingerprint()
    # Tables in memory have no name of their own.
    counted = CountedSource(source, counts, name=name if stamp is None else source.name)
    schema, reasons, sketches = _schema(source, given.schema, batch_rows=batch_rows)
    if counts and sketches is not None:
        sketches = {**sketches, **sketch_columns(counted, list(counts), batch_rows=batch_rows)}
    added = [count_schema_column(each.count_column, each.child) for each in children]
    schema = Schema(columns=(*schema.columns, *(c for c in added if c.name not in schema.names)))
    roles: dict[str, Role] = dict.fromkeys((each.parent_column for each in children), "key")
    if link is not None:
        roles[link.key] = "drop"
    schema = Schema(
        columns=tuple(
            _as_key(column, roles[column.name]) if column.name in roles else column
            for column in schema.columns
        )
    )
    check_schema(schema, counted.arrow_schema, counted.name, is_text=counted.is_text)
    return LinkedInput(
        name=name,
        source=counted,
        schema=schema,
        reasons=reasons,
        sketches=sketches,
        choices=_choices(name, given.plan, tuple(counts)),
        fingerprint=fingerprint,
        stamp=stamp,
        link=link,
        parentage=parentage,
        counts=tuple(counts),
    )


def _as_key(column: Column, role: Role) -> Column:
    """Return a key's description without any key: schemas are put out."""
    plain: dict[str, Any] = {
        "levels": None,
        "labels": {},
        "missing_codes": (),
        "spikes": (),
        "bounds": None,
    }
    return column.model_copy(update={**plain, "role": role})


def _schema(
    source: Source, schema: Schema | InferredSchema | None, *, batch_rows: int
) -> tuple[Schema, Mapping[str, str], Mapping[str, ColumnSketch] | None]:
    if schema is None:
        inferred = infer_schema(source, batch_rows=batch_rows)
        return inferred.schema, inferred.reasons, inferred.sketches
    if isinstance(schema, InferredSchema):
        return schema.schema, schema.reasons, None
    return schema, {}, None


def _choices(name: str, choices: Plan, counts: tuple[str, ...]) -> Plan:
    """Return the choices; counts are drawn from donors, so that they are whole numbers."""
    for entry in ("partial", "start_table"):
        if getattr(choices, entry) is not None:
            raise PlanError(
                f"{name}: a plan of linked files cannot have {entry}: all rows are synthesized. "
                "Remove it."
            )
    methods = dict(choices.methods)
    for count in counts:
        chosen = methods.get(count, choices.default)
        if isinstance(chosen, (Bag, Cart, Sample)) and count not in choices.smoothing:
            if count not in choices.tails:
                continue
        elif count not in methods and count not in choices.smoothing:
            methods[count] = Cart()
            continue
        raise PlanError(
            f"{name}: column {count!r} counts children and must be drawn as it occurs. Use the "
            "method cart, bag or sample, without smoothing or tails."
        )
    visit = choices.visit
    if isinstance(visit, tuple):
        visit = (*visit, *(count for count in counts if count not in visit))
    return choices.model_copy(update={"methods": methods, "visit": visit})
