"""Trace chart: means and standard deviations of imputed answers over iterations, as SVG.

Drawn by hand as the charts of the report are, so that it needs no library and no script; this floor
is below the report and cannot use its pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array

if TYPE_CHECKING:
    from gpusynth.imputation.traces import Traces

__all__ = ["trace_chart"]

_WIDTH, _HEIGHT = 300.0, 120.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 8.0, 22.0, 16.0
_MARGIN = 8.0
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b5b5b")
"""Okabe and Ito (2008): told apart by colour-blind readers; the next chain takes the next."""


def trace_chart(traces: Traces) -> str:
    """Draw one row of two panels for each imputed column.

    Parameters
    ----------
    traces : Traces

    Returns
    -------
    str
        An SVG document. Left the mean, right the standard deviation; one line an imputation.
    """
    rhat = traces.rhat()
    panels: list[str] = []
    for row, column in enumerate(traces.columns):
        top = _MARGIN + row * _HEIGHT
        shown = "" if rhat[column] is None else f", R-hat {rhat[column]:.2f}"
        mean, deviation = traces.of(column), np.sqrt(traces.of(column, "variance"))
        panels += _panel(_MARGIN, top, f"{column}: mean{shown}", mean)
        panels += _panel(_MARGIN + _WIDTH, top, f"{column}: standard deviation", deviation)
    width = 2 * _WIDTH + 2 * _MARGIN
    height = len(traces.columns) * _HEIGHT + 2 * _MARGIN
    style = (
        "text{font:11px sans-serif;fill:#222}.tick{font-size:9px;fill:#555}"
        ".frame{fill:none;stroke:#bbb}polyline{fill:none;stroke-width:1.2}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}"><title>Traces of imputed answers</title>'
        f"<style>{style}</style>"
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _panel(left: float, top: float, title: str, traces: Array) -> Sequence[str]:
    known = traces[np.isfinite(traces)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    reach = high - low or 1.0
    x_0, x_1 = left + _LEFT, left + _WIDTH - _RIGHT
    y_0, y_1 = top + _HEIGHT - _BOTTOM, top + _TOP
    n_iterations = traces.shape[1]

    def point(iteration: int, value: float) -> str:
        share = iteration / max(n_iterations - 1, 1)
        height = (value - low) / reach if high > low else 0.5
        return f"{x_0 + share * (x_1 - x_0):.1f},{y_0 - height * (y_0 - y_1):.1f}"

    parts = [
        f'<text x="{x_0:.0f}" y="{top + 14:.0f}">{escape(title)}</text>',
        f'<rect class="frame" x="{x_0:.0f}" y="{y_1:.0f}" width="{x_1 - x_0:.0f}" '
        f'height="{y_0 - y_1:.0f}"/>',
        _tick(x_0, y_0 + 11, "1", "start"),
        _tick(x_1, y_0 + 11, str(n_iterations), "end"),
    ]
    if known.size:
        parts += [
            _tick(x_0 - 4, y_0 + 3, f"{low:.4g}", "end"),
            _tick(x_0 - 4, y_1 + 3, f"{high:.4g}", "end"),
        ]
    for number, trace in enumerate(traces):
        points = [point(i, float(value)) for i, value in enumerate(trace) if np.isfinite(value)]
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<polyline stroke="{colour}" points="{" ".join(points)}"/>')
    return parts


def _tick(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'
