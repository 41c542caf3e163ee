"""Forest plot: estimates from the real and the synthetic file with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from gpusynth.evaluate.figures import Comparison
from gpusynth.report.svg import Svg, attribute, segments, text, tip
from gpusynth.report.wording import number, shorten

__all__ = ["forest_chart"]

_WIDTH = 720.0
_ROW = 30.0
_LABEL = 220.0
_RIGHT = 70.0
_BOTTOM = 24.0


def forest_chart(comparisons: Sequence[Comparison]) -> Svg:
    """Draw one row a term: real above, synthetic below, zero as a line.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Of one analysis.

    Returns
    -------
    Svg
    """
    ends = [
        end for one in comparisons for end in (*one.real_interval, *one.synthetic_interval, 0.0)
    ]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    room = _WIDTH - _LABEL - _RIGHT

    def x(value: float) -> float:
        return _LABEL + (value - low) / span * room

    height = len(comparisons) * _ROW + _BOTTOM
    real, synthetic, parts = [], [], []
    for row, one in enumerate(comparisons):
        y = row * _ROW
        real.append((x(one.real_interval[0]), y + 10, x(one.real_interval[1]), y + 10))
        synthetic.append(
            (x(one.synthetic_interval[0]), y + 19, x(one.synthetic_interval[1]), y + 19)
        )
        parts.append(text(_LABEL - 12, y + 18, shorten(one.term, 32), "label end"))
        parts.append(
            f'<circle class="dot" cx="{x(one.real):.1f}" cy="{y + 10:.1f}" r="3.5"/>'
            f'<circle class="dot-synthetic" cx="{x(one.synthetic):.1f}" cy="{y + 19:.1f}" r="3.5"/>'
        )
        if one.overlap is not None:
            parts.append(text(_WIDTH, y + 18, f"{one.overlap:.2f}", "value end"))
        told = tip(
            one.term,
            _interval(one.real, one.real_interval),
            _interval(one.synthetic, one.synthetic_interval),
        )
        parts.append(
            f'<rect class="hit" x="0" y="{y:.0f}" width="{_WIDTH:.0f}" height="{_ROW:.0f}" '
            f'data-tip="{told}"/>'
        )
    base = height - _BOTTOM
    frame = [
        segments([(x(0.0), 0, x(0.0), base)], "axis"),
        text(x(0.0), height - 8, "0", "tick middle"),
        segments(real, "line-real"),
        segments(synthetic, "line-synthetic"),
    ]
    description = (
        f"{comparisons[0].name}: {len(comparisons)} estimates with intervals, from the real and "
        "from the synthetic file."
    )
    return Svg(
        f'<svg class="plot forest" role="img" tabindex="0" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" '
        f'aria-label="{attribute(description)}">{"".join((*frame, *parts))}</svg>'
    )


def _interval(value: float, ends: tuple[float, float]) -> str:
    return f"{number(value)} ({number(ends[0])} to {number(ends[1])})"
