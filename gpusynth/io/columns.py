"""What every reader demands of a file's columns: usable names and types that can be synthesized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.types as pat

from gpusynth.errors import DataError, SchemaError

__all__ = ["check_names", "plain_batch", "plain_schema", "selected_names"]

_AS_TEXT = "store it as text or numbers"
_SHOWN = 5
"""How many columns a message lists before it only counts the others."""


def check_names(names: Sequence[str], file: str) -> None:
    """Check that there are columns and that each has a name that is text and occurs once.

    Raises
    ------
    DataError
        Naming the columns, and their positions where they have no name.
    """
    if not names:
        raise DataError(f"{file} has no columns. Give a file with at least one column.")
    nameless = [position for position, name in enumerate(names, start=1) if name == ""]
    if nameless:
        raise DataError(
            f"{file}: {_listed('column', nameless)} without a name. Give every column a name."
        )
    # A data frame's names may hold half of a character, which no file can.
    broken = [at for at, name in enumerate(names, start=1) if not _is_unicode(name)]
    if broken:
        raise DataError(
            f"{file}: {_listed('column', broken)} named with half a character,"
            " which is no Unicode. Rename it."
        )
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{file}: {_listed('column name', twice)} used more than once. "
            "Rename the columns so that every name occurs once."
        )


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain_schema(schema: pa.Schema, file: str) -> pa.Schema:
    """Check names and types and return the schema that the reader delivers.

    It is the file's own, except that string views, which many Arrow functions cannot take yet,
    become ``large_string``.

    Raises
    ------
    DataError
        Naming every column whose type cannot be synthesized, and what to do.
    """
    check_names(schema.names, file)
    refused = [
        f"{field.name!r} ({_type_word(field.type)}: {remedy})"
        for field in schema
        if (remedy := _remedy(field.type)) is not None
    ]
    if refused:
        raise DataError(
            f"{file}: {_listed('column', refused)} of a type that cannot be synthesized. "
            "Change the types or leave the columns out."
        )
    fields = [field.with_type(_plain_type(field.type)) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch with the columns of `schema`, in its order and with its types."""
    arrays = [_plain_array(batch.column(field.name), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def selected_names(columns: Sequence[str] | None, schema: pa.Schema) -> list[str]:
    """Return the names of the columns to read: all of the schema for None.

    Raises
    ------
    SchemaError
        If the schema lacks one of them, or none is named.
    """
    if columns is None:
        return list(schema.names)
    if not columns:
        raise SchemaError("no column was chosen. Name at least one column to read.")
    have = set(schema.names)
    unknown = [name for name in columns if name not in have]
    if unknown:
        raise SchemaError.unknown_columns(unknown, schema.names)
    return list(columns)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pat.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _plain_type(kind.value_type), kind.ordered)
    return pa.large_string() if _is_view(kind) else kind


def _plain_array(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if pat.is_dictionary(kind):
        # Arrow has no cast of a dictionary of views.
        levels = array.dictionary.cast(kind.value_type)
        return pa.DictionaryArray.from_arrays(array.indices, levels, ordered=kind.ordered)
    return array.cast(kind)


def _is_view(kind: pa.DataType) -> bool:
    # pyarrow 15 has no string views and no test for them.
    return str(kind) == "string_view"


def _remedy(kind: pa.DataType) -> str | None:
    """Return what to do with a type that is not supported, None for a supported one."""
    if pat.is_dictionary(kind):
        return _remedy(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        word = _type_word(kind.storage_type)
        return f"store it as plain {word}" if _remedy(kind.storage_type) is None else _AS_TEXT
    if pat.is_run_end_encoded(kind):
        return "decode its runs (pyarrow.compute.run_end_decode)"
    if pat.is_nested(kind):
        return "give each of its parts a column of its own"
    if pat.is_time(kind) or pat.is_duration(kind) or pat.is_interval(kind):
        return "store it as a number, such as seconds"
    supported = (
        pat.is_integer(kind)
        or pat.is_floating(kind)
        or pat.is_decimal(kind)
        or pat.is_boolean(kind)
        or pat.is_date(kind)
        or pat.is_timestamp(kind)
        or pat.is_string(kind)
        or pat.is_large_string(kind)
        or pat.is_null(kind)
        or _is_view(kind)
    )
    return None if supported else _AS_TEXT


def _type_word(kind: pa.DataType) -> str:
    if pat.is_dictionary(kind):
        return f"dictionary of {_type_word(kind.value_type)}"
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind.extension_name)
    # The full name of a nested type lists its fields; the first word says enough.
    return str(kind).split("<", maxsplit=1)[0]


def _listed(noun: str, items: Sequence[object]) -> str:
    """Return "column 3 is", "columns 3, 7 are" or, of many, the first ones and their number."""
    shown = ", ".join(map(str, items[:_SHOWN]))
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return f"{noun} {shown} is" if len(items) == 1 else f"{noun}s {shown}{more} are"
