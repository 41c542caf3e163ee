"""Saved: a fitted synthesis in one file that draws without the data it was fitted on.

The file holds the encoded real table, schema, codecs, resolved plan and models; everything else is
derived from them again by what a fit uses itself (`gpusynth.engine.real.prepare.settle`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gpusynth
from gpusynth.arrays import Array
from gpusynth.engine.files.step_files import CONFIDENTIAL, model_context
from gpusynth.engine.fitting import StepModels
from gpusynth.engine.models.saved_table import (
    Saved,
    codecs_to_json,
    source_to_json,
    table_to_json,
)
from gpusynth.engine.real.prepare import settle
from gpusynth.engine.real.prepared import Prepared, Resolved
from gpusynth.engine.real.start import Start
from gpusynth.io import read_model_file, write_model_file
from gpusynth.methods.stored import StoredModels, decode_models, encode_models
from gpusynth.plan import SynthesisPlan
from gpusynth.table import BATCH_ROWS, Schema

__all__ = ["read_synthesis", "saved_start", "start_to_json", "write_synthesis"]

_KIND = "fitted synthesis"
_RELEASED_KIND = "released synthesis"
_RELEASED_MARK = "RELEASED: holds no record; every value in it is shared by enough units"


def write_synthesis(
    path: str | Path,
    prepared: Prepared,
    models: Mapping[int, StepModels],
    *,
    overwrite: bool = False,
    is_released: bool = False,
) -> None:
    """Write a fitted synthesis; the file appears whole or not at all, for its owner only.

    Parameters
    ----------
    path : str or pathlib.Path
    prepared : Prepared
        With all its columns.
    models : mapping of int to StepModels
        By step number.
    overwrite : bool
    is_released : bool
        Whether no model refers to a real row; then the file holds none.

    Raises
    ------
    PlanError
        If a model is of a user-written method.
    OutputError
        If the file exists or cannot be written.
    """
    resolved = prepared.resolved
    arrays: list[Array] = []
    document: dict[str, Any] = {
        "schema": resolved.schema.model_dump_json(),
        "reasons": dict(resolved.reasons),
        "plan": resolved.plan.to_json(),
        "notes": list(prepared.notes[: len(prepared.notes) - len(prepared.conditions.notes)]),
        "source": source_to_json(resolved.source, prepared.fingerprint, arrays),
        "codecs": codecs_to_json(resolved.codecs, arrays),
        "table": {"n_rows": prepared.table.n_rows, "codes": {}, "values": {}}
        if is_released
        else table_to_json(prepared.table, arrays),
        "start": start_to_json(prepared.start, arrays),
        "steps": {},
    }
    context = model_context(prepared)
    for step in resolved.plan.steps:
        stored = encode_models(models[step.number].models, step.target, context)
        entry = {"models": stored.document, "first": len(arrays), "end": 0}
        arrays.extend(stored.arrays)
        document["steps"][str(step.number)] = {**entry, "end": len(arrays)}
    write_model_file(
        path,
        document,
        arrays,
        kind=_RELEASED_KIND if is_released else _KIND,
        mark=_RELEASED_MARK if is_released else CONFIDENTIAL,
        version=gpusynth.__version__,
        overwrite=overwrite,
    )


def read_synthesis(path: str | Path) -> tuple[Prepared, dict[int, StepModels]]:
    """Read a fitted synthesis.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    tuple of Prepared and dict of int to StepModels
        What a draw needs; the same bytes come of them as of those that were written.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    ModelFileError
        If it is no saved model, of another version, or damaged.
    """
    file = read_model_file(path, kind=(_KIND, _RELEASED_KIND))
    document = file.document if isinstance(file.document, dict) else {}
    saved = Saved(Path(path), document, file.arrays)
    schema = saved.schema()
    codecs = saved.codecs(schema)
    part = saved.part("table")
    if file.kind == _RELEASED_KIND:
        table = part.empty_table(schema, codecs)
    else:
        table = part.table(schema, codecs)
    if set(table.codes) != set(codecs):
        saved.wrong("a column of its table is missing")
    source = saved.source()
    reasons, notes = saved.get("reasons", dict), saved.get("notes", list)
    with saved.rebuilding("its plan"):
        plan = SynthesisPlan.from_json(saved.get("plan", dict))
        if plan.schema_fingerprint != schema.fingerprint():
            saved.wrong("its plan is of another schema")
        resolved = Resolved(source, schema, reasons, codecs, plan)
        prepared = settle(
            resolved,
            table,
            fingerprint=source.fingerprint(),
            notes=tuple(map(str, notes)),
            start=saved_start(saved, schema=schema, codecs=codecs),
            is_fitted=True,
            batch_rows=BATCH_ROWS,
        )
    return prepared, _models(saved, prepared)


def start_to_json(start: Start, arrays: list[Array]) -> dict[str, Any] | None:
    """Return the start table; the real data start rows where there is none."""
    if start.is_real:
        return None
    return {**table_to_json(start.table, arrays), "sha256": start.fingerprint}


def saved_start(saved: Saved, *, schema: Schema, codecs: Mapping[str, Any]) -> Start | None:
    """Return the start table that `start_to_json` put down; None where there was none."""
    if saved.document.get("start") is None:
        return None
    part = saved.part("start")
    names = part.get("codes", dict)
    columns = tuple(column for column in schema.columns if column.name in names)
    table = part.table(Schema(columns=columns), codecs)
    return Start(table.n_rows, table, is_real=False, fingerprint=part.get("sha256", str))


def _models(saved: Saved, prepared: Prepared) -> dict[int, StepModels]:
    """Rebuild the models of all steps."""
    context = model_context(prepared)
    steps = saved.part("steps")
    models = {}
    for step in prepared.plan.steps:
        entry = steps.part(str(step.number))
        first, end = entry.get("first", int), entry.get("end", int)
        if not 0 <= first <= end <= len(saved.arrays):
            saved.wrong(f"the arrays of step {step.number} are missing")
        stored = StoredModels(entry.get("models", list), saved.arrays[first:end])
        decoded = decode_models(stored, step.target, context)
        if len(decoded) != 1:
            saved.wrong(f"step {step.number} has {len(decoded)} models in place of one")
        models[step.number] = StepModels(decoded)
    return models
