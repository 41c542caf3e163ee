"""Prepare: from a file or table to real codes and a resolved plan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine.draw.calibrating import bind_calibration
from gpusynth.engine.draw.donor_stage import check_caps
from gpusynth.engine.draw.tail_stage import fit_tails
from gpusynth.engine.draw.uniques import check_uniques
from gpusynth.engine.fitting import real_predictors, step_data
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.memory import Memory, zeros
from gpusynth.engine.progress import Listener, WatchedSource
from gpusynth.engine.real.conditions import bind_conditions
from gpusynth.engine.real.prepared import Prepared, Resolved, changed_input
from gpusynth.engine.real.repair import find_repair_groups
from gpusynth.engine.real.start import Start, plan_start
from gpusynth.engine.real.strata import group_strata
from gpusynth.engine.real.unique_records import UniqueRecords
from gpusynth.engine.real.units import read_units
from gpusynth.engine.real.weights import survey_weights
from gpusynth.errors import DataError, PlanError
from gpusynth.io import IoName, open_source
from gpusynth.io.stamp import FileStamp
from gpusynth.plan import Plan, SynthesisPlan, asked_plan, refine, resolve
from gpusynth.table import (
    Codec,
    ColumnSketch,
    InferredSchema,
    Schema,
    Source,
    Table,
    asked_schema,
    check_schema,
    encode_table,
    fit_codecs,
    infer_schema,
)

__all__ = ["prepare", "resolve_input", "settle"]


def resolve_input(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None,
    plan: Plan | SynthesisPlan | str | Path | None,
    *,
    batch_rows: int,
    listener: Listener,
    stopwatch: Stopwatch,
    codecs: Mapping[str, Codec] | None = None,
    reader: IoName = "arrow",
    n_threads: int = 1,
) -> Resolved:
    """Open the data, settle the schema, fit the codecs and resolve the plan.

    Parameters
    ----------
    data : path, table or Source
        What `gpusynth.io.open_source` takes.
    schema : Schema, InferredSchema, path or None
        None infers it.
    plan : Plan, SynthesisPlan, path or None
        None takes every default.
    batch_rows : int
    listener : Listener
    stopwatch : Stopwatch
    codecs : mapping of str to Codec, optional
        What an earlier process has learned from the same data and schema; else they are learned.
    reader : {"arrow", "cudf"}
        Of a Parquet file.
    n_threads : int

    Returns
    -------
    Resolved

    Raises
    ------
    DataError, SchemaError, PlanError, CodecError
    """
    stamp = FileStamp.of(Path(data)) if isinstance(data, (str, os.PathLike)) else None
    choices, given = asked_plan(plan), asked_schema(schema)
    with stopwatch.phase("open"):
        source: Source = WatchedSource(open_source(data, reader=reader), listener)
    reasons: Mapping[str, str] = {}
    sketches: Mapping[str, ColumnSketch] | None = None
    with stopwatch.phase("infer schema"):
        if given is None:
            listener.start("infer schema", None)
            given = infer_schema(source, batch_rows=batch_rows, n_threads=n_threads)
            sketches = given.sketches
        if isinstance(given, InferredSchema):
            reasons, given = given.reasons, given.schema
        check_schema(given, source.arrow_schema, source.name)
    if codecs is None:
        with stopwatch.phase("learn codes"):
            listener.start("learn codes", source.n_rows)
            codecs = fit_codecs(
                given, source, batch_rows=batch_rows, sketches=sketches, n_threads=n_threads
            )
    _give_back()
    if isinstance(choices, SynthesisPlan):
        if choices.schema_fingerprint != given.fingerprint():
            raise PlanError(
                "the synthesis plan was resolved on another schema. Resolve the choices again."
            )
    else:
        choices = Plan() if choices is None else choices
        resolved = resolve(given, codecs, choices)
        return Resolved(source, given, reasons, codecs, resolved, choices, stamp)
    return Resolved(source, given, reasons, codecs, choices, None, stamp)


def prepare(
    resolved: Resolved,
    *,
    batch_rows: int,
    listener: Listener,
    stopwatch: Stopwatch,
    memory: Memory | None = None,
    encoded: Table | None = None,
    n_threads: int = 1,
) -> Prepared:
    """Encode the data.

    Parameters
    ----------
    resolved : Resolved
    batch_rows : int
    listener : Listener
    stopwatch : Stopwatch
    memory : Memory, optional
        Where the columns are put when memory does not hold them; it does by default.
    encoded : Table, optional
        What an earlier process has encoded of the same data.
    n_threads : int

    Returns
    -------
    Prepared

    Raises
    ------
    DataError, CodecError
    OutputError
        If the columns go to disk and it is full.
    """
    source = resolved.source
    place = None
    if memory is not None:
        place = memory.place_of(resolved.schema, resolved.codecs, source.n_rows)

    def make_array(name: str, n_rows: int, dtype: Any) -> Array:
        file = None if place is None else place / f"columns_real_{name.replace(' ', '_')}"
        return zeros(n_rows, dtype, file)

    notes: tuple[str, ...] = ()
    with stopwatch.phase("encode"):
        if encoded is None:
            listener.start("encode", source.n_rows)
            encoded = encode_table(
                resolved.schema,
                resolved.codecs,
                source,
                batch_rows=batch_rows,
                make_array=make_array,
                n_threads=n_threads,
            )
        table = encoded
        if table.n_rows == 0:
            raise DataError(f"{source.name}: there are no rows to learn from")
        _give_back()
        if resolved.choices is not None:
            refined, notes = refine(resolved.plan, table, resolved.choices, n_threads=n_threads)
            resolved = replace(resolved, plan=refined)
        units = None
        if resolved.plan.unit is not None:
            units = read_units(source, resolved.plan.unit, batch_rows=batch_rows)
    with stopwatch.phase("hash input"):
        listener.start("hash input", None)
        fingerprint = source.fingerprint()
        if resolved.stamp is not None and resolved.stamp.has_new_content():
            raise changed_input(source.name, "was read")
    with stopwatch.phase("encode"):
        prepared = settle(
            resolved,
            table,
            fingerprint=fingerprint,
            notes=(*resolved.left_out, *notes),
            units=units,
            batch_rows=batch_rows,
            n_threads=n_threads,
        )
        _try_checks(prepared)
        return prepared


def _try_checks(prepared: Prepared) -> None:
    """Try the fits that only check real rows, of the methods that the plan's author chose."""
    choices = prepared.resolved.choices
    for step in prepared.plan.steps:
        if not step.method.refuses_rows:
            continue
        if choices is None or choices.method_of(step.target) == step.method:
            step.method.fit(step_data(step, prepared)[0])


def settle(
    resolved: Resolved,
    table: Table,
    *,
    fingerprint: str,
    batch_rows: int,
    notes: Sequence[str] = (),
    units: Array | None = None,
    start: Start | None = None,
    is_fitted: bool = False,
    is_calibrated: bool = True,
    n_threads: int = 1,
) -> Prepared:
    """Derive all that fits and draws need from a resolved plan and the real data as codes.

    Parameters
    ----------
    resolved : Resolved
    table : Table
    fingerprint : str
        SHA-256 of the data as they were given.
    batch_rows : int
        Rows of a start table that are read at a time.
    notes : sequence of str
        What was noticed so far.
    units : array of int64, shape (n_rows,), optional
    start : Start, optional
        Where the plan names a start table that was read before.
    is_fitted : bool
        Whether nothing will be fitted: then the rows of the predictor table and the weights are
        left out.
    is_calibrated : bool
        Whether weights will be calibrated here; only then are margins read.
    n_threads : int

    Returns
    -------
    Prepared

    Raises
    ------
    PlanError, DataError
    """
    plan, file = resolved.plan, resolved.source.name
    conditions = bind_conditions(plan, table)
    needs_weight = not is_fitted and any(step.method.is_weighted for step in plan.steps)
    groups = None if plan.strata is None else group_strata(plan.strata, table)
    repair_groups = find_repair_groups(plan, conditions, table, plan.ties())
    check_caps(plan, repair_groups)
    check_uniques(plan, repair_groups)
    uniques = None
    if plan.replicated_uniques is not None:
        uniques = UniqueRecords.of(table, plan.replicated_uniques.keys)
    return Prepared(
        resolved=resolved,
        table=table,
        predictors=real_predictors(
            plan, table, n_rows=0 if is_fitted else table.n_rows, n_threads=n_threads
        ),
        weight=survey_weights(table, file=file) if needs_weight else None,
        fingerprint=fingerprint,
        encoded_bytes=sum(a.nbytes for a in (*table.codes.values(), *table.values.values())),
        conditions=conditions,
        repair_groups=repair_groups,
        start=start or plan_start(plan, table, groups, batch_rows=batch_rows),
        groups=groups,
        pooling=() if groups is None else groups.pooling(table),
        notes=(*notes, *conditions.notes),
        units=units,
        tails=fit_tails(plan, table, units, repair_groups),
        uniques=uniques,
        calibrations=bind_calibration(plan, table, file=file) if is_calibrated else (),
    )


def _give_back() -> None:
    """Return Arrow's read buffers to the system: trees are grown in NumPy's memory, not Arrow's."""
    pa.default_memory_pool().release_unused()
