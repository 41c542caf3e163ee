"""The commands: what they print, and how fast they start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}


@pytest.fixture(name="data")
def _data(tmp_path) -> Path:
    path = tmp_path / "survey.parquet"
    table = pa.table(
        {
            "[b]region": [f"r{i % 3}" for i in range(200)],
            "staff": pa.array([None if i % 5 == 0 else i % 17 for i in range(200)]),
        }
    )
    pq.write_table(table, path)
    return path


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gpusynth {gpusynth.__version__}\n"
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("infer-schema", "plan", "run", "compare"))


def test_no_command_shows_the_commands(capsys):
    assert main([]) == 2
    assert "\n  run  " in capsys.readouterr().out


def test_a_misspelt_command(capsys):
    assert main(["runn"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: No such command 'runn'.")
    assert shown.endswith(" Try --help.\n")
    assert "?." not in shown


def children_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


def test_start_is_quick():
    """No heavy import before it is needed; processor time, since the machine is shared."""
    code = (
        "import sys, gpusynth, gpusynth.cli.main;"
        "assert not {'numba', 'pyarrow', 'pandas', 'pydantic'} & set(sys.modules)"
    )
    seconds = []
    for _ in range(3):
        before = children_seconds()
        subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT, cwd=ROOT)
        seconds.append(children_seconds() - before)
    assert min(seconds) < 0.5


def test_infer_schema(data, tmp_path, capsys):
    path = tmp_path / "schema.toml"
    assert main(["infer-schema", str(data), "--output", str(path)]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("[b]region", "categorical", "staff", "integer"))
    schema = gpusynth.read_schema(path)
    assert schema.names == ("[b]region", "staff")
    assert main(["infer-schema", str(data), "--output", str(path)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["infer-schema", str(data), "--output", str(path), "--overwrite"]) == 0


def test_plan(data, tmp_path, capsys):
    path = tmp_path / "plan.toml"
    path.write_text("default = { method = 'cart', min_leaf = 9 }")
    choices = tmp_path / "choices.toml"
    arguments = ["plan", "--data", str(data), "--plan", str(path), "--output", str(choices)]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["1", "[b]region", "whole", "sample"],
        ["2", "staff", "state", "cart"],
        ["3", "staff", "value", "cart"],
    ]
    assert "min_leaf=9" in lines[2]
    assert gpusynth.read_plan(choices) == gpusynth.read_plan(path)


def test_run(data, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["run", "--data", str(data), "--output", str(out), "--replicates", "2"]
    assert main([*arguments, "--rows", "50", "--seed", "18446744073709551615"]) == 0
    shown = capsys.readouterr()
    assert sorted(f.name for f in out.iterdir()) == [
        "manifest.json",
        "plan.json",
        "replicate_001.parquet",
        "replicate_002.parquet",
        "schema.toml",
    ]
    assert all(word in shown.out for word in ("[b]region", "cart (state)", "2 x 50 rows", str(out)))
    # Not a terminal: plain lines, no control characters.
    assert [line for line in shown.err.splitlines() if "fit and draw" in line]
    assert "\x1b" not in shown.err + shown.out
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seed"] == "18446744073709551615"
    assert {"gpusynth", "numpy", "numba", "pyarrow", "python"} <= set(manifest["versions"])
    totals = ("fit_cpu_seconds", "draw_cpu_seconds", "compile_seconds", "io_seconds")
    assert all(manifest["timings"][name] >= 0 for name in totals)
    assert manifest["timings"]["wall_seconds"] > 0
    assert manifest["peak_memory_bytes"] > 10_000_000
    plan = json.loads((out / "plan.json").read_text())
    assert plan["fingerprint"] == manifest["plan_fingerprint"]
    staff = manifest["variables"][1]
    assert [step["part"] for step in staff["steps"]] == ["state", "value"]
    assert all(step["n_leaves"] >= 1 for step in staff["steps"])


def test_run_ends_with_utility_and_places(data, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["run", "--data", str(data), "--output", str(out), "--overwrite"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("two-way, mean") for line in lines)
    assert lines[-2] == str(out / "replicate_001.parquet")
    assert main([*arguments, "--no-utility"]) == 0
    assert "two-way" not in capsys.readouterr().out


def test_utility_that_cannot_be_computed_does_not_fail_the_run(tmp_path, capsys):
    path = tmp_path / "survey.parquet"
    pq.write_table(pa.table({"staff": [i % 9 for i in range(200)]}), path)
    assert main(["run", "--data", str(path), "--output", str(tmp_path / "o")]) == 0
    assert "utility at a glance:" in capsys.readouterr().out


def test_compare(data, tmp_path, capsys):
    assert main(["compare", "--real", str(data), "--synthetic", str(data)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines if line.startswith("two-way")] == ["0.0000"]
    assert main(["compare", "--real", str(data), "--synthetic", str(tmp_path / "no.csv")]) == 2
    assert "no.csv" in capsys.readouterr().err


def test_simulate_firms(tmp_path, capsys):
    path = tmp_path / "firms.parquet"
    arguments = ["simulate-firms", "--rows", "300", "--columns", "40", "--output", str(path)]
    assert main(arguments) == 0
    assert str(path) in capsys.readouterr().out
    assert pq.read_metadata(path).num_columns == 40


def test_quiet_prints_nothing(data, tmp_path, capsys):
    assert main(["run", "--data", str(data), "--output", str(tmp_path / "o"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_no_confidential_value_in_manifest_and_plan(tmp_path, capsys):
    path = tmp_path / "survey.parquet"
    pq.write_table(pa.table({"who": [f"Zyxwv{i % 40}" for i in range(400)]}), path)
    assert main(["run", "--data", str(path), "--output", str(tmp_path / "o")]) == 0
    for name in ("manifest.json", "plan.json"):
        assert "Zyxwv" not in (tmp_path / "o" / name).read_text()
    assert "Zyxwv" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_nothing(tmp_path, number):
    """A run is stopped while it fits: the exit code tells, and the directory is gone."""
    out = tmp_path / "out"
    program = (
        "import os, sys, time\n"
        "import gpusynth.engine.synthesis as synthesis\n"
        "from gpusynth.cli.main import run\n"
        "number = int(sys.argv.pop())\n"
        "def stopped(*_, **__):\n"
        "    os.kill(os.getpid(), number)\n"
        "    time.sleep(9)\n"
        "synthesis.fit_step = stopped\n"
        "run()\n"
    )
    path = tmp_path / "survey.parquet"
    pq.write_table(pa.table({"x": [i % 7 for i in range(100)]}), path)
    command = ["run", "--data", str(path), "--output", str(out), str(int(number))]
    ended = subprocess.run(
        [sys.executable, "-c", program, *command],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=ROOT,
        timeout=60,
    )
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("error: interrupted")
    assert not out.exists()


IMPORTING = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "gpusynth.cli.main":
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Finder())
"""
DROPPED = """
from gpusynth.cli.interrupt import take_signals
take_signals()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    pass  # as modules written in C do while they are imported
"""


@pytest.mark.parametrize("before", [IMPORTING, DROPPED], ids=["importing", "dropped"])
def test_interrupts_while_the_command_starts(data, tmp_path, before):
    out = tmp_path / "out"
    ended = subprocess.run(
        [
            *(sys.executable, "-c"),
            f"import os, signal, sys\n{before}\nfrom gpusynth.cli.entry import run\nrun()",
            *("run", "--data", str(data), "--output", str(out), "--quiet"),
        ],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
    )
    assert ended.returncode == 130
    assert ended.stderr == "error: interrupted; the output is as it was\n"
    assert not out.exists()


@pytest.mark.parametrize("option", [["--min-units", "5"], ["--unit", "x"]])
def test_options_of_a_release_need_one(tmp_path, capsys, option):
    """Who asks for them must not get a file of real records."""
    data, model = tmp_path / "data.parquet", tmp_path / "model.gpusynth"
    pq.write_table(pa.table({"x": [1, 2] * 20}), data)
    assert main(["fit", str(data), "--output", str(model), *option]) == 2
    assert "belong to --release" in capsys.readouterr().err
    assert not model.exists()
