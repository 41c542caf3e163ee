"""Promise: what a disk has done to checkpoints is found, and computed again."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gpusynth
from tests.behaviour.cut_runs import CHOICES, PLANS, WORK, begin, cut_off, draws, files, flip
from tests.behaviour.plan_survey import SCHEMA, survey


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(500), path)
    return path


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


@pytest.mark.parametrize("damage", [flip, cut_off, Path.unlink])
@pytest.mark.parametrize("number", [0, 3, -1])
def test_damaged_checkpoints_are_computed_again(half, whole, damage, number):
    damaged = draws(half)[number]
    damage(damaged)
    done = gpusynth.resume(half)
    assert files(half) == whole
    assert done.manifest["checkpoints"]["damaged_files"] == [damaged.name]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"age": {"codec": "numbers"}}'])
def test_damaged_codes_are_learned_again(half, whole, content):
    (half / WORK / "codecs.json").write_text(content)
    gpusynth.resume(half)
    assert files(half) == whole


@pytest.mark.parametrize("damage", [flip, cut_off, Path.unlink])
def test_damaged_rows_are_encoded_again(half, whole, damage):
    damage(half / WORK / "files" / "encoded.gpusynth")
    gpusynth.resume(half)
    assert files(half) == whole


def test_rows_of_other_data_are_encoded_again(data, half, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        other = tmp_path / "other.parquet"
        pq.write_table(survey(500).take(list(range(499, -1, -1))), other)
        begin(other, tmp_path / "another", PLANS["edits"], after=13)
    name = Path(WORK) / "files" / "encoded.gpusynth"
    (tmp_path / "another" / name).replace(half / name)
    gpusynth.resume(half)
    assert files(half) == whole


def test_all_checkpoints_damaged(half, whole):
    for path in draws(half):
        flip(path)
    gpusynth.resume(half)
    assert files(half) == whole


def test_a_journal_that_was_cut_off(half, whole):
    journal = half / WORK / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    gpusynth.resume(half)
    assert files(half) == whole


def test_damaged_models_are_fitted_again(half, whole):
    models = sorted((half / WORK / "files").glob("model_*"))
    for path in models:
        flip(path)
    done = gpusynth.resume(half)
    assert files(half) == whole
    assert set(done.manifest["checkpoints"]["damaged_files"]) <= {path.name for path in models}
    assert done.manifest["checkpoints"]["damaged_files"]
