"""From a user's choices and the fitted codecs to a synthesis plan; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gpusynth.errors import PlanError
from gpusynth.methods import Cart, Constant, Follow, Keep, Method, Sample, check_suitable
from gpusynth.methods.smoothing import Smoothing
from gpusynth.plan.check_choices import check_choices, started_columns
from gpusynth.plan.check_weighting import (
    check_calibration,
    check_together,
    resolve_calibration,
    with_followers,
)
from gpusynth.plan.choices import Plan
from gpusynth.plan.predictors import resolve_predictors
from gpusynth.plan.strata import Strata
from gpusynth.plan.synthesis_plan import Step, SynthesisPlan
from gpusynth.plan.visit import resolve_visit
from gpusynth.table import Codec, Column, Schema

__all__ = ["column_steps", "resolve"]

_MAX_STEPS = (1 << 16) - 1  # 16 bits of a stream name a step (gpusynth.streams)


def resolve(schema: Schema, codecs: Mapping[str, Codec], plan: Plan | None = None) -> SynthesisPlan:
    """Resolve a user's choices on a schema and its fitted codecs.

    What the choices become:

    - columns that are kept (role keep or stratum, method keep, outside of a partial synthesis)
      start every row and predict all others;
    - a column with one code, such as one that is all missing, is `constant`;
    - a number with missing codes or spikes that has predictors takes two steps, state then value;
    - `cart` without predictors, as for the first visited column, is `sample`;
    - the weight is synthesized as the number that it is, and never draws itself by weight.

    What depends on the data besides (screening, the most important predictors) is settled by
    `gpusynth.plan.refine`.

    Parameters
    ----------
    schema : Schema
    codecs : mapping of column name to Codec
    plan : Plan, optional
        Every default where it is not given.

    Returns
    -------
    SynthesisPlan

    Raises
    ------
    PlanError
        If the choices cannot be carried out; the message names the column and the remedy.
    """
    plan = with_followers(Plan() if plan is None else plan, schema)
    check_choices(plan, schema)
    kept = started_columns(plan, schema)
    check_together(plan, schema, kept)
    check_calibration(plan, schema)
    visit = resolve_visit(plan, schema, codecs, kept)
    if not visit:
        raise PlanError(
            "nothing to synthesize: every column has role drop or key. Change a role in the schema."
        )
    first, anew = resolve_predictors(plan, schema, codecs, visit, plan.resynthesize)
    steps: list[Step] = []
    for name in visit:
        if name in kept:
            steps.append(Step(len(steps) + 1, name, "whole", Keep(), ()))
        else:
            steps += _steps_of(name, schema, codecs, plan, first[name], len(steps) + 1)
    for name in plan.resynthesize:
        steps += _steps_of(name, schema, codecs, plan, anew[name], len(steps) + 1)
    steps = _with_donors(steps)
    if len(steps) > _MAX_STEPS:
        raise PlanError(f"{len(steps)} steps are more than the {_MAX_STEPS} that a plan can hold")
    return SynthesisPlan(
        schema_fingerprint=schema.fingerprint(),
        steps=tuple(steps),
        key_columns=tuple(c.name for c in schema.with_role("key")),
        dropped_columns=tuple(c.name for c in schema.with_role("drop")),
        predict_only=plan.predict_only,
        rules=plan.rules,
        edits=plan.edits,
        strata=_strata(plan, schema, n_drawn=len(visit) - len(kept)),
        partial=plan.partial,
        proper=plan.proper,
        start_table=plan.start_table,
        unit=plan.unit,
        output=plan.output,
        replicated_uniques=None
        if plan.replicated_uniques is None
        else plan.replicated_uniques.of_columns(n for n in visit if n not in plan.predict_only),
        calibrate=resolve_calibration(plan, schema),
    )


def _strata(plan: Plan, schema: Schema, *, n_drawn: int) -> Strata | None:
    """Return the strata with their smallest size settled (synthpop's syn.strata: 10 + 10 p)."""
    strata = plan.strata
    if strata is None:
        names = tuple(c.name for c in schema.with_role("stratum"))
        if not names:
            return None
        strata = Strata(columns=names)
    if strata.min_rows is not None:
        return strata
    return strata.model_copy(update={"min_rows": 10 + 10 * n_drawn})


def _steps_of(
    name: str,
    schema: Schema,
    codecs: Mapping[str, Codec],
    plan: Plan,
    predictors: tuple[str, ...],
    number: int,
) -> list[Step]:
    """Return the one or two steps that draw a column, numbered from `number`."""
    method = plan.method_of(name)
    if isinstance(method, Keep):  # a start column that is drawn anew
        method = plan.default
    if method.is_weighted and name == schema.weight:
        method = _unweighted(method)
    smoothing = plan.smoothing.get(name)
    if smoothing is not None and smoothing.kind == "none":
        smoothing = None
    steps = column_steps(schema[name], codecs[name], method, predictors, number, smoothing)
    tail = plan.tails.get(name)
    if tail is not None and steps[-1].method.name != "constant":
        steps[-1] = replace(steps[-1], tail=tail)
    return steps


def _with_donors(steps: list[Step]) -> list[Step]:
    """Sample what is constant where other columns follow it: a constant has no donors."""
    followed = {step.method.column for step in steps if isinstance(step.method, Follow)}
    return [
        replace(step, method=Sample())
        if step.target in followed and isinstance(step.method, Constant)
        else step
        for step in steps
    ]


def _unweighted(method: Method) -> Method:
    """Drawing the weight in proportion to itself would bias it by its own size."""
    return type(method)(**{**method.model_dump(), "weighted": False})


def column_steps(
    column: Column,
    codec: Codec,
    method: Method,
    predictors: tuple[str, ...],
    number: int,
    smoothing: Smoothing | None = None,
) -> list[Step]:
    """Return the one or two steps that draw a column.

    Parameters
    ----------
    column : Column
    codec : Codec
    method : Method
    predictors : tuple of str
    number : int
        Of the first step.
    smoothing : Smoothing, optional

    Returns
    -------
    list of Step

    Raises
    ------
    PlanError
        If the method does not suit the column.
    """
    if codec.n_codes == 1 and codec.is_exact and method.is_fitted:
        method, smoothing = Constant(), None
    check_suitable(method, column)
    if isinstance(method, Cart) and not predictors:
        method = Sample(weighted=method.weighted, **method.donor_rules())
    if not method.uses_predictors:
        return [Step(number, column.name, "whole", method, (), smoothing)]
    n_ordinary = codec.n_codes - codec.n_special
    in_parts = column.is_number and codec.n_special > 0 and n_ordinary > 0 and method.by_parts
    if not in_parts:
        is_number = column.is_number and codec.n_special == 0
        method = _suited(method, is_number=is_number)
        return [Step(number, column.name, "whole", method, predictors, smoothing)]
    states = _suited(method.for_states(), is_number=False)
    state = Step(number, column.name, "state", states, predictors)
    if n_ordinary == 1 and codec.is_exact:
        return [state, Step(number + 1, column.name, "value", Constant(), (), smoothing)]
    method = _suited(method, is_number=True)
    return [state, Step(number + 1, column.name, "value", method, predictors, smoothing)]


def _suited(method: Method, *, is_number: bool) -> Method:
    """Return a tree's method with a criterion for what it predicts.

    One choice serves a whole file: "entropy" is for classes, and numbers go by variance then.
    """
    if not isinstance(method, Cart) or method.criterion == "auto":
        return method
    if (method.criterion == "variance") == is_number:
        return method
    return method.model_copy(update={"criterion": "auto"})
