"""Panels: joint distributions of two components on a grid, small enough for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.counting import count_codes

__all__ = ["GridRows", "Panel", "grid_cells", "grid_edges", "make_panel"]

_CENTRAL = 0.99
"""Share of the real scores that the inner cells of a grid span."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Joint distribution of two components in both files.

    Attributes
    ----------
    components : tuple of int
        Numbers of the components, from 1: across and up.
    x_edges, y_edges : array of float64, shape (n_bins - 1,)
        Where cells meet; the outermost cells are open.
    real, synthetic : array of float64, shape (n_bins, n_bins)
        Shares of rows (or weight); first index across.
    overlap : float
    expected_overlap, holdout_overlap : float or None
    """

    components: tuple[int, int]
    x_edges: Array
    y_edges: Array
    real: Array
    synthetic: Array
    overlap: float
    expected_overlap: float | None
    holdout_overlap: float | None


@dataclass(frozen=True, slots=True)
class GridRows:
    """Rows of one file on the grid of each component.

    Attributes
    ----------
    cells : array of uint8 or uint16, shape (n_components, n_rows)
    weight : array of int64, shape (n_rows,), or None
    """

    cells: Array
    weight: Array | None

    def take(self, rows: Array) -> GridRows:
        """Return the given rows."""
        return GridRows(self.cells[:, rows], None if self.weight is None else self.weight[rows])


def grid_edges(scores: Array, n_bins: int) -> Array:
    """Return where cells meet, for each component: equally far from each other.

    Parameters
    ----------
    scores : array of float64, shape (n_components, n_rows)
        Of the real file.
    n_bins : int
        Cells, the outermost of which are open.

    Returns
    -------
    array of float64, shape (n_components, n_bins - 1)
    """
    tail = (1.0 - _CENTRAL) / 2.0
    low, high = np.quantile(scores, [tail, 1.0 - tail], axis=1)
    # nearly all rows in one place: the others, however rare, give the width
    narrow = high - low <= 1e-9 * np.ptp(scores, axis=1)
    low, high = (
        np.where(narrow, scores.min(axis=1), low),
        np.where(narrow, scores.max(axis=1), high),
    )
    return np.linspace(low, high, n_bins - 1, axis=1)


def grid_cells(scores: Array, edges: Array) -> Array:
    """Return the grid cell of each score, uint8 or uint16, shape (n_components, n_rows)."""
    dtype = np.min_scalar_type(edges.shape[1])
    return np.stack(
        [
            np.searchsorted(cuts, row, side="right").astype(dtype)
            for cuts, row in zip(edges, scores, strict=True)
        ]
    )


def _joint(rows: GridRows, first: int, second: int, n_bins: int) -> Array:
    cells = rows.cells[first].astype(np.int64) * n_bins + rows.cells[second]
    counts = count_codes(cells, n_bins * n_bins, rows.weight)
    return counts.reshape(n_bins, n_bins) / float(counts.sum())


def _overlap(a: Array, b: Array) -> float:
    return float(np.minimum(a, b).sum())


def make_panel(
    edges: Array,
    pair: tuple[int, int],
    *,
    files: tuple[GridRows, GridRows],
    holdout: GridRows | None,
    resamples: Sequence[GridRows],
) -> Panel:
    """Make the panel of two components.

    Parameters
    ----------
    edges : array of float64, shape (n_components, n_bins - 1)
    pair : tuple of int
        Positions of the components.
    files : tuple of GridRows
        The real and the synthetic file.
    holdout : GridRows or None
    resamples : sequence of GridRows
    """
    first, second = pair
    n_bins = edges.shape[1] + 1
    real, synthetic = (_joint(rows, first, second, n_bins) for rows in files)
    chance = [_overlap(real, _joint(rows, first, second, n_bins)) for rows in resamples]
    kept = None if holdout is None else _overlap(real, _joint(holdout, first, second, n_bins))
    return Panel(
        components=(first + 1, second + 1),
        x_edges=edges[first],
        y_edges=edges[second],
        real=real,
        synthetic=synthetic,
        overlap=_overlap(real, synthetic),
        expected_overlap=float(np.mean(chance)) if chance else None,
        holdout_overlap=kept,
    )
