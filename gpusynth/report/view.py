"""What the templates show: charts drawn, numbers written, lists in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from gpusynth.evaluate.details import ColumnResult, PairMatrices, Panel
from gpusynth.evaluate.figures import Comparison
from gpusynth.evaluate.results import Evaluation
from gpusynth.report.bar_chart import bar_chart
from gpusynth.report.forest_chart import forest_chart
from gpusynth.report.heat_map import DIFFERENCE_STEPS, STRENGTH_STEPS, heat_map
from gpusynth.report.ladder_chart import ladder_chart
from gpusynth.report.panel_chart import panel_chart
from gpusynth.report.svg import Svg

__all__ = [
    "ColumnView",
    "Forest",
    "HeatMaps",
    "PairRow",
    "PanelPair",
    "column_views",
    "forests",
    "heat_maps",
    "ladder",
    "panel_pairs",
    "worst_pairs",
]

_RATIO_STEPS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
_N_PAIRS = 15


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column, its plot, and the numbers by which the page sorts."""

    result: ColumnResult
    chart: Svg
    excess: float
    ratio: float | None
    position: int


@dataclass(frozen=True, slots=True)
class HeatMaps:
    """Maps of all pairs: the large one, small ones beside it, and what the script shows."""

    large: Svg
    title: str
    legend: tuple[tuple[str, str], ...]
    small: tuple[tuple[str, Svg], ...]
    small_legend: tuple[tuple[str, str], ...]
    values: Svg


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair of columns in the table of pairs."""

    columns: tuple[str, str]
    real: float | None
    synthetic: float | None
    distance: float
    expected: float


@dataclass(frozen=True, slots=True)
class PanelPair:
    """One panel of components, real and synthetic."""

    title: str
    real: Svg
    synthetic: Svg


@dataclass(frozen=True, slots=True)
class Forest:
    """Estimates of one analysis."""

    name: str
    chart: Svg


def column_views(columns: Sequence[ColumnResult]) -> tuple[ColumnView, ...]:
    """Return the columns, those first that exceed their baseline most.

    Returns
    -------
    tuple of ColumnView
    """
    views = [
        ColumnView(
            result=column,
            chart=bar_chart(column),
            excess=column.distance.mean - (column.expected_distance or 0.0),
            ratio=column.distance.mean / column.expected_distance
            if column.expected_distance
            else None,
            position=position,
        )
        for position, column in enumerate(columns)
    ]
    return tuple(sorted(views, key=lambda view: -view.excess))


def heat_maps(pairs: PairMatrices) -> HeatMaps:
    """Draw the maps: differences of association, or distances where there are no associations.

    Returns
    -------
    HeatMaps
    """
    n = len(pairs.columns)
    n_pairs = n * (n - 1) // 2
    values = json.dumps(
        {
            "columns": list(pairs.columns),
            "real": pairs.real,
            "synthetic": pairs.synthetic,
            "distance": pairs.distance,
            "expected": pairs.expected_distance,
        },
        separators=(",", ":"),
    ).replace("<", "\\u003c")  # no column name can end the script element that holds this
    if len(pairs.real) != n_pairs:
        ratios = [
            a / b if b > 0 else None
            for a, b in zip(pairs.distance, pairs.expected_distance, strict=True)
        ]
        large = heat_map(
            n, ratios, steps=_RATIO_STEPS, palette="q", name="distance",
            description=f"Two-way distances of {n} columns over those of a resample.",
            labels=pairs.columns,
        )  # fmt: skip
        return HeatMaps(
            large=large,
            title="Two-way distance over that of a resample",
            legend=_legend(_RATIO_STEPS, "q"),
            small=(),
            small_legend=(),
            values=Svg(values),
        )
    differences = [
        None if a is None or b is None else b - a
        for a, b in zip(pairs.real, pairs.synthetic, strict=True)
    ]
    strengths = [
        (name, [None if v is None else abs(v) for v in side])
        for name, side in (("Real", pairs.real), ("Synthetic", pairs.synthetic))
    ]
    return HeatMaps(
        large=heat_map(
            n, differences, steps=DIFFERENCE_STEPS, palette="d", name="difference",
            description=(
                f"Differences of association of all pairs of {n} columns, synthetic minus real. "
                "The table of pairs below lists the largest. Arrow keys move through the cells."
            ),
            labels=pairs.columns,
        ),
        title="Synthetic minus real",
        legend=_legend(DIFFERENCE_STEPS, "d"),
        small=tuple(
            (
                name,
                heat_map(
                    n, side, steps=STRENGTH_STEPS, palette="q", name=name.lower(),
                    description=f"Strength of association of all pairs, {name.lower()} file.",
                ),
            )
            for name, side in strengths
        ),
        small_legend=_legend(STRENGTH_STEPS, "q"),
        values=Svg(values),
    )  # fmt: skip


def _legend(steps: Sequence[float], palette: str) -> tuple[tuple[str, str], ...]:
    """Return style and text of each class; the text is its lower end."""
    texts = [f"under {_plain(steps[0])}", *(_plain(step) for step in steps)]
    return tuple((f"{palette}{i}", text) for i, text in enumerate(texts))


def _plain(step: float) -> str:
    return f"{step:g}".replace("-", "\N{MINUS SIGN}")


def worst_pairs(pairs: PairMatrices) -> tuple[PairRow, ...]:
    """Return the pairs whose two-way tables exceed their baseline most.

    Returns
    -------
    tuple of PairRow
    """
    n = len(pairs.columns)
    names = list(combinations(pairs.columns, 2))
    known = len(pairs.real) == len(names)
    order = sorted(
        range(n * (n - 1) // 2), key=lambda i: pairs.expected_distance[i] - pairs.distance[i]
    )
    return tuple(
        PairRow(
            columns=names[i],
            real=pairs.real[i] if known else None,
            synthetic=pairs.synthetic[i] if known else None,
            distance=pairs.distance[i],
            expected=pairs.expected_distance[i],
        )
        for i in order[:_N_PAIRS]
    )


def panel_pairs(panels: Sequence[Panel]) -> tuple[PanelPair, ...]:
    """Draw each panel of both files on one scale.

    Returns
    -------
    tuple of PanelPair
    """
    drawn = []
    for panel in panels:
        fullest = max(v for side in (panel.real, panel.synthetic) for row in side for v in row)
        charts = [
            panel_chart(
                shares,
                fullest or 1.0,
                f"{name} rows in the plane of components {panel.x} and {panel.y}.",
            )
            for name, shares in (("Real", panel.real), ("Synthetic", panel.synthetic))
        ]
        drawn.append(
            PanelPair(
                title=f"Components {panel.x} and {panel.y}",
                real=charts[0],
                synthetic=charts[1],
            )
        )
    return tuple(drawn)


def ladder(evaluation: Evaluation) -> Svg | None:
    """Draw the ladder of the two-way score, None where there is none.

    Returns
    -------
    Svg or None
    """
    found = next((r for r in evaluation.kmarginals if r.k == 2 and r.ladder), None)
    return None if found is None else ladder_chart(found)


def forests(comparisons: Sequence[Comparison]) -> tuple[Forest, ...]:
    """Group estimates by analysis and draw each group.

    Returns
    -------
    tuple of Forest
    """
    names = dict.fromkeys(one.name for one in comparisons)
    grouped = {name: tuple(one for one in comparisons if one.name == name) for name in names}
    return tuple(Forest(name, forest_chart(rows)) for name, rows in grouped.items())
