"""Smoothers: fitted to all drawn numbers of a column, applied to each number by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.methods.smoothing.bandwidth import bandwidth_of
from gpusynth.methods.smoothing.left_alone import NumberGrid, frequent_number, top_code
from gpusynth.methods.smoothing.running_mean import running_mean
from gpusynth.methods.smoothing.scientific import scientific
from gpusynth.methods.smoothing.specification import Smoothing
from gpusynth.methods.smoothing.spline import smoothing_spline
from gpusynth.table import Column

__all__ = ["Smoother", "fit_smoother"]

_LARGEST_WHOLE = 2.0**53  # float64 tells whole numbers apart up to here
_ROUNDING = 1e-12
_SMALLEST_SHARE = 2.0**-54  # stands for a uniform number of 0, whose normal quantile is infinite


@dataclass(frozen=True, slots=True)
class Smoother:
    """How each number of a column is smoothed; made by `fit_smoother`.

    Attributes
    ----------
    left_alone : array of float64, shape (n_left_alone,)
        Ascending numbers that stay and that no other number becomes: the frequent number, the top
        code, the schema's spikes and missing codes.
    known, smoothed : array of float64, shape (n_known,)
        spline and rmean: distinct numbers, ascending, and what becomes of each. Empty otherwise.
    bandwidth : float
        density: standard deviation of what is added; 0 otherwise.
    low, high : float
        Smoothed numbers are brought into this range before they are rounded.
    grid : NumberGrid
        Decimals and bounds.
    """

    left_alone: Array
    known: Array
    smoothed: Array
    bandwidth: float
    low: float
    high: float
    grid: NumberGrid

    @property
    def changes_numbers(self) -> bool:
        """False where `apply` returns what it is given."""
        return len(self.known) > 0 or self.bandwidth > 0

    def apply(self, numbers: Array, uniforms: Array) -> Array:
        """Smooth numbers, each by itself.

        Parameters
        ----------
        numbers : array of float64, shape (n,)
            In storage units; as many of the numbers that the smoother was fitted to as a block
            holds.
        uniforms : array of float64, shape (n, 2)
            In [0, 1), of the rows' own random streams; density reads the first column.

        Returns
        -------
        array of float64, shape (n,)
            Rounded to the column's decimals, within its bounds; a number that would become a spike,
            a missing code or another number that is left alone, stays as it was.
        """
        if not self.changes_numbers:
            return numbers.copy()
        if self.bandwidth > 0:
            shares = np.maximum(uniforms[:, 0], _SMALLEST_SHARE)
            moved = numbers + self.bandwidth * scientific("scipy.special").ndtri(shares)
        else:
            moved = np.interp(numbers, self.known, self.smoothed)
        rounded = self.grid.round(np.clip(moved, self.low, self.high))
        stays = _is_among(numbers, self.left_alone) | _is_among(rounded, self.left_alone)
        return np.where(stays, numbers, rounded)


def fit_smoother(
    smoothing: Smoothing,
    drawn_numbers: Array,
    *,
    column: Column,
    real_range: tuple[float, float] | None = None,
) -> Smoother:
    """Fit a smoother to all ordinary numbers that were drawn for a column of one replicate.

    Parameters
    ----------
    smoothing : Smoothing
    drawn_numbers : array of float64, shape (n,)
        In storage units (`gpusynth.table.as_numbers`), in any order, without the rows whose code is
        special.
    column : Column
        Of a kind of numbers: its decimals, bounds, spikes and missing codes are respected.
    real_range : (low, high), optional
        Smallest and largest ordinary number of the real column, in storage units; those of the
        drawn numbers where it is not given.

    Returns
    -------
    Smoother

    Raises
    ------
    DataError
        If the column does not hold numbers, or whole numbers above 2^53, which smoothing would
        change by rounding alone.
    BackendUnavailableError
        If SciPy is not installed.

    Notes
    -----
    Definitions of synthpop 1.8 (``syn.smooth``), with n drawn numbers y:

    - spline: ``smooth.spline(sort(y), all.knots = FALSE)``;
    - rmean: ``broman::runningmean(1:n, sort(y), window = 5)``;
    - density: ``rnorm(n, mean = y, sd = density(y, width = "SJ")$bw)``, within [min, max + sd].

    What differs, so that the result depends on no order of rows and keeps what must be kept:

    - equal numbers become one number, the mean of what synthpop makes of each of them;
    - the frequent number and the top code are left alone by all three kinds, not by density alone,
      and by spline and rmean all results lie within [min, max];
    - no number becomes one that is left alone;
    - numbers are rounded to the schema's decimals (synthpop: to the most that occur).

    References
    ----------
    .. [1] Nowok, B., Raab, G. M. & Dibben, C. (2016). synthpop: bespoke creation of synthetic data
       in R. Journal of Statistical Software 74(11).
    """
    if not column.is_number:
        raise DataError(
            f"column {column.name!r} is {column.kind} and cannot be smoothed. "
            "Remove its entry under smoothing."
        )
    distinct, counts = np.unique(np.asarray(drawn_numbers, np.float64), return_counts=True)
    grid = NumberGrid.of(column, distinct)
    if grid.step and np.any(np.abs(distinct) > _LARGEST_WHOLE):
        raise DataError(
            f"column {column.name!r} holds whole numbers above 2^53, which smoothing would round. "
            "Remove its entry under smoothing, or store it in a coarser unit."
        )
    top = top_code(distinct, counts)
    kept = np.union1d(frequent_number(distinct, counts), top)
    left_alone = np.union1d(kept, grid.special)
    ordinary = ~_is_among(distinct, left_alone)
    known, times = distinct[ordinary], counts[ordinary]
    low, high = real_range or (distinct[0], distinct[-1]) if len(distinct) else (0.0, 0.0)
    if smoothing.kind == "none" or len(known) < 2:
        return Smoother(left_alone, known[:0], known[:0], 0.0, low, high, grid)
    if smoothing.kind == "density":
        bandwidth = smoothing.bandwidth or bandwidth_of(known, times, n_bins=smoothing.n_bins)
        above = 0.0 if len(top) else bandwidth
        return Smoother(left_alone, known[:0], known[:0], bandwidth, low, high + above, grid)
    ascending = np.repeat(known, times)
    if smoothing.kind == "spline":
        values = smoothing_spline(ascending, n_knots=smoothing.n_knots)
    else:
        values = running_mean(ascending, smoothing.window)
    begins = np.concatenate([[0], np.cumsum(times)[:-1]])
    means = np.add.reduceat(values, begins) / times
    # A mean of equal numbers may miss them by a rounding error, which would make new decimals.
    same = np.abs(means - known) <= _ROUNDING * np.abs(known)
    return Smoother(left_alone, known, np.where(same, known, means), 0.0, low, high, grid)


def _is_among(numbers: Array, ascending: Array) -> Array:
    """Return which numbers occur in a few ascending ones."""
    if len(ascending) == 0:
        return np.zeros(len(numbers), bool)
    places = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    return ascending[places] == numbers
