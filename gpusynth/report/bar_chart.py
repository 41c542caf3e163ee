"""Bars of one column: real shares as bars, synthetic ones as marks across them.

A filled bar and a coloured line can be told apart in print and by everyone; the pale band behind
the line spans all synthetic files.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpusynth.evaluate.details import Bar, ColumnResult
from gpusynth.report.svg import Svg, attribute, coordinate, rectangles, segments, text, tip
from gpusynth.report.wording import percent, shorten

__all__ = ["bar_chart", "largest_difference"]

_WIDTH = 440.0
_ROW = 19.0
_LABEL = 132.0
_LETTER = 6.7
_VALUE = 54.0
_HEAD = 17.0
_HEIGHT = 150.0
_AXIS = 34.0
_GAP = 26.0
_MOST_SPECIAL = 6


def bar_chart(column: ColumnResult) -> Svg:
    """Draw the bars of a column: upright for numbers, lying for levels.

    Parameters
    ----------
    column : ColumnResult

    Returns
    -------
    Svg
        Each bar has a transparent rectangle with ``data-tip``, see `gpusynth.report.svg.tip`.
    """
    upright = any(bar.kind == "bin" for bar in column.bars)
    body, height = _upright(column.bars) if upright else _lying(column.bars)
    return Svg(
        f'<svg class="plot" role="img" tabindex="0" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" '
        f'aria-label="{attribute(_description(column))}">{body}</svg>'
    )


def largest_difference(bars: Sequence[Bar]) -> Bar | None:
    """Return the bar whose shares differ most.

    Returns
    -------
    Bar or None
    """
    return max(bars, key=lambda bar: abs(bar.synthetic.mean - bar.real), default=None)


def _description(column: ColumnResult) -> str:
    worst = largest_difference(column.bars)
    if worst is None:
        return f"{column.name}: no answers."
    return (
        f"Shares of the answers to {column.name}, {len(column.bars)} bars. Largest difference: "
        f"{worst.label}, real {percent(worst.real)}, synthetic {percent(worst.synthetic.mean)}."
    )


def _tip(bar: Bar) -> str:
    label = f"{bar.label}: {bar.meaning}" if bar.meaning else bar.label
    synthetic = percent(bar.synthetic.mean, 2)
    if bar.synthetic.lowest < bar.synthetic.highest:
        low, high = 100.0 * bar.synthetic.lowest, 100.0 * bar.synthetic.highest
        synthetic += f" ({low:.2f}\N{EN DASH}{high:.2f})"
    return tip(label, percent(bar.real, 2), synthetic)


def _hit(x: float, y: float, width: float, height: float, bar: Bar) -> str:
    return (
        f'<rect class="hit" x="{coordinate(x)}" y="{coordinate(y)}" width="{coordinate(width)}" '
        f'height="{coordinate(height)}" data-tip="{_tip(bar)}"/>'
    )


def _top(bars: Sequence[Bar]) -> float:
    return max((max(bar.real, bar.synthetic.highest) for bar in bars), default=0.0) or 1.0


def _lying(bars: Sequence[Bar]) -> tuple[str, float]:
    longest = max((len(shorten(bar.label, 20)) for bar in bars), default=0)
    left = min(longest * _LETTER + 14.0, _LABEL)
    scale = (_WIDTH - left - 2 * _VALUE) / _top(bars)
    real, bands, marks, hits = [], [], [], []
    labels = [
        text(_WIDTH - _VALUE, 9, "real", "tick end"),
        text(_WIDTH, 9, "synthetic", "tick end name-synthetic"),
    ]
    for number, bar in enumerate(bars):
        y = _HEAD + number * _ROW
        real.append((left, y + 4, bar.real * scale, _ROW - 8))
        low, high = bar.synthetic.lowest * scale, bar.synthetic.highest * scale
        bands.append((left + low, y + 2, high - low, _ROW - 4))
        at = left + bar.synthetic.mean * scale
        marks.append((at, y + 2, at, y + _ROW - 2))
        style = "label end" if bar.kind in ("level", "spike") else "label end special"
        labels.append(text(left - 8, y + 13.5, shorten(bar.label, 20), style))
        labels.append(text(_WIDTH - _VALUE, y + 13.5, percent(bar.real), "value end"))
        labels.append(text(_WIDTH, y + 13.5, percent(bar.synthetic.mean), "value end"))
        hits.append(_hit(0, y, _WIDTH, _ROW, bar))
    drawn = (
        rectangles(real, "real"),
        rectangles([band for band in bands if band[2] > 0.2], "spread"),
        segments(marks, "mark"),
        *labels,
        *hits,
    )
    return "".join(drawn), _HEAD + len(bars) * _ROW


def _upright(bars: Sequence[Bar]) -> tuple[str, float]:
    special = [bar for bar in bars if bar.kind != "bin"]
    # many spikes would leave no room: then everything shares one panel
    groups = [special, [bar for bar in bars if bar.kind == "bin"]]
    if not special or len(special) > _MOST_SPECIAL:
        groups = [list(bars)]
    fixed = len(groups) * _AXIS + (len(groups) - 1) * _GAP
    slots = sum(_slots(group) for group in groups)
    unit = (_WIDTH - fixed) / slots
    x = 0.0
    parts = []
    for group in groups:
        width = unit * _slots(group)
        parts.append(_panel(group, x + _AXIS, width))
        x += _AXIS + width + _GAP
    return "".join(parts), _HEIGHT + 24


def _slots(group: Sequence[Bar]) -> float:
    """Width of a panel in bars: few special bars are wider, so that their labels fit."""
    return len(group) * (2.2 if group[0].kind != "bin" else 1.0)


def _panel(bars: Sequence[Bar], left: float, width: float) -> str:
    """Draw one group of bars on its own scale, with its axis on the left."""
    top = _top(bars)
    base = _HEIGHT
    room = _HEIGHT - 12.0
    step = width / len(bars)
    pad = min(step * 0.12, 6.0)
    real, bands, marks, hits = [], [], [], []
    for number, bar in enumerate(bars):
        x = left + number * step
        height = bar.real / top * room
        real.append((x + pad, base - height, step - 2 * pad, height))
        low, high = bar.synthetic.lowest / top * room, bar.synthetic.highest / top * room
        bands.append((x + pad, base - high, step - 2 * pad, high - low))
        at = base - bar.synthetic.mean / top * room
        marks.append((x + pad / 2, at, x + step - pad / 2, at))
        hits.append(_hit(x, 0, step, base, bar))
    grid = [(left, base - share * room, left + width, base - share * room) for share in (0.5, 1.0)]
    axis = [
        text(left - 5, base - share * room + 4, percent(share * top), "tick end")
        for share in (0.5, 1.0)
    ]
    return "".join(
        (
            segments(grid, "grid"),
            rectangles(real, "real"),
            rectangles([band for band in bands if band[3] > 0.2], "spread"),
            segments(marks, "mark"),
            segments([(left, base, left + width, base)], "axis"),
            *axis,
            *_bin_labels(bars, left, width, step),
            *hits,
        )
    )


def _bin_labels(bars: Sequence[Bar], left: float, width: float, step: float) -> list[str]:
    y = _HEIGHT + 15
    if bars[0].kind != "bin":
        length = max(int(step / 6.2), 4)
        return [
            text(left + (i + 0.5) * step, y, shorten(bar.label, length), "tick middle")
            for i, bar in enumerate(bars)
        ]
    labels = [text(left, y, bars[0].label, "tick")]
    if len(bars) > 1:
        labels.append(text(left + width, y, bars[-1].label, "tick end"))
    if len(bars) > 6 and width > 240:
        middle = len(bars) // 2
        labels.append(text(left + (middle + 0.5) * step, y, bars[middle].label, "tick middle"))
    return labels
