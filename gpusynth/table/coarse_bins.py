"""Bins of numbers that few share, whose edges say nothing of any few units.

An edge inside a column is a number that enough units share, or a point of a fixed grid of round
numbers: both cells of the grid that meet there hold enough units. Grids are 1, 2 or 5 in the third
digit, in the second and so on, up to whole decades, and do not depend on the data; finer digits
divide cells that hold twice enough. Fine grids are asked first: where many numbers lie bins are
narrow, and where few do they are wide. Moving numbers about inside their cells changes no edge.

The lowest and the highest edge end a cell with enough units. Numbers beyond belong to the first or
last bin, so that no edge tells of an extreme number.
"""

from __future__ import annotations

from bisect import bisect, insort
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gpusynth.arrays import Array

__all__ = ["Bins", "cut_bins", "grid_points"]

_DECADES = 16
"""Decades below the largest number; smaller ones are told from zero by their sign alone."""
_COARSE = 2
"""Grids, the last ones, that say where a column ends only if no other can: they are decades."""
_FINER = 6
"""Digits after the third that may divide a cell."""


def _spacings() -> tuple[Array, ...]:
    """Return the points of each grid in one decade, in hundredths of its first number."""
    fine = [np.arange(100, 1000, width) for width in (1, 2, 5, 10, 20, 50, 100)]
    return (*fine, np.array([100, 200, 500]), np.array([100]))


_SPACINGS = _spacings()


def grid_points(number: int, largest: float, step: float) -> Array:
    """Return the points of one grid.

    Parameters
    ----------
    number : int
        0 for the finest, 9 for the coarsest.
    largest : float
        Points reach beyond it on both sides of zero.
    step : float
        Points are multiples of it; 0 for none.

    Returns
    -------
    array of float64, shape (n,)
        Ascending, with 0.
    """
    top = int(np.ceil(np.log10(max(largest, step, 1e-290)))) + 1
    spacing = _SPACINGS[min(number, len(_SPACINGS) - 1)]
    decades = range(max(top - _DECADES, -300), top + 1)
    if number >= len(_SPACINGS):
        decades = range(decades.start + (-decades.start) % 3, top + 3, 3)
    # Texts give the float64 nearest to each round number, as files and people write it.
    points = np.array(
        [float(f"{at}e{decade - 2}") for decade in decades for at in spacing.tolist()]
    )
    points = _on_step(points, step)
    return np.unique(np.concatenate([-points, np.zeros(1), points]))


N_GRIDS = len(_SPACINGS) + 1


@dataclass(frozen=True, slots=True)
class Bins:
    """Ascending numbers, cut into shared numbers and bins of enough units.

    Attributes
    ----------
    lows, highs : list of float
        Edges of each code; equal for a shared number. Bins do not overlap.
    code_of : list of int
        Code of each different number; -1 where nothing may be told.
    """

    lows: list[float]
    highs: list[float]
    code_of: list[int]


def cut_bins(distinct: Array, is_shared: Array, size: Array, *, step: float, least: int) -> Bins:
    """Cut numbers into shared ones and bins.

    Numbers between two shared ones are in bins that fill the space between them; too few of them
    count as the lower one.

    Parameters
    ----------
    distinct : array of int64 or float64, shape (n,)
        Ascending.
    is_shared : array of bool, shape (n,)
    size : array of float64, shape (n,)
        Units with each number; a unit counts once in the whole column.
    step : float
        Unit of the last digit, 0 for none.
    least : int
        Units that a bin has, and either cell beside an edge.

    Returns
    -------
    Bins
    """
    bins = Bins([], [], [-1] * len(distinct))
    largest = float(np.abs(distinct).max(initial=0))
    grids: list[Array] = []
    running = np.concatenate([np.zeros(1), np.cumsum(size)])
    begin = 0
    for end in [*np.flatnonzero(is_shared).tolist(), len(distinct)]:
        below = len(bins.lows) - 1
        edges: list[float] = []
        if running[end] - running[begin] >= least:
            if not grids:
                grids = [grid_points(number, largest, step) for number in range(N_GRIDS)]
            part = _Part(distinct[begin:end].astype(np.float64), size[begin:end], step, least)
            floor = float(distinct[begin - 1]) if begin else None
            ceiling = float(distinct[end]) if end < len(distinct) else None
            edges = part.edges(grids, _above(floor, step), ceiling)
        for low, high in pairwise(edges):
            bins.lows.append(low)
            bins.highs.append(high)
        if edges:
            place = np.searchsorted(np.array(edges[1:-1]), distinct[begin:end], side="right")
            bins.code_of[begin:end] = (place + below + 1).tolist()
        if end < len(distinct):
            bins.lows.append(float(distinct[end]))
            bins.highs.append(float(distinct[end]))
            bins.code_of[end] = len(bins.lows) - 1
        if not edges and end > begin:
            nearest = below if below >= 0 else len(bins.lows) - 1
            bins.code_of[begin:end] = [nearest] * (end - begin)
        begin = end + 1
    return bins


def _above(floor: float | None, step: float) -> float | None:
    if floor is None:
        return None
    return floor + step if step else float(np.nextafter(floor, np.inf))


@dataclass(frozen=True, slots=True)
class _Part:
    """Numbers between two shared ones: at least `least` units.

    Attributes
    ----------
    numbers, size : array of float64, shape (n,)
    step : float
    least : int
    """

    numbers: Array
    size: Array
    step: float
    least: int

    def edges(self, grids: list[Array], low: float | None, high: float | None) -> list[float]:
        """Return the ascending edges of bins; none where the ends cannot be told."""
        running = np.concatenate([np.zeros(1), np.cumsum(self.size)])
        inside: list[tuple[float, float]] = [(0.0, -np.inf), (float(running[-1]), np.inf)]
        lowest: list[float] = []
        highest: list[float] = []
        near = [points[_around(points, self.numbers)] for points in grids]
        near = [*self._finer(near[0], running), *near]
        for number, points in enumerate(near):
            below = running[np.searchsorted(self.numbers, points, side="left")]
            cells = np.diff(below)
            full = np.flatnonzero(cells >= self.least)
            if len(full) and (number < len(near) - _COARSE or not lowest):
                lowest.append(float(points[full[0]]))
                highest.append(float(points[full[-1] + 1]))
            meet = full[1:][np.diff(full) == 1]
            for at in meet.tolist():
                _accept(inside, float(below[at]), float(points[at]), self.least)
        first = low if low is not None else min(lowest, default=None)
        last = high if high is not None else max(highest, default=None)
        if first is None or last is None or first >= last:
            return []
        return [first, *(edge for _, edge in inside if first < edge < last), last]

    def _finer(self, points: Array, running: Array) -> list[Array]:
        """Return grids with more digits in cells of twice enough units, the finest first."""
        made: list[Array] = []
        for _ in range(_FINER):
            cells = np.diff(running[np.searchsorted(self.numbers, points, side="left")])
            full = np.flatnonzero(cells >= 2 * self.least)
            if not len(full):
                break
            first, width = points[full, None], np.diff(points)[full, None]
            for parts in (2, 5, 10):
                new = (first + width * (np.arange(1, parts) / parts)).reshape(-1)
                made.append(np.unique(np.concatenate([points, _on_step(new, self.step)])))
            points = made[-1]
        return made[::-1]


def _on_step(points: Array, step: float) -> Array:
    """Return the points that are multiples of a step, in the float64 nearest to each."""
    if step:
        points = points[np.abs(points / step - np.rint(points / step)) < 1e-6]
    return np.array([float(f"{point:.12g}") for point in points.tolist()])


def _around(points: Array, numbers: Array) -> slice:
    """Return the points of all cells that numbers lie in."""
    first, last = np.searchsorted(points, [numbers[0], numbers[-1]], side="right")
    return slice(max(int(first) - 1, 0), int(last) + 1)


def _accept(taken: list[tuple[float, float]], below: float, edge: float, least: int) -> None:
    """Keep an edge if the bins on both of its sides have enough units, as others have cut them.

    Edges are ascending, with the units below each.
    """
    place = bisect(taken, (below, edge))
    if below - taken[place - 1][0] >= least and taken[place][0] - below >= least:
        insort(taken, (below, edge))
