"""Given: the schema and the plan of a caller, put down so that a run can begin in the same way.

A run that is resumed reads its data as it did when it began: with the same schema, or inferring it
again, and with the same choices. Pins of what comes of it tell whether it is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpusynth.errors import CheckpointMismatchError, GpusynthError, PlanError
from gpusynth.io import file_sha256, write_bytes_atomic
from gpusynth.plan import Plan, asked_plan, read_plan
from gpusynth.plan.plan_file import plan_to_toml
from gpusynth.table import InferredSchema, Schema, asked_schema, read_schema
from gpusynth.table.run_files import own_file, read_run_json
from gpusynth.table.schema_file import schema_to_toml

__all__ = ["Given", "put_given", "read_given", "settle_given"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller gave with one file.

    Attributes
    ----------
    schema : Schema, InferredSchema or None
        None infers it.
    plan : Plan
    """

    schema: Schema | InferredSchema | None
    plan: Plan


def settle_given(
    schema: Schema | InferredSchema | str | Path | None,
    plan: Plan | str | Path | None,
    *,
    name: str,
) -> Given:
    """Read what is given as files.

    Parameters
    ----------
    schema : Schema, InferredSchema, path or None
    plan : Plan, path or None
        None takes every default.
    name : str
        Of the file that they are of, for messages.

    Returns
    -------
    Given

    Raises
    ------
    SchemaError, PlanError
    """
    settled, choices = asked_schema(schema), asked_plan(plan)
    if choices is not None and not isinstance(choices, Plan):
        raise PlanError(f"{name}: give a plan's choices, not a resolved plan.")
    return Given(settled, Plan() if choices is None else choices)


def put_given(place: Path, number: int, given: Given) -> dict[str, str]:
    """Put down what a caller gave with one file.

    Parameters
    ----------
    place : pathlib.Path
        The work directory.
    number : int
        Of the file.
    given : Given

    Returns
    -------
    dict of str to str
        Name of a file in the work directory -> SHA-256, for the head of the run.

    Raises
    ------
    OutputError
    """
    texts = {_plan_name(number): plan_to_toml(given.plan)}
    if isinstance(given.schema, InferredSchema):
        texts[_schema_name(number)] = schema_to_toml(given.schema.schema)
        texts[_reasons_name(number)] = json.dumps(dict(given.schema.reasons), sort_keys=True)
    elif given.schema is not None:
        texts[_schema_name(number)] = schema_to_toml(given.schema)
    for name, text in texts.items():
        write_bytes_atomic(place / name, text.encode(), private=True)
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def read_given(place: Path, number: int, digests: Mapping[str, str]) -> Given:
    """Read what `put_given` put down.

    Parameters
    ----------
    place : pathlib.Path
        The work directory.
    number : int
    digests : mapping of str to str
        As it returned them.

    Returns
    -------
    Given

    Raises
    ------
    CheckpointMismatchError
        If a file is not as it was put down.
    """
    names = (_plan_name(number), _schema_name(number), _reasons_name(number))
    try:
        for name in names:
            if name in digests and file_sha256(_own(place, name)) != digests[name]:
                raise CheckpointMismatchError(name)
        plan = read_plan(_own(place, names[0]))
        schema: Schema | InferredSchema | None = None
        if names[1] in digests:
            schema = read_schema(_own(place, names[1]))
            if names[2] in digests:
                reasons = read_run_json(place, names[2], CheckpointMismatchError)
                schema = InferredSchema(schema, reasons, {})
    except GpusynthError:
        raise CheckpointMismatchError(
            f"{place.parent}: the schema or the plan of the unfinished run is damaged, or was "
            "changed. Start the run again with --overwrite."
        ) from None
    return Given(schema, plan)


def _own(place: Path, name: str) -> Path:
    return own_file(place, name, CheckpointMismatchError)


def _plan_name(number: int) -> str:
    return f"plan_{number:05d}.toml"


def _schema_name(number: int) -> str:
    return f"schema_{number:05d}.toml"


def _reasons_name(number: int) -> str:
    return f"reasons_{number:05d}.json"
