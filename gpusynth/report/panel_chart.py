"""Panels of principal components: shares of rows in squares, real beside synthetic."""

from __future__ import annotations

from collections.abc import Sequence

from gpusynth.report.svg import Svg, attribute, rectangles

__all__ = ["panel_chart"]

_STEPS = (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Classes by halving from the fullest square: densities span orders of magnitude."""


def panel_chart(shares: Sequence[Sequence[float]], fullest: float, description: str) -> Svg:
    """Draw one panel; empty squares stay blank.

    Parameters
    ----------
    shares : sequence of sequences of float
        Row 0 is the lowest.
    fullest : float
        Largest share of both panels, so that one scale serves both.
    description : str

    Returns
    -------
    Svg
    """
    n_rows = len(shares)
    n_columns = len(shares[0]) if n_rows else 0
    classes: list[list[tuple[float, float, float, float]]] = [[] for _ in _STEPS]
    for number, row in enumerate(shares):
        for column, share in enumerate(row):
            if share > 0.0:
                own = sum(share > step * fullest for step in _STEPS) - 1
                classes[max(own, 0)].append((column, n_rows - 1 - number, 1, 1))
    body = "".join(rectangles(shapes, f"q{number}") for number, shapes in enumerate(classes))
    return Svg(
        f'<svg class="panel" role="img" viewBox="0 0 {n_columns} {n_rows}" '
        f'shape-rendering="crispEdges" aria-label="{attribute(description)}">{body}</svg>'
    )
