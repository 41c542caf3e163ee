"""Verify and replay: what was altered is found, and what was not is good."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Edit, Plan
from gpusynth.cli.main import main
from gpusynth.errors import OutputError, PlanError
from gpusynth.operations import replay, verify
from tests.behaviour.plan_survey import SCHEMA, survey

PLAN = Plan(
    edits=(Edit(holds="pay <= 90 * staff"),),
    smoothing={"cost": "density"},
    output={"shuffle_rows": True, "prefix": "syn_"},
)


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(400), path)
    return path


@pytest.fixture(name="made", scope="module")
def _made(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    gpusynth.synthesize(data, SCHEMA, PLAN, n_replicates=2, n_rows=300, seed=9, output=out)
    return out


@pytest.fixture(name="out")
def _out(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


def wrong(checks) -> list[str]:
    return [check.what for check in checks if not check.is_good]


def test_a_run_as_it_was_left_is_good(out):
    checks = verify(out)
    assert wrong(checks) == []
    assert {check.what for check in checks} >= {
        *("replicate_001.parquet", "replicate_002.parquet", "plan.json", "schema.toml"),
    }


@pytest.mark.parametrize("name", ["replicate_002.parquet", "plan.json", "schema.toml"])
def test_an_altered_file_is_found(out, name):
    path = out / name
    path.write_bytes(path.read_bytes().replace(b"pay", b"pax", 1))
    if name == "plan.json":
        path.write_text((out / name).read_text().replace("pax", "pay") + " ")
    assert wrong(verify(out))[0] == name


def test_missing_added_and_linked_files(out, tmp_path):
    (out / "replicate_001.parquet").rename(tmp_path / "elsewhere.parquet")
    (out / "replicate_003.parquet").write_bytes(b"x")
    assert wrong(verify(out)) == ["replicate_001.parquet", "replicate_003.parquet"]
    (out / "replicate_001.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    assert "replicate_001.parquet" in wrong(verify(out))


def test_a_manifest_cannot_point_elsewhere(out, tmp_path):
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"] = {"../secret.txt": "0" * 64}
    (out / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "secret.txt").write_text("x")
    assert "../secret.txt" in wrong(verify(out))


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 5000, '{"outputs": [{}]}'])
def test_a_damaged_manifest_is_told(out, content):
    (out / "manifest.json").write_text(content)
    with pytest.raises(OutputError, match="manifest"):
        verify(out)


def test_no_run(tmp_path):
    with pytest.raises(OutputError, match=r"manifest.json is missing"):
        verify(tmp_path)


def test_the_whole_replay(out, data):
    checks = replay(out, data, threads=1)
    assert wrong(checks) == []
    assert len(checks) == 3
    path = out / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["settings"]["seed"] = "10"
    path.write_text(json.dumps(manifest))
    assert wrong(replay(out, data)) == ["replicate_001.parquet", "replicate_002.parquet"]


def test_the_first_steps(out, data):
    n_steps = len(gpusynth.engine.read_run(out).plan.steps)
    checks = replay(out, data, n_steps=n_steps - 1)
    assert wrong(checks) == []
    assert len(checks) > 15
    # A value that was put in by hand is found in its column and replicate.
    path = out / "replicate_002.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("syn_age")
    ages = table["syn_age"].to_pylist()
    ages[7] += 1
    pq.write_table(table.set_column(place, "syn_age", [ages]), path)
    assert wrong(replay(out, data, n_steps=n_steps)) == ["replicate_002.parquet: age"]


def test_columns_that_later_steps_repair_are_left_out(out, data):
    steps = gpusynth.engine.read_run(out).plan.steps
    before_pay = next(step.number for step in steps if step.target == "pay") - 1
    columns = {check.what.split(": ")[-1] for check in replay(out, data, n_steps=before_pay)}
    assert "staff" not in columns
    assert "sector" in columns


def test_other_data(out, tmp_path):
    other = tmp_path / "other.parquet"
    pq.write_table(survey(400, seed=2), other)
    assert wrong(replay(out, other)) == ["input data"]


def test_what_a_released_model_drew_is_not_replayed(data, tmp_path):
    """It does not know its data, so that they are not told to be others."""
    gpusynth.fit(data, SCHEMA).release(tmp_path / "released.model", min_units=5)
    gpusynth.load(tmp_path / "released.model").sample(50, output=tmp_path / "out")
    with pytest.raises(PlanError, match="released model, which does not say from which data"):
        replay(tmp_path / "out", data)
    assert wrong(verify(tmp_path / "out")) == []


def test_steps_that_are_not_there(out, data):
    for n_steps in (0, 999):
        with pytest.raises(PlanError, match="steps must be from 1 to"):
            replay(out, data, n_steps=n_steps)


def test_csv_is_replayed_as_a_whole(data, tmp_path):
    out = tmp_path / "out"
    gpusynth.synthesize(data, SCHEMA, output=out, format="csv")
    with pytest.raises(PlanError, match="whole"):
        replay(out, data, n_steps=2)
    assert wrong(replay(out, data)) == []


def test_the_command(out, data, capsys):
    assert main(["verify", str(out)]) == 0
    assert "0 wrong" in capsys.readouterr().out
    assert main(["verify", str(out), "--replay", "--data", str(data), "--steps", "3"]) == 0
    (out / "replicate_001.parquet").write_bytes(b"x")
    assert main(["verify", str(out)]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert main(["verify", str(out), "--replay"]) == 2
    assert main(["verify", str(out), "--steps", "2"]) == 2
