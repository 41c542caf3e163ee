"""The commands evaluate and report: files, summary, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.cli.main import main
from gpusynth.evaluate.results import read_evaluation


@pytest.fixture(name="files")
def _files(tmp_path):
    paths = {}
    for seed, name in enumerate(("real", "one", "two", "holdout")):
        rng = np.random.default_rng(seed)
        region = rng.integers(0, 3, 240)
        table = pa.table(
            {
                "[b]region": [f"r{code}" for code in region],
                "size": rng.integers(0, 5, 240),
                "staff": rng.poisson(3 + region),
            }
        )
        paths[name] = tmp_path / f"{name}.parquet"
        pq.write_table(table, paths[name])
    return paths


def arguments(files, *more: str) -> list[str]:
    given = ["evaluate", "--real", str(files["real"]), "--synthetic", str(files["one"])]
    return [*given, *more]


def test_evaluate_writes_everything(files, tmp_path, capsys):
    outputs = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "md")}
    code = main(
        [
            *arguments(files, str(files["two"]), "--keys", "[b]region,size", "--targets", "staff"),
            *("--holdout", str(files["holdout"]), "--quick"),
            *("--json", str(outputs["json"]), "--html", str(outputs["html"])),
            *("--markdown", str(outputs["md"])),
        ]
    )
    shown = capsys.readouterr()
    assert code == 0, shown.err
    found = read_evaluation(outputs["json"])
    assert [file.name for file in found.files] == [
        "real.parquet", "one.parquet", "two.parquet", "holdout.parquet",
    ]  # fmt: skip
    assert found.settings.keys == ("[b]region", "size")
    assert found.settings.targets == ("staff",)
    assert outputs["html"].read_text().startswith("<!doctype html>")
    assert outputs["md"].read_text().startswith("# Evaluation of one.parquet")
    assert "Relations of columns" in shown.out
    assert "written to" in shown.out
    assert "associations" in shown.err
    assert "\x1b" not in shown.out + shown.err
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".parquet") == [
        "out.html", "out.json", "out.md",
    ]  # fmt: skip


def test_options_may_be_repeated(files, tmp_path, capsys):
    path = tmp_path / "out.json"
    given = arguments(files, "--synthetic", str(files["two"]), "--keys", "size")
    assert main([*given, "--keys", "[b]region", "--quick", "--quiet", "--json", str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    found = read_evaluation(path)
    assert len(found.synthetic) == 2
    assert found.settings.keys == ("size", "[b]region")


def test_report_renders_what_was_written(files, tmp_path, capsys):
    written = tmp_path / "out.json"
    direct = tmp_path / "direct.html"
    assert main(arguments(files, "--quick", "--json", str(written), "--html", str(direct))) == 0
    later = tmp_path / "later.html"
    summary = tmp_path / "later.md"
    command = ["report", str(written), "--output", str(later), "--markdown", str(summary)]
    assert main(command) == 0
    assert later.read_bytes() == direct.read_bytes()
    assert summary.read_text().startswith("# Evaluation")
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


def test_report_with_estimates(files, tmp_path):
    written = tmp_path / "out.json"
    assert main(arguments(files, "--quick", "--json", str(written))) == 0
    estimate = {
        "name": "wages", "term": "staff", "real": 1.0, "real_interval": [0.5, 1.5],
        "synthetic": 1.1, "synthetic_interval": [0.6, 1.6], "overlap": 0.9,
    }  # fmt: skip
    comparisons = tmp_path / "replicate.json"
    comparisons.write_text(json.dumps({"comparisons": [estimate], "models": []}))
    page = tmp_path / "page.html"
    command = ["report", str(written), "--output", str(page), "--comparisons"]
    assert main([*command, str(comparisons)]) == 0
    assert "1 estimates with intervals" in page.read_text()
    comparisons.write_text('{"comparisons": [{"name": 98765}]}')
    assert main([*command, str(comparisons), "--overwrite"]) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--keys", "gone"], "no column 'gone'"),
        (["--targets", "staff"], "targets need keys"),
        (["--keys", "size", "--targets", "size"], "a key and a target at once"),
        (["--weight", "gone"], "'gone' is not in"),
        (["--schema", "gone.toml"], "gone.toml"),
        (["--holdout", "gone.parquet"], "does not exist"),
        (["gone.csv"], "does not exist"),
        (["--marginals", "0"], "Try --help"),
        (["--json", "no/such/directory/out.json"], "is no directory"),
    ],
)
def test_bad_input(files, tmp_path, capsys, monkeypatch, more, message):
    """Exit code 2, one line, and no file."""
    monkeypatch.chdir(tmp_path)
    outputs = ["--html", "out.html"]
    assert main([*arguments(files, *more), "--quiet", *outputs]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("error: ")
    assert len(shown.err.splitlines()) == 1
    assert not (tmp_path / "out.html").exists()
    assert not list(tmp_path.glob("*.partial"))


def test_outputs_are_checked_before_anything_is_measured(files, tmp_path, capsys):
    kept = tmp_path / "out.json"
    kept.write_text("mine")
    assert main(arguments(files, "--json", str(kept))) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert kept.read_text() == "mine"
    twice = ["--json", str(tmp_path / "x"), "--html", str(tmp_path / "x")]
    assert main(arguments(files, *twice)) == 2
    assert "same name" in capsys.readouterr().err
    assert main(arguments(files, "--json", str(tmp_path))) == 2
    assert "is a directory" in capsys.readouterr().err


def test_report_needs_an_evaluation(tmp_path, capsys):
    (tmp_path / "e.json").write_text("{}")
    assert main(["report", str(tmp_path / "e.json"), "--output", str(tmp_path / "r.html")]) == 2
    assert "no evaluation" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "e.json")]) == 2
    assert "nothing to write" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "gone.json"), "--markdown", str(tmp_path / "m.md")]) == 2
    assert "does not exist" in capsys.readouterr().err
