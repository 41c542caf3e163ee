"""Fit: one step of the plan on real data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.real.resample import bayesian_weights, bootstrap_rows
from gpusynth.engine.real.strata import StratumGroups
from gpusynth.errors import TooFewDonorsError
from gpusynth.methods import (
    Block,
    DrawnColumns,
    FittedModel,
    GroupedModel,
    Method,
    ModelSize,
    StepData,
    StepTarget,
)
from gpusynth.plan import Step, SynthesisPlan
from gpusynth.streams import StreamKey
from gpusynth.table import Codec, Table, as_numbers
from gpusynth.trees import ClassTarget, NumberTarget, Predictor, PredictorTable, Target

if TYPE_CHECKING:
    from gpusynth.engine.real.prepared import Prepared

__all__ = ["GroupOf", "Recall", "StepModels", "fit_step", "real_predictors", "step_data"]


@dataclass(frozen=True, slots=True)
class StepModels:
    """The models of one step.

    Attributes
    ----------
    models : tuple of FittedModel
        One for all replicates, or one for each where every replicate is fitted anew.
    """

    models: tuple[FittedModel, ...]

    def of(self, replicate: int) -> FittedModel:
        """Return the model of a replicate, numbered from 1."""
        return self.models[0] if len(self.models) == 1 else self.models[replicate - 1]

    @property
    def size(self) -> ModelSize:
        """Leaves and depth of the first model."""
        return self.models[0].size

    @property
    def note(self) -> str:
        """What the first model has to say of its fit; empty for most."""
        return str(getattr(self.models[0], "note", "") or "")


def real_predictors(
    plan: SynthesisPlan, table: Table, *, n_rows: int | None = None, n_threads: int = 1
) -> PredictorTable:
    """Return the real rows of all columns that predict any other, in visit order.

    Ties between columns go to the one visited first.

    Parameters
    ----------
    plan : SynthesisPlan
    table : Table
    n_rows : int, optional
        Only so many of the first rows; 0 for the layout alone.
    n_threads : int

    Returns
    -------
    PredictorTable
    """
    rows = slice(0, n_rows)
    used = {name for step in plan.steps for name in step.predictors}
    predictors = [
        Predictor(name, table.codes[name][rows], codec.n_codes, codec.is_ordered)
        for name in plan.visit
        if name in used
        for codec in (table.codecs[name],)
    ]
    made = PredictorTable.of(
        predictors, table.n_rows if n_rows is None else n_rows, n_threads=n_threads
    )
    if made.n_rows == table.n_rows:
        made.lent = table.codes
    return made


class Recall(Protocol):
    """Gives one model of a step: one that was put down earlier, or what `fit` makes now."""

    def __call__(
        self, fit: Callable[[], FittedModel], *, replicate: int, stratum: int
    ) -> FittedModel:
        """Return the model of a replicate (0 for all) and a group of strata (0 without any)."""
        ...


def _fit_now(fit: Callable[[], FittedModel], *, replicate: int, stratum: int) -> FittedModel:
    return fit()


def fit_step(
    step: Step,
    prepared: Prepared,
    *,
    seed: int = 0,
    n_replicates: int = 1,
    only: int | None = None,
    recall: Recall = _fit_now,
    n_threads: int = 1,
) -> StepModels:
    """Fit the models of one step.

    Parameters
    ----------
    step : Step
    prepared : Prepared
    seed : int
        For proper synthesis, which resamples the rows.
    n_replicates : int
    only : int, optional
        Of a proper synthesis, the one replicate whose models are wanted; all by default.
    recall : Recall
        Asked for every model that takes a fit.
    n_threads : int
        Threads of each fit.

    Returns
    -------
    StepModels
    """
    plan = prepared.resolved.plan
    if step.method.name == "keep":
        start = prepared.start.table
        target = step_target(step, start)
        data = StepData(prepared.predictors, (), target, None, None, start.n_rows, start)
        return StepModels((step.method.fit(data),))
    data, taking_part = step_data(step, prepared)
    if not step.method.is_fitted:
        return StepModels((step.method.fit(data),))
    method = step.method
    if plan.proper == "none":
        model = _fit(
            method, data, taking_part, prepared.groups, None, recall=recall, n_threads=n_threads
        )
        return StepModels((model,))
    if plan.proper == "bayesian":
        method = type(method)(**{**method.model_dump(), "weighted": True})
    bayesian = plan.proper == "bayesian"
    models = []
    for number in range(1, n_replicates + 1) if only is None else (only,):
        key = StreamKey(seed, replicate=number, step=step.number)
        models.append(
            _fit(
                method,
                data,
                taking_part,
                prepared.groups,
                key,
                bayesian=bayesian,
                recall=recall,
                n_threads=n_threads,
            )
        )
    return StepModels(tuple(models))


def step_data(step: Step, prepared: Prepared) -> tuple[StepData, Array | None]:
    """Return what the method of a step may see.

    Parameters
    ----------
    step : Step
    prepared : Prepared

    Returns
    -------
    tuple of StepData and array of bool (n_real,) or None
        The data, and which real rows take part in the fit (None for all). For a state step the
        target's codes are the special codes and, for "value", the first code after them; for a
        value step only rows whose state is "value" take part. Rows that a rule fixes or that a
        partial synthesis keeps do not take part either.
    """
    table = prepared.table
    codes, n_special = table.codes[step.target], table.codecs[step.target].n_special
    part = prepared.conditions.taking_part(step.target, table)
    if step.part == "value":
        ordinary = codes >= n_special
        part = ordinary if part is None else part & ordinary
    rows = None if part is None else np.flatnonzero(part).astype(np.int32)
    if rows is not None and not len(rows):
        # Every row is fixed or kept: nothing will be drawn, but a model must be there.
        part, rows = None, None
    weighted = step.method.is_weighted
    data = StepData(
        predictors=prepared.predictors,
        columns=step.predictors,
        target=step_target(step, table),
        rows=rows,
        weight=prepared.weight if weighted else None,
        n_real=table.n_rows,
        table=table,
        units=prepared.units,
        backend=prepared.backend,
        place=f"step {step.number}, {_part_of(step)}",
    )
    return data, part


def _part_of(step: Step) -> str:
    """Return what a step draws, for messages."""
    if step.part == "whole":
        return f"column {step.target!r}"
    return f"{step.part}s of column {step.target!r}"


def step_target(step: Step, table: Table) -> StepTarget:
    """Return the target column of a step, over all rows of a table.

    Parameters
    ----------
    step : Step
    table : Table

    Returns
    -------
    StepTarget
    """
    name = step.target
    codec, codes, values = table.codecs[name], table.codes[name], table.values.get(name)
    goal: Target
    if step.part == "state":
        codes, values = np.minimum(codes, codes.dtype.type(codec.n_special)), None
        goal = ClassTarget(codes, codec.n_special + 1)
    elif step.part == "value" or _is_plain_number(step, codec):
        goal = NumberTarget(as_numbers(codec, codes, values))
    else:
        goal = ClassTarget(codes, codec.n_codes)
    return StepTarget(
        name=name,
        codes=codes,
        values=values,
        goal=goal,
        is_number=codec.column.is_number and step.part != "state",
        n_special=codec.n_special,
    )


def _is_plain_number(step: Step, codec: Codec) -> bool:
    """Return whether a whole step draws a number without special codes from a model."""
    return codec.column.is_number and codec.n_special == 0 and step.method.uses_predictors


def _fit(
    method: Method,
    data: StepData,
    taking_part: Array | None,
    groups: StratumGroups | None,
    key: StreamKey | None,
    *,
    bayesian: bool = False,
    recall: Recall = _fit_now,
    n_threads: int = 1,
) -> FittedModel:
    """Fit on all rows that take part, or apart in each group of strata."""
    replicate = 0 if key is None else key.replicate

    def fit(own: StepData, stream: StreamKey | None) -> FittedModel:
        return method.fit(_resampled(own, stream, bayesian=bayesian), n_threads=n_threads)

    if groups is None:
        return recall(partial(fit, data, key), replicate=replicate, stratum=0)
    models: dict[int, FittedModel] = {}
    failed: list[TooFewDonorsError] = []
    for group in groups.groups:
        rows = groups.training_rows(group, taking_part)
        place = f"{data.place}, {groups.name_of(group)}"
        own = replace(data, rows=rows, place=place)
        stream = None if key is None else key.at(stratum=group.number)
        try:
            models[group.number] = recall(
                partial(fit, own, stream), replicate=replicate, stratum=group.number
            )
        except TooFewDonorsError as error:
            failed.append(error)
    if failed:
        others = f" ({len(failed) - 1} other strata fail too.)" if len(failed) > 1 else ""
        raise TooFewDonorsError(f"{failed[0]}{others}")
    return GroupedModel(models, GroupOf(groups), data.target.name)


@dataclass(frozen=True, slots=True)
class GroupOf:
    """Which group of strata draws a row."""

    groups: StratumGroups

    def __call__(self, drawn: DrawnColumns, block: Block) -> Array:
        """Return the group of each row to draw, shape (n_drawn,)."""
        return self.groups.group_of(drawn.of_block(block), block.n_drawn)


def _resampled(data: StepData, key: StreamKey | None, *, bayesian: bool) -> StepData:
    """Resample the rows of a fit for proper synthesis."""
    if key is None:
        return data
    if bayesian:
        weight = bayesian_weights(data.n_real, key)
        return replace(data, weight=weight if data.weight is None else weight * data.weight)
    rows = np.arange(data.n_real, dtype=np.int32) if data.rows is None else data.rows
    return replace(data, rows=bootstrap_rows(rows, key))
