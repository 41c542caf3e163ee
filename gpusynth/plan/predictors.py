"""Predictor matrix: which columns may predict which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gpusynth.errors import PlanError
from gpusynth.plan.choices import Plan
from gpusynth.table import Codec, Schema

__all__ = ["resolve_predictors"]


def resolve_predictors(
    plan: Plan, schema: Schema, codecs: Mapping[str, Codec], visit: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the predictors of every visited column.

    Parameters
    ----------
    plan : Plan
    schema : Schema
    codecs : mapping of column name to Codec
    visit : sequence of str
        The resolved visit sequence.

    Returns
    -------
    dict of str to tuple of str
        All earlier visited columns with more than one code, or what the plan lists, in visit order.

    Raises
    ------
    PlanError
        If a list names an unknown column, or a column is to be predicted by itself or a later one.
    """
    position = {name: number for number, name in enumerate(visit)}
    for target, names in plan.predictors.items():
        _check_given(target, names, schema, position)
    resolved = {}
    for number, target in enumerate(visit):
        chosen = plan.predictors.get(target)
        earlier = visit[:number]
        resolved[target] = tuple(
            name
            for name in earlier
            if codecs[name].n_codes > 1 and (chosen is None or name in chosen)
        )
    return resolved


def _check_given(
    target: str, names: Sequence[str], schema: Schema, position: Mapping[str, int]
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
        if position[name] > position[target]:
            raise PlanError(
                f"column {target!r} is to be predicted by {name!r}, which is visited later. "
                f"Visit {name!r} before {target!r} or remove it from the list."
            )
