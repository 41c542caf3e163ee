"""Tails: whether the largest real units turn up in the synthetic file.

The largest firm of a survey is known to everybody, and so is roughly what it earns. For the largest
real values of a number column (by magnitude) this counts how many occur in the synthetic file
exactly or within a tolerance, anywhere and in a row with the same keys, and how near the nearest
value lies. Synthesis that draws values from donors repeats real values unless it smooths them, so
these counts are the first thing to look at before release.

Two baselines: how many of the largest values a holdout has, and how many are shared by several real
rows, since a repeated value (a rounded one) points at nobody.

Only counts and relative distances are reported, never a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.records import record_keys

__all__ = ["TailCounts", "TailReport", "tail_report"]


@dataclass(frozen=True, slots=True)
class TailCounts:
    """How many of the largest real values another file has.

    Attributes
    ----------
    n_exact, n_near : int
        Values that occur exactly, and within the tolerance.
    n_exact_same_keys, n_near_same_keys : int or None
        The same in rows that agree in all keys; None without keys.
    median_distance : float
        Median over the largest units of ``|nearest - value| / |value|``.
    """

    n_exact: int
    n_near: int
    n_exact_same_keys: int | None
    n_near_same_keys: int | None
    median_distance: float


@dataclass(frozen=True, slots=True)
class TailReport:
    """The largest real units of one column in one synthetic file.

    Attributes
    ----------
    column : str
    keys : tuple of str
    tolerance : float
        Share of the value within which another is near.
    n_top : int
        Largest real units looked at; fewer than asked for where fewer rows have a value but 0.
    n_shared : int
        Of these, units whose value another real row has too.
    synthetic : TailCounts
    holdout : TailCounts or None
        What rows that know nothing of the real ones show; a smaller file shows less.
    """

    column: str
    keys: tuple[str, ...]
    tolerance: float
    n_top: int
    n_shared: int
    synthetic: TailCounts
    holdout: TailCounts | None


def tail_report(
    codes: CommonCodes,
    column: str,
    real_values: Array,
    synthetic_values: Sequence[Array],
    *,
    keys: Sequence[str] = (),
    n_top: int = 100,
    tolerance: float = 0.01,
    holdout: CodedTable | None = None,
    holdout_values: Array | None = None,
) -> tuple[TailReport, ...]:
    """Look for the largest real units of a column in each synthetic file.

    Parameters
    ----------
    codes : CommonCodes
    column : str
        Name for the results; the values are those given.
    real_values : array of float64, shape (codes.real.n_rows,)
        NaN where a row has no number.
    synthetic_values : sequence of array of float64
        One for each synthetic file.
    keys : sequence of str
        What an intruder knows of the largest units (sector, state).
    n_top : int
    tolerance : float
    holdout : CodedTable, optional
        `codes.holdout` by default.
    holdout_values : array of float64, optional
        Without them the holdout is left out.

    Raises
    ------
    IncomputableMetricError
        If no real row has a number other than 0, a synthetic file or the holdout has no number,
        values are infinite or not as many as rows, a key is unknown or named twice, or `n_top` or
        `tolerance` is out of range.
    """
    if n_top < 1 or not 0 <= tolerance < 1 or len(set(keys)) < len(keys):
        raise IncomputableMetricError(
            f"{column!r}: the tail needs at least one unit (got {n_top}), a tolerance in [0, 1) "
            f"(got {tolerance}) and distinct keys"
        )
    if len(synthetic_values) != len(codes.synthetic):
        raise IncomputableMetricError(
            f"{column!r}: values of {len(synthetic_values)} synthetic files were given for "
            f"{len(codes.synthetic)}"
        )
    _check(column, real_values, codes.real, "the real file")
    positions = codes.real.positions(keys)
    magnitude = np.nan_to_num(np.abs(real_values), nan=0.0)
    # the stable order takes the first of equal values
    top = np.argsort(-magnitude, kind="stable")[:n_top]
    top = top[magnitude[top] > 0]
    if len(top) == 0:
        raise IncomputableMetricError(
            f"{column!r}: no row of the real file has a number other than 0; there is no tail"
        )
    units = _Units(codes.real, positions, real_values, top, tolerance)
    new = None
    holdout = codes.holdout if holdout is None else holdout
    if holdout is not None and holdout_values is not None:
        _check(column, holdout_values, holdout, "the holdout")
        new = units.found_in(holdout, holdout_values)
    distinct, counts = np.unique(real_values[~np.isnan(real_values)], return_counts=True)
    n_shared = int((counts[np.searchsorted(distinct, real_values[top])] > 1).sum())
    results = []
    for table, values in zip(codes.synthetic, synthetic_values, strict=True):
        _check(column, values, table, "a synthetic file")
        found = units.found_in(table, values)
        results.append(TailReport(column, tuple(keys), tolerance, len(top), n_shared, found, new))
    return tuple(results)


def _check(column: str, values: Array, table: CodedTable, file: str) -> None:
    if values.shape != (table.n_rows,):
        raise IncomputableMetricError(
            f"{column!r}: {file} has {table.n_rows} rows, but values of shape {values.shape} were "
            "given"
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise IncomputableMetricError(
            f"{column!r}: {file} has an infinite value in row {int(infinite[0]) + 1}"
        )
    if table.n_rows == 0 or np.isnan(values).all():
        raise IncomputableMetricError(f"{column!r}: {file} has no number; nothing to compare")


@dataclass(frozen=True, slots=True)
class _Units:
    """The largest real units."""

    real: CodedTable
    positions: tuple[int, ...]
    values: Array
    top: Array
    tolerance: float

    def found_in(self, table: CodedTable, values: Array) -> TailCounts:
        """Count the units whose value another file has."""
        sought = self.values[self.top]
        anywhere = _distances(np.sort(values[~np.isnan(values)]), sought)
        exact_keys = near_keys = None
        if self.positions:
            same = self._within_keys(table, values)
            exact_keys, near_keys = int((same == 0).sum()), int((same <= self.tolerance).sum())
        return TailCounts(
            n_exact=int((anywhere == 0).sum()),
            n_near=int((anywhere <= self.tolerance).sum()),
            n_exact_same_keys=exact_keys,
            n_near_same_keys=near_keys,
            median_distance=float(np.median(anywhere)),
        )

    def _within_keys(self, table: CodedTable, values: Array) -> Array:
        """Return the distance to the nearest value among rows of the same keys."""
        has = np.flatnonzero(~np.isnan(values))
        keys = record_keys(table, self.positions)[has]
        distinct, number = np.unique(keys, return_inverse=True)
        order = np.lexsort((values[has], number))
        ascending = values[has][order]
        first = np.concatenate(([0], np.cumsum(np.bincount(number, minlength=len(distinct)))))
        wanted = record_keys(self.real.take(self.top), self.positions)
        place = np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)
        found = np.full(len(self.top), np.inf)
        for i in np.flatnonzero(distinct[place] == wanted):
            inside = ascending[first[place[i]] : first[place[i] + 1]]
            found[i] = _distances(inside, self.values[self.top[i : i + 1]])[0]
        return found


def _distances(ascending: Array, sought: Array) -> Array:
    """Return the distance of each value to the nearest of sorted ones, as a share of it."""
    place = np.searchsorted(ascending, sought)
    above = ascending[np.minimum(place, len(ascending) - 1)]
    below = ascending[np.maximum(place - 1, 0)]
    nearest = np.minimum(np.abs(above - sought), np.abs(below - sought))
    return nearest / np.abs(sought)
