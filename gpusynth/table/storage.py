"""Storage: Arrow types of columns, their written names, and the schema of the output.

`Column.storage` is ``str(pyarrow.DataType)``; `parse_storage` is its inverse for every type that a
column of a survey can have.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

import pyarrow as pa

from gpusynth.errors import SchemaError
from gpusynth.table.schema import Schema

__all__ = [
    "DECIMALS_METADATA",
    "TEXT_STORAGES",
    "Family",
    "family_of",
    "is_text_type",
    "output_schema",
    "parse_storage",
    "take",
    "value_type",
]

Family: TypeAlias = Literal["text", "boolean", "whole", "float", "decimal", "null", "other"]
"""How the table floor handles an Arrow type: whole numbers are everything that is an int64 inside
(integers, dates, timestamps, times of day, durations)."""

TEXT_STORAGES = frozenset(
    {"string", "int64", "double", "bool", "date32[day]", "timestamp[us]", "null"}
)
"""Storages that a column of a text file may be given."""

DECIMALS_METADATA = b"gpusynth.decimals"
"""Field metadata of an output column whose file writes a fixed number of decimals ("17000.0")."""

_ALIASES = frozenset(
    {"null", "bool", "halffloat", "float", "double", "string", "large_string", "string_view"}
    | {"binary", "large_binary", "date32[day]", "date64[ms]", "time32[s]", "time32[ms]"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {f"{name}[{unit}]" for name in ("timestamp", "duration") for unit in ("s", "ms", "us", "ns")}
    | {"time64[us]", "time64[ns]"}
)
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")
_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), tz=(.+)\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)")


def parse_storage(text: str) -> Any:
    """Return the Arrow type that `text` names.

    Parameters
    ----------
    text : str
        As ``str(pyarrow.DataType)`` writes it.

    Returns
    -------
    pyarrow.DataType

    Raises
    ------
    SchemaError
        If no supported type has that name.
    """
    if text in _ALIASES:
        return pa.type_for_alias(text)
    if found := _DICTIONARY.fullmatch(text):
        values, indices, ordered = found.groups()
        return pa.dictionary(parse_storage(indices), parse_storage(values), ordered == "1")
    if found := _ZONED.fullmatch(text):
        return pa.timestamp(found[1], found[2])
    if found := _DECIMAL.fullmatch(text):
        make = getattr(pa, f"decimal{found[1]}", None)
        if make is not None:
            return make(int(found[2]), int(found[3]))
    raise SchemaError(
        f"storage {text!r} is not the name of an Arrow type that gpusynth handles; write it as "
        "`gpusynth infer-schema` does, for example int64, double, string, date32[day]"
    )


def value_type(arrow_type: Any) -> Any:
    """Return the type of the values of a dictionary type, else the type itself."""
    return arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type


def is_text_type(arrow_type: Any) -> bool:
    """Return whether values of the type are text (string, large_string, string_view)."""
    return bool(
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or str(arrow_type) == "string_view"
    )


def take(array: Any, positions: Any) -> Any:
    """Return some values of an Arrow array; Arrow itself cannot take from string views."""
    if str(array.type) == "string_view":
        return array.cast(pa.large_string()).take(positions).cast(array.type)
    return array.take(positions)


def family_of(arrow_type: Any) -> Family:
    """Return how the values of an Arrow type (of a dictionary: of its values) are handled."""
    inner = value_type(arrow_type)
    if is_text_type(inner):
        return "text"
    tests: tuple[tuple[Family, tuple[Any, ...]], ...] = (
        ("boolean", (pa.types.is_boolean,)),
        (
            "whole",
            (
                pa.types.is_integer,
                pa.types.is_date,
                pa.types.is_timestamp,
                pa.types.is_time,
                pa.types.is_duration,
            ),
        ),
        ("float", (pa.types.is_floating,)),
        ("decimal", (pa.types.is_decimal,)),
        ("null", (pa.types.is_null,)),
    )
    for family, checks in tests:
        if any(check(inner) for check in checks):
            return family
    return "other"


def output_schema(schema: Schema, source_schema: Any) -> Any:
    """Return the Arrow schema of a synthetic file: names, order and types as in the input.

    Columns whose role is ``drop`` or ``key`` are left out. A field keeps the input field's
    nullability and metadata where the type is the input's (not for text files, whose types come
    from `Column.storage`); the schema's own metadata (pandas' index and dtypes) are kept.
    A column written with a fixed number of decimals carries that number as field metadata
    `DECIMALS_METADATA`, so that a text writer can write it alike.

    Parameters
    ----------
    schema : Schema
    source_schema : pyarrow.Schema

    Returns
    -------
    pyarrow.Schema
    """
    fields = []
    for column in schema.columns:
        if column.role in ("drop", "key"):
            continue
        field = pa.field(column.name, parse_storage(column.storage))
        original = source_schema.field(column.name)
        if original.type == field.type:
            field = original
        if column.trailing_zeros and column.decimals is not None:
            metadata = dict(field.metadata or {})
            metadata[DECIMALS_METADATA] = str(column.decimals).encode()
            field = field.with_metadata(metadata)
        fields.append(field)
    return pa.schema(fields, metadata=source_schema.metadata)
