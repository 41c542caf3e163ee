"""What a caller asks for: a schema and a plan, as objects or as files."""

from __future__ import annotations

from pathlib import Path

from gpusynth.errors import PlanError, SchemaError
from gpusynth.plan import Plan, SynthesisPlan, read_plan
from gpusynth.table import InferredSchema, Schema, read_schema

__all__ = ["asked_plan", "asked_schema"]


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
    if isinstance(schema, (str, Path)):
        return read_schema(schema)
    if schema is None or isinstance(schema, (Schema, InferredSchema)):
        return schema
    raise SchemaError(
        f"schema must be a Schema or the path of a schema file, got {type(schema).__name__}"
    )


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
