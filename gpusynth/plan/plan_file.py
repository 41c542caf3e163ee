"""Plan files: choices as TOML that people edit, with the rules written into the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit

from gpusynth.errors import PlanError
from gpusynth.io import write_bytes_atomic
from gpusynth.methods import Method, method_to_json
from gpusynth.plan.choices import Plan
from gpusynth.plan.synthesis_plan import SynthesisPlan
from gpusynth.table.text_file import read_toml

__all__ = ["asked_plan", "plan_to_toml", "read_plan", "write_plan"]

_SIMPLE = (
    "preset",
    *("never_predict", "predict_only", "max_predictors", "screen", "proper"),
    *("start_table", "resynthesize", "unit"),
)

_HEADER = """\
Plan of a synthesis. Every entry is optional; docs/guide.md says what each one does.
preset: "release" takes the settings of docs/study-frontier.md; what is written here counts more.
visit: "file", "levels" (fewest codes first) or a list of all synthesized columns in order.
default: the method of every column that is not named under methods.
methods: column = { method = "cart", min_leaf = 10 } or column = "sample"; also bag, forest, nested,
  passive, constant, keep, lookup, norm, lognorm, normrank, pmm, logreg, polyreg, polr, catall ...
predictors: column = [columns that may predict it]; default: all columns visited before it.
rules: [[rules]] target, when, value (missing without it); edits: [[edits]] holds, name, attempts.
also: never_predict, predict_only, max_predictors, screen, smoothing, strata, partial, proper,
  start_table, resynthesize, unit, output, tails,
  replicated_uniques, together, calibrate."""


def read_plan(path: str | Path) -> Plan:
    """Read a plan file.

    Parameters
    ----------
    path : str or pathlib.Path
        A TOML file.

    Returns
    -------
    Plan
        What the file chooses; the rest has its defaults.

    Raises
    ------
    PlanError
        If the file cannot be read, is not TOML, or says something that a plan cannot say.
    """
    given = read_toml(path, "plan file", PlanError)
    return Plan.from_mapping(given, file=str(path))


def asked_plan(plan: Plan | SynthesisPlan | str | Path | None) -> Plan | SynthesisPlan | None:
    """Return the plan that was given, read if it is a file.

    Parameters
    ----------
    plan : Plan, SynthesisPlan, path or None

    Returns
    -------
    Plan, SynthesisPlan or None

    Raises
    ------
    PlanError
        If the file is no plan, or something else was given.
    """
    if isinstance(plan, (str, Path)):
        return read_plan(plan)
    if plan is None or isinstance(plan, (Plan, SynthesisPlan)):
        return plan
    entries = " Write Plan(**entries)." if isinstance(plan, dict) else ""
    raise PlanError(
        f"plan must be a Plan or the path of a plan file, got {type(plan).__name__}.{entries}"
    )


def plan_to_toml(plan: Plan) -> str:
    """Return the TOML text of a plan; `read_plan` gives an equal plan back.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
    """
    document = tomlkit.document()
    for line in _HEADER.splitlines():
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    document.add("visit", plan.visit if isinstance(plan.visit, str) else list(plan.visit))
    document.add("default", _method_table(plan.default))
    plain = Plan()
    for name in _SIMPLE:  # before the first table: TOML has no way back to the top
        value = getattr(plan, name)
        if value != getattr(plain, name):
            document.add(name, list(value) if isinstance(value, tuple) else value)
    if plan.preset is not None and plan.replicated_uniques is None:
        document.add("replicated_uniques", tomlkit.boolean("false"))
    if plan.together:
        document.add("together", [list(group) for group in plan.together])
    methods = tomlkit.table()
    for column, method in plan.methods.items():
        methods.add(column, _method_table(method))
    document.add("methods", methods)
    predictors = tomlkit.table()
    for column, names in plan.predictors.items():
        predictors.add(column, list(names))
    document.add("predictors", predictors)
    for name, given in _tables(plan).items():
        document.add(name, tomlkit.item(given))
    return tomlkit.dumps(document)


def write_plan(plan: Plan, path: str | Path) -> None:
    """Write a plan file.

    Parameters
    ----------
    plan : Plan
    path : str or pathlib.Path

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_bytes_atomic(path, plan_to_toml(plan).encode())


def _tables(plan: Plan) -> dict[str, Any]:
    """Return the entries that are tables or lists of tables, without those that are not chosen."""
    tables: dict[str, Any] = {
        "smoothing": {name: smoothing.to_json() for name, smoothing in plan.smoothing.items()},
        "tails": {name: tail.to_json() for name, tail in plan.tails.items()},
        "strata": None if plan.strata is None else plan.strata.model_dump(mode="json"),
        "replicated_uniques": None
        if plan.replicated_uniques is None
        else plan.replicated_uniques.model_dump(mode="json"),
        "partial": None if plan.partial is None else plan.partial.model_dump(mode="json"),
        "rules": [rule.model_dump(mode="json") for rule in plan.rules],
        "edits": [edit.model_dump(mode="json") for edit in plan.edits],
        "calibrate": [entry.model_dump(mode="json") for entry in plan.calibrate],
        "output": plan.output.model_dump(mode="json", exclude_defaults=plan.preset is None),
    }
    return {name: _without_none(given) for name, given in tables.items() if given}


def _without_none(given: Any) -> Any:
    """TOML has no null: what is None is left out."""
    if isinstance(given, dict):
        return {key: _without_none(value) for key, value in given.items() if value is not None}
    if isinstance(given, list):
        return [_without_none(value) for value in given]
    return given


def _method_table(method: Method) -> Any:
    """TOML has no null: a parameter that is None keeps its default by being left out."""
    table = tomlkit.inline_table()
    for key, value in method_to_json(method).items():
        if value is not None:
            table.add(key, value)
    return table
