"""Promise: a process that is killed, for real, loses nothing that it had finished.

A short set; `benchmarks/faults` kills at many random moments.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.errors import OutputError
from tests.behaviour.plan_survey import survey

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])}
WORK = ".gpusynth-work"
PROGRAM = """
import sys, time
from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.cli.main import run
append = Checkpoints._append
def slow(*arguments, **named):
    append(*arguments, **named)
    time.sleep(0.02)  # so that there is a moment to be killed in
Checkpoints._append = slow
run()
"""


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(400), path)
    return path


@pytest.fixture(name="whole", scope="module")
def _whole(data, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    gpusynth.synthesize(data, output=out, n_replicates=2, seed=3)
    return files(out)


def files(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in out.iterdir() if p.name != "manifest.json"}


def stopped(data: Path, out: Path, *, after: int, how: signal.Signals) -> tuple[int, str]:
    """Run in another process and stop it once so many draws are put down."""
    options = ["--data", str(data), "--output", str(out), "--replicates", "2", "--seed", "3"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", *options, "--no-utility"],
        env=ENVIRONMENT,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    patience = time.monotonic() + 120
    while len(list((out / WORK / "files").glob("draw_*.arrow"))) < after:
        assert process.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.002)
    process.send_signal(how)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.parametrize("after", [1, 12])
def test_killed(data, tmp_path, whole, after):
    out = tmp_path / "out"
    code, _ = stopped(data, out, after=after, how=signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert [p.name for p in out.iterdir()] == [WORK]
    assert main(["resume", str(out), "--quiet"]) == 0
    assert files(out) == whole


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(data, tmp_path, whole, how):
    out = tmp_path / "out"
    code, said = stopped(data, out, after=4, how=how)
    assert code == 130
    assert said.splitlines()[-1] == f"resume with: gpusynth resume {out}"
    assert not list((out / WORK).rglob("*.partial"))
    assert main(["resume", str(out), "--quiet"]) == 0
    assert files(out) == whole


@pytest.mark.parametrize("place", ["write_draw", "write_step_models"])
def test_a_disk_that_is_full(data, tmp_path, whole, monkeypatch, capsys, place):
    from gpusynth.engine.checkpoint import checkpoints

    original, calls = getattr(checkpoints, place), []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) > 3:
            raise OutputError("files cannot be written: No space left on device.")
        return original(*arguments)

    out = tmp_path / "out"
    options = ["--data", str(data), "--replicates", "2", "--seed", "3", "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, place, full)
        assert main(["run", *options, "--output", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "No space left" in said[-2]
    assert said[-1] == f"resume with: gpusynth resume {out}"
    assert main(["resume", str(out), "--quiet"]) == 0
    assert files(out) == whole
