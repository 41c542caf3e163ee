"""The published JSON Schema of an evaluation, made from its models."""

from __future__ import annotations

import json
from importlib.resources import files

from gpusynth.evaluate.results import Evaluation

__all__ = ["SCHEMA_FILE", "json_schema", "published_schema"]

SCHEMA_FILE = "evaluation.schema.json"
"""In this package; `json_schema` makes its text."""


def json_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of the models as text, keys sorted.

    Returns
    -------
    str
    """
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Evaluation.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def published_schema() -> str:
    """Return the schema that comes with the package.

    Returns
    -------
    str
    """
    return (files("gpusynth.report") / SCHEMA_FILE).read_text(encoding="utf-8")
