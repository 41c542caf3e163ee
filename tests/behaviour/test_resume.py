"""Promise: a run that is cut short anywhere goes on to the same bytes, or says why it cannot."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Column, Plan, Schema
from gpusynth.cli.main import main
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.errors import CheckpointMismatchError, DataError, OutputError
from tests.behaviour.cut_runs import CHOICES, PLANS, WORK, Cut, begin, draws, files, lasting
from tests.behaviour.plan_survey import SCHEMA, survey


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(500), path)
    return path


@pytest.mark.parametrize("name", PLANS)
def test_the_same_bytes_after_any_cut(data, tmp_path, name):
    whole = gpusynth.synthesize(data, SCHEMA, PLANS[name], output=tmp_path / "whole", **CHOICES)
    begin(data, tmp_path / "unbroken", PLANS[name])
    assert files(tmp_path / "unbroken") == files(whole.path)
    assert lasting(tmp_path / "unbroken") == lasting(whole.path)
    cut = 0
    for after in (9, 16, 27, 40):
        out = tmp_path / f"cut_{after}"
        try:
            begin(data, out, PLANS[name], after=after)
        except KeyboardInterrupt as interrupt:
            if not out.exists():  # nothing was finished
                continue
            assert interrupt.__notes__ == [f"resume with: gpusynth resume {out}"]
            assert [p.name for p in out.iterdir()] == [WORK]
            gpusynth.resume(out, threads=1)
            cut += 1
        assert files(out) == files(whole.path)
        assert lasting(out) == lasting(whole.path)
    assert cut >= 2


@pytest.fixture(name="half")
def _half(data, tmp_path) -> Path:
    """A run that was cut after some columns."""
    with pytest.raises(KeyboardInterrupt):
        begin(data, tmp_path / "out", PLANS["edits"], after=13)
    return tmp_path / "out"


@pytest.fixture(name="whole", scope="module")
def _whole(data, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    gpusynth.synthesize(data, SCHEMA, PLANS["edits"], output=out, **CHOICES)
    return files(out)


def test_only_the_owner_may_read_what_is_put_down(half):
    assert (half / WORK).stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (half / WORK).rglob("*") if p.is_file()} == {0o600}
    assert len(draws(half)) >= 4


def test_codes_are_not_learned_twice(half, whole, monkeypatch):
    monkeypatch.delattr(sys.modules["gpusynth.engine.real.prepare"], "fit_codecs")
    gpusynth.resume(half)
    assert files(half) == whole


def test_rows_are_not_encoded_twice(half, whole, monkeypatch):
    monkeypatch.delattr(sys.modules["gpusynth.engine.real.prepare"], "encode_table")
    gpusynth.resume(half)
    assert files(half) == whole


def test_resumed_twice(data, half, whole):
    from gpusynth.engine.resuming import resume

    with pytest.raises(KeyboardInterrupt):
        resume(half, listener=Cut(9))
    done = resume(half, data)
    assert files(half) == whole
    assert done.manifest["checkpoints"]["times_resumed"] == 2


def test_finished_replicates_are_not_written_again(data, tmp_path, whole, monkeypatch):
    from gpusynth.engine import run

    def fails_on_the_second(rows, *rest, **named):
        if rows.number == 2:
            raise OSError(28, "No space left on device")
        written.append(rows.number)
        original(rows, *rest, **named)

    written: list[int] = []
    original = run.write_replicate
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_replicate", fails_on_the_second)
        with pytest.raises(OSError, match="space"):
            begin(data, tmp_path / "out", PLANS["edits"])
    monkeypatch.setattr(
        run, "write_replicate", lambda *a, **n: written.append(2) or original(*a, **n)
    )
    gpusynth.resume(tmp_path / "out")
    assert written == [1, 2]
    assert files(tmp_path / "out") == whole


def test_what_finished_replicates_count_is_not_lost(tmp_path, monkeypatch):
    from gpusynth.engine import run

    weight = [Column(name="weight", kind="numeric", storage="double", role="weight")]
    schema = Schema(columns=(*SCHEMA.columns, *weight))
    path = tmp_path / "weighted.parquet"
    pq.write_table(survey(400).append_column("weight", pa.array([1.0, 2.0, 3.0, 4.0] * 100)), path)
    plan = Plan(
        replicated_uniques={"keys": ["sector", "staff", "pay"], "action": "remove"},
        calibrate=[{"margins": [{"columns": ["sector"]}]}],
    )
    whole = gpusynth.synthesize(path, schema, plan, output=tmp_path / "whole", **CHOICES)
    assert whole.manifest["replicated_uniques"]["removed"] > 0

    def fails_on_the_second(rows, *rest, **named):
        if rows.number == 2:
            raise OSError(28, "No space left on device")
        original(rows, *rest, **named)

    original = run.write_replicate
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_replicate", fails_on_the_second)
        with pytest.raises(OSError, match="space"):
            gpusynth.synthesize(path, schema, plan, output=out, checkpoints=True, **CHOICES)
    gpusynth.resume(out)
    assert files(out) == files(whole.path)
    assert lasting(out) == lasting(whole.path)
    done = lasting(out)["calibration"][0]["replicates"]
    assert [of_replicate["replicate"] for of_replicate in done] == [1, 2]


def test_other_data(half, tmp_path):
    other = tmp_path / "other.parquet"
    pq.write_table(survey(500, seed=2), other)
    with pytest.raises(CheckpointMismatchError, match="input data") as error:
        gpusynth.resume(half, other)
    assert "plan" not in str(error.value).split("began with")[1].split("Bring")[0]
    assert draws(half)


def test_data_that_went_away(half, data, whole, tmp_path):
    head = json.loads((half / WORK / "journal.jsonl").read_text().splitlines()[0])
    assert head["data_path"] == str(data)
    moved = tmp_path / "moved.parquet"
    shutil.copy(data, moved)
    with pytest.raises(DataError, match="gone"):
        gpusynth.resume(half, tmp_path / "gone.parquet")
    gpusynth.resume(half, moved)
    assert files(half) == whole


@pytest.mark.parametrize("name", ["version of numpy", "code of gpusynth", "kind of processor"])
def test_other_versions(half, monkeypatch, name):
    from gpusynth.engine.checkpoint import head

    pins = {**head.code_pins(), name: "another"}
    monkeypatch.setattr(head, "code_pins", lambda: pins)
    with pytest.raises(CheckpointMismatchError, match=rf"{name}: .* then, another now"):
        gpusynth.resume(half)
    assert draws(half)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("plan.json", '"min_leaf": 5', '"min_leaf": 6'), ("schema.toml", "spikes = [0.0]", "")],
)
def test_plan_and_schema_that_were_changed(half, file, old, new):
    path = half / WORK / file
    changed = path.read_text().replace(old, new, 1)
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(CheckpointMismatchError, match=r"schema|plan"):
        gpusynth.resume(half)
    path.write_text("{")
    with pytest.raises(CheckpointMismatchError, match="damaged"):
        gpusynth.resume(half)


def test_a_run_into_an_unfinished_one(data, half, whole):
    with pytest.raises(OutputError, match=r"unfinished run .*gpusynth resume"):
        gpusynth.synthesize(data, SCHEMA, output=half)
    gpusynth.synthesize(data, SCHEMA, PLANS["edits"], output=half, overwrite=True, **CHOICES)
    assert files(half) == whole


def test_two_at_once(half, data):
    from gpusynth.engine.checkpoint import WorkDirectory

    work = WorkDirectory(half)
    work.enter()
    for call in (
        lambda: gpusynth.resume(half),
        lambda: gpusynth.synthesize(data, output=half, overwrite=True),
    ):
        with pytest.raises(OutputError, match="another run is at work"):
            call()
    work.leave()
    assert draws(half)


def test_nothing_to_resume(data, tmp_path):
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(OutputError, match="nothing to resume"):
            gpusynth.resume(directory)
    assert list(tmp_path.iterdir()) == []
    gpusynth.synthesize(data, SCHEMA, output=tmp_path / "out")
    with pytest.raises(OutputError, match="finished"):
        gpusynth.resume(tmp_path / "out")


def test_a_table_in_memory(tmp_path):
    table: pa.Table = survey(300)
    whole = gpusynth.synthesize(table, SCHEMA, output=tmp_path / "whole", **CHOICES)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        begin(table, out, Plan(), after=13)
    with pytest.raises(DataError, match="table in memory"):
        gpusynth.resume(out)
    gpusynth.resume(out, table)
    assert files(out) == files(whole.path)


def test_checkpoints_need_a_directory():
    with pytest.raises(OutputError, match="output="):
        gpusynth.synthesize(survey(50), SCHEMA, checkpoints=True)


def test_models_are_put_down_and_found(half, whole, monkeypatch):
    """Fits that were ready when the run was cut are not made again."""
    from gpusynth.engine.checkpoint import checkpoints

    files_of = sorted((half / WORK / "files").glob("model_*"))
    assert files_of
    read: list[str] = []
    original = checkpoints.read_step_models

    def reading(path, *rest):
        read.append(path)
        return original(path, *rest)

    monkeypatch.setattr(checkpoints, "read_step_models", reading)
    gpusynth.resume(half)
    assert set(read) <= set(files_of)
    assert read
    assert files(half) == whole


@pytest.mark.parametrize("name", ["plain", "partial", "proper"])
def test_kept_models_are_private_and_complete(data, tmp_path, name):
    out = tmp_path / "out"
    options = {**CHOICES, "checkpoints": True, "keep_models": True, "overwrite": True}
    for _ in range(2):  # the second replaces the first
        done = gpusynth.synthesize(data, SCHEMA, PLANS[name], output=out, **options)
        models = out / "models"
        assert models.stat().st_mode & 0o777 == 0o700
        assert {p.stat().st_mode & 0o777 for p in models.iterdir()} == {0o600}
        assert "CONFIDENTIAL" in (models / "CONFIDENTIAL.txt").read_text()
        steps = {int(p.name.split("_")[1]) for p in models.glob("model_*")}
        fitted = {s.number for s in done.plan.steps if s.method.is_fitted}
        assert steps == {s for s in fitted if done.plan.steps[s - 1].method.name != "keep"}
    gpusynth.synthesize(data, SCHEMA, PLANS[name], output=out, overwrite=True, **CHOICES)
    assert not (out / "models").exists()


def test_models_are_kept_from_checkpoints_only(data, tmp_path):
    with pytest.raises(gpusynth.PlanError, match="checkpoints"):
        gpusynth.synthesize(data, SCHEMA, output=tmp_path / "out", keep_models=True)


def test_an_error_that_would_come_again_leaves_nothing(data, tmp_path, monkeypatch):
    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Checkpoints, "_save", broken)
    with pytest.raises(RuntimeError):
        begin(data, tmp_path / "out", Plan())
    assert not (tmp_path / "out").exists()


def test_the_command(data, tmp_path, capsys, monkeypatch):
    from gpusynth.engine import synthesis

    calls = 0
    original = synthesis.ColumnDraw

    def interrupted(*args, **named):
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return original(*args, **named)

    out, options = tmp_path / "out", ["--data", str(data), "--seed", "4"]
    with monkeypatch.context() as patch:
        patch.setattr(synthesis, "ColumnDraw", interrupted)
        assert main(["run", *options, "--output", str(out)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"resume with: gpusynth resume {out}"
    assert main(["run", *options, "--output", str(out)]) == 2
    assert "unfinished" in capsys.readouterr().err
    assert main(["resume", str(out), "--threads", "1"]) == 0
    assert main(["run", *options, "--output", str(tmp_path / "whole"), "--no-checkpoints"]) == 0
    assert files(out) == files(tmp_path / "whole")
    assert main(["resume", str(out)]) == 2
