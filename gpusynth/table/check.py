"""Check a schema against the data it is meant for: every problem in one error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from gpusynth.errors import CodecError, SchemaError
from gpusynth.table.schema import Column, Schema
from gpusynth.table.special_codes import NumberSpecials
from gpusynth.table.storage import TEXT_STORAGES, family_of, is_text_type, parse_storage

__all__ = ["check_schema"]


def check_schema(
    schema: Schema, arrow_schema: Any, file: str, *, is_text: bool | None = None
) -> None:
    """Check that a schema fits the columns of a file.

    Parameters
    ----------
    schema : Schema
    arrow_schema : pyarrow.Schema
        Of the source.
    file : str
        Name of the data file, for the message.
    is_text : bool, optional
        `Source.is_text`. Without it a string column may have any storage that a text file allows.

    Raises
    ------
    SchemaError
        If columns are unknown, missing or in another order, if a storage is not the file's, or if
        kinds, missing codes and storages contradict each other. One error lists all problems.
    """
    problems = [*_name_problems(schema, arrow_schema)]
    # A name that occurs twice is a problem already, and has no single type to check.
    known = {name for name, times in Counter(arrow_schema.names).items() if times == 1}
    for column in schema.columns:
        if column.name in known:
            arrow_type = arrow_schema.field(column.name).type
            problems += _column_problems(column, arrow_type, is_text=is_text)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise SchemaError(f"the schema does not fit {file}:\n{listed}")


def _name_problems(schema: Schema, arrow_schema: Any) -> Iterator[str]:
    names = list(arrow_schema.names)
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        yield f"the file has several columns of the same name: {_quoted(twice)}; rename them"
        return
    there, described = set(names), set(schema.names)
    unknown = [name for name in schema.names if name not in there]
    absent = [name for name in names if name not in described]
    if unknown:
        yield f"unknown columns, not in the file: {_quoted(unknown)}; remove or rename them"
    if absent:
        yield (
            f"columns of the file that the schema lacks: {_quoted(absent)}; add them, "
            'with role = "drop" if they are not wanted'
        )
    if not unknown and not absent and list(schema.names) != names:
        yield "the columns are in another order than in the file; put them in the file's order"


def _quoted(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


def _column_problems(column: Column, arrow_type: Any, *, is_text: bool | None) -> Iterator[str]:
    place = f"column {column.name!r}"
    try:
        storage = parse_storage(column.storage)
    except SchemaError as error:
        if column.role not in ("drop", "key") or column.storage != str(arrow_type):
            yield f"{place}: {error}"
        return
    from_text = is_text or (is_text is None and pa.types.is_string(arrow_type))
    if from_text and column.storage not in TEXT_STORAGES:
        yield (
            f"{place}: storage {column.storage!r} is not one of a text file; "
            f"use one of {', '.join(sorted(TEXT_STORAGES))}"
        )
        return
    if not from_text and column.storage != str(arrow_type):
        yield (
            f"{place}: storage {column.storage!r} is not the file's type {str(arrow_type)!r}; "
            "output columns have exactly the input's types"
        )
        return
    if column.role in ("drop", "key"):
        return
    yield from _kind_problems(column, storage)


def _kind_problems(column: Column, storage: Any) -> Iterator[str]:
    place = f"column {column.name!r}"
    if family_of(storage) == "other":
        yield f"{place}: the type {column.storage} cannot be synthesized; give it the role drop"
        return
    if not _kind_fits(column, storage):
        yield f"{place}: {column.kind} cannot be stored as {column.storage}; change its kind"
        return
    if column.is_number:
        try:
            NumberSpecials.of(column, ())
        except CodecError as error:
            yield str(error)
    elif family_of(storage) == "boolean" and not set(column.levels or ()) <= {"false", "true"}:
        yield f'{place}: the levels of a boolean are "false" and "true"'
    elif column.levels is not None:
        codes = {str(code) for code in column.missing_codes}
        both = sum(level in codes for level in column.levels)
        if both:
            yield f"{place}: {both} missing codes are also levels; list them once"


def _kind_fits(column: Column, storage: Any) -> bool:
    """Return whether a storage can hold the answers of the column's kind."""
    if not column.is_number or is_text_type(storage):
        return True
    if pa.types.is_dictionary(storage):
        return False
    if column.kind == "date":
        return bool(pa.types.is_date(storage))
    if column.kind == "timestamp":
        return bool(pa.types.is_timestamp(storage))
    if column.kind == "integer" and pa.types.is_decimal(storage):
        return bool(storage.scale == 0)
    return family_of(storage) in ("whole", "float", "decimal")
