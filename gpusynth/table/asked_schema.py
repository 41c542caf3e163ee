"""The schema that a caller asks for: an object or a file."""

from __future__ import annotations

import os
from pathlib import Path

from gpusynth.errors import SchemaError
from gpusynth.table.infer import InferredSchema, infer_schema
from gpusynth.table.schema import Schema
from gpusynth.table.schema_file import read_schema
from gpusynth.table.source import Source

__all__ = ["asked_schema", "known_schema", "plain_schema"]


def asked_schema(
    schema: Schema | InferredSchema | str | Path | None,
) -> Schema | InferredSchema | None:
    """Return the schema that was given, read if it is a file.

    Parameters
    ----------
    schema : Schema, InferredSchema, path or None

    Returns
    -------
    Schema, InferredSchema or None

    Raises
    ------
    SchemaError
        If the file is no schema, or something else was given.
    """
    if isinstance(schema, (str, os.PathLike)):
        return read_schema(Path(schema))
    if schema is None or isinstance(schema, (Schema, InferredSchema)):
        return schema
    raise SchemaError(
        f"schema must be a Schema or the path of a schema file, got {type(schema).__name__}"
    )


def plain_schema(schema: Schema | InferredSchema | str | Path | None) -> Schema | None:
    """Return the schema that was given, without what tells how it was found; see `asked_schema`.

    Parameters
    ----------
    schema : Schema, InferredSchema, path or None

    Returns
    -------
    Schema or None
    """
    asked = asked_schema(schema)
    return asked.schema if isinstance(asked, InferredSchema) else asked


def known_schema(schema: Schema | InferredSchema | str | Path | None, source: Source) -> Schema:
    """Return the schema that was given, or else what the rows of a file say.

    Parameters
    ----------
    schema : Schema, InferredSchema, path or None
    source : Source

    Returns
    -------
    Schema

    Raises
    ------
    SchemaError
        If the file is no schema, or something else was given.
    DataError
        If the rows cannot be read.
    """
    known = plain_schema(schema)
    return infer_schema(source).schema if known is None else known
