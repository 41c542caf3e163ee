"""Prepare: from a file or table to real codes and a resolved plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.engine.fitting import real_predictors
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.progress import Listener, WatchedSource
from gpusynth.engine.weights import survey_weights
from gpusynth.errors import DataError, PlanError
from gpusynth.io import open_source
from gpusynth.plan import Plan, SynthesisPlan, read_plan, resolve
from gpusynth.table import (
    Codec,
    ColumnSketch,
    InferredSchema,
    Schema,
    Source,
    Table,
    check_schema,
    encode_table,
    fit_codecs,
    infer_schema,
    read_schema,
)
from gpusynth.trees import PredictorTable

__all__ = ["Prepared", "Resolved", "prepare", "resolve_input"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Real data that were looked at once: what the columns are and what will be done with them.

    Attributes
    ----------
    source : Source
    schema : Schema
    reasons : mapping of str to str
        Why each column's kind was chosen; empty when the schema was given.
    codecs : mapping of str to Codec
    plan : SynthesisPlan
    """

    source: Source
    schema: Schema
    reasons: Mapping[str, str]
    codecs: Mapping[str, Codec]
    plan: SynthesisPlan


@dataclass(frozen=True, slots=True)
class Prepared:
    """Real data as codes, ready to fit.

    Attributes
    ----------
    resolved : Resolved
    table : Table
    predictors : PredictorTable
    weight : array of float64, shape (n_rows,), or None
    fingerprint : str
        SHA-256 of the data as they were given.
    encoded_bytes : int
        Of codes and values.
    """

    resolved: Resolved
    table: Table
    predictors: PredictorTable
    weight: Array | None
    fingerprint: str
    encoded_bytes: int

    def release(self, column: str) -> None:
        """Let go the codes and values of a column that no fit and no model needs any more.

        As its synthetic column has been drawn by then, both together stay as large as one table.
        """
        for arrays in (self.table.codes, self.table.values):
            if isinstance(arrays, dict):
                arrays.pop(column, None)


def resolve_input(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None,
    plan: Plan | SynthesisPlan | str | Path | None,
    *,
    batch_rows: int,
    listener: Listener,
    stopwatch: Stopwatch,
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

    Returns
    -------
    Resolved

    Raises
    ------
    DataError, SchemaError, PlanError, CodecError
    """
    choices = read_plan(plan) if isinstance(plan, (str, Path)) else plan
    given = read_schema(schema) if isinstance(schema, (str, Path)) else schema
    with stopwatch.phase("open"):
        source: Source = WatchedSource(open_source(data), listener)
    reasons: Mapping[str, str] = {}
    sketches: Mapping[str, ColumnSketch] | None = None
    with stopwatch.phase("infer schema"):
        if given is None:
            listener.start("infer schema", None)
            given = infer_schema(source, batch_rows=batch_rows)
            sketches = given.sketches
        if isinstance(given, InferredSchema):
            reasons, given = given.reasons, given.schema
        check_schema(given, source.arrow_schema, source.name)
    with stopwatch.phase("learn codes"):
        listener.start("learn codes", source.n_rows)
        codecs = fit_codecs(given, source, batch_rows=batch_rows, sketches=sketches)
    _give_back()
    if isinstance(choices, SynthesisPlan):
        if choices.schema_fingerprint != given.fingerprint():
            raise PlanError(
                "the synthesis plan was resolved on another schema. Resolve the choices again."
            )
        resolved = choices
    else:
        resolved = resolve(given, codecs, choices)
    return Resolved(source, given, reasons, codecs, resolved)


def prepare(
    resolved: Resolved, *, batch_rows: int, listener: Listener, stopwatch: Stopwatch
) -> Prepared:
    """Encode the data.

    Parameters
    ----------
    resolved : Resolved
    batch_rows : int
    listener : Listener
    stopwatch : Stopwatch

    Returns
    -------
    Prepared

    Raises
    ------
    DataError, CodecError
    """
    source = resolved.source
    with stopwatch.phase("encode"):
        listener.start("encode", source.n_rows)
        table = encode_table(resolved.schema, resolved.codecs, source, batch_rows=batch_rows)
        if table.n_rows == 0:
            raise DataError(f"{source.name}: there are no rows to learn from")
        _give_back()
        predictors = real_predictors(resolved.plan, table)
        needs_weight = any(step.method.is_weighted for step in resolved.plan.steps)
        weight = survey_weights(table) if needs_weight else None
    with stopwatch.phase("hash input"):
        listener.start("hash input", None)
        fingerprint = source.fingerprint()
    arrays = (*table.codes.values(), *table.values.values())
    return Prepared(
        resolved=resolved,
        table=table,
        predictors=predictors,
        weight=weight,
        fingerprint=fingerprint,
        encoded_bytes=sum(array.nbytes for array in arrays),
    )


def _give_back() -> None:
    """Return Arrow's read buffers to the system: trees are grown in NumPy's memory, not Arrow's."""
    pa.default_memory_pool().release_unused()
