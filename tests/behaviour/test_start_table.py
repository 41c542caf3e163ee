"""Promise: the rows of a start table start the synthetic rows, as they are and in their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import CodecError, DataError, GpusynthError, PlanError
from gpusynth.plan import Edit, Strata
from tests.behaviour.plan_survey import run, survey, synthesize

KEPT = {"state": "keep", "sector": "keep", "staff": "keep"}


@pytest.fixture(name="start")
def _start(tmp_path):
    path = tmp_path / "start.parquet"
    pq.write_table(survey(333, seed=9).select(["sector", "staff", "state", "cost"]), path)
    return path


def test_rows_in_order(start, tmp_path):
    plan = Plan(methods=KEPT, start_table=str(start))
    frames, manifest = run(survey(), plan, tmp_path, n_replicates=2)
    given = pd.read_parquet(start)
    for frame in frames:
        assert frame[list(KEPT)].equals(given[list(KEPT)])
        assert not frame.cost.equals(given.cost)  # not kept, so not read
    assert manifest["n_rows"] == 333
    assert len(manifest["start_table_sha256"]) == 64


def test_with_strata_and_edits(start):
    plan = Plan(
        methods=KEPT,
        start_table=str(start),
        strata=Strata(columns=("state",), min_rows=100),
        edits=[Edit(holds="(staff > 0 and pay > 0) or (staff = 0 and pay = 0)", attempts=1)],
    )
    frame = synthesize(survey(), plan)
    assert ((frame.staff > 0) == (frame.pay > 0)).all()
    assert frame.staff.tolist() == pd.read_parquet(start).staff.tolist()


def test_predict_only_start(start):
    plan = Plan(predict_only=["state", "sector"], start_table=str(start))
    frame = synthesize(survey(), plan)
    assert len(frame) == 333
    assert "state" not in frame
    given = pd.read_parquet(start)
    assert (frame.county.str[:2] == given.state).mean() > 0.9  # predicted by it all the same


def test_as_many_rows_may_be_asked_for(start):
    plan = Plan(methods=KEPT, start_table=str(start))
    assert len(synthesize(survey(), plan, n_rows=333)) == 333
    with pytest.raises(PlanError, match=r"334 rows are asked for, but .* 333"):
        synthesize(survey(), plan, n_rows=334)


def test_fitted_once_with_a_start_table(start):
    plan = Plan(methods=KEPT, start_table=str(start))
    table = survey().select(["state", "sector", "staff", "pay"])
    fitted = gpusynth.fit(table, plan=plan)
    assert fitted.sample(seed=4) == gpusynth.synthesize(table, plan=plan, seed=4)


def test_a_csv_start_table(tmp_path):
    path = tmp_path / "start.csv"
    path.write_text("state,sector,staff\nTX,31,0\nMA,54,4\n")
    table = survey()
    plan = Plan(methods=KEPT, start_table=str(path))
    data = tmp_path / "real.csv"
    pa.csv.write_csv(table, data)
    done = gpusynth.synthesize(data, plan=plan, output=tmp_path / "out")
    frame = pd.read_parquet(done.replicates[0].path)
    assert frame.state.tolist() == ["TX", "MA"]
    assert [str(value) for value in frame.staff] == ["0", "4"]


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({"state": ["TX"], "sector": ["31"]}, PlanError, "lacks the column 'staff'"),
        ({"state": ["TX"], "sector": [None], "staff": [1]}, GpusynthError, "sector"),
        ({"state": ["Zyxwv"], "sector": ["31"], "staff": [1]}, CodecError, "state"),
        (
            {"state": ["TX", "TX"], "sector": ["31", "31"], "staff": ["1", "Zyxwv"]},
            DataError,
            "'staff' has the type string, and answers that are no int64 .*, the first in row 2",
        ),
    ],
)
def test_bad_start_tables(tmp_path, columns, error, words):
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(error, match=words) as caught:
        synthesize(survey(), Plan(methods=KEPT, start_table=str(path)))
    assert "Zyxwv" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_types_are_brought_to_those_of_the_real_file(tmp_path, suffix):
    real = survey().to_pandas()  # pandas has large strings
    real["state"] = real["state"].astype("category")
    path = tmp_path / f"start.{suffix}"
    given = pa.table(
        {
            "sector": pa.array(["31", "54"]),
            "staff": pa.array([3, 0], pa.int8()),
            "state": pa.array(["TX", "AK"]),
        }
    )
    pq.write_table(given, path) if suffix == "parquet" else pa.csv.write_csv(given, path)
    schema = gpusynth.infer_schema(real).schema
    frame = gpusynth.synthesize(real, schema, Plan(methods=KEPT, start_table=str(path)))
    assert frame.sector.tolist() == ["31", "54"]
    assert [int(staff) for staff in frame.staff] == [3, 0]
    assert frame.state.tolist() == ["TX", "AK"]


def test_no_such_start_table(tmp_path):
    plan = Plan(methods=KEPT, start_table=str(tmp_path / "none.parquet"))
    with pytest.raises(GpusynthError, match=r"none\.parquet"):
        synthesize(survey(), plan)


def test_an_empty_start_table(tmp_path):
    path = tmp_path / "empty.parquet"
    pq.write_table(survey(10).select(list(KEPT)).slice(0, 0), path)
    with pytest.raises(GpusynthError, match="rows"):
        synthesize(survey(), Plan(methods=KEPT, start_table=str(path)))


def test_start_rows_are_real_rows_without_a_start_table():
    table = survey()
    frame = synthesize(table, Plan(methods=KEPT))
    columns = list(KEPT)
    counts = table.to_pandas()[columns].value_counts().sort_index()
    assert frame[columns].value_counts().sort_index().equals(counts)
    assert not np.array_equal(frame.state, table.to_pandas().state)
