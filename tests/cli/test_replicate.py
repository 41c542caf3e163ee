"""``gpusynth replicate``: tables, JSON, and errors of one line."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.cli.main import main


def survey(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    staff = rng.normal(size=300)
    return pa.table(
        {
            "staff": staff,
            "region": pa.array(rng.choice(["north", "south"], 300)),
            "exports": (rng.random(300) < 1 / (1 + np.exp(-staff))).astype(np.int64),
            "weight": 1.0 + rng.integers(0, 5, 300),
        }
    )


@pytest.fixture(name="files")
def _files(tmp_path):
    pq.write_table(survey(1), tmp_path / "real.parquet")
    run = tmp_path / "run"
    run.mkdir()
    for number in (1, 2):
        pq.write_table(survey(number + 1), run / f"replicate_{number:03d}.parquet")
    (tmp_path / "models.toml").write_text(
        "[[models]]\nname = 'exporting'\nformula = 'exports ~ staff + region'\nmodel = 'logit'\n"
        "[[models]]\nformula = 'staff ~ region'\n"
    )
    return tmp_path


def arguments(files, *more: str) -> list[str]:
    return [
        "replicate",
        *("--real", str(files / "real.parquet")),
        *("--synthetic", str(files / "run")),
        *("--models", str(files / "models.toml")),
        *more,
    ]


def test_tables_and_json(files, capsys):
    output = files / "comparison.json"
    assert main(arguments(files, "--json", str(output), "--weight", "weight")) == 0
    shown = capsys.readouterr().out
    assert "exporting: exports ~ staff + region" in shown
    assert "logit, weighted by weight; 300 real rows, 2 x 300 synthetic ones" in shown
    assert "region[T.south]" in shown
    assert "mean overlap" in shown
    assert "lack of fit p =" in shown
    document = json.loads(output.read_text())
    assert {entry["name"] for entry in document["comparisons"]} == {"exporting", "staff ~ region"}
    assert document["models"][0]["weights"] == "weight"


def test_an_earlier_comparison_stays_unless_told(files, capsys):
    output = files / "comparison.json"
    output.write_text("earlier")
    assert main(arguments(files, "--json", str(output))) == 2
    assert f"{output} exists" in capsys.readouterr().err
    assert output.read_text() == "earlier"
    assert main(arguments(files, "--json", str(output), "--overwrite")) == 0
    assert json.loads(output.read_text())["comparisons"]


def test_one_replicate_and_another_rule(files, capsys):
    single = arguments(files)
    single[single.index("--synthetic") + 1] = str(files / "run" / "replicate_001.parquet")
    assert main(single) == 0
    assert "1 x 300 synthetic ones" in capsys.readouterr().out
    assert main([*single, "--rule", "reiter_partial"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "raab_simple" in error


def test_faults_are_one_line(files, capsys):
    (files / "models.toml").write_text("[[models]]\nformula = 'staff ~ open(region)'")
    assert main(arguments(files)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "refused" in error
    (files / "models.toml").write_text("[[models]]\nformula = 'staff ~ wrong'")
    assert main(arguments(files)) == 2
    assert "no column 'wrong'" in capsys.readouterr().err
    (files / "run" / "replicate_002.parquet").unlink()
    (files / "run" / "replicate_001.parquet").unlink()
    assert main(arguments(files)) == 2
    assert "holds no replicate" in capsys.readouterr().err
