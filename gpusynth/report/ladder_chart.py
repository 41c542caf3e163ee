"""The k-marginal ladder: which subsample of the real file is as far off as the synthetic one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gpusynth.evaluate.details import KMarginalResult, LadderStep
from gpusynth.report.svg import Svg, attribute, segments, text, tip
from gpusynth.report.wording import number, percent

__all__ = ["equivalent_share", "ladder_chart"]

_WIDTH = 440.0
_HEIGHT = 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 8.0, 14.0, 34.0


def equivalent_share(ladder: Sequence[LadderStep], score: float) -> float | None:
    """Return the share of a subsample that scores the same, by linear interpolation.

    Parameters
    ----------
    ladder : sequence of LadderStep
    score : float

    Returns
    -------
    float or None
        None where the score lies outside the ladder.
    """
    steps = sorted(ladder, key=lambda step: step.share)
    for low, high in itertools.pairwise(steps):
        if low.score <= score <= high.score and high.score > low.score:
            return low.share + (score - low.score) / (high.score - low.score) * (
                high.share - low.share
            )
    return None


def ladder_chart(result: KMarginalResult) -> Svg:
    """Draw scores of subsamples over their share, and the synthetic score as a line across.

    Parameters
    ----------
    result : KMarginalResult

    Returns
    -------
    Svg
    """
    levels = [step.score for step in result.ladder] + [result.score.lowest, result.score.highest]
    if result.expected_score is not None:
        levels.append(result.expected_score)
    low = min(levels)
    high = max(1000.0, max(levels))
    low -= 0.08 * (high - low) or 1.0

    def x(share: float) -> float:
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(score: float) -> float:
        return _TOP + (high - score) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    steps = sorted(result.ladder, key=lambda step: step.share)
    line = " ".join(f"{x(s.share):.1f},{y(s.score):.1f}" for s in steps)
    dots = "".join(_dot(x(s.share), y(s.score), s) for s in steps)
    ticks = [low + (high - low) * i / 3 for i in range(4)]
    parts = [
        segments([(_LEFT, y(t), _WIDTH - _RIGHT, y(t)) for t in ticks], "grid"),
        *(text(_LEFT - 6, y(t) + 4, number(t, 3), "tick end") for t in ticks),
        *(
            text(x(s), _HEIGHT - 16, percent(s, 0), "tick middle")
            for s in (0.1, 0.3, 0.5, 0.7, 0.9)
        ),
        text(x(0.5), _HEIGHT - 1, "share of the real rows in the subsample", "tick middle"),
        f'<polyline class="line-real" points="{line}"/>{dots}',
        _across(x(0), x(1), y(result.score.mean), "line-synthetic"),
        text(_WIDTH - _RIGHT, y(result.score.mean) + 14, "synthetic", "name-synthetic end"),
    ]
    if result.expected_score is not None:
        parts.append(_across(x(0), x(1), y(result.expected_score), "line-expected"))
        parts.append(text(x(0) + 4, y(result.expected_score) - 6, "resample", "tick"))
    description = (
        f"k-marginal scores of subsamples of the real file, k = {result.k}; the synthetic file "
        f"scores {number(result.score.mean, 4)}."
    )
    return Svg(
        f'<svg class="plot" role="img" tabindex="0" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" '
        f'aria-label="{attribute(description)}">{"".join(parts)}</svg>'
    )


def _dot(x: float, y: float, step: LadderStep) -> str:
    told = tip(f"{percent(step.share, 0)} subsample", number(step.score, 4), "")
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4" data-tip="{told}"/>'


def _across(left: float, right: float, y: float, style: str) -> str:
    return segments([(left, y, right, y)], style)
