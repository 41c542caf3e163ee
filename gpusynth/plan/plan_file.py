"""Plan files: choices as TOML that people edit, with the rules written into the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from gpusynth.errors import OutputError, PlanError
from gpusynth.methods import Method, method_to_json
from gpusynth.plan.choices import Plan

__all__ = ["plan_to_toml", "read_plan", "write_plan"]

_HEADER = """\
Plan of a synthesis. Every entry is optional.
visit: "file", "levels" (fewest codes first) or a list of all synthesized columns in order.
default: the method of every column that is not named under methods.
methods: column = { method = "cart" | "sample" | "constant" | "keep", parameters ... }
predictors: column = [columns that may predict it]; default: all columns visited before it."""


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
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError(f"plan file not found: {place}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{place}: cannot be read as text ({type(error).__name__})") from None
    try:
        given: dict[str, Any] = tomlkit.parse(text).unwrap()
    except ParseError as error:
        raise PlanError(f"{place}: not valid TOML: {error}") from None
    except tomlkit.exceptions.TOMLKitError:
        raise PlanError(f"{place}: not valid TOML: an entry occurs twice") from None
    return Plan.from_mapping(given, file=str(place))


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
    methods = tomlkit.table()
    for column, method in plan.methods.items():
        methods.add(column, _method_table(method))
    document.add("methods", methods)
    predictors = tomlkit.table()
    for column, names in plan.predictors.items():
        predictors.add(column, list(names))
    document.add("predictors", predictors)
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
    place = Path(path)
    partial = place.with_name(place.name + ".partial")
    try:
        partial.write_text(plan_to_toml(plan), encoding="utf-8")
        partial.replace(place)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{place}: cannot be written ({error.strerror})") from None


def _method_table(method: Method) -> Any:
    """TOML has no null: a parameter that is None keeps its default by being left out."""
    table = tomlkit.inline_table()
    for key, value in method_to_json(method).items():
        if value is not None:
            table.add(key, value)
    return table
