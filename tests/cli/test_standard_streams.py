"""A command whose output nobody reads, cannot be written, or cannot show a name's letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}


@pytest.fixture(name="survey")
def _survey(tmp_path) -> Path:
    path = tmp_path / "survey.parquet"
    table = pa.table({"größe": [i % 7 for i in range(80)], "\u8868": ["a", "b"] * 40})
    pq.write_table(table, path)
    return path


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which $gpusynth is the command."""
    command = f"{sys.executable} -m gpusynth"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env={**ENVIRONMENT, "gpusynth": command, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "streams",
    ["2>&1 | head -n 1", "2>/dev/full", ">&- 2>&- <&-", "2>/dev/null | true"],
)
def test_a_run_ends_well_though_nobody_reads(survey, tmp_path, streams):
    out = tmp_path / "out"
    found = shell(f"$gpusynth run --data {survey} --output {out} {streams}")
    assert found.returncode == 0, found.stderr
    assert "Traceback" not in found.stderr
    assert (out / "manifest.json").exists()


def test_output_that_nobody_takes_leaves_the_exit_code(survey):
    assert shell(f"$gpusynth plan --data {survey}.csv | true").returncode == 2


@pytest.mark.parametrize("command", ["--version", "doctor"])
def test_output_on_a_full_disk(command):
    found = shell(f"$gpusynth {command} > /dev/full")
    assert found.returncode == 2
    assert found.stderr == (
        "error: standard output cannot be written: No space left on device. "
        "Free some space or send it elsewhere.\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
def test_letters_that_the_terminal_lacks(survey, tmp_path, encoding):
    schema = tmp_path / "schema.toml"
    line = f"$gpusynth infer-schema {survey} --output {schema}"
    found = shell(f"{line} | iconv -f latin1 -t utf8", PYTHONIOENCODING=encoding)
    assert found.returncode == 0
    assert "\\u8868" in found.stdout
    assert "größe" in schema.read_text(encoding="utf-8")
