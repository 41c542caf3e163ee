"""Promise: what may predict what is what the plan says, and the manifest says what was left out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import gpusynth
from gpusynth import Plan
from gpusynth.plan import Strata
from tests.behaviour.plan_survey import SCHEMA, run, survey, synthesize


def test_predict_only_columns_predict_and_are_not_put_out(tmp_path):
    done = gpusynth.synthesize(
        survey(), SCHEMA, Plan(predict_only=["state"]), output=tmp_path / "out"
    )
    file = done.replicates[0].path
    table = pq.read_table(file)
    assert "state" not in table.column_names
    assert any("state" in step.predictors for step in done.plan.steps)
    # The schema that the file carries would name the levels of a column that is not released.
    metadata = pq.read_schema(file).metadata
    assert b'"state"' not in b"".join(metadata.values())
    counties = {county[:2] for county in table["county"].to_pylist()}
    assert counties == {"AK", "IL", "MA", "TX"}


def test_columns_that_predict_no_other():
    table = survey()
    plan = Plan(never_predict=["state"])
    fitted = gpusynth.fit(table, SCHEMA, plan)
    assert not any("state" in step.predictors for step in fitted.plan.steps)
    frame = fitted.sample().to_pandas()
    assert (frame.county.str[:2] == frame.state).mean() < 0.6


def test_no_more_predictors_than_asked_for(tmp_path):
    plan = Plan(max_predictors=2, predictors={"income": ("state", "county", "age", "job")})
    done = gpusynth.synthesize(survey(), SCHEMA, plan, output=tmp_path / "out")
    for step in done.plan.steps:
        assert len(step.predictors) <= (4 if step.target == "income" else 2)
    assert "8 columns keep their 2 most important predictors" in done.manifest["notes"]
    by_target = {step.target: step.predictors for step in done.plan.steps}
    assert "total" not in by_target["cost"]
    assert "cost" in by_target["total"]
    assert "age" in by_target["job"]


def test_stratum_columns_are_always_among_them():
    for choices, schema in (
        ({"strata": Strata(columns=("sector",), min_rows=100)}, SCHEMA),
        ({}, _with_role(SCHEMA, "sector", "stratum")),
    ):
        fitted = gpusynth.fit(survey(), schema, Plan(max_predictors=2, **choices))
        drawn = [step for step in fitted.plan.steps if step.method.name == "cart"]
        assert drawn
        assert all("sector" in step.predictors for step in drawn if len(step.predictors) == 2)


def test_copies_are_exact_and_noted(tmp_path):
    table = survey()
    born = pa.array(2020 - np.asarray(table["age"]))
    code = pa.array([f"S{sector}" for sector in table["sector"].to_pylist()])
    table = table.append_column("born", born).append_column("code", code)
    table = table.append_column("year", pa.array(np.full(800, 2012)))
    frames, manifest = run(table, Plan(), tmp_path, schema=None, n_replicates=2)
    for frame in frames:
        assert (frame.born.astype(int) == 2020 - frame.age.astype(int)).all()
        assert (frame.code.astype(str) == "S" + frame.sector.astype(str)).all()
        assert (frame.year.astype(int) == 2012).all()
    notes = " ".join(manifest["notes"])
    assert "born" in notes
    assert "code" in notes
    assert not any(f"S{sector}" in notes for sector in ("31", "44", "54"))  # names, no values


def test_screening_may_be_switched_off(tmp_path):
    table = survey()
    table = table.append_column("code", pa.array([f"S{s}" for s in table["sector"].to_pylist()]))
    plan = Plan(screen=False, default="sample")
    (frame,), manifest = run(table, plan, tmp_path, schema=None)
    assert not manifest["notes"]
    assert (frame.code.astype(str) != "S" + frame.sector.astype(str)).any()


def test_max_predictors_of_one_repeats_exactly():
    plan = Plan(max_predictors=1)
    assert synthesize(survey(), plan, threads=1).equals(synthesize(survey(), plan, threads=2))


def _with_role(schema, name, role):
    columns = [c.model_copy(update={"role": role}) if c.name == name else c for c in schema.columns]
    return gpusynth.Schema(columns=tuple(columns))
