"""Promise: a run that is cut short while its files are moved to their place is finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gpusynth
from tests.behaviour.cut_runs import (
    CHOICES,
    PLANS,
    WORK,
    Cut,
    begin,
    cut_off,
    cut_when_moved,
    files,
    flip,
)
from tests.behaviour.plan_survey import SCHEMA, survey


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(500), path)
    return path


@pytest.fixture(name="whole", scope="module")
def _whole(data, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    gpusynth.synthesize(data, SCHEMA, PLANS["edits"], output=out, **CHOICES)
    return files(out)


@pytest.mark.parametrize("moved", range(5))
def test_cut_while_files_are_moved(data, tmp_path, whole, moved):
    with cut_when_moved(tmp_path / "out", moved):
        begin(data, tmp_path / "out", PLANS["edits"])
    assert not (tmp_path / "out" / "manifest.json").exists()
    gpusynth.resume(tmp_path / "out")
    assert files(tmp_path / "out") == whole
    assert (tmp_path / "out" / "manifest.json").exists()


def test_files_that_lie_ready_are_moved_and_not_made_again(data, tmp_path, whole, monkeypatch):
    with cut_when_moved(tmp_path / "out", 2):
        begin(data, tmp_path / "out", PLANS["edits"])

    def made_again(*_, **__):
        raise AssertionError("all files lay ready")

    monkeypatch.setattr("gpusynth.engine.resuming.resolve_input", made_again)
    gpusynth.resume(tmp_path / "out")
    assert files(tmp_path / "out") == whole


@pytest.mark.parametrize("damage", [flip, cut_off, Path.unlink])
@pytest.mark.parametrize("moved", [0, 4])
def test_a_file_that_was_damaged_meanwhile_is_made_again(data, tmp_path, whole, moved, damage):
    out = tmp_path / "out"
    with cut_when_moved(out, moved):
        begin(data, out, PLANS["edits"])
    first, second = sorted(out.rglob("replicate_*.parquet"))
    assert (out in (first.parent, second.parent)) == (moved > 0)
    damage(first if first.parent == out else second)
    gpusynth.resume(out)
    assert files(out) == whole


def test_killed_while_the_work_directory_is_removed(data, tmp_path, whole, monkeypatch):
    from gpusynth.engine.checkpoint import WorkDirectory

    with monkeypatch.context() as patch:
        patch.setattr(WorkDirectory, "remove", WorkDirectory.leave)
        begin(data, tmp_path / "out", PLANS["edits"])
    shutil.rmtree(tmp_path / "out" / WORK / "files")  # the journal goes last
    gpusynth.resume(tmp_path / "out")
    assert files(tmp_path / "out") == whole
    assert not (tmp_path / "out" / WORK).exists()


@pytest.mark.parametrize("left", [("journal.jsonl", "lock"), ("lock",), ()])
def test_what_a_kill_leaves_beside_complete_files(data, tmp_path, whole, monkeypatch, left):
    from gpusynth.engine.checkpoint import WorkDirectory

    with monkeypatch.context() as patch:
        patch.setattr(WorkDirectory, "remove", WorkDirectory.leave)
        begin(data, tmp_path / "out", PLANS["edits"])
    for entry in (tmp_path / "out" / WORK).iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name not in left:
            entry.unlink()
    for name, content in whole.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    begin(data, tmp_path / "out", PLANS["edits"], overwrite=True)
    assert files(tmp_path / "out") == whole
    assert not (tmp_path / "out" / WORK).exists()


def test_an_earlier_run_stays_until_the_end(data, tmp_path, whole):
    out = tmp_path / "out"
    gpusynth.synthesize(data, SCHEMA, output=out, n_replicates=3)
    earlier = files(out)
    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize(
            data,
            SCHEMA,
            PLANS["edits"],
            output=out,
            overwrite=True,
            checkpoints=True,
            listener=Cut(13),
            **CHOICES,
        )
    shutil.rmtree(out / WORK / "output")
    assert files_only(out) == earlier
    gpusynth.resume(out)
    assert files(out) == whole


def files_only(out: Path) -> dict[str, bytes]:
    return {
        p.name: p.read_bytes() for p in out.iterdir() if p.is_file() and p.name != "manifest.json"
    }
