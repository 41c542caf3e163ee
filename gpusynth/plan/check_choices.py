"""Check a user's choices against the schema, before anything is resolved."""

from __future__ import annotations

from collections.abc import Iterable

from gpusynth.errors import PlanError
from gpusynth.methods import Constant, Keep
from gpusynth.methods.smoothing.scientific import scientific
from gpusynth.plan.choices import Plan
from gpusynth.table import Schema
from gpusynth.table.expression import parse_expression

__all__ = ["check_choices", "is_kept", "started_columns"]

_KEPT_ROLES = ("keep", "stratum")
_LEFT_OUT_ROLES = ("drop", "key")


def started_columns(plan: Plan, schema: Schema) -> tuple[str, ...]:
    """Return the columns that start every row, taken from one real row (or a start table's).

    Parameters
    ----------
    plan : Plan
    schema : Schema

    Returns
    -------
    tuple of str
        In file order.
    """
    return tuple(name for name in schema.names if is_kept(name, plan, schema))


def is_kept(name: str, plan: Plan, schema: Schema) -> bool:
    """Return whether a column starts every row.

    Parameters
    ----------
    name : str
    plan : Plan
    schema : Schema
    """
    role = schema[name].role
    if role in _LEFT_OUT_ROLES:
        return False
    if plan.partial is not None:
        return name not in plan.partial.columns
    strata = () if plan.strata is None else plan.strata.columns
    return (
        role in _KEPT_ROLES
        or isinstance(plan.methods.get(name), Keep)
        or name in (*plan.predict_only, *plan.resynthesize, *strata)
    )


def check_choices(plan: Plan, schema: Schema) -> None:
    """Check names, and choices that contradict each other.

    Parameters
    ----------
    plan : Plan
    schema : Schema

    Raises
    ------
    PlanError
        The message names the column and the remedy.
    """
    _check_names(plan, schema)
    _check_methods(plan, schema)
    _check_weights(plan, schema)
    _check_partial(plan, schema)
    _check_starts(plan, schema)
    _check_treatments(plan, schema)
    _check_proper(plan)
    _check_uniques(plan, schema)
    dropped = {column.name for column in schema.with_role("drop")} | set(plan.predict_only)
    plan.output.check_names([name for name in schema.names if name not in dropped], schema.names)
    for edit in plan.edits:
        names = parse_expression(edit.holds).columns
        check_known(f"edit {edit.title!r}", names, schema)
        if not names:
            raise PlanError(f"edit {edit.title!r} names no column. Correct or remove it.")
        if all(is_kept(name, plan, schema) and name not in plan.resynthesize for name in names):
            raise PlanError(
                f"edit {edit.title!r} asks only for columns that are kept as in the real rows. "
                "Remove it, or synthesize one of them."
            )


def check_known(what: str, names: Iterable[str], schema: Schema) -> None:
    """Check that columns are there and have codes.

    Parameters
    ----------
    what : str
        Which entry of the plan names them.
    names : iterable of str
    schema : Schema

    Raises
    ------
    PlanError
    """
    for name in names:
        if name not in schema.names:
            raise PlanError(f"{what}: unknown column {name!r}. Correct the name.")
        if schema[name].role in _LEFT_OUT_ROLES:
            raise PlanError(
                f"{what}: column {name!r} has role {schema[name].role} in the schema. "
                "Change the role or leave the column out."
            )


def _check_names(plan: Plan, schema: Schema) -> None:
    for what in ("never_predict", "predict_only", "resynthesize"):
        check_known(what, getattr(plan, what), schema)
    if plan.unit is not None and plan.unit not in schema.names:
        raise PlanError(f"unit: unknown column {plan.unit!r}. Correct the name.")
    check_known("smoothing", plan.smoothing, schema)
    check_known("tails", plan.tails, schema)
    if plan.strata is not None:
        check_known("strata", plan.strata.columns, schema)
    if plan.partial is not None:
        check_known("partial", plan.partial.columns, schema)
        if plan.partial.rows is not None:
            check_known("partial", parse_expression(plan.partial.rows).columns, schema)


def _check_methods(plan: Plan, schema: Schema) -> None:
    for name, method in plan.methods.items():
        if name not in schema.names:
            raise PlanError(f"methods name an unknown column: {name!r}. Correct the name.")
        role = schema[name].role
        kept = role in _KEPT_ROLES and name not in plan.resynthesize
        if role in _LEFT_OUT_ROLES or (kept and not isinstance(method, Keep)):
            raise PlanError(
                f"column {name!r} has role {role} in the schema and cannot have the method "
                f"{method.name}. Change the role to synthesize, or remove the method."
            )
    for name in plan.predictors:
        if name not in schema.names or name in plan.resynthesize:
            continue
        if is_kept(name, plan, schema) or not plan.method_of(name).uses_predictors:
            raise PlanError(
                f"predictors name {name!r}, which is kept or has a method that uses none. "
                "Remove the entry, or give the column the method cart."
            )
    if isinstance(plan.default, (Constant, Keep)) or plan.default.required_columns:
        raise PlanError(
            f"the default method cannot be {plan.default.name}. "
            "Name it for single columns under methods."
        )


def _check_weights(plan: Plan, schema: Schema) -> None:
    weighted = [name for name, method in plan.methods.items() if method.is_weighted]
    if schema.weight is None and (plan.default.is_weighted or weighted):
        where = f"column {weighted[0]!r}" if weighted else "the default method"
        raise PlanError(
            f"{where} is weighted, but no column has the role weight. "
            'Set role = "weight" in the schema, or weighted = false.'
        )


def _check_partial(plan: Plan, schema: Schema) -> None:
    if plan.partial is None:
        return
    for what in ("start_table", "resynthesize", "predict_only"):
        if getattr(plan, what):
            raise PlanError(
                f"partial synthesis starts every row from its real row and cannot have {what}. "
                "Remove one of them."
            )
    strata = _strata_columns(plan, schema)
    for name in plan.partial.columns:
        kept = schema[name].role in _KEPT_ROLES or isinstance(plan.methods.get(name), Keep)
        if kept or name in strata:
            raise PlanError(
                f"column {name!r} is to be synthesized by partial, but is "
                f"{'kept' if kept else 'a stratum'}. Remove one."
            )


def _check_starts(plan: Plan, schema: Schema) -> None:
    strata = _strata_columns(plan, schema)
    for name in plan.resynthesize:
        if name in (*strata, *plan.predict_only):
            raise PlanError(
                f"column {name!r} is a stratum or only predicts, so it cannot be drawn anew. "
                "Remove it from resynthesize."
            )
        _check_not_asked_for(name, plan)
    if plan.start_table is not None and not started_columns(plan, schema):
        raise PlanError(
            "start_table gives the rows' first columns, but no column is kept. "
            'Give the columns that it has the role "keep".'
        )
    sizes = None if plan.strata is None else plan.strata.sizes
    if plan.start_table is not None and not isinstance(sizes, (str, type(None))):
        raise PlanError("start_table gives the rows, so strata cannot ask for sizes. Remove one.")


def _strata_columns(plan: Plan, schema: Schema) -> tuple[str, ...]:
    if plan.strata is not None:
        return plan.strata.columns
    return tuple(column.name for column in schema.with_role("stratum"))


def _check_not_asked_for(name: str, plan: Plan) -> None:
    """Refuse to draw a column anew when other columns have been settled by its first answer."""
    for rule in plan.rules:
        if name in parse_expression(rule.when).columns:
            raise PlanError(
                f"column {name!r} is drawn anew at the end, after the rule of {rule.target!r} "
                "asked for it. Remove it from resynthesize, or change the rule."
            )
    for target, method in plan.methods.items():
        if name in method.required_columns:
            raise PlanError(
                f"column {name!r} is drawn anew at the end, after the method {method.name} of "
                f"{target!r} used it. Remove it from resynthesize, or change the method."
            )


def _check_treatments(plan: Plan, schema: Schema) -> None:
    """Check what is done to drawn numbers: smoothing and tails; and that SciPy is there for it."""
    for what, columns in (("smoothing", plan.smoothing), ("tails", plan.tails)):
        done = "smoothed" if what == "smoothing" else "treated"
        for name in columns:
            if not schema[name].is_number:
                raise PlanError(
                    f"{what}: column {name!r} is {schema[name].kind}; only numbers can be {done}. "
                    "Remove the entry."
                )
            drawn = not is_kept(name, plan, schema) or name in plan.resynthesize
            if not drawn or plan.method_of(name).name in ("passive", "constant", "lookup"):
                raise PlanError(
                    f"{what}: column {name!r} is not drawn but kept or computed. Remove the entry."
                )
    if any(smoothing.kind in ("density", "spline") for smoothing in plan.smoothing.values()):
        scientific("scipy")  # told before the first fit, not when the column has been drawn


def _check_uniques(plan: Plan, schema: Schema) -> None:
    choice = plan.replicated_uniques
    if choice is None:
        return
    keys = schema.names if choice.keys == "all" else choice.keys
    if choice.keys != "all":
        check_known("replicated_uniques", keys, schema)
    if plan.partial is not None:
        raise PlanError(
            "replicated_uniques compares with real rows, and a partial synthesis puts real rows "
            "out. Remove one of them."
        )
    drawn = [
        name
        for name in keys
        if schema[name].role not in _LEFT_OUT_ROLES
        and (not is_kept(name, plan, schema) or name in plan.resynthesize)
    ]
    if choice.action == "redraw" and not drawn:
        raise PlanError(
            "replicated_uniques: all keys are kept as in the real rows, so that drawing again "
            'changes none. Name a key that is synthesized, or use action = "remove".'
        )


def _check_proper(plan: Plan) -> None:
    if plan.proper != "bayesian":
        return
    for method in (plan.default, *plan.methods.values()):
        if method.is_fitted and "weighted" not in method.model_dump():
            raise PlanError(
                f'proper = "bayesian" weights rows, which the method {method.name} does not take. '
                'Use proper = "bootstrap".'
            )
