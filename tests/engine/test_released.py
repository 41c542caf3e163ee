"""What a synthetic file says of the real one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.table import Schema


@pytest.mark.parametrize("levels", ["drawn", "all"])
def test_no_real_key_is_in_a_file(tmp_path, levels):
    """Keys that repeat are inferred as levels, and a person then gives them the role key."""
    firms = pa.table(
        {"id": [f"SECRET{i % 10}" for i in range(100)], "x": [i % 7 for i in range(100)]}
    )
    pq.write_table(firms, tmp_path / "firms.parquet")
    inferred = gpusynth.infer_schema(firms).schema
    assert inferred["id"].levels
    schema = Schema(
        columns=tuple(
            column.model_copy(update={"role": "key"}) if column.name == "id" else column
            for column in inferred.columns
        )
    )
    plan = gpusynth.Plan(output={"levels": levels})
    run = gpusynth.synthesize(tmp_path / "firms.parquet", schema, plan, output=tmp_path / "run")
    assert b"SECRET" not in run.replicates[0].path.read_bytes()
