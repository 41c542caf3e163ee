"""``gpusynth fit --release`` and ``gpusynth sample``: what is said, and what is in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main

N = 900


@pytest.fixture(name="survey")
def _survey(tmp_path):
    rng = np.random.default_rng(5)
    sales = np.floor(np.exp(rng.normal(7, 2, N)))
    sales[:5] = [987654321, 87654321, 7654321, 93, 4321]
    table = pa.table(
        {
            "firm": np.arange(N) // 3,
            "region": rng.choice(["north", "south"], N),
            "staff": rng.integers(0, 30, N),
            "sales": sales.astype(np.int64),
        }
    )
    path = tmp_path / "survey.parquet"
    pq.write_table(table, path)
    return path, table


def test_released_from_the_command_line(survey, capsys, tmp_path):
    path, _ = survey
    model = tmp_path / "survey.released"
    arguments = ["fit", str(path), "--output", str(model), "--release", "--min-units", "12"]
    assert main([*arguments, "--unit", "firm"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "The file holds no record." in shown
    assert "of 12 units or more; edges of bins are round numbers" in shown
    assert "CONFIDENTIAL" not in shown
    assert b"RELEASED: holds no record" in model.read_bytes()[:512]
    assert main(["sample", str(model), "--output", str(tmp_path / "made"), "--rows", "50"]) == 0
    assert pq.read_table(tmp_path / "made" / "replicate_001.parquet").num_rows == 50


def test_no_edge_comes_from_a_number_of_few(survey, tmp_path):
    """Every number in the file is shared by enough rows or a round one, and no planted one."""
    path, table = survey
    model = tmp_path / "survey.released"
    assert main(["fit", str(path), "--output", str(model), "--release", "--quiet"]) == 0
    released = gpusynth.load(model)
    (sales,) = (
        part for part in released._models.values() if part.models[0].codec.column.name == "sales"
    )
    coarse = sales.models[0]
    lows = np.asarray(coarse.codec.code_values, np.float64)
    real, count = np.unique(table["sales"].to_numpy(), return_counts=True)
    shared = real[count >= 10]
    edges = np.concatenate([lows, lows + coarse.widths])
    edges = edges[~np.isin(edges, [*shared, *(shared + 1)])]
    assert len(edges) > 10
    for edge in edges:
        digits = f"{edge:.0f}".rstrip("0")
        assert len(digits) <= 4, edge
    assert not {987654321, 87654321, 7654321, 4321} & set(edges.tolist())
    assert edges.max() <= 100_000  # the planted extremes are in the last bin and move no edge


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--unit", "absent"], "no column 'absent'"),
        (["--min-units", "2000"], "fewer than min_units"),
        (["--plan", "proper.toml"], "the plan's proper cannot be released"),
    ],
)
def test_refusals_leave_nothing_and_take_no_fit(more, words, survey, capsys, tmp_path, monkeypatch):
    path, _ = survey
    monkeypatch.chdir(tmp_path)
    Path("proper.toml").write_text('proper = "bootstrap"\n')
    model = tmp_path / "survey.released"
    assert main(["fit", str(path), "--output", str(model), "--release", *more]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert words in shown[-1]
    assert "fit" not in shown
    assert not model.exists()


def test_the_same_file_as_from_the_library(survey, tmp_path):
    path, _ = survey
    arguments = ["--release", "--unit", "firm", "--quiet"]
    assert main(["fit", str(path), "--output", str(tmp_path / "a"), *arguments]) == 0
    gpusynth.fit(path).release(tmp_path / "b", unit="firm")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
