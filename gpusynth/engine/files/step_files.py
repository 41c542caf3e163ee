"""Step files: the fitted models of one step in a file of their own, for whoever draws later."""

from __future__ import annotations

from pathlib import Path

import gpusynth
from gpusynth.engine.fitting import GroupOf, StepModels
from gpusynth.engine.real.prepared import Prepared
from gpusynth.errors import ModelFileError
from gpusynth.io import read_model_file, write_model_file
from gpusynth.methods.stored import (
    ModelContext,
    StoredModels,
    decode_models,
    encode_models,
    is_storable,
)
from gpusynth.plan import Step

__all__ = [
    "CONFIDENTIAL",
    "are_storable",
    "model_context",
    "read_step_models",
    "write_step_models",
]

CONFIDENTIAL = "CONFIDENTIAL: made from real records, to be guarded like them"
"""Mark of files that refer to real rows."""

_KIND = "models of one step"


def model_context(prepared: Prepared) -> ModelContext:
    """Return what the models of a run refer to.

    Parameters
    ----------
    prepared : Prepared
        With every column that is still to be read.

    Returns
    -------
    ModelContext
    """
    start = None if prepared.start.is_real else prepared.start.table
    group_of = None if prepared.groups is None else GroupOf(prepared.groups)
    return ModelContext(prepared.table, start, group_of)


def are_storable(models: StepModels) -> bool:
    """Return whether models can be written: all but those of user-written methods.

    Those are quickly fitted again, as they only gather the real answers.
    """
    return all(is_storable(model) for model in models.models)


def write_step_models(path: str | Path, step: Step, models: StepModels, prepared: Prepared) -> str:
    """Write the models of one step; the file appears whole or not at all, for its owner only.

    It takes the place of an earlier one.

    Parameters
    ----------
    path : str or pathlib.Path
    step : Step
    models : StepModels
    prepared : Prepared
        What they were fitted on; the step's column must not have been released.

    Returns
    -------
    str
        Digest of the file's content, as its header holds it.

    Raises
    ------
    PlanError
        If a model is of a user-written method.
    OutputError
        If the file cannot be written.
    """
    stored = encode_models(models.models, step.target, model_context(prepared))
    document = {**_about(step, prepared), "models": stored.document}
    return write_model_file(
        path,
        document,
        stored.arrays,
        kind=_KIND,
        mark=CONFIDENTIAL,
        version=gpusynth.__version__,
        overwrite=True,
    )


def read_step_models(path: str | Path, step: Step, prepared: Prepared) -> StepModels:
    """Read the models of one step.

    Parameters
    ----------
    path : str or pathlib.Path
    step : Step
    prepared : Prepared
        Of the same data and plan.

    Returns
    -------
    StepModels
        They draw the same bytes as those that were written.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    ModelFileError
        If it was damaged, or is of another step, plan or data.
    """
    file = read_model_file(path, kind=_KIND)
    about = _about(step, prepared)
    given = file.document if isinstance(file.document, dict) else {}
    if {key: given.get(key) for key in about} != about:
        raise ModelFileError(
            f"{path} holds models of another step, plan or data than step {step.number} "
            f"({step.target!r}). Fit it again."
        )
    stored = StoredModels(given.get("models", []), file.arrays)
    models = decode_models(stored, step.target, model_context(prepared))
    if not models:
        raise ModelFileError(f"{path} holds no model. Fit it again.")
    return StepModels(models)


def _about(step: Step, prepared: Prepared) -> dict[str, object]:
    return {
        "step": step.number,
        "target": step.target,
        "part": step.part,
        "plan": prepared.plan.fingerprint(),
        "data": prepared.fingerprint,
    }
