"""Fit: one step of the plan on real data."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods import FittedModel, StepData, StepTarget
from gpusynth.plan import Step, SynthesisPlan
from gpusynth.table import Table, as_numbers
from gpusynth.trees import ClassTarget, NumberTarget, Predictor, PredictorTable, Target

__all__ = ["fit_step", "real_predictors", "step_data"]


def real_predictors(plan: SynthesisPlan, table: Table) -> PredictorTable:
    """Return the real rows of all columns that predict any other, in visit order.

    Ties between columns go to the one visited first.

    Parameters
    ----------
    plan : SynthesisPlan
    table : Table

    Returns
    -------
    PredictorTable
    """
    used = {name for step in plan.steps for name in step.predictors}
    predictors = [
        Predictor(name, table.codes[name], codec.n_codes, codec.is_ordered)
        for name in plan.visit
        if name in used
        for codec in (table.codecs[name],)
    ]
    return PredictorTable.of(predictors, table.n_rows)


def fit_step(
    step: Step, table: Table, predictors: PredictorTable, weight: Array | None
) -> FittedModel:
    """Fit the model of one step.

    Parameters
    ----------
    step : Step
    table : Table
        Real data.
    predictors : PredictorTable
        What `real_predictors` returned.
    weight : array of float64, shape (n_rows,), or None

    Returns
    -------
    FittedModel
    """
    return step.method.fit(step_data(step, table, predictors, weight))


def step_data(
    step: Step, table: Table, predictors: PredictorTable, weight: Array | None
) -> StepData:
    """Return what the method of a step may see.

    Parameters
    ----------
    step : Step
    table : Table
    predictors : PredictorTable
    weight : array of float64, shape (n_rows,), or None

    Returns
    -------
    StepData
        For a state step the target's codes are the special codes and, for "value", the first code
        after them; for a value step only rows whose state is "value" take part.
    """
    name = step.target
    codec, codes, values = table.codecs[name], table.codes[name], table.values.get(name)
    rows = None
    goal: Target
    if step.part == "state":
        codes, values = np.minimum(codes, codes.dtype.type(codec.n_special)), None
        goal = ClassTarget(codes, codec.n_special + 1)
    elif step.part == "value":
        rows = np.flatnonzero(codes >= codec.n_special).astype(np.int32)
        goal = NumberTarget(as_numbers(codec, codes, values))
    elif codec.column.is_number and codec.n_special == 0 and step.method.uses_predictors:
        goal = NumberTarget(as_numbers(codec, codes, values))
    else:
        goal = ClassTarget(codes, codec.n_codes)
    return StepData(
        predictors=predictors,
        columns=step.predictors,
        target=StepTarget(name=name, codes=codes, values=values, goal=goal),
        rows=rows,
        weight=weight,
        n_real=table.n_rows,
        table=table,
    )
