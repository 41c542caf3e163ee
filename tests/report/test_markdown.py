"""The Markdown summary: verdict, tables of equal width, names escaped."""

from __future__ import annotations

import re

import gpusynth.report
from gpusynth.report import render_markdown, verdict


def test_summary_holds_the_verdict(wide):
    text = render_markdown(wide)
    for statement in verdict(wide):
        assert f"- {statement.topic}: {statement.figure}" in text
    assert text.startswith("# Evaluation of ")
    assert text.endswith("\n")


def test_tables_are_tables(wide):
    """Every row of a table has as many cells as its heading."""
    n_rows = 0
    for part in render_markdown(wide).split("\n\n"):
        if part.startswith("|"):
            widths = [re.sub(r"\\.", "", row).count("|") for row in part.splitlines()]
            assert widths == [widths[0]] * len(widths)
            n_rows += len(widths)
    assert n_rows > 30


def test_hostile_names_are_escaped(hostile):
    text = render_markdown(hostile)
    assert "<script>" not in re.sub(r"\\.", "", text)
    assert "a\\|b\\`\\*\\_ \\{\\{ 7 \\* 7 \\}\\}" in text


def test_suffix_decides(wide, tmp_path):
    gpusynth.report(wide, tmp_path / "summary.md")
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == render_markdown(wide)
