"""Targets: which columns are imputed, by which steps, from which predictors and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.imputation.formulas import Formula
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.methods import Cart, Keep, Method, Passive
from gpusynth.methods.donor_minimums import donor_rules
from gpusynth.plan import Plan, Step
from gpusynth.plan.resolve import column_steps
from gpusynth.table import Schema, Table

__all__ = ["Target", "build_targets", "check_settings", "imputation_methods"]


@dataclass(frozen=True, slots=True)
class Target:
    """An incomplete column that is imputed by a model.

    Attributes
    ----------
    name : str
    missing : array of int32, shape (n_missing,)
        Rows to impute, ascending.
    answered : array of bool, shape (n_rows,)
        Rows that the model learns from, unless a rule fixes them.
    first_step : int
        Number of the first step; names the random stream of the first fill.
    steps : tuple of Step
        One, or the states' and then the numbers' (`gpusynth.plan.Step.part`).
    """

    name: str
    missing: Array
    answered: Array
    first_step: int
    steps: tuple[Step, ...]


def imputation_methods(
    plan: Plan, schema: Schema, settings: ImputationSettings
) -> dict[str, Method]:
    """Return the method with which each column would be imputed.

    Parameters
    ----------
    plan : Plan
    schema : Schema
    settings : ImputationSettings

    Returns
    -------
    dict of str to Method
        Those of the plan, unless the settings name another. Kept columns are imputed by the plan's
        default. What the plan says of different donors in a leaf is about files that leave, and
        completed files do not: it holds in their synthesis.
    """
    default = Cart() if isinstance(plan.default, Keep) else plan.default
    methods: dict[str, Method] = {}
    for column in schema.columns:
        of_plan = plan.method_of(column.name)
        of_plan = default if isinstance(of_plan, Keep) else of_plan
        methods[column.name] = settings.methods.get(column.name) or _without_minimums(of_plan)
    return methods


def _without_minimums(method: Method) -> Method:
    rules = donor_rules(method)
    if not rules:
        return method
    return type(method)(**{k: v for k, v in method.model_dump().items() if k not in rules})


def check_settings(settings: ImputationSettings, schema: Schema) -> None:
    """Check the columns that settings name.

    Parameters
    ----------
    settings : ImputationSettings
    schema : Schema

    Raises
    ------
    PlanError
        If a column is unknown or predicts itself.
    """
    left_out = {column.name for column in schema.with_role("drop", "key")}
    named: dict[str, list[str]] = {
        "methods": list(settings.methods),
        "predictors": [
            name for pair in settings.predictors.items() for name in (pair[0], *pair[1])
        ],
        "visit": [] if isinstance(settings.visit, str) else list(settings.visit),
    }
    for what, names in named.items():
        for name in names:
            if name not in schema.names:
                raise PlanError(f"{what} of the imputation: unknown column {name!r}. Correct it.")
            if name in left_out:
                raise PlanError(
                    f"{what} of the imputation: column {name!r} has role {schema[name].role} and "
                    "takes no part. Remove it."
                )
    for target, listed in settings.predictors.items():
        if target in listed:
            raise PlanError(f"column {target!r} is to predict itself. Remove it from the list.")


def build_targets(
    table: Table,
    cells: Mapping[str, Array],
    formulas: Sequence[Formula],
    methods: Mapping[str, Method],
    plan: Plan,
    settings: ImputationSettings,
) -> tuple[Target, ...]:
    """Return the columns that models impute, in the order of their visit.

    Parameters
    ----------
    table : Table
    cells : mapping of str to array of int32
        Rows to impute, by column.
    formulas : sequence of Formula
    methods : mapping of str to Method
    plan : Plan
    settings : ImputationSettings

    Returns
    -------
    tuple of Target

    Raises
    ------
    PlanError
        If a method cannot impute, or `visit` does not name these columns.
    """
    numbers = {name: place for place, name in enumerate(table.codes)}
    targets = {}
    for name, missing in cells.items():
        if isinstance(methods[name], Passive):
            continue
        _check_method(name, methods[name])
        answered = np.ones(table.n_rows, np.bool_)
        answered[missing] = False
        first_step = 2 * numbers[name] + 1
        steps = column_steps(
            table.schema[name],
            table.codecs[name],
            methods[name],
            _predictors(name, table, formulas, plan, settings),
            first_step,
        )
        steps = _needed(steps, table.codes[name][answered], table.codecs[name].n_special)
        targets[name] = Target(name, missing, answered, first_step, tuple(steps))
    return tuple(targets[name] for name in _visit(targets, settings))


def _check_method(name: str, method: Method) -> None:
    """Refuse methods that ask for more than a column and its predictors."""
    if method.whole_file or method.required_columns or method.name in ("catall", "lookup"):
        raise PlanError(
            f"column {name!r} has the method {method.name}, which cannot impute. Name another for "
            "it in the methods of the imputation: cart, sample, pmm, norm, polyreg."
        )


def _predictors(
    target: str,
    table: Table,
    formulas: Sequence[Formula],
    plan: Plan,
    settings: ImputationSettings,
) -> tuple[str, ...]:
    """Return all other columns, without formulas of the target.

    A formula that was computed from an imputed answer would hand it back to the next iteration.
    """
    listed = settings.predictors.get(target)
    if listed is not None:
        return tuple(name for name in table.codes if name in set(listed))
    circular = {formula.name for formula in formulas if target in formula.inputs}
    return tuple(
        name
        for name in table.codes
        if name != target
        and name not in circular
        and name not in plan.never_predict
        and table.codecs[name].n_codes > 1
    )


def _needed(steps: list[Step], answers: Array, n_special: int) -> list[Step]:
    """Leave out a step that has nothing to tell apart in the answered rows."""
    if len(steps) == 1:
        return steps
    is_state = answers < n_special
    if not is_state.any():
        return steps[1:]
    return [replace(steps[0], part="whole")] if is_state.all() else steps


def _visit(targets: Mapping[str, Target], settings: ImputationSettings) -> list[str]:
    if settings.visit == "file":
        return list(targets)
    if settings.visit == "missing":
        return sorted(targets, key=lambda name: len(targets[name].missing))
    visit = list(settings.visit)
    if sorted(visit) != sorted(targets):
        raise PlanError(
            "visit must name every column that is imputed by a model exactly once: "
            f"{', '.join(map(repr, targets))}."
        )
    return visit
