"""Refine: what only the encoded data can settle about a plan's predictors and methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gpusynth.methods import Cart, Lookup, Sample
from gpusynth.plan.choices import Plan
from gpusynth.plan.importance import limit_predictors
from gpusynth.plan.screening import Screening, screen
from gpusynth.plan.synthesis_plan import Step, SynthesisPlan
from gpusynth.table import Table

__all__ = ["refine"]


def refine(
    plan: SynthesisPlan, table: Table, choices: Plan, *, n_threads: int = 1
) -> tuple[SynthesisPlan, tuple[str, ...]]:
    """Screen the columns and choose the most important predictors.

    - a column that tells the same rows apart as an earlier one is drawn by looking it up, when
      nothing else was said of it;
    - a predictor that repeats another predictor of the same target is left out;
    - of more than `max_predictors` the most important are kept.

    Lists of predictors that the choices give stay as they are.

    Parameters
    ----------
    plan : SynthesisPlan
    table : Table
        Real data.
    choices : Plan
    n_threads : int

    Returns
    -------
    tuple of SynthesisPlan and tuple of str
        The refined plan, and a note for each finding: column names, no values.
    """
    steps = plan.steps
    notes: tuple[str, ...] = ()
    if choices.screen:
        found = screen(table, plan.visit, n_threads=n_threads)
        notes = found.notes
        steps = tuple(_screened(step, found, plan, table, choices) for step in steps)
    if choices.max_predictors is not None:
        always = () if plan.strata is None else plan.strata.columns
        steps, more = _limited(steps, table, choices, always)
        notes += more
    return replace(plan, steps=_numbered(steps)), notes


def _screened(
    step: Step, found: Screening, plan: SynthesisPlan, table: Table, choices: Plan
) -> Step:
    source = found.copies.get(step.target)
    if source is not None and _may_look_up(step, source, plan, table, choices):
        return Step(step.number, step.target, "whole", Lookup(column=source), ())
    if step.target in choices.predictors:
        return step
    predictors, left_out = set(step.predictors), found.not_predictors
    repeated = {
        name
        for name in step.predictors
        if name in left_out and (found.copies.get(name) or found.collinear.get(name)) in predictors
    }
    return replace(step, predictors=tuple(n for n in step.predictors if n not in repeated))


def _may_look_up(step: Step, source: str, plan: SynthesisPlan, table: Table, choices: Plan) -> bool:
    """Return whether nothing else was said of a copy that a lookup would not respect."""
    treated = step.target in choices.smoothing or step.target in choices.tails
    followed = step.target in plan.followed  # its donors are asked for
    said = step.target in choices.methods or treated or followed
    ruled = any(rule.target in (step.target, source) for rule in plan.rules)
    moving = {step.target, source} & plan.drawn_anew
    made = any(other.makes_values for other in plan.steps if other.target == source)
    return (
        isinstance(step.method, (Cart, Sample))
        and table.codecs[source].is_exact
        and not (said or ruled or moving or made)
        and plan.partial is None
        and plan.start_table is None
    )


def _limited(
    steps: tuple[Step, ...], table: Table, choices: Plan, always: tuple[str, ...]
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    most = choices.max_predictors or 0
    wanted: Mapping[str, tuple[str, ...]] = {
        step.target: step.predictors
        for step in steps
        if step.target not in choices.predictors and len(step.predictors) > most
    }
    if not wanted:
        return steps, ()
    chosen = limit_predictors(table, wanted, k=most, always=always)
    note = f"{len(wanted)} columns keep their {most} most important predictors"
    return tuple(
        replace(step, predictors=chosen[step.target]) if step.target in chosen else step
        for step in steps
    ), (note,)


def _numbered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Give the steps new numbers; a column that is looked up takes one step, not two."""
    kept: list[Step] = []
    for step in steps:
        if isinstance(step.method, Lookup) and kept and kept[-1].target == step.target:
            continue
        kept.append(replace(step, number=len(kept) + 1))
    return tuple(kept)
