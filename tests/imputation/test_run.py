"""Run directories: what an imputation and its syntheses leave behind."""

from __future__ import annotations

import json
import os
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.cli.main import main
from gpusynth.imputation.seeds import synthesis_seed
from gpusynth.io import file_sha256, read_metadata
from tests.imputation.conftest import BMI

PLAN = Plan(methods=BMI)


@pytest.fixture(name="files", scope="module")
def _files(gaps, tmp_path_factory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("imputed")
    data, plan = directory / "people.parquet", directory / "plan.toml"
    pq.write_table(gaps, data)
    gpusynth.write_plan(PLAN, plan)
    return data, plan


def test_directory_of_two_stages(files, tmp_path):
    data, plan = files
    asked = {"n_imputations": 2, "n_syntheses": 2, "iterations": 4, "seed": 3}
    run = gpusynth.impute_and_synthesize(data, None, plan, output=tmp_path / "a", **asked)
    names = sorted(path.name for path in run.path.iterdir())
    assert names == [
        *("imputation_001.parquet", "imputation_002.parquet", "manifest.json", "plan.json"),
        *("schema.toml", "synthesis_001_001.parquet", "synthesis_001_002.parquet"),
        *("synthesis_002_001.parquet", "synthesis_002_002.parquet"),
        *("traces.csv", "traces.json", "traces.svg"),
    ]
    assert [len(paths) for paths in run.syntheses] == [2, 2]
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["n_syntheses"] == 2
    assert manifest["synthesis_seeds"] == [str(synthesis_seed(3, i)) for i in (1, 2)]
    for output in manifest["outputs"]:
        assert file_sha256(run.path / output["file"]) == output["sha256"]
    if os.name == "posix":
        assert stat.S_IMODE(run.imputations[0].stat().st_mode) == 0o600
    again = gpusynth.impute_and_synthesize(
        data, None, plan, output=tmp_path / "b", threads=1, batch_rows=50, **asked
    )
    assert [f.sha256 for f in again.files] == [f.sha256 for f in run.files]


def test_syntheses_are_those_of_the_completed_file(files, tmp_path):
    data, plan = files
    run = gpusynth.impute_and_synthesize(
        *(data, None, plan), n_imputations=1, n_syntheses=2, iterations=2, output=tmp_path / "run"
    )
    completed = pq.read_table(run.imputations[0])
    own = gpusynth.synthesize(
        completed,
        run.path / "schema.toml",
        plan,
        n_replicates=2,
        seed=read_metadata(run.syntheses[0][0]).seed,
    )
    for table, path in zip(own, run.syntheses[0], strict=True):
        assert table.equals(pq.read_table(path))


def test_in_memory_as_in_files(gaps, files, tmp_path):
    asked = {"plan": PLAN, "n_imputations": 2, "n_syntheses": 1, "iterations": 2, "seed": 5}
    both = gpusynth.impute_and_synthesize(gaps, **asked)
    run = gpusynth.impute_and_synthesize(files[0], output=tmp_path / "run", **asked)
    for number in (1, 2):
        assert both.imputations.arrow(number).equals(pq.read_table(run.imputations[number - 1]))
        (table,) = both.syntheses[number - 1]
        assert table.equals(pq.read_table(run.syntheses[number - 1][0]))
        assert sum(column.null_count for column in table.columns) == 0


def test_save_and_overwrite(gaps, tmp_path):
    imputations = gpusynth.impute(gaps, plan=PLAN, n_imputations=2, iterations=1)
    run = imputations.save(tmp_path / "run")
    assert run.syntheses == []
    run = imputations.save(tmp_path / "run", format="csv", overwrite=True)
    assert [path.name for path in run.imputations] == ["imputation_001.csv", "imputation_002.csv"]
    assert not list(run.path.glob("*.parquet"))
    assert pc.read_csv(run.imputations[0]).num_rows == gaps.num_rows


def test_traces_in_the_directory(gaps, tmp_path):
    imputations = gpusynth.impute(gaps, plan=PLAN, n_imputations=2, iterations=4)
    run = imputations.save(tmp_path / "run")
    table = pc.read_csv(run.path / "traces.csv")
    assert table.num_rows == 2 * 4 * 6
    assert table["mean"].to_pylist() == imputations.traces.table()["mean"].to_pylist()
    rhat = json.loads((run.path / "traces.json").read_text())["rhat"]
    assert rhat == imputations.traces.rhat()
    picture = ET.parse(run.path / "traces.svg").getroot()
    assert len(picture.findall("{*}polyline")) == 2 * 2 * 6


def test_command_line(files, tmp_path, capsys):
    data, plan = files
    out = tmp_path / "run"
    given = ["impute", str(data), "--output", str(out), "--plan", str(plan), "--seed", "3"]
    few = ["--imputations", "2", "--iterations", "2"]
    assert main([*given, *few, "--syntheses", "2"]) == 0
    printed = capsys.readouterr().out
    assert "passive" in printed
    assert "synthesis_002_002.parquet" in printed
    assert "confidential, with real rows:" in printed
    one = out / "synthesis_001_001.parquet"
    first = one.read_bytes()
    assert main([*given, *few, "--syntheses", "2", "--overwrite", "--no-imputations"]) == 0
    assert one.read_bytes() == first
    assert not list(out.glob("imputation_*"))
    assert main([*given, *few, "--quiet"]) == 2
    assert "is not empty" in capsys.readouterr().err
    chosen = [*given, *few, "--overwrite", "--quiet", "--impute", "income", "--impute", "region="]
    assert main(chosen) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert [variable["name"] for variable in manifest["variables"]] == ["income", "region"]
    assert manifest["n_syntheses"] == 0
    assert main([*given, "--overwrite", "--impute", "income=-8,"]) == 2
    assert "none of the column's 0 missing codes" in capsys.readouterr().err
    other = ["--predictors", "income=age, works", "--method", "region=sample", "--quiet"]
    assert main([*given, *few, "--overwrite", *other]) == 0
    variables = json.loads((out / "manifest.json").read_text())["variables"]
    found = {variable["name"]: variable for variable in variables}
    assert found["income"]["predictors"] == ["age", "works"]
    assert found["region"]["method"]["method"] == "sample"
    assert main([*given, "--overwrite", "--method", "region"]) == 2
    assert "--method takes COLUMN=..." in capsys.readouterr().err
