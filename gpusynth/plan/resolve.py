"""From a user's choices and the fitted codecs to a synthesis plan; pure."""

from __future__ import annotations

from collections.abc import Mapping

from gpusynth.errors import PlanError
from gpusynth.methods import Cart, Constant, Keep, Method, Sample
from gpusynth.plan.choices import Plan
from gpusynth.plan.predictors import resolve_predictors
from gpusynth.plan.synthesis_plan import Step, SynthesisPlan
from gpusynth.plan.visit import resolve_visit
from gpusynth.table import Codec, Column, Schema

__all__ = ["resolve"]

_KEPT_ROLES = ("keep", "stratum")
_LEFT_OUT_ROLES = ("drop", "key")
_MAX_STEPS = (1 << 16) - 1  # 16 bits of a stream name a step (gpusynth.streams)


def resolve(schema: Schema, codecs: Mapping[str, Codec], plan: Plan | None = None) -> SynthesisPlan:
    """Resolve a user's choices on a schema and its fitted codecs.

    What the choices become:

    - columns with role keep or stratum start every row and predict all others;
    - a column with one code, such as one that is all missing, is `constant`;
    - a number with missing codes or spikes that has predictors takes two steps, state then value;
    - `cart` without predictors, as for the first visited column, is `sample`;
    - the weight is synthesized as the number that it is, and never draws itself by weight.

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
    plan = Plan() if plan is None else plan
    _check_methods(plan, schema)
    kept = [c.name for c in schema.columns if _is_kept(c, plan)]
    visit = resolve_visit(plan, schema, codecs, kept)
    if not visit:
        raise PlanError(
            "nothing to synthesize: every column has role drop or key. Change a role in the schema."
        )
    predictors = resolve_predictors(plan, schema, codecs, visit)
    steps: list[Step] = []
    for name in visit:
        method = Keep() if name in kept else plan.method_of(name)
        if method.is_weighted and name == schema.weight:
            method = _unweighted(method)
        steps += _column_steps(schema[name], codecs[name], method, predictors[name], len(steps) + 1)
    if len(steps) > _MAX_STEPS:
        raise PlanError(f"{len(steps)} steps are more than the {_MAX_STEPS} that a plan can hold")
    return SynthesisPlan(
        schema_fingerprint=schema.fingerprint(),
        steps=tuple(steps),
        key_columns=tuple(c.name for c in schema.with_role("key")),
        dropped_columns=tuple(c.name for c in schema.with_role("drop")),
    )


def _check_methods(plan: Plan, schema: Schema) -> None:
    for name, method in plan.methods.items():
        if name not in schema.names:
            raise PlanError(f"methods name an unknown column: {name!r}. Correct the name.")
        role = schema[name].role
        if role in _LEFT_OUT_ROLES or (role in _KEPT_ROLES and not isinstance(method, Keep)):
            raise PlanError(
                f"column {name!r} has role {role} in the schema and cannot have the method "
                f"{method.name}. Change the role to synthesize, or remove the method."
            )
    for name in plan.predictors:
        if name in schema.names and _takes_no_predictors(schema[name], plan):
            raise PlanError(
                f"predictors name {name!r}, which is kept or has a method that uses none. "
                "Remove the entry, or give the column the method cart."
            )
    if isinstance(plan.default, (Constant, Keep)):
        raise PlanError(
            f"the default method cannot be {plan.default.name}: it synthesizes nothing. "
            "Name it for single columns under methods."
        )
    weighted = [name for name, method in plan.methods.items() if method.is_weighted]
    if schema.weight is None and (plan.default.is_weighted or weighted):
        where = f"column {weighted[0]!r}" if weighted else "the default method"
        raise PlanError(
            f"{where} is weighted, but no column has the role weight. "
            'Set role = "weight" in the schema, or weighted = false.'
        )


def _takes_no_predictors(column: Column, plan: Plan) -> bool:
    return column.role in _KEPT_ROLES or not plan.method_of(column.name).uses_predictors


def _is_kept(column: Column, plan: Plan) -> bool:
    if column.role in _LEFT_OUT_ROLES:
        return False
    return column.role in _KEPT_ROLES or isinstance(plan.methods.get(column.name), Keep)


def _unweighted(method: Method) -> Method:
    """Drawing the weight in proportion to itself would bias it by its own size."""
    return type(method)(**{**method.model_dump(), "weighted": False})


def _column_steps(
    column: Column, codec: Codec, method: Method, predictors: tuple[str, ...], number: int
) -> list[Step]:
    """Return the one or two steps of a column, numbered from `number`."""
    if codec.n_codes == 1 and codec.is_exact and not isinstance(method, Keep):
        method = Constant()
    if isinstance(method, Cart) and not predictors:
        method = Sample(weighted=method.weighted)
    if not method.uses_predictors:
        return [Step(number, column.name, "whole", method, ())]
    n_ordinary = codec.n_codes - codec.n_special
    if not column.is_number or codec.n_special == 0 or n_ordinary == 0:
        return [Step(number, column.name, "whole", method, predictors)]
    state = Step(number, column.name, "state", method, predictors)
    if n_ordinary == 1 and codec.is_exact:
        return [state, Step(number + 1, column.name, "value", Constant(), ())]
    return [state, Step(number + 1, column.name, "value", method, predictors)]
