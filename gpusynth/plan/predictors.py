"""Predictor matrix: which columns may predict which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gpusynth.errors import PlanError
from gpusynth.plan.choices import Plan
from gpusynth.table import Codec, Schema

__all__ = ["resolve_predictors"]


def resolve_predictors(
    plan: Plan,
    schema: Schema,
    codecs: Mapping[str, Codec],
    visit: Sequence[str],
    resynthesized: Sequence[str] = (),
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return the predictors of every visited column, and of those that are drawn anew at the end.

    Parameters
    ----------
    plan : Plan
    schema : Schema
    codecs : mapping of column name to Codec
    visit : sequence of str
        The resolved visit sequence.
    resynthesized : sequence of str
        Kept columns that are drawn anew after all others, in this order.

    Returns
    -------
    tuple of two dicts of str to tuple of str
        All earlier visited columns with more than one code, or what the plan lists, in visit order.
        A column that is drawn anew is predicted by all columns but those that are yet to be drawn
        anew: what the real row said must not enter.

    Raises
    ------
    PlanError
        If a list names an unknown column, or a column is to be predicted by itself or a later one.
    """
    position = {name: number for number, name in enumerate(visit)}
    for target, names in plan.predictors.items():
        _check_given(target, names, schema, position, drawn_anew=target in resynthesized)

    never = set(plan.never_predict)
    useful = {name for name in visit if codecs[name].n_codes > 1 and name not in never}

    def chosen(target: str, earlier: Sequence[str]) -> tuple[str, ...]:
        listed = plan.predictors.get(target)
        return tuple(
            name for name in earlier if name in useful and (listed is None or name in listed)
        )

    first = {target: chosen(target, visit[:number]) for number, target in enumerate(visit)}
    anew = {}
    for number, target in enumerate(resynthesized):
        to_come = set(resynthesized[number:])
        anew[target] = chosen(target, [name for name in visit if name not in to_come])
    return first, anew


def _check_given(
    target: str,
    names: Sequence[str],
    schema: Schema,
    position: Mapping[str, int],
    *,
    drawn_anew: bool,
) -> None:
    for name in (target, *names):
        if name not in schema.names:
            raise PlanError(f"predictors of {target!r}: unknown column {name!r}. Correct the name.")
        if name not in position:
            raise PlanError(
                f"predictors of {target!r}: column {name!r} has role {schema[name].role} and is "
                "not synthesized. Remove it."
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PlanError(f"predictors of {target!r} name {twice[0]!r} twice. Name it once.")
    for name in names:
        if name == target:
            raise PlanError(f"column {target!r} is to predict itself. Remove it from the list.")
        if position[name] > position[target] and not drawn_anew:
            raise PlanError(
                f"column {target!r} is to be predicted by {name!r}, which is visited later. "
                f"Visit {name!r} before {target!r} or remove it from the list."
            )
