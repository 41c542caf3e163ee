"""Promise: data, schema, plan and seed decide every byte, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.engine.draw import replicate


def hashes(directory: Path) -> list[str]:
    manifest = json.loads((directory / "manifest.json").read_text())
    return [output["sha256"] for output in manifest["outputs"]]


def run(data: Path, output: Path, *options: str) -> list[str]:
    arguments = ["run", "--data", str(data), "--output", str(output), "--quiet", *options]
    assert main(arguments) == 0
    return hashes(output)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_threads_and_batches(mixed_file, tmp_path, form):
    common = ("--replicates", "2", "--seed", "7", "--format", form)
    first = run(mixed_file, tmp_path / "a", *common, "--threads", "1")
    assert first == run(mixed_file, tmp_path / "b", *common, "--threads", "2")
    small = ("--threads", "3", "--batch-rows", "101")
    assert first == run(mixed_file, tmp_path / "c", *common, *small)
    assert len(set(first)) == 2


def test_threads_and_batches_on_a_real_file(shared_data, tmp_path):
    data = shared_data("nist_acs/ma2018.csv")
    first = run(data, tmp_path / "a", "--threads", "1")
    assert first == run(data, tmp_path / "b", "--threads", "2", "--batch-rows", "1000")


def test_another_seed_gives_other_bytes(mixed_file, tmp_path):
    first = run(mixed_file, tmp_path / "a", "--seed", "1")
    assert first != run(mixed_file, tmp_path / "b", "--seed", "2")


def test_blocks_and_memory_do_not_matter(mixed_file, tmp_path, monkeypatch):
    options = ("--replicates", "2", "--rows", "2500", "--threads", "2")
    first = run(mixed_file, tmp_path / "a", *options)
    monkeypatch.setattr(replicate, "BLOCK_ROWS", 333)
    assert first == run(mixed_file, tmp_path / "b", *options)
    monkeypatch.setattr(replicate, "_MEMORY_SHARE", 0.0)  # everything in files
    assert first == run(mixed_file, tmp_path / "c", *options)
    assert {f.suffix for f in (tmp_path / "c").iterdir()} == {".parquet", ".json", ".toml"}


def test_fit_and_sample_give_what_synthesize_gives(mixed):
    options = {"n_replicates": 2, "n_rows": 700, "seed": 5}
    at_once = gpusynth.synthesize(mixed, **options)
    fitted = gpusynth.fit(mixed)
    assert fitted.sample(**options, threads=2) == at_once
    assert fitted.sample(**options) == at_once


def test_a_fitted_synthesis_writes_the_same_files(mixed_file, tmp_path):
    first = run(mixed_file, tmp_path / "a", "--seed", "9")
    written = gpusynth.fit(mixed_file).sample(seed=9, output=tmp_path / "b")
    assert [replicate.sha256 for replicate in written.replicates] == first


def test_file_and_table_give_the_same_rows(mixed, mixed_file, tmp_path):
    import pyarrow.parquet as pq

    run(mixed_file, tmp_path / "a", "--seed", "4")
    assert pq.read_table(tmp_path / "a" / "replicate_001.parquet") == gpusynth.synthesize(
        mixed, seed=4
    )


def test_the_schema_that_a_run_leaves_repeats_it(mixed_file, tmp_path):
    first = run(mixed_file, tmp_path / "a")
    again = run(mixed_file, tmp_path / "b", "--schema", str(tmp_path / "a" / "schema.toml"))
    assert first == again
