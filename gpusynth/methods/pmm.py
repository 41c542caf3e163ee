"""pmm: predictive mean matching, a donor among the real rows with the nearest predictions.

References
----------
.. [1] Little, R. J. A. (1988). Missing-data adjustments in large surveys. Journal of Business &
   Economic Statistics 6(3), 287-296.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from gpusynth.arrays import Array
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.least_squares import fit_least_squares
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    OneLeaf,
    StepData,
    TargetColumn,
)
from gpusynth.methods.norm_base import RegressionSpecification
from gpusynth.methods.one_thread import one_thread
from gpusynth.table import read_table

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Pmm", "PmmModel"]

_PREDICTED_ROWS = 65_536


class Pmm(RegressionSpecification):
    """Draw one of the real rows whose predicted mean is nearest to that of the synthetic row.

    Rows with the same prediction count as donors in random order, as in synthpop and mice; of two
    predictions that are equally far the lower one comes first.

    Parameters
    ----------
    n_donors : int
        Rows to choose from (synthpop's ``donors``); each with the same chance. With `weighted`, the
        rows of one prediction share its chance in proportion to weight.
    """

    name: ClassVar[str] = "pmm"

    n_donors: Annotated[int, Field(ge=1, le=1000)] = 3

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Regress the numbers on the predictors, and predict the real rows.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not used: one thread, so that results never depend on their number.

        Returns
        -------
        PmmModel

        Raises
        ------
        PlanError
            If the target is no number.
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        with one_thread():
            rows = self.rows_of(data)
            fit = fit_least_squares(rows, self.numbers_of(data, rows))
        predictor = LinearPredictor.of(rows.design, fit.coefficients[:, None])
        # Not by the matrix: rows that say the same must have the same prediction to the last bit.
        predicted = np.empty(rows.n_rows)
        for first in range(0, rows.n_rows, _PREDICTED_ROWS):
            part = rows.rows[first : first + _PREDICTED_ROWS]
            sums = predictor.sums(read_table(data.table, part), len(part))
            predicted[first : first + len(part)] = sums[:, 0]
        order = np.argsort(predicted, kind="stable")
        distinct, starts = np.unique(predicted[order], return_index=True)
        return PmmModel(
            predictor=predictor,
            predicted=distinct,
            offsets=np.append(starts, len(order)),
            rows=rows.rows[order],
            cumulative=None if rows.weight is None else np.cumsum(rows.weight[order]),
            target=data.target,
            n_donors=min(self.n_donors, rows.n_rows),
        )


@dataclass(frozen=True, slots=True)
class PmmModel(OneLeaf):
    """A regression, and the real rows by prediction.

    Attributes
    ----------
    predictor : LinearPredictor
    predicted : array of float64, shape (n_predictions,)
        Distinct predictions of real rows, ascending.
    offsets : array of int64, shape (n_predictions + 1,)
        Rows of prediction p are ``rows[offsets[p]:offsets[p + 1]]``.
    rows : array of int, shape (n,)
    cumulative : array of float64, shape (n,), or None
        Running sum of the rows' weights.
    target : TargetColumn
    n_donors : int
    """

    predictor: LinearPredictor
    predicted: Array
    offsets: Array
    rows: Array
    cumulative: Array | None
    target: TargetColumn
    n_donors: int

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw one of the nearest donors; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        share = block.uniform(key)
        donors = np.empty(block.n_drawn, self.rows.dtype)
        for part, sums in self.predictor.chunks(drawn, block):
            rank = (share[part, 0] * self.n_donors).astype(np.int64)
            group = self._group_at(sums[:, 0], rank)
            donors[part] = self.rows[self._member(group, share[part, 1])]
        return self.target.take(donors)

    def _group_at(self, wanted: Array, rank: Array) -> Array:
        """Return the prediction that holds the donor of a rank, counted from the nearest (0)."""
        last = len(self.predicted) - 1
        # Beyond the ends the order of donors is that at the ends, also where a sum overflowed.
        wanted = np.clip(wanted, self.predicted[0], self.predicted[-1])
        above: Array = np.searchsorted(self.predicted, wanted, side="left")
        below = above - 1
        left = rank.copy()  # donors that are still to be passed over
        group = np.full(len(wanted), -1, np.int64)
        open_rows = np.arange(len(wanted))
        while len(open_rows):
            low, high = below[open_rows], above[open_rows]
            goal = wanted[open_rows]
            to_low = np.where(low >= 0, goal - self.predicted[np.maximum(low, 0)], np.inf)
            to_high = np.where(high <= last, self.predicted[np.minimum(high, last)] - goal, np.inf)
            take_low = to_low <= to_high
            nearest = np.where(take_low, low, high)
            left[open_rows] -= self.offsets[nearest + 1] - self.offsets[nearest]
            done = left[open_rows] < 0
            group[open_rows[done]] = nearest[done]
            below[open_rows] -= take_low
            above[open_rows] += ~take_low
            open_rows = open_rows[~done]
        return group

    def _member(self, group: Array, share: Array) -> Array:
        """Return the place of one row of each group."""
        first, end = self.offsets[group], self.offsets[group + 1]
        if self.cumulative is None:
            return first + (share * (end - first)).astype(np.int64)
        before = np.where(first > 0, self.cumulative[first - 1], 0.0)
        goal = before + share * (self.cumulative[end - 1] - before)
        place = np.searchsorted(self.cumulative, goal, side="right")
        return np.clip(place, first, end - 1)
