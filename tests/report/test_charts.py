"""Charts: what is drawn, and where."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from gpusynth.evaluate.details import Bar, ColumnResult, KMarginalResult, LadderStep
from gpusynth.evaluate.figures import Band
from gpusynth.report.bar_chart import bar_chart, largest_difference
from gpusynth.report.heat_map import DIFFERENCE_STEPS, classify, heat_map
from gpusynth.report.ladder_chart import equivalent_share, ladder_chart
from gpusynth.report.panel_chart import panel_chart
from gpusynth.report.svg import rectangles, tip


def even(value: float) -> Band:
    return Band(mean=value, lowest=value, highest=value)


def column(bars: tuple[Bar, ...]) -> ColumnResult:
    return ColumnResult(
        name="x", kind="categorical", n_codes=len(bars), distance=even(0.1),
        expected_distance=0.05, pair_distance=None, expected_pair_distance=None,
        real_missing=0.0, synthetic_missing=0.0, real_zero=None, synthetic_zero=None,
        n_invented=0, invented=even(0.0), bars=bars,
    )  # fmt: skip


def level(label: str, real: float, synthetic: float, kind: str = "level") -> Bar:
    return Bar(label=label, kind=kind, real=real, synthetic=even(synthetic))


def path_of(svg: str, style: str) -> str:
    (found,) = [e.get("d", "") for e in ET.fromstring(svg).iter("path") if e.get("class") == style]
    return found


def test_lying_bars_are_as_long_as_their_shares():
    svg = bar_chart(column((level("a", 0.6, 0.5), level("b", 0.3, 0.4), level("c", 0.1, 0.1))))
    widths = [float(w) for w in re.findall(r"h([\d.]+)v", path_of(svg, "real"))]
    assert widths[0] / widths[1] == pytest.approx(2.0, abs=0.01)
    assert widths[0] / widths[2] == pytest.approx(6.0, abs=0.05)
    marks = [float(x) for x in re.findall(r"M([\d.]+) ", path_of(svg, "mark"))]
    starts = [float(x) for x in re.findall(r"M([\d.]+) ", path_of(svg, "real"))]
    assert (marks[0] - starts[0]) / widths[0] == pytest.approx(5 / 6, abs=0.01)


def test_upright_bars_have_two_scales():
    """A null share of 80 % does not flatten the bins."""
    bars = (level("null", 0.8, 0.8, "missing"), level("up to 1", 0.1, 0.1, "bin"),
            level("over 1", 0.1, 0.05, "bin"))  # fmt: skip
    svg = bar_chart(column(bars))
    heights = [
        float(h)
        for e in ET.fromstring(svg).iter("path")
        if e.get("class") == "real"
        for h in re.findall(r"v([\d.]+)h", e.get("d", ""))
    ]
    assert heights == [heights[0]] * 3


def test_description_names_the_largest_difference():
    bars = (level("a", 0.6, 0.5), level("b", 0.4, 0.5001))
    worst = largest_difference(bars)
    assert worst is not None
    assert worst.label == "b"
    assert "Largest difference: b" in bar_chart(column(bars))
    assert "no answers" in bar_chart(column(()))


def test_tip_is_three_lines_whatever_the_label():
    assert tip('a\nb"<', "1 %", "2 %") == "a b&quot;&lt;\n1 %\n2 %"


def test_heat_map_has_every_pair_twice():
    values = [0.3, None, -0.3]
    svg = heat_map(
        3, values, steps=DIFFERENCE_STEPS, palette="d", name="difference", description="x"
    )
    assert path_of(svg, "d8").count("M") == 2
    assert path_of(svg, "d0").count("M") == 2
    assert classify(0.0, DIFFERENCE_STEPS) == 4
    assert [classify(s, DIFFERENCE_STEPS) for s in DIFFERENCE_STEPS] == list(range(1, 9))


def test_panel_turns_rows_up():
    svg = panel_chart([[0.5, 0.0], [0.0, 0.5]], 0.5, "x")
    assert path_of(svg, "q6") == "M0 1h1v1h-1zM1 0h1v1h-1z"


def test_no_shape_no_element():
    assert rectangles([], "real") == ""


def test_ladder():
    steps = tuple(LadderStep(share=s, score=900 + 100 * s) for s in (0.1, 0.5, 0.9))
    assert equivalent_share(steps, 940.0) == pytest.approx(0.4)
    assert equivalent_share(steps, 999.0) is None
    result = KMarginalResult(
        k=2, n_marginals=3, n_possible=3, score=even(940.0), distance=even(0.06),
        expected_score=980.0, expected_distance=0.02, ladder=steps,
    )  # fmt: skip
    svg = ET.fromstring(ladder_chart(result))
    assert len(list(svg.iter("circle"))) == 3
