"""Promise: order, names, a flag and the levels of synthetic files are what the plan asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Column, Plan, Schema
from gpusynth.errors import PlanError
from gpusynth.io import read_metadata
from gpusynth.plan import Output, SynthesisPlan, plan_to_toml, read_plan
from tests.behaviour.plan_survey import SCHEMA, survey


def write(table, plan, directory, schema=SCHEMA, **options):
    return gpusynth.synthesize(table, schema, plan, output=directory / "out", seed=4, **options)


def test_shuffled_rows_are_the_same_rows_in_another_order():
    table = survey(500)
    plain = gpusynth.synthesize(table, SCHEMA, seed=4).to_pandas()
    shuffled = gpusynth.synthesize(table, SCHEMA, Plan(output={"shuffle_rows": True}), seed=4)
    frame = shuffled.to_pandas()
    assert not frame.equals(plain)
    names = list(SCHEMA.names)
    pd.testing.assert_frame_equal(
        frame.sort_values(names, ignore_index=True), plain.sort_values(names, ignore_index=True)
    )
    # The order carries nothing: correlation with the old place is small (|r| > 0.2 once in 10^5).
    place = plain.reset_index().groupby(names, dropna=False)["index"].first()
    old = [place[tuple(row)] for row in frame[names].dropna().itertuples(index=False)]
    assert abs(np.corrcoef(old, np.arange(len(old)))[0, 1]) < 0.2


def test_batches_do_not_matter_and_keys_count_the_new_order(tmp_path):
    table = survey(300).append_column("id", pa.array(range(300)))
    schema = Schema(
        columns=(*SCHEMA.columns, Column(name="id", kind="integer", storage="int64", role="key"))
    )
    plan = Plan(output=Output(shuffle_rows=True))
    whole = write(table, plan, tmp_path, schema).replicates[0].path.read_bytes()
    parts = write(table, plan, tmp_path, schema, batch_rows=37, overwrite=True).replicates[0].path
    assert parts.read_bytes() == whole
    assert pq.read_table(parts)["id"].to_pylist() == list(range(1, 301))


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_names_and_flag(format, tmp_path):
    plan = Plan(output=Output(flag="synthetic", prefix="s_", suffix="_v1"))
    path = write(survey(200), plan, tmp_path, format=format).replicates[0].path
    table = pq.read_table(path) if format == "parquet" else pc.read_csv(path)
    assert table.column_names == [*(f"s_{name}_v1" for name in SCHEMA.names), "synthetic"]
    assert set(table["synthetic"].to_pylist()) == {True}
    plain = gpusynth.synthesize(survey(200), SCHEMA, seed=4)
    assert table["s_age_v1"].to_pylist() == plain["age"].to_pylist()
    if format == "parquet":
        described = read_metadata(path).schema
        assert described.names == tuple(table.column_names)
        assert described["synthetic"].kind == "boolean"


def test_tables_in_memory_take_the_names_too():
    table = survey(150).select(["state", "age", "cost"])
    plan = Plan(output=Output(flag="made", prefix="x_"))
    frame = table.to_pandas()
    frame["state"] = frame["state"].astype("category")
    synthetic = gpusynth.synthesize(frame, plan=plan)
    assert list(synthetic.columns) == ["x_state", "x_age", "x_cost", "made"]
    assert synthetic["x_state"].dtype == frame["state"].dtype
    assert synthetic["made"].all()
    lazy = gpusynth.synthesize(pl.DataFrame(table), plan=plan)
    assert lazy.schema["made"] == pl.Boolean
    assert lazy.schema["x_age"] == pl.Int64


def rare_survey():
    """One row of 400 has the level RARE, and five draws are very unlikely to find it."""
    texts = ["RARE"] + ["a", "b", "c"] * 133
    return pa.table(
        {
            "code": pa.array(texts).dictionary_encode(),
            "plain": ["RARE"] + ["x", "y", "z"] * 133,
            "size": pa.array(range(400)),
        }
    )


def rare_schema():
    def column(name, storage, levels):
        return Column(
            name=name,
            kind="categorical",
            storage=storage,
            levels=levels,
            labels={"RARE": "only firm", "a": "A"},
        )

    return Schema(
        columns=(
            column(
                "code",
                "dictionary<values=string, indices=int32, ordered=0>",
                ("RARE", "a", "b", "c"),
            ),
            column("plain", "string", ("RARE", "x", "y", "z")),
            Column(name="size", kind="integer", storage="int64", spikes=(7.0,)),
        )
    )


def test_a_level_that_was_not_drawn_is_not_told_by_the_file(tmp_path):
    plan = Plan(visit=["code", "plain", "size"])
    run = write(rare_survey(), plan, tmp_path, rare_schema(), n_rows=5)
    path = run.replicates[0].path
    table = pq.read_table(path)
    assert "RARE" not in table["code"].to_pylist() + table["plain"].to_pylist()
    assert b"RARE" not in path.read_bytes()
    assert b"only firm" not in path.read_bytes()
    described = read_metadata(path).schema
    assert set(described["code"].levels) == set(table["code"].to_pylist())
    assert described["size"].spikes == ((7.0,) if 7 in table["size"].to_pylist() else ())
    assert table.schema.field("code").type == rare_survey().schema.field("code").type
    assert set(table["code"].combine_chunks().dictionary.to_pylist()) == set(
        table["code"].to_pylist()
    )


def test_all_levels_where_they_are_asked_for(tmp_path):
    plan = Plan(output=Output(levels="all"))
    path = write(rare_survey(), plan, tmp_path, rare_schema(), n_rows=5).replicates[0].path
    assert read_metadata(path).schema["code"].levels == ("RARE", "a", "b", "c")
    assert "RARE" in pq.read_table(path)["code"].combine_chunks().dictionary.to_pylist()


def test_missing_answers_of_a_shortened_dictionary_stay_missing():
    code = pa.array([None, "a", "RARE"] + ["a", None, "b"] * 60).dictionary_encode()
    table = pa.table({"code": code, "n": range(len(code))})
    synthetic = gpusynth.synthesize(table, n_rows=4, seed=2)
    kept = gpusynth.synthesize(table, plan=Plan(output=Output(levels="all")), n_rows=4, seed=2)
    assert synthetic["code"].to_pylist() == kept["code"].to_pylist()
    assert None in kept["code"].to_pylist()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"flag": "age"}, "the flag 'age' has the name of a column"),
        ({"flag": "x_age", "prefix": "x_"}, "the flag 'x_age' has the name of a column"),
        ({"prefix": "other_"}, "which is the name of another column"),
        ({"flag": ""}, "flag must be the name"),
        ({"colour": "red"}, "unknown entry 'output.colour'"),
        ({"levels": "some"}, "output.levels"),
    ],
)
def test_bad_choices(output, words, tmp_path):
    table = pa.table({"age": [1, 2, 3] * 20, "other_age": [5, 6, 7] * 20})
    with pytest.raises(PlanError, match=words):
        gpusynth.synthesize(
            table, plan=Plan.from_mapping({"output": output}), output=tmp_path / "o"
        )
    assert not (tmp_path / "o").exists()


def test_plans_keep_it(tmp_path):
    plan = Plan(output=Output(flag="made", shuffle_rows=True))
    (tmp_path / "plan.toml").write_text(plan_to_toml(plan))
    assert read_plan(tmp_path / "plan.toml") == plan
    resolved = gpusynth.fit(survey(60), SCHEMA, plan).plan
    assert SynthesisPlan.from_json(resolved.to_json()) == resolved
    assert "output" not in gpusynth.fit(survey(60), SCHEMA).plan.to_json()
