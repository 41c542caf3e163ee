"""Heat maps of all pairs of columns, coloured in classes: one path a class, however many pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from gpusynth.report.svg import Svg, attribute, coordinate, rectangles, text
from gpusynth.report.wording import shorten

__all__ = ["DIFFERENCE_STEPS", "STRENGTH_STEPS", "classify", "heat_map"]

DIFFERENCE_STEPS = (-0.2, -0.1, -0.05, -0.02, 0.02, 0.05, 0.1, 0.2)
"""Where the classes of differences meet: five is the middle one, no difference to speak of."""

STRENGTH_STEPS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
"""Where the classes of strengths (absolute values) meet."""

_FEW = 30
_LETTERS = 14
_LETTER = 0.43
"""Width of a capital letter in units, in the widest of the usual system fonts."""


def classify(value: float, steps: Sequence[float]) -> int:
    """Return the class of a value: how many steps it has reached.

    Returns
    -------
    int
    """
    return sum(value >= step for step in steps)


def heat_map(
    n_columns: int,
    values: Sequence[float | None],
    *,
    steps: Sequence[float],
    palette: str,
    name: str,
    description: str,
    labels: Sequence[str] = (),
) -> Svg:
    """Draw a symmetric matrix; one unit a column, so the page scales it as it likes.

    Parameters
    ----------
    n_columns : int
    values : sequence of float or None
        Of pairs (0, 1), (0, 2), ...; None is left blank.
    steps : sequence of float
        Where colour classes meet.
    palette : str
        Prefix of the classes' style names.
    name : str
        By which the page's script finds the values of the cell under the pointer.
    description : str
        For those who do not see it.
    labels : sequence of str
        Names of the columns, set beside the rows where they are few enough to be read.

    Returns
    -------
    Svg
    """
    classes: list[list[tuple[float, float, float, float]]] = [[] for _ in range(len(steps) + 1)]
    for (row, column), value in zip(combinations(range(n_columns), 2), values, strict=True):
        if value is not None:
            own = classes[classify(value, steps)]
            own.append((column, row, 1, 1))
            own.append((row, column, 1, 1))
    diagonal = rectangles([(i, i, 1, 1) for i in range(n_columns)], "diagonal")
    body = "".join(
        rectangles(_runs(shapes), f"{palette}{number}") for number, shapes in enumerate(classes)
    )
    names = [shorten(label, _LETTERS) for label in labels] if n_columns <= _FEW else []
    margin = max((len(label) for label in names), default=-1) * _LETTER + _LETTER
    written = "".join(text(-0.3, row + 0.7, label, "label end") for row, label in enumerate(names))
    return Svg(
        f'<svg class="heat" role="img" tabindex="0" data-heat="{attribute(name)}" '
        f'viewBox="{coordinate(-margin)} 0 {coordinate(n_columns + margin)} {n_columns}" '
        f'shape-rendering="crispEdges" aria-label="{attribute(description)}">'
        f"{written}{diagonal}{body}"
        '<rect class="cursor" width="1" height="1" x="-99" y="-99"/></svg>'
    )


def _runs(
    shapes: Sequence[tuple[float, float, float, float]],
) -> list[tuple[float, float, float, float]]:
    """Join squares that stand side by side in a row."""
    joined: list[tuple[float, float, float, float]] = []
    for x, y, width, height in sorted(shapes, key=lambda shape: (shape[1], shape[0])):
        if joined and joined[-1][1] == y and joined[-1][0] + joined[-1][2] == x:
            last = joined.pop()
            joined.append((last[0], y, last[2] + width, height))
        else:
            joined.append((x, y, width, height))
    return joined
