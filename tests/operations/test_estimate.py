"""``gpusynth estimate``, as users call it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from gpusynth.cli.main import main
from gpusynth.datasets import firms
from gpusynth.io import open_source
from gpusynth.operations.sample_file import read_rows, write_sample


@pytest.fixture(scope="module", name="survey")
def _survey() -> pa.Table:
    return firms(9_000, seed=3, columns=6)


def _estimate(arguments: list[object], capsys) -> dict:
    assert main(["estimate", "--json", *map(str, arguments)]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_parquet_is_estimated_from_two_runs_of_its_rows(survey, tmp_path, capsys):
    pq.write_table(survey, tmp_path / "firms.parquet", row_group_size=1_000)
    expected = _estimate(["--data", tmp_path / "firms.parquet", "--replicates", 3], capsys)
    assert expected["n_rows"] == 9_000
    assert expected["n_columns"] == 6
    assert expected["sample_rows"] == [2_250, 9_000]
    assert expected["wall_seconds"] == pytest.approx(sum(expected["seconds"].values()))
    assert {"fit", "draw", "encode", "write"} <= set(expected["seconds"])
    assert expected["seconds"]["fit"] > 0
    assert 50e6 < expected["memory_bytes"] < 5e9
    assert expected["drawing_bytes"] == 3 * expected["encoded_bytes"]
    options = ["--data", str(tmp_path / "firms.parquet"), "--output", str(tmp_path / "run")]
    assert main(["run", *options, "--replicates", "3", "--quiet"]) == 0
    written = sum(file.stat().st_size for file in (tmp_path / "run").glob("*.parquet"))
    assert expected["output_bytes"] == pytest.approx(written, rel=0.2)


def test_csv_is_estimated_and_nothing_is_left(survey, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "scratch").mkdir()
    csv.write_csv(survey, tmp_path / "firms.csv")
    assert main(["estimate", "--data", str(tmp_path / "firms.csv")]) == 0
    shown = capsys.readouterr().out
    assert "9,000 rows x 6 columns" in shown
    assert "whole run" in shown
    assert "device memory" in shown
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_small_file_is_refused(survey, tmp_path, capsys):
    pq.write_table(survey.slice(0, 7_999), tmp_path / "firms.parquet")
    assert main(["estimate", "--data", str(tmp_path / "firms.parquet")]) == 2
    assert "firms.parquet: 7999 rows are too few" in capsys.readouterr().err


def test_a_plan_that_fails_says_why(survey, tmp_path, capsys):
    pq.write_table(survey, tmp_path / "firms.parquet")
    (tmp_path / "plan.toml").write_text('never_predict = ["nobody"]\n', encoding="utf-8")
    options = ["--data", str(tmp_path / "firms.parquet"), "--plan", str(tmp_path / "plan.toml")]
    assert main(["estimate", *options]) == 2
    assert "'nobody'" in capsys.readouterr().err


def test_rows_come_from_all_over_a_parquet_file(tmp_path):
    path = tmp_path / "sorted.parquet"
    table = pa.table({"x": list(range(64_000))})
    pq.write_table(table, path, row_group_size=1_000)
    survey = read_rows(open_source(path), path, 3_200)
    assert survey.n_rows == 64_000
    assert survey.rows.num_rows == 3_200
    numbers = survey.rows["x"].to_numpy()
    assert numbers.min() == 0
    assert numbers.max() > 60_000
    write_sample(survey, 100, tmp_path / "part.parquet")
    assert pq.read_table(tmp_path / "part.parquet").num_rows == 100


def test_uneven_row_groups_still_give_all_rows_wanted(tmp_path):
    path = tmp_path / "uneven.parquet"
    with pq.ParquetWriter(path, pa.schema([("x", pa.int64())])) as writer:
        for rows in (10, 5_000, 10):
            writer.write_table(pa.table({"x": list(range(rows))}))
    assert read_rows(open_source(path), Path(path), 4_000).rows.num_rows == 4_000
