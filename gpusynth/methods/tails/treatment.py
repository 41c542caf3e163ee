"""Tails that are fitted to the real numbers of a column, and what becomes of drawn numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.smoothing.left_alone import NumberGrid
from gpusynth.methods.tails.specification import Tail
from gpusynth.table import Column, parse_storage
from gpusynth.table.numbers import decimal_scale

__all__ = ["TailSide", "TailTreatment", "fit_tail"]


@dataclass(frozen=True, slots=True)
class TailSide:
    """One tail of the real numbers.

    Attributes
    ----------
    sign : int
        1 for the top, -1 for the bottom.
    limit : float
        Numbers beyond it are treated; in storage units.
    code : float
        Number that stands for the tail; used by the kind "code" only.
    n_rows, n_units : int
        Real rows and units beyond the limit.
    """

    sign: int
    limit: float
    code: float
    n_rows: int
    n_units: int

    def beyond(self, numbers: Array) -> Array:
        """Return which numbers lie beyond the limit, shape (n,)."""
        chosen: Array = self.sign * numbers > self.sign * self.limit
        return chosen


@dataclass(frozen=True, slots=True)
class TailTreatment:
    """How the tails of a column are treated; made by `fit_tail`.

    Attributes
    ----------
    tail : Tail
    sides : tuple of TailSide
    grid : NumberGrid
        Decimals and bounds, and the missing codes and spikes that no number may become.
    unit : float
        Storage units of 1 (100 for an amount that is stored in cents).
    """

    tail: Tail
    sides: tuple[TailSide, ...]
    grid: NumberGrid
    unit: float

    def apply(self, numbers: Array, uniforms: Array) -> Array:
        """Code or perturb numbers, each by itself.

        A factor of noise is 1 + d or 1 - d, with equal chance, where d has the density
        2 (most - d) / (most - least)^2 between `least` and `most`: symmetric about 1, never close
        to 1 and rarely far from it, so that sums hardly change [1]_; the ramp is that of the
        Quarterly Workforce Indicators [2]_.

        Parameters
        ----------
        numbers : array of float64, shape (n,)
            In storage units.
        uniforms : array of float64, shape (n, 2)
            In [0, 1), of the rows' own random streams.

        Returns
        -------
        array of float64, shape (n,)

        References
        ----------
        .. [1] Evans, T., Zayatz, L. & Slanta, J. (1998). Using noise for disclosure limitation of
           establishment tabular data. Journal of Official Statistics 14(4), 537-551.
        .. [2] Abowd, J. M. et al. (2009). The LEHD infrastructure files and the creation of the
           Quarterly Workforce Indicators. In: Producer Dynamics, University of Chicago Press.
        """
        treated = numbers.copy()
        for side in self.sides:
            chosen = side.beyond(numbers)
            if self.tail.kind == "code":
                treated[chosen] = side.code
                continue
            share = uniforms[chosen]
            width = self.tail.most - self.tail.least
            distance = self.tail.most - width * np.sqrt(1.0 - share[:, 1])
            factor = np.where(share[:, 0] < 0.5, 1.0 - distance, 1.0 + distance)
            treated[chosen] = _settle(numbers[chosen] * factor, self.grid)
        return treated

    def exchange(self, numbers: Array, uniforms: Array) -> Array:
        """Let the numbers of each tail change places with others of about the same rank.

        In the manner of rank swapping [1]_: the number of rank r (ties by row) takes the place of
        r + k u, with u uniform and k the number of neighbours, among all of them; so it moves by
        less than k ranks, and the column holds exactly the numbers that it held.

        Parameters
        ----------
        numbers : array of float64, shape (n,)
            All drawn numbers of the replicate, by row.
        uniforms : array of float64, shape (n, 2)

        Returns
        -------
        array of float64, shape (n,)

        References
        ----------
        .. [1] Moore, R. A. (1996). Controlled data-swapping techniques for masking public use
           microdata sets. U.S. Bureau of the Census, Statistical Research Division, RR96-04.
        """
        treated = numbers.copy()
        for side in self.sides:
            rows = np.flatnonzero(side.beyond(numbers))
            ascending = rows[np.argsort(numbers[rows], kind="stable")]
            place = np.arange(len(rows)) + self.tail.neighbours * uniforms[ascending, 0]
            treated[ascending[np.argsort(place, kind="stable")]] = numbers[ascending]
        return treated

    def describe(self) -> str:
        """Say what was done, for the dictionary of the released file.

        Returns
        -------
        str
            Limits are rounded or the user's own; how far noise goes is not told, since who knows
            the bounds can undo a part of it.
        """
        told = []
        for side in self.sides:
            where = "above" if side.sign > 0 else "below"
            words = f"Numbers {where} {self._shown(side.limit)} "
            if self.tail.kind == "code":
                told.append(
                    f"{words}were replaced by {self._shown(side.code)}, about the "
                    f"{self.tail.replaced_by} of the real numbers {where} it."
                )
            elif self.tail.kind == "swap":
                told.append(f"{words}were exchanged among rows of about the same rank.")
            else:
                told.append(f"{words}were multiplied by random factors around 1.")
        return " ".join(told)

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says: kind, and rows and units of the real tails.

        Returns
        -------
        dict
        """
        return {
            "kind": self.tail.kind,
            "description": self.describe(),
            "real_rows": [side.n_rows for side in self.sides],
            "real_units": [side.n_units for side in self.sides],
        }

    def _shown(self, number: float) -> str:
        text = f"{number / self.unit:.12g}"
        return str(int(float(text))) if float(text).is_integer() else text


def fit_tail(tail: Tail, numbers: Array, units: Array, *, column: Column) -> TailTreatment:
    """Find the limits of a column's tails and what stands for them.

    Parameters
    ----------
    tail : Tail
    numbers : array of float64, shape (n,)
        All ordinary numbers of the real column, in storage units.
    units : array of int64, shape (n,)
        Number of the unit of each.
    column : Column

    Returns
    -------
    TailTreatment

    Raises
    ------
    PlanError
        If fewer than `min_units` units lie beyond a limit.
    """
    unit = 10.0 ** decimal_scale(parse_storage(column.storage))
    grid = NumberGrid.of(column, np.unique(numbers))
    sides = []
    for sign, given in _limits(tail, numbers, unit):
        beyond = sign * numbers > sign * given
        n_units = len(np.unique(units[beyond]))
        if n_units < tail.min_units:
            raise PlanError(
                f"tails: column {column.name!r} has {int(beyond.sum())} real rows of {n_units} "
                f"units in its {'top' if sign > 0 else 'bottom'} tail, fewer than min_units = "
                f"{tail.min_units}. Take a larger share or another limit, or lower min_units."
            )
        middle = np.mean if tail.replaced_by == "mean" else np.median
        code = _significant(float(middle(numbers[beyond])) / unit, tail.digits) * unit
        code = sign * max(sign * code, sign * given)
        settled = float(_settle(np.array([code]), grid)[0])
        sides.append(TailSide(sign, given, settled, int(beyond.sum()), n_units))
    return TailTreatment(tail, tuple(sides), grid, unit)


def _limits(tail: Tail, numbers: Array, unit: float) -> list[tuple[int, float]]:
    """Return the sign and limit of each side.

    Of a share: the largest of the numbers that leaves at most the share beyond it, rounded.
    """
    if tail.above is not None or tail.below is not None:
        given = ((-1, tail.below), (1, tail.above))
        return [(sign, limit * unit) for sign, limit in given if limit is not None]
    signs = {"top": (1,), "bottom": (-1,), "both": (-1, 1)}[tail.side]
    limits = []
    for sign in signs:
        ascending = np.sort(sign * numbers)
        n_beyond = int(tail.share * len(ascending))
        at = sign * float(ascending[len(ascending) - 1 - n_beyond]) if len(ascending) else 0.0
        limits.append((sign, _significant(at / unit, tail.digits) * unit))
    return limits


def _significant(number: float, digits: int) -> float:
    """Round to significant digits."""
    return float(f"{number:.{digits - 1}e}")


def _settle(numbers: Array, grid: NumberGrid) -> Array:
    """Bring numbers on the grid; one that would be a missing code or spike goes a step further.

    Steps are upwards, and downwards where a bound of the column stops them.
    """
    rounded = grid.round(numbers)
    step: float | Array = grid.step
    if not step:  # a float's next neighbour is farther than 1e-6 beyond 8e9
        finest = np.spacing(np.abs(rounded)) if grid.decimals is None else 0.0
        step = np.maximum(finest, 10.0 ** -(6 if grid.decimals is None else grid.decimals))
    steps = np.broadcast_to(step, rounded.shape)
    for move in (steps, -steps):
        for _ in range(len(grid.special)):
            taken = np.isin(rounded, grid.special)
            if not taken.any():
                return rounded
            rounded[taken] = grid.round(rounded[taken] + move[taken])
    return rounded
