"""Plot of the frontier: matched unique records against the k-marginal, one point a setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpusynth.report.svg import coordinate, rectangles, segments, text

__all__ = ["frontier_chart"]

_WIDTH, _HEIGHT = 820.0, 460.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 250.0, 20.0, 50.0
_FARTHEST = 30.0
"""Settings this far below the best k-marginal are listed, not drawn: the others would be a heap."""

_STYLE = (
    "text{font:12px sans-serif;fill:#444}.axis{stroke:#999;fill:none}.grid{stroke:#ddd;fill:none}"
    ".own{fill:#b3421a}.other{fill:#3b6ea5}.link{stroke:#bbb;fill:none}"
    ".page{fill:#fff}"
)


def frontier_chart(lines: Sequence[Mapping[str, Any]]) -> str:
    """Draw matches on the keys in both halves against the k-marginal (k = 3).

    Parameters
    ----------
    lines : sequence of mapping
        Results of one file.

    Returns
    -------
    str
        An SVG document of aggregates only.
    """
    x = [line["figures"]["kmarginal_3"] for line in lines]
    own = [line["figures"]["keys_made_from"] for line in lines]
    other = [line["figures"]["keys_other"] for line in lines]
    high = max(x) + 1.0
    low = min(value for value in x if value > high - _FARTHEST) - 1.0
    most = 1.1 * max(*own, *other)

    def across(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / most * (_HEIGHT - _TOP - _BOTTOM)

    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        rectangles([(0, 0, _WIDTH, _HEIGHT)], "page"),
        segments([(_LEFT, floor, right, floor), (_LEFT, _TOP, _LEFT, floor)], "axis"),
        text(_LEFT, _HEIGHT - 12, "k-marginal, k = 3 (0 to 1000; right is better)", "label"),
        text(8, 14, "unique records matched on the keys, % (low is better)", "label"),
    ]
    for number in range(5):
        value, share = low + number * (high - low) / 4, number * most / 4
        parts.append(text(across(value) - 12, floor + 16, f"{value:.0f}", "tick"))
        parts.append(text(_LEFT - 34, up(share) + 4, f"{share:.1f}", "tick"))
        parts.append(segments([(_LEFT, up(share), right, up(share))], "grid"))
    points = list(zip(x, own, other, strict=True))
    links = [(across(a), up(b), across(a), up(c)) for a, b, c in points if a >= low]
    parts.append(segments(links, "link"))
    for number, (a, b, c) in enumerate(points, start=1):
        words = f"{number}  {lines[number - 1]['setting']}" + ("" if a >= low else f" (at {a:.0f})")
        parts.append(text(right + 12, _TOP + 44 + 17 * number, words, "label"))
        if a < low:
            continue
        parts.append(rectangles([(across(a) - 3, up(c) - 3, 6, 6)], "other"))
        parts.append(rectangles([(across(a) - 4, up(b) - 4, 8, 8)], "own"))
        parts.append(text(across(a) + 6, up(b) - 4, str(number), "label"))
    for place, (style, words) in enumerate(
        (("own", "half that was synthesized"), ("other", "half that was not"))
    ):
        parts.append(rectangles([(right + 12, _TOP + 18 * place, 8, 8)], style))
        parts.append(text(right + 26, _TOP + 9 + 18 * place, words, "label"))
    size = f"{coordinate(_WIDTH)} {coordinate(_HEIGHT)}"
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )
