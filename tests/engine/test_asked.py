"""Schema and plan as a caller gives them: objects, files, or something else."""

from __future__ import annotations

import pyarrow as pa
import pytest

import gpusynth
from gpusynth.errors import PlanError, SchemaError

TABLE = pa.table({"a": [1, 2, None] * 10, "b": ["x", "y", "z"] * 10})


@pytest.mark.parametrize("call", [gpusynth.synthesize, gpusynth.fit])
def test_what_is_no_plan(call):
    with pytest.raises(PlanError, match=r"got dict\. Write Plan\(\*\*entries\)\."):
        call(TABLE, plan={"default": "sample"})
    with pytest.raises(PlanError, match="plan must be a Plan or the path of a plan file, got int"):
        call(TABLE, plan=5)


@pytest.mark.parametrize("call", [gpusynth.synthesize, gpusynth.fit, gpusynth.impute])
def test_what_is_no_schema(call):
    with pytest.raises(SchemaError, match="or the path of a schema file, got dict"):
        call(TABLE, schema={"columns": []})


def test_objects_and_files(tmp_path):
    schema, plan = gpusynth.infer_schema(TABLE).schema, gpusynth.Plan(default="sample")
    gpusynth.write_schema(schema, tmp_path / "schema.toml")
    gpusynth.write_plan(plan, tmp_path / "plan.toml")
    asked = gpusynth.synthesize(TABLE, schema, plan, seed=1)
    read = gpusynth.synthesize(TABLE, tmp_path / "schema.toml", str(tmp_path / "plan.toml"), seed=1)
    assert asked.equals(read)
