"""Schema files: a schema as TOML that a person reads and edits, and back.

One ``[[columns]]`` table for each column, in file order; what has its default is left out. TOML
has no null, so open bounds are left out of ``bounds = { low = 0, high = 100 }``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError
from tomlkit.items import Array, Table, Trivia

from gpusynth.errors import OutputError, SchemaError
from gpusynth.table.limits import MOST_COLUMNS
from gpusynth.table.schema import Column, Schema
from gpusynth.table.text_file import parse_toml, read_text

__all__ = ["read_schema", "schema_from_toml", "schema_to_toml", "write_schema"]

_HEADER = (
    "Schema of a survey file, for gpusynth. Edit what is wrong and give it to `gpusynth run`.",
    "kind: categorical, ordered, integer, numeric, boolean, date or timestamp",
    "role: synthesize (the default), keep, drop, key, weight or stratum",
    "missing_codes, spikes: answers that are states of their own; null is one without being listed",
    "Levels, missing codes and spikes are values of the data: this file is as confidential as they",
)

_LINE = 80
"""Longer arrays are written with one item a line."""


def schema_to_toml(schema: Schema, reasons: Mapping[str, str] | None = None) -> str:
    """Write a schema as TOML text.

    Parameters
    ----------
    schema : Schema
    reasons : mapping of column name to str, optional
        Written as a comment above each column's kind.
    """
    document = tomlkit.document()
    for line in _HEADER:
        document.add(tomlkit.comment(line))
    tables = tomlkit.aot()
    for column in schema.columns:
        tables.append(_column_table(column, (reasons or {}).get(column.name, "")))
    document.append("columns", tables)
    return tomlkit.dumps(document)


def _column_table(column: Column, reason: str) -> Table:
    table = tomlkit.table()
    table.append("name", column.name)
    if reason:
        table.add(tomlkit.comment(" ".join(reason.split())))
    table.append("kind", column.kind)
    table.append("storage", column.storage)
    defaults = Column(name="x", kind="categorical", storage="string")
    for key in ("role", "levels", "missing_codes", "spikes", "decimals", "trailing_zeros"):
        value = getattr(column, key)
        if value != getattr(defaults, key):
            table.append(key, _array(value) if isinstance(value, tuple) else value)
    if column.bounds is not None:
        bounds = tomlkit.inline_table()
        for side, limit in zip(("low", "high"), column.bounds, strict=True):
            if limit is not None:
                bounds.append(side, limit)
        table.append("bounds", bounds)
    if column.note:
        table.append("note", column.note)
    if column.labels:
        labels = tomlkit.table()
        for level, label in column.labels.items():
            labels.append(tomlkit.key(level), label)
        table.append("labels", labels)
    return table


def _array(values: tuple[Any, ...]) -> Array:
    width = sum(len(str(value)) + 4 for value in values)
    if width > _LINE:
        # Not by extend, whose time grows with the square of the number of items.
        return Array([tomlkit.item(value) for value in values], Trivia()).multiline(multiline=True)
    array = tomlkit.array()
    array.extend(values)
    return array


_MOST_PROBLEMS = 20  # that one error lists: more say nothing new


def schema_from_toml(text: str, file: str = "schema") -> Schema:
    """Read a schema from TOML text.

    Parameters
    ----------
    text : str
    file : str
        Name of the file, for messages.

    Raises
    ------
    SchemaError
        If the text is no TOML, has unknown keys, or says something contradictory. One error lists
        all problems with their columns.
    """
    content = parse_toml(text, file, SchemaError)
    try:
        return Schema.model_validate(_with_bounds(content))
    except ValidationError as error:
        problems = _problems(error, content)
        listed = "\n".join(f"- {problem}" for problem in problems[:_MOST_PROBLEMS])
        if len(problems) > _MOST_PROBLEMS:
            listed += f"\n- and {len(problems) - _MOST_PROBLEMS} more"
        raise SchemaError(f"{file} is not a valid schema:\n{listed}") from None


def _with_bounds(content: dict[str, Any]) -> dict[str, Any]:
    """Turn ``{ low = .., high = .. }`` into the pair that `Column` has."""
    columns = content.get("columns")
    if not isinstance(columns, list):
        return content
    return {**content, "columns": [_bounds_as_pair(column) for column in columns]}


def _bounds_as_pair(column: Any) -> Any:
    bounds = column.get("bounds") if isinstance(column, dict) else None
    if not isinstance(bounds, dict) or not set(bounds) <= {"low", "high"}:
        return column
    return {**column, "bounds": (bounds.get("low"), bounds.get("high"))}


_NO_PAIR = frozenset({"missing", "too_long", "tuple_type"})


def _problems(error: ValidationError, content: Mapping[str, Any]) -> list[str]:
    """Say each problem once, with its column, and without the value at fault."""
    found: dict[str, None] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        place = item["loc"]
        where = ""
        if len(place) >= 2 and place[0] == "columns" and isinstance(place[1], int):
            where = f"{_column_name(content, place[1])}: "
            place = place[2:]
        key = f"{place[0]!r} " if place else ""
        message = _remedy(item["type"], item["msg"])
        if place[:1] == ("bounds",) and item["type"] in _NO_PAIR:
            message = "needs a lowest and a highest number: { low = 0, high = 120 }, or one of them"
        message = message.removeprefix(where).removeprefix(where.rstrip(": ") + " ")
        # A list whose items are all wrong also counts as empty, which helps nobody.
        if item["type"] != "too_short" or not found:
            found[where + key + message] = None
    return list(found)


def _column_name(content: Mapping[str, Any], position: int) -> str:
    column = content["columns"][position]
    name = column.get("name") if isinstance(column, Mapping) else None
    return f"column {name!r}" if isinstance(name, str) else f"column number {position + 1}"


def _remedy(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a key that a schema knows; remove it or correct its spelling"
    if kind == "too_long":
        return f"are more than {MOST_COLUMNS:,}; drop some from the file"
    if kind == "missing":
        return "is missing; add it"
    message = message.removeprefix("Value error, ").replace("Input should", "should")
    # What TOML calls it.
    return message.replace("a valid tuple", "a list").removeprefix("Tuple ")


def read_schema(path: str | Path) -> Schema:
    """Read a schema file.

    Parameters
    ----------
    path : str or Path
        TOML, as `write_schema` writes it.

    Returns
    -------
    Schema
        As the file has it; nothing is inferred.

    Raises
    ------
    SchemaError
        If the file cannot be read or is not a valid schema; one error lists all problems.
    """
    text = read_text(path, "schema file", SchemaError)
    return schema_from_toml(text, Path(path).name)


def write_schema(
    schema: Schema, path: str | Path, reasons: Mapping[str, str] | None = None
) -> None:
    """Write a schema file; it appears whole or not at all.

    Parameters
    ----------
    schema : Schema
    path : str or Path
    reasons : mapping of column name to str, optional
        Written as comments (`InferredSchema.reasons`).

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(schema_to_toml(schema, reasons), encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"schema file {path.name} cannot be written: {error.strerror or 'unknown cause'}; "
            "choose another place"
        ) from error
