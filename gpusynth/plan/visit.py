"""Visit sequence: in which order columns are synthesized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gpusynth.errors import PlanError
from gpusynth.plan.choices import Plan
from gpusynth.plan.dependency_order import dependency_order
from gpusynth.table import Codec, Schema, coded_columns
from gpusynth.table.expression import parse_expression

__all__ = ["required_columns", "resolve_visit"]


def required_columns(plan: Plan, schema: Schema) -> dict[str, tuple[str, ...]]:
    """Return, for each column that needs any, the columns that must be visited before it.

    They are what its method names (a parent, a formula's variables) and what its rules ask for.

    Parameters
    ----------
    plan : Plan
    schema : Schema

    Returns
    -------
    dict of str to tuple of str
    """
    required: dict[str, tuple[str, ...]] = {}
    for column in schema.columns:
        named = plan.method_of(column.name).required_columns
        if named and not any(rule.target == column.name for rule in plan.rules):
            required[column.name] = named
    for rule in plan.rules:
        before = required.get(rule.target, plan.method_of(rule.target).required_columns)
        required[rule.target] = tuple(
            dict.fromkeys((*before, *parse_expression(rule.when).columns))
        )
    return required


def resolve_visit(
    plan: Plan, schema: Schema, codecs: Mapping[str, Codec], kept: Sequence[str]
) -> tuple[str, ...]:
    """Return the visit sequence: kept columns, which start every row, then the others.

    In the orders "file" and "levels" a column that needs others moves behind them; a given list is
    taken as it is.

    Parameters
    ----------
    plan : Plan
    schema : Schema
    codecs : mapping of column name to Codec
        The number of codes, for the order "levels".
    kept : sequence of str
        Columns that are kept, in file order.

    Returns
    -------
    tuple of str
        Every column that is neither dropped nor a key, once.

    Raises
    ------
    PlanError
        If a given list names an unknown column, a column twice, not every synthesized column, or a
        column before one that it needs; if columns need each other in a circle.
    """
    columns = list(coded_columns(schema))
    started = set(kept)
    required = required_columns(plan, schema)
    for target, names in required.items():
        _check_required(target, names, schema, columns, started)
    if plan.visit == "levels":
        columns.sort(key=lambda name: codecs[name].n_codes)
    elif plan.visit != "file":
        _check_given(plan.visit, schema, columns, kept)
        columns = list(plan.visit)
    synthesized = [name for name in columns if name not in started]
    ordered = dependency_order((*kept, *synthesized), required)
    if isinstance(plan.visit, tuple) and ordered != (*kept, *synthesized):
        position = {name: number for number, name in enumerate((*kept, *synthesized))}
        for target, names in required.items():
            for name in names:
                if position[name] > position[target]:
                    raise PlanError(
                        f"visit puts {target!r} before {name!r}, which it needs. "
                        f"Visit {name!r} first."
                    )
    return ordered


def _check_required(
    target: str, names: Sequence[str], schema: Schema, columns: Sequence[str], kept: set[str]
) -> None:
    for name in (target, *names):
        if name not in schema.names:
            raise PlanError(
                f"what is said of column {target!r} names an unknown column: {name!r}. "
                "Correct the name."
            )
        if name not in columns:
            raise PlanError(
                f"column {target!r} needs {name!r}, which has role {schema[name].role} and is not "
                "synthesized. Change the role or leave it out."
            )
    if target in kept:
        raise PlanError(
            f"column {target!r} is kept as in the real row, so nothing can be said of its values. "
            "Remove its rules and its method, or synthesize it."
        )


def _check_given(
    given: Sequence[str], schema: Schema, columns: Sequence[str], kept: Sequence[str]
) -> None:
    unknown = [name for name in given if name not in schema.names]
    if unknown:
        raise PlanError(f"visit names unknown columns: {_listed(unknown)}. Correct the names.")
    twice = [name for name, count in Counter(given).items() if count > 1]
    if twice:
        raise PlanError(f"visit names columns twice: {_listed(twice)}. Name each once.")
    not_visited = [name for name in given if name not in columns]
    if not_visited:
        roles = ", ".join(f"{name!r} has role {schema[name].role}" for name in not_visited)
        raise PlanError(f"visit names columns that are not synthesized: {roles}. Remove them.")
    missing = [name for name in columns if name not in given and name not in kept]
    if missing:
        raise PlanError(
            f"visit leaves out synthesized columns: {_listed(missing)}. "
            "Add them, or give them the role drop in the schema."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
