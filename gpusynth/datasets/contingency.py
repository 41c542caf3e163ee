"""Nominal columns: state, sector given state, race given sector and state.

The tables have the published marginals and odds ratios of our choice: iterative proportional
fitting of a table of tilts (Deming & Stephan 1940) keeps the tilts' odds ratios.

References
----------
.. [1] Deming, W. E. & Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency
   table when the expected marginal totals are known. Annals of Mathematical Statistics 11(4).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.facts_counts import COUNTS, N_RECORDS

__all__ = ["RACES", "SECTORS", "STATES", "cumulative_tables", "pick"]

STATES = tuple(COUNTS["FIPST"])
SECTORS = tuple(int(code) for code in COUNTS["SECTOR"])
RACES = tuple(COUNTS["RACE1"])

# Odds against the rest of the table, state and sector: ours.
_SECTOR_TILTS: Mapping[tuple[str, int], float] = {
    ("40", 21): 6.0,
    ("48", 21): 3.0,
    ("S1", 21): 7.0,
    ("17", 31): 1.4,
    ("25", 31): 1.1,
    ("S1", 31): 0.5,
    ("01", 31): 1.2,
    ("25", 54): 1.4,
    ("S1", 54): 0.7,
    ("25", 61): 1.5,
    ("17", 52): 1.3,
    ("S1", 23): 1.5,
    ("S1", 72): 1.4,
    ("S1", 48): 1.6,
    ("01", 44): 1.2,
    ("48", 42): 1.2,
    ("S1", 11): 3.0,
}
# Odds of a race among owners, by state or by sector: ours.
_RACE_TILTS: Mapping[tuple[str, str | int], float] = {
    ("B", "01"): 2.0,
    ("B", "17"): 1.3,
    ("B", 62): 2.0,
    ("B", 48): 1.6,
    ("B", 31): 0.5,
    ("A", 72): 4.0,
    ("A", 44): 2.0,
    ("A", 62): 1.7,
    ("A", 54): 1.3,
    ("A", 23): 0.25,
    ("A", "48"): 1.4,
    ("A", "17"): 1.3,
    ("A", "01"): 0.7,
    ("A", "S1"): 0.6,
    ("I", "40"): 5.0,
    ("I", "S1"): 4.0,
    ("I", 23): 1.6,
    ("W I", "40"): 4.0,
    ("W I", "S1"): 3.0,
    ("P", "S1"): 3.0,
    ("S", "48"): 2.0,
    ("W    S", "48"): 1.6,
}
_SWEEPS = 200


def _fit(tilts: Array, rows: Array, columns: Array) -> Array:
    """Scale rows and columns in turn until the table has both marginals."""
    table = tilts * rows[:, None] * columns[None, :]
    for _ in range(_SWEEPS):
        table *= (rows / table.sum(axis=1))[:, None]
        table *= (columns / table.sum(axis=0))[None, :]
    return table


def _shares(name: str) -> Array:
    return np.asarray(tuple(COUNTS[name].values()), np.float64) / N_RECORDS


def _cumulative(table: Array) -> Array:
    """Cumulative shares within rows, row r shifted by r, as one ascending array.

    The last share of each row is its exact end, r + 1, so rounding cannot carry over.
    """
    within = np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)
    within[:, -1] = 1.0
    return (within + np.arange(len(table))[:, None]).ravel()


@cache
def cumulative_tables() -> tuple[Array, Array, Array]:
    """Return the tables of state, sector given state and race given (state, sector).

    Returns
    -------
    tuple of three arrays of float64
        For `pick`.
    """
    states, sectors, races = _shares("FIPST"), _shares("SECTOR"), _shares("RACE1")
    tilts = np.ones((len(STATES), len(SECTORS)))
    for (state, sector), odds in _SECTOR_TILTS.items():
        tilts[STATES.index(state), SECTORS.index(sector)] = odds
    cells = _fit(tilts, states, sectors)
    race_tilts = np.ones((len(STATES), len(SECTORS), len(RACES)))
    for (race, place), odds in _RACE_TILTS.items():
        number = RACES.index(race)
        if isinstance(place, int):
            race_tilts[:, SECTORS.index(place), number] *= odds
        else:
            race_tilts[STATES.index(place), :, number] *= odds
    by_race = _fit(race_tilts.reshape(cells.size, len(RACES)), cells.ravel(), races)
    return _cumulative(states[None, :]), _cumulative(cells), _cumulative(by_race)


def pick(cumulative: Array, row: Array, uniform: Array, n_levels: int) -> Array:
    """Pick a level from one row of a table.

    Parameters
    ----------
    cumulative : array of float64, shape (n_table_rows * n_levels,)
    row : array of int64, shape (n,)
    uniform : array of float64, shape (n,)
        In (0, 1).
    n_levels : int

    Returns
    -------
    array of int64, shape (n,)
    """
    place = np.searchsorted(cumulative, row + uniform) - row * n_levels
    # row + uniform may round up to the next whole number: then it is the row's last level.
    return np.clip(place, 0, n_levels - 1)
