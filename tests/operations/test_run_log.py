"""Logs and metrics: for programs, complete, and without a value of the data."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.operations.metrics import metrics_text

TOKEN = "Qx7Zuniq"


@pytest.fixture(name="data")
def _data(tmp_path) -> Path:
    """A table whose every answer can be told from every other text."""
    path = tmp_path / "survey.parquet"
    table = {
        "name": [f"{TOKEN}{i:04d}" for i in range(60)],
        "sum": [913_572_468.25 + 13 * i for i in range(60)],
        "level": [f"{TOKEN}L{i % 3}" for i in range(60)],
    }
    pq.write_table(pa.table(table), path)
    return path


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_log_and_metrics_of_a_run(data, tmp_path, capsys):
    log, metrics, out = tmp_path / "run.jsonl", tmp_path / "run.prom", tmp_path / "out"
    options = ["--data", str(data), "--output", str(out), "--log", str(log)]
    assert main(["run", *options, "--metrics", str(metrics)]) == 0
    events = lines(log)
    assert [events[0]["event"], events[-1]["event"]] == ["begin", "end"]
    assert events[-1]["outcome"] == "done"
    assert [e["at"] for e in events] == sorted(e["at"] for e in events)
    steps = {e["step"] for e in events if e["event"] == "step" and e["phase"] == "fit and draw"}
    assert steps == {"sum", "level"}
    phases = [e["phase"] for e in events if e["event"] == "phase"]
    assert phases == [e["phase"] for e in events if e["event"] == "phase_end"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert metrics.read_text() == metrics_text(manifest)
    for family in ("phase_seconds", "peak_memory_bytes", "fit_cpu_seconds"):
        assert f"gpusynth_{family}" in metrics.read_text()


@pytest.fixture(name="commands")
def _commands(tmp_path) -> dict[str, list[str]]:
    """Commands that keep a log, each with a small file that it reads."""
    survey, child = tmp_path / "firms.csv", tmp_path / "jobs.csv"
    survey.write_text("firm,staff\n" + "".join(f"{i},{i % 9 or ''}\n" for i in range(300)))
    child.write_text("firm,pay\n" + "".join(f"{i // 2},{i % 7}\n" for i in range(300)))
    (tmp_path / "links.toml").write_text(
        f"[files.firms]\ndata = '{survey}'\n[files.jobs]\ndata = '{child}'\n"
        "[[links]]\nparent = 'firms'\nchild = 'jobs'\nkey = 'firm'\n"
    )
    gpusynth.fit(gpusynth.datasets.firms(200, columns=3)).save(tmp_path / "a.model")
    out = ["--output", str(tmp_path / "out")]
    return {
        "impute": ["impute", str(survey), *out, "--imputations", "1", "--iterations", "1"],
        "fit": ["fit", str(survey), *out],
        "fit --release": ["fit", str(survey), *out, "--release", "--threads", "1"],
        "sample": ["sample", str(tmp_path / "a.model"), *out],
        "run-linked": ["run-linked", str(tmp_path / "links.toml"), *out],
    }


COMMANDS = pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("impute", "impute"),
        ("fit", "fit"),
        ("fit --release", "fit"),
        ("sample", "draw"),
        ("run-linked", "fit and draw"),
    ],
)


@COMMANDS
def test_every_command_that_takes_long_keeps_a_log(commands, tmp_path, capsys, name, phase):
    log = tmp_path / "log.jsonl"
    assert main([*commands[name], "--log", str(log), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    events = lines(log)
    assert [events[0]["event"], events[-1]["event"]] == ["begin", "end"]
    assert events[-1]["outcome"] == "done"
    assert phase in {event["phase"] for event in events if event["event"] == "phase"}


@COMMANDS
def test_nothing_but_a_log_is_appended_to(commands, tmp_path, capsys, name, phase):
    command = commands[name]
    before = Path(command[1]).read_bytes()
    assert main([*command, "--log", command[1]]) == 2
    assert "exists and is no log of gpusynth" in capsys.readouterr().err
    assert Path(command[1]).read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_nothing_that_is_written_for_people_or_programs_has_a_value(data, tmp_path, capsys):
    log, metrics, out = tmp_path / "run.jsonl", tmp_path / "run.prom", tmp_path / "out"
    options = ["--data", str(data), "--output", str(out), "--log", str(log), "--no-utility"]
    assert main(["run", *options, "--metrics", str(metrics)]) == 0
    said = "".join(capsys.readouterr())
    written = log.read_text() + metrics.read_text() + (out / "manifest.json").read_text()
    assert TOKEN not in said + written
    assert "9135724" not in said + written


def test_a_log_tells_of_an_interrupt_and_goes_on(data, tmp_path, monkeypatch, capsys):
    from gpusynth.engine import synthesis

    log, out = tmp_path / "run.jsonl", tmp_path / "out"
    calls = 0
    original = synthesis.ColumnDraw

    def interrupted(*args, **named):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return original(*args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(synthesis, "ColumnDraw", interrupted)
        code = main(["run", "--data", str(data), "--output", str(out), "--log", str(log)])
    assert code == 130
    assert lines(log)[-1]["outcome"] == "KeyboardInterrupt"
    assert main(["resume", str(out), "--log", str(log), "--quiet"]) == 0
    ends = [e["outcome"] for e in lines(log) if e["event"] == "end"]
    assert ends == ["KeyboardInterrupt", "done"]


def test_a_log_that_cannot_be_written_is_told_before_the_run(data, tmp_path, capsys):
    options = ["--data", str(data), "--output", str(tmp_path / "out")]
    assert main(["run", *options, "--log", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_labels_are_escaped():
    step = {"part": "whole", "number": 1, "fit_cpu_seconds": 0.5, "draw_cpu_seconds": 0.25}
    manifest = {
        "timings": {"wall_seconds": 1.0, "phases": {}},
        "variables": [{"name": 'a"b\\c\nd', "steps": [step]}],
        "n_rows": 1,
        "n_replicates": 1,
        "input": {"n_rows": 1},
        "peak_memory_bytes": 1,
        "encoded_bytes": 1,
    }
    assert 'column="a\\"b\\\\c\\nd",part="whole",step="1"} 0.5' in metrics_text(manifest)


@pytest.mark.parametrize(
    ("log", "metrics", "words"),
    [
        ("told", "told", "the log and the metrics have the same name"),
        ("told", "pipe", "pipe is a device or a pipe"),
    ],
)
def test_where_a_run_tells_of_itself_is_checked_first(data, tmp_path, capsys, log, metrics, words):
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    options = ["--log", str(tmp_path / log), "--metrics", str(tmp_path / metrics)]
    assert main(["run", "--data", str(data), "--output", str(tmp_path / "out"), *options]) == 2
    assert words in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
