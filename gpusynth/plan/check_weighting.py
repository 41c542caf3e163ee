"""Check what a plan says of weights: calibration, and columns that are drawn from one donor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gpusynth.calibration.distances import check_method
from gpusynth.errors import PlanError
from gpusynth.methods import Follow
from gpusynth.methods.follow import DONOR_METHODS
from gpusynth.plan.check_choices import check_known
from gpusynth.plan.choices import Plan
from gpusynth.plan.weighting import Calibrate
from gpusynth.table import Schema
from gpusynth.table.expression import parse_expression

__all__ = ["check_calibration", "check_together", "resolve_calibration", "with_followers"]


def with_followers(plan: Plan, schema: Schema) -> Plan:
    """Return the plan with the method follow for columns that belong to another's record.

    Parameters
    ----------
    plan : Plan
    schema : Schema

    Returns
    -------
    Plan

    Raises
    ------
    PlanError
        If a column is not there or in two groups, or has a method of its own.
    """
    if not plan.together:
        return plan
    check_known("together", (name for group in plan.together for name in group), schema)
    twice = [n for n, count in Counter(c for g in plan.together for c in g).items() if count > 1]
    if twice:
        raise PlanError(f"together names the column {twice[0]!r} twice. Name it once.")
    methods = dict(plan.methods)
    for group in plan.together:
        for name in group[1:]:
            if name in methods and not isinstance(methods[name], Follow):
                raise PlanError(
                    f"column {name!r} is drawn together with {group[0]!r}, from its donor, and "
                    f"cannot have the method {methods[name].name}. Remove one of them."
                )
            methods[name] = Follow(column=group[0])
    return plan.model_copy(update={"methods": methods})


def check_together(plan: Plan, schema: Schema, kept: tuple[str, ...]) -> None:
    """Check columns that are taken from another column's donor.

    Parameters
    ----------
    plan : Plan
        From `with_followers`.
    schema : Schema
    kept : tuple of str
        Columns that start every row.

    Raises
    ------
    PlanError
        Naming the columns and the remedy.
    """
    followers = {n: m.column for n, m in plan.methods.items() if isinstance(m, Follow)}
    uniques = plan.replicated_uniques
    if followers and uniques is not None and uniques.action == "redraw":
        raise PlanError(
            "replicated_uniques draws columns again, which would part those that are drawn "
            'together from one record. Use action = "remove", or draw them apart.'
        )
    for name, leader in followers.items():
        both = f"columns {leader!r} and {name!r} are drawn together"
        for column in (leader, name):
            _check_drawn(column, both, plan, schema, kept)
        method = plan.method_of(leader)
        if method.name not in DONOR_METHODS:
            raise PlanError(
                f"{both}, but {leader!r} has the method {method.name}, which has no donors. Use "
                f"one of {', '.join(DONOR_METHODS)}."
            )
        if name in plan.predictors:
            raise PlanError(f"{both}, so {name!r} takes no predictors. Remove the entry.")
        part = plan.partial
        if part is not None and (name in part.columns) != (leader in part.columns):
            raise PlanError(f"{both}, but partial replaces only one of them. Name both or none.")


def _check_drawn(column: str, both: str, plan: Plan, schema: Schema, kept: tuple[str, ...]) -> None:
    if column not in schema.names:
        raise PlanError(f"together: unknown column {column!r}. Correct the name.")
    if schema[column].role in ("drop", "key") or column in kept:
        raise PlanError(
            f"{both}, but {column!r} is kept, dropped or a key. Kept columns come from one record "
            "anyway: remove the entry, or draw both."
        )
    ruled = any(rule.target == column for rule in plan.rules)
    treated = column in plan.tails
    if ruled or treated or column in plan.smoothing:
        what = "a rule" if ruled else "a tail" if treated else "smoothing"
        raise PlanError(
            f"{both} from one record, so {what} cannot change "
            f"{column!r} alone. Remove it, or draw the columns apart."
        )


def resolve_calibration(plan: Plan, schema: Schema) -> tuple[Calibrate, ...]:
    """Return the calibrations with their weight columns named.

    Parameters
    ----------
    plan : Plan
    schema : Schema

    Returns
    -------
    tuple of Calibrate
    """
    return tuple(
        entry.model_copy(update={"weight": entry.weight or schema.weight})
        for entry in plan.calibrate
    )


def check_calibration(plan: Plan, schema: Schema) -> None:
    """Check that a calibration names columns that it can use.

    Parameters
    ----------
    plan : Plan
    schema : Schema

    Raises
    ------
    PlanError
        Naming the column and the remedy.
    """
    entries = resolve_calibration(plan, schema)
    uses = _uses_of(plan)
    for entry in entries:
        name = entry.weight
        if name is None:
            raise PlanError(
                "calibrate: no column has the role weight. Name the column with weight = ..., or "
                "set its role in the schema."
            )
        check_method(entry.method, entry.bounds)
        _check_number(name, "is the weight", schema)
        if name in plan.predict_only:
            raise PlanError(
                f"calibrate: column {name!r} only predicts and is not put out. Remove it from "
                "predict_only."
            )
        if name in uses:
            raise PlanError(
                f"calibrate: {uses[name]} names the weight {name!r}, whose values change "
                "afterwards. Remove one of them."
            )
        for margin in entry.margins:
            check_known("calibrate", margin.columns, schema)
            if margin.number is not None:
                _check_number(margin.number, "is totalled", schema)
            if name in (*margin.columns, margin.number):
                raise PlanError(
                    f"calibrate: a margin names the weight {name!r} itself. Name other columns."
                )
    twice = [
        name for name, count in Counter(entry.weight for entry in entries).items() if count > 1
    ]
    if twice:
        raise PlanError(
            f"calibrate: column {twice[0]!r} is calibrated twice. Put margins together."
        )


def _uses_of(plan: Plan) -> Mapping[str, str]:
    """Return column -> what of the plan would no longer hold if its values changed."""
    uses: dict[str, str] = {}
    for edit in plan.edits:
        uses.update(dict.fromkeys(parse_expression(edit.holds).columns, f"edit {edit.title!r}"))
    for rule in plan.rules:
        names = (rule.target, *parse_expression(rule.when).columns)
        uses.update(dict.fromkeys(names, f"a rule of {rule.target!r}"))
    for target, method in plan.methods.items():
        if method.name in ("passive", "lookup"):
            what = f"the method {method.name} of {target!r}"
            uses.update(dict.fromkeys((target, *method.required_columns), what))
    return uses


def _check_number(name: str, what: str, schema: Schema) -> None:
    check_known("calibrate", (name,), schema)
    if schema[name].kind not in ("integer", "numeric"):
        raise PlanError(
            f"calibrate: column {name!r} {what}, but its kind is {schema[name].kind}. Set kind = "
            "'numeric' or 'integer' in the schema, or name another column."
        )
