"""Work directory: private, and one run's at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gpusynth.engine.checkpoint import WorkDirectory
from gpusynth.errors import OutputError


def modes(path) -> set[int]:
    return {p.stat().st_mode & 0o777 for p in path.rglob("*") if p.is_file()}


def test_only_the_owner_may_read(tmp_path):
    work = WorkDirectory(tmp_path)
    work.enter()
    work.make_directories()
    assert work.path.stat().st_mode & 0o777 == 0o700
    assert modes(work.path) == {0o600}
    assert "CONFIDENTIAL" in (work.path / "CONFIDENTIAL.txt").read_text()
    work.remove()
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time(tmp_path):
    first, second = WorkDirectory(tmp_path), WorkDirectory(tmp_path)
    first.enter()
    with pytest.raises(OutputError, match="another run is at work"):
        second.enter()
    first.leave()
    second.enter()
    second.remove()


def test_another_process_is_kept_out(tmp_path):
    code = (
        "import sys; from pathlib import Path; "
        "from gpusynth.engine.checkpoint import WorkDirectory; "
        "WorkDirectory(Path(sys.argv[1])).enter()"
    )
    work = WorkDirectory(tmp_path)
    work.enter()
    command = [sys.executable, "-c", code, str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another run is at work" in refused.stderr
    work.leave()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    work.enter()  # the lock of a process that has ended is free
    work.remove()


def test_a_link_is_refused(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "run").mkdir()
    work = WorkDirectory(tmp_path / "run")
    work.path.symlink_to(elsewhere)
    with pytest.raises(OutputError, match="link"):
        work.enter()
    assert list(elsewhere.iterdir()) == []
