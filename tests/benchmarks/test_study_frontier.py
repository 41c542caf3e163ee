"""The frontier study: its settings run, its document and plots say what its results say."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.studies.frontier import main, measure
from benchmarks.studies.frontier_chart import frontier_chart
from benchmarks.studies.frontier_settings import FILES, halves, settings
from benchmarks.studies.frontier_tables import matched_ratio, with_tables

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("study_frontier_*.json"))


def lines() -> list[dict]:
    return [json.loads(line) for path in RESULTS for line in path.read_text().splitlines()]


def test_the_document_and_plots_are_up_to_date():
    text = (ROOT / "docs" / "study-frontier.md").read_text()
    assert with_tables(text, lines()) == text
    for name in FILES:
        own = [line for line in lines() if line["file"] == name]
        assert [line["setting"] for line in own] == list(settings(FILES[name]))
        plot = (ROOT / "docs" / f"study-frontier-{name}.svg").read_text()
        assert plot == frontier_chart(own)
        ET.fromstring(plot)
        assert "nan" not in plot


@pytest.mark.parametrize("name", FILES)
def test_the_preset_reaches_what_it_was_chosen_for(name):
    found = {line["setting"]: line["figures"] for line in lines() if line["file"] == name}
    preset = found["preset release"]
    assert matched_ratio(preset, "keys") <= 1.5
    assert matched_ratio(preset, "whole") <= 1.5
    assert preset["kmarginal_2"] >= found["default"]["kmarginal_2"] - 2.0


def test_matches_without_any_in_the_other_half():
    figures = {"keys_made_from": 3.0, "keys_other": 2.0, "whole_made_from": 0.1, "whole_other": 0.0}
    assert matched_ratio(figures, "keys") == 1.5
    assert math.isinf(matched_ratio(figures, "whole"))
    assert matched_ratio({"whole_made_from": 0.0, "whole_other": 0.0}, "whole") == 1.0


def test_a_setting_is_measured():
    file = FILES["firms"]
    own, other, schema = halves(file, None, rows=1200, columns=40, seed=3)
    assert own.num_rows == other.num_rows == 600
    plans = settings(file)
    figures = measure(
        file, plans["redraw of the keys"], own, other, schema, replicates=1, seed=3, threads=1
    )
    plain = measure(file, plans["default"], own, other, schema, replicates=1, seed=3, threads=1)
    assert figures["keys_made_from"] < plain["keys_made_from"]
    assert 800 < plain["kmarginal_2"] < 1000
    assert all(math.isfinite(value) for value in figures.values())


def test_tables_are_written(tmp_path):
    document = tmp_path / "study-frontier.md"
    document.write_text((ROOT / "docs" / "study-frontier.md").read_text())
    main(
        ["--write", "--results", str(ROOT / "benchmarks" / "results"), "--document", str(document)]
    )
    assert document.read_text() == (ROOT / "docs" / "study-frontier.md").read_text()
    assert (tmp_path / "study-frontier-firms.svg").exists()
