"""normrank: regression on the normal scores of ranks, and back to real values by rank.

References
----------
.. [1] Nowok, B., Raab, G. M., Dibben, C. (2016). synthpop: bespoke creation of synthetic data in R.
   Journal of Statistical Software 74(11); ``syn.normrank``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

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
from gpusynth.methods.norm_base import RegressionSpecification, normal_quantiles
from gpusynth.methods.one_thread import one_thread, scipy_special

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["NormRank", "NormRankModel"]


class NormRank(RegressionSpecification):
    """Linear regression of normal scores; draws real values, so margins stay as they are.

    The score of the r-th of n numbers is the standard normal quantile of ``r / (n + 1)``, r being
    the mean rank of ties. The score that is drawn becomes the rank ``round(Phi(score) (n + 1))``,
    and the real number of that rank is handed on. With weights of mean 1, running sums of weight
    take the place of ranks.
    """

    name: ClassVar[str] = "normrank"

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Regress the scores on the predictors.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not used: one thread, so that results never depend on their number.

        Returns
        -------
        NormRankModel

        Raises
        ------
        PlanError
            If the target is no number.
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        with one_thread():
            rows = self.rows_of(data)
            numbers = self.numbers_of(data, rows)
            order = np.argsort(numbers, kind="stable")
            cumulative = np.arange(1, len(order) + 1, dtype=np.float64)
            if rows.weight is not None:
                cumulative = np.cumsum(rows.weight[order])
            ranks = _mean_ranks(numbers[order], cumulative)
            scores = np.empty(len(order))
            scores[order] = scipy_special().ndtri(ranks / (cumulative[-1] + 1))
            fit = fit_least_squares(rows, scores)
        return NormRankModel(
            predictor=LinearPredictor.of(rows.design, fit.coefficients[:, None]),
            sigma=fit.sigma,
            rows=rows.rows[order],
            cumulative=None if rows.weight is None else cumulative,
            target=data.target,
        )


def _mean_ranks(ordered: Array, cumulative: Array) -> Array:
    """Return the mean rank of each of the ascending numbers: ties share theirs."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(ordered)) - 1
    below = np.where(starts > 0, cumulative[starts - 1], 0.0)
    ranks = (below + cumulative[ends] + 1) / 2
    return np.repeat(ranks, ends - starts + 1)


@dataclass(frozen=True, slots=True)
class NormRankModel(OneLeaf):
    """A regression of scores, and the real rows in the order of their numbers."""

    predictor: LinearPredictor
    sigma: float
    rows: Array
    cumulative: Array | None
    target: TargetColumn

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a score, and take the real number of its rank; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        scores = normal_quantiles(block, key) * self.sigma
        for part, sums in self.predictor.chunks(drawn, block):
            scores[part] += sums[:, 0]
        share = scipy_special().ndtr(scores)
        n = len(self.rows)
        if self.cumulative is None:
            place = np.rint(share * (n + 1)).astype(np.int64) - 1
        else:
            rank = share * (self.cumulative[-1] + 1) - 0.5
            place = np.searchsorted(self.cumulative, rank, side="left")
        return self.target.take(self.rows[np.clip(place, 0, n - 1)])
