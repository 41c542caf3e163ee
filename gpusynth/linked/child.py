"""Child: the real rows of a file beside what they are told of parents and siblings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine import Listener, Prepared, Resolved, Stopwatch
from gpusynth.engine.real.prepare import settle
from gpusynth.engine.real.units import read_units
from gpusynth.errors import DataError, PlanError
from gpusynth.linked.file_rows import FileRows, inherited_name
from gpusynth.linked.keys import Parentage, read_column
from gpusynth.linked.link import Link
from gpusynth.linked.linked_input import LinkedInput
from gpusynth.linked.memory import MOST_RANKS, Memory, remember, sibling_number_codec
from gpusynth.linked.siblings import Siblings, real_memory
from gpusynth.methods import Lookup
from gpusynth.plan import Plan, SynthesisPlan, refine, resolve
from gpusynth.plan.check_choices import is_kept
from gpusynth.table import Codec, Schema, Table, encode_table, fit_codecs

__all__ = ["SIBLING_NUMBER", "Child", "prepare_child"]

SIBLING_NUMBER = "siblings.number"
"""Column with the sibling number."""


@dataclass(frozen=True, slots=True)
class Child:
    """A file with a parent, ready to fit.

    Attributes
    ----------
    link : Link
    prepared : Prepared
        Of the file's own columns and, as columns that only predict, of what its rows are told.
    output : Resolved
        How synthetic rows are put out: the own columns alone, the parent's key among them.
    memories : tuple of Memory
    inherited : tuple of str
        Columns of files above, as `inherited_name` writes them.
    most : int
        Largest number of real siblings.
    rows : FileRows
        The real rows, for children of their own.
    """

    link: Link
    prepared: Prepared
    output: Resolved
    memories: tuple[Memory, ...]
    inherited: tuple[str, ...]
    most: int
    rows: FileRows

    def number_codes(self, numbers: Array) -> Array:
        """Return the codes of sibling numbers."""
        return (np.minimum(numbers, min(self.most, MOST_RANKS)) - 1).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Told:
    """What real rows are told, and how it is coded."""

    codecs: Mapping[str, Codec]
    codes: Mapping[str, Array]
    values: Mapping[str, Array]


def prepare_child(
    own: LinkedInput,
    parent: FileRows,
    codecs_above: Mapping[str, Codec],
    *,
    batch_rows: int,
    listener: Listener,
    stopwatch: Stopwatch,
) -> Child:
    """Encode a child file and set its real rows beside their parents and siblings.

    Parameters
    ----------
    own : LinkedInput
        With a link.
    parent : FileRows
        Real rows.
    codecs_above : mapping of str to Codec
        Of all columns of files above that may predict, as `inherited_name` writes them.
    batch_rows : int
    listener : Listener
    stopwatch : Stopwatch

    Returns
    -------
    Child

    Raises
    ------
    DataError, CodecError, PlanError
    """
    link, parentage = own.link, own.parentage
    assert link is not None and parentage is not None
    _check_choices(own)
    with stopwatch.phase("learn codes"):
        codecs = fit_codecs(own.schema, own.source, batch_rows=batch_rows, sketches=own.sketches)
    with stopwatch.phase("encode"):
        listener.start("encode", own.source.n_rows)
        table = encode_table(own.schema, codecs, own.source, batch_rows=batch_rows)
        if table.n_rows == 0:
            raise DataError(f"{own.name}: there are no rows to learn from")
        rows = FileRows(
            own.name, table.n_rows, table.codes, table.values, parent, parentage.parent_row
        )
        keys = () if link.order is None else _order_keys(own, table, batch_rows=batch_rows)
        siblings = Siblings.of(parentage.parent_row, parentage.n_children, keys)
        inherited = _inherited(link, codecs_above)
        memories = tuple(
            memory
            for name in codecs
            if name not in own.choices.never_predict
            for memory in (remember(name, codecs[name], table.codes[name]),)
            if memory is not None and parentage.n_children.max(initial=0) > 1
        )
        told = _told(rows, siblings, parentage, memories, inherited, codecs_above)
        units = None
        if own.choices.unit is not None:
            units = read_units(own.source, own.choices.unit, batch_rows=batch_rows)
        resolved, notes, whole = _resolve(own, table, told)
        prepared = settle(
            resolved,
            whole,
            fingerprint=own.fingerprint,
            batch_rows=batch_rows,
            notes=notes,
            units=units,
        )
    most = int(parentage.n_children.max(initial=0))
    output = _output(own, resolved, codecs)
    return Child(link, prepared, output, memories, inherited, most, rows)


def _check_choices(own: LinkedInput) -> None:
    choices = own.choices
    for name in own.schema.names:
        if is_kept(name, choices, own.schema):
            raise PlanError(
                f"{own.name}: column {name!r} is to be kept from a real row, but rows of a file "
                "with a parent start from their synthetic parent. Synthesize the column."
            )
    removes = (
        choices.replicated_uniques is not None and choices.replicated_uniques.action == "remove"
    )
    for entry, there in (
        ("calibrate", bool(choices.calibrate)),
        ('replicated_uniques with the action "remove"', removes),
    ):
        if there:
            raise PlanError(
                f"{own.name}: the plan of a file with a parent cannot have {entry}: its rows are "
                "drawn in rounds and belong to their parents. Remove it."
            )


def _order_keys(own: LinkedInput, table: Table, *, batch_rows: int) -> tuple[Array, ...]:
    """Return what siblings are ordered by: codes ascend with numbers and levels."""
    name = own.link.order if own.link is not None else None
    if name is None or name not in own.schema.names:
        raise PlanError(f"{own.name}: order names the unknown column {name!r}. Correct the name.")
    if name in table.codes:
        values = table.values.get(name)
        return (table.codes[name],) if values is None else (table.codes[name], values)
    column = read_column(own.source, name, batch_rows=batch_rows).combine_chunks()
    encoded = column.dictionary_encode()
    ranks = np.argsort(np.argsort(np.asarray(encoded.dictionary.to_pylist(), object)))
    places = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    is_null = encoded.indices.is_null().to_numpy(zero_copy_only=False)
    return (np.where(is_null, -1, ranks[places] if len(ranks) else 0),)


def _inherited(link: Link, codecs_above: Mapping[str, Codec]) -> tuple[str, ...]:
    if link.inherit is None:
        return tuple(codecs_above)
    names = []
    for given in link.inherit:
        name = given if given in codecs_above else inherited_name(link.parent, given)
        if name not in codecs_above:
            raise PlanError(
                f"link from {link.child} to {link.parent}: inherit names {given!r}, which is no "
                "column that may predict. Correct the name."
            )
        names.append(name)
    # The number of siblings is part of what the parent says, whatever else is wanted.
    return tuple(dict.fromkeys((*names, inherited_name(link.parent, link.count_column))))


def _told(
    rows: FileRows,
    siblings: Siblings,
    parentage: Parentage,
    memories: tuple[Memory, ...],
    inherited: tuple[str, ...],
    codecs_above: Mapping[str, Codec],
) -> _Told:
    codecs: dict[str, Codec] = {}
    codes: dict[str, Array] = {}
    values: dict[str, Array] = {}
    every = np.arange(rows.n_rows)
    for name in inherited:
        codecs[name] = _renamed(codecs_above[name], name)
        codes[name], found = rows.read(name, every)
        if found is not None:
            values[name] = found
    most = int(parentage.n_children.max(initial=0))
    codecs[SIBLING_NUMBER] = sibling_number_codec(SIBLING_NUMBER, most)
    codes[SIBLING_NUMBER] = np.empty(rows.n_rows, np.uint8)
    numbers = np.minimum(siblings.number, min(most, MOST_RANKS)) - 1
    codes[SIBLING_NUMBER][siblings.rows] = numbers
    for memory in memories:
        codecs |= memory.codecs()
        codes |= real_memory(memory, siblings, rows.codes[memory.column])
    return _Told(codecs, codes, values)


def _renamed(codec: Any, name: str) -> Codec:
    column = codec.column.model_copy(update={"name": name, "role": "synthesize"})
    renamed: Codec = replace(codec, column=column)
    return renamed


def _resolve(
    own: LinkedInput, table: Table, told: _Told
) -> tuple[Resolved, tuple[str, ...], Table]:
    """Resolve the plan on the file's own columns and what its rows are told."""
    clash = [name for name in told.codecs if name in own.schema.names]
    if clash:
        raise PlanError(
            f"{own.name}: the column {clash[0]!r} has a name that a column of what rows are told "
            "of their parents and siblings needs. Rename it."
        )
    schema = Schema(
        columns=(*(codec.column for codec in told.codecs.values()), *own.schema.columns)
    )
    codecs = {**told.codecs, **table.codecs}
    codes, values = {**told.codes, **table.codes}, {**told.values, **table.values}
    whole = Table(schema, codecs, codes, values, table.n_rows)
    predict_only = (*own.choices.predict_only, *told.codecs)
    choices = own.choices.model_copy(update={"predict_only": predict_only})
    plan = resolve(schema, codecs, choices)
    refined, notes = _refine(plan, whole, choices, frozenset(told.codecs))
    resolved = Resolved(own.source, schema, own.reasons, codecs, refined, choices)
    return resolved, notes, whole


def _refine(
    plan: SynthesisPlan, table: Table, choices: Plan, told: frozenset[str]
) -> tuple[SynthesisPlan, tuple[str, ...]]:
    """Screen columns, but look nothing up by what a synthetic row may be told and no real row was.

    A level that only firms without establishments have may come to one with some.
    """
    refined, notes = refine(plan, table, choices)
    for step in refined.steps:
        method = step.method
        if not (isinstance(method, Lookup) and method.column in told):
            continue
        occurs = np.bincount(
            table.codes[method.column], minlength=table.codecs[method.column].n_codes
        )
        if not occurs.all():
            # A start table, too, has rows that no real row begins with: refine knows of that.
            marked, notes = refine(replace(plan, start_table="parents"), table, choices)
            return replace(marked, start_table=None), notes
    return refined, notes


def _output(own: LinkedInput, resolved: Resolved, codecs: Mapping[str, Codec]) -> Resolved:
    """Return how rows are put out: the parent's key is a column that is made anew."""
    key = own.link.key if own.link is not None else ""
    schema = Schema(
        columns=tuple(
            column.model_copy(update={"role": "key"}) if column.name == key else column
            for column in own.schema.columns
        )
    )
    keys = tuple(column.name for column in schema.with_role("key"))
    dropped = tuple(column.name for column in schema.with_role("drop"))
    plan = replace(
        resolved.plan,
        key_columns=keys,
        dropped_columns=dropped,
        predict_only=own.choices.predict_only,
    )
    return Resolved(own.source, schema, own.reasons, codecs, plan, own.choices)
