"""Run directory: whole after success, untouched after failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpusynth.engine.files.directory import RunDirectory
from gpusynth.errors import OutputError


def listing(path: Path) -> dict[str, str]:
    return {str(f.relative_to(path)): f.read_text() for f in path.rglob("*") if f.is_file()}


def write(directory: RunDirectory, **files: str) -> None:
    for name, text in files.items():
        (directory.staging / name.replace("__", ".")).write_text(text)


def test_files_appear_on_commit(tmp_path):
    out = tmp_path / "a" / "b"
    with RunDirectory(out, overwrite=False) as directory:
        write(directory, plan__json="p", manifest__json="m")
        assert not (out / "plan.json").exists()
        directory.commit()
    assert listing(out) == {"plan.json": "p", "manifest.json": "m"}


@pytest.mark.parametrize("existing", [False, True])
def test_nothing_is_left_after_an_error(tmp_path, existing):
    out = tmp_path / "a" / "b"
    if existing:
        out.mkdir(parents=True)
    with pytest.raises(RuntimeError), RunDirectory(out, overwrite=False) as directory:
        write(directory, plan__json="p")
        raise RuntimeError
    assert list(tmp_path.rglob("*")) == ([out.parent, out] if existing else [])


def test_not_empty(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with (
        pytest.raises(OutputError, match="not empty"),
        RunDirectory(tmp_path, overwrite=False),
    ):
        pass
    assert listing(tmp_path) == {"letter.txt": "dear"}


def test_a_file_is_no_directory(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(OutputError), RunDirectory(path, overwrite=overwrite):
            pass
    assert path.read_text() == "dear"


def test_overwrite_replaces_only_an_earlier_run(tmp_path):
    before = {"letter.txt": "dear", "replicate_004.parquet": "old", "plan.json": "old"}
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(RuntimeError), RunDirectory(tmp_path, overwrite=True) as directory:
        write(directory, plan__json="new")
        raise RuntimeError
    assert listing(tmp_path) == before
    with RunDirectory(tmp_path, overwrite=True) as directory:
        write(directory, plan__json="new", replicate_001__csv="new")
        directory.commit()
    after = {"letter.txt": "dear", "plan.json": "new", "replicate_001.csv": "new"}
    assert listing(tmp_path) == after


def test_overwrite_clears_what_a_killed_run_left(tmp_path):
    left = tmp_path / ".gpusynth-abc.partial"
    left.mkdir()
    (left / "columns_001_00000").write_text("x")
    with RunDirectory(tmp_path, overwrite=True) as directory:
        assert not left.exists()
        directory.commit()
    assert list(tmp_path.iterdir()) == []
