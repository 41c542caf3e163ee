"""Promise: a schema or a plan is given as an object or as a file, everywhere in the same way."""

from __future__ import annotations

import pyarrow as pa
import pytest

import gpusynth
from gpusynth.errors import PlanError, SchemaError
from gpusynth.evaluate import utility_at_a_glance

TABLE = pa.table(
    {"a": [1, 2, None] * 10, "b": ["x", "y", "z"] * 10, "c": [n * n for n in range(30)]}
)


@pytest.mark.parametrize("call", [gpusynth.synthesize, gpusynth.fit])
def test_what_is_no_plan(call):
    with pytest.raises(PlanError, match=r"got dict\. Write Plan\(\*\*entries\)\."):
        call(TABLE, plan={"default": "sample"})
    with pytest.raises(PlanError, match="plan must be a Plan or the path of a plan file, got int"):
        call(TABLE, plan=5)


def glance(table, schema):
    return utility_at_a_glance(table, TABLE.slice(10), schema=schema).score


def evaluated(table, schema):
    result = gpusynth.evaluate.evaluate(table, TABLE.slice(10), schema=schema, quick=True)
    return [column.kind for column in result.columns]


def regression(table, schema):
    return gpusynth.inference.fit("c ~ b", table, schema=schema).table().to_pylist()


@pytest.mark.parametrize(
    "call",
    [gpusynth.synthesize, gpusynth.fit, gpusynth.impute, glance, evaluated, regression],
)
def test_what_is_no_schema(call):
    with pytest.raises(SchemaError, match="or the path of a schema file, got dict"):
        call(TABLE, schema={"columns": []})


@pytest.mark.parametrize("call", [gpusynth.synthesize, glance, evaluated, regression])
def test_schemas_as_they_are_given(call, tmp_path):
    inferred = gpusynth.infer_schema(TABLE)
    path = tmp_path / "schema.toml"
    gpusynth.write_schema(inferred.schema, path)
    plain = call(TABLE, schema=inferred.schema)
    assert all(call(TABLE, schema=given) == plain for given in (inferred, path, str(path)))


def test_plans_and_schemas_as_files(tmp_path):
    schema, plan = gpusynth.infer_schema(TABLE).schema, gpusynth.Plan(default="sample")
    gpusynth.write_schema(schema, tmp_path / "schema.toml")
    gpusynth.write_plan(plan, tmp_path / "plan.toml")
    asked = gpusynth.synthesize(TABLE, schema, plan, seed=1)
    read = gpusynth.synthesize(TABLE, tmp_path / "schema.toml", str(tmp_path / "plan.toml"), seed=1)
    assert asked.equals(read)
