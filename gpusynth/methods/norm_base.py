"""What the parametric methods share: their parameters, and the checks before a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.design import make_design
from gpusynth.methods.design_rows import DesignRows
from gpusynth.methods.model import Block, Method, MethodSpecification, StepData
from gpusynth.methods.one_thread import scipy_special

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["RegressionSpecification", "normal_quantiles"]


class RegressionSpecification(MethodSpecification):
    """Parameters of a regression on earlier columns.

    Parameters
    ----------
    weighted : bool
        Fit with the survey weight, and draw real values in proportion to it.
    max_levels : int
        Most levels of a predictor with effects of their own; the rarer ones share one, and ordered
        levels beyond it enter by rank.
    min_level_rows : int
        Fewest real rows of a level, missing code or spike with an effect of its own.
    """

    reads_columns: ClassVar[bool] = True

    weighted: bool = False
    max_levels: Annotated[int, Field(ge=2, le=4096)] = 60
    min_level_rows: Annotated[int, Field(ge=1)] = 5

    def for_states(self) -> Method:
        """Return `Parametric`: the state of a number is a class."""
        from gpusynth.methods.parametric import Parametric

        method: Method = Parametric(
            weighted=self.weighted,
            max_levels=self.max_levels,
            min_level_rows=self.min_level_rows,
        )
        return method

    def rows_of(self, data: StepData) -> DesignRows:
        """Return the rows of a fit with their design."""
        design = make_design(data, max_levels=self.max_levels, min_level_rows=self.min_level_rows)
        return DesignRows.of(design, data, weighted=self.weighted)

    def numbers_of(self, data: StepData, rows: DesignRows) -> Array:
        """Return the numbers to regress, float64.

        Raises
        ------
        PlanError
            If the target is no number.
        """
        from gpusynth.trees import NumberTarget

        goal = data.target.goal
        if not isinstance(goal, NumberTarget):
            raise PlanError(
                f"column {data.target.name!r} has the method {self.name}, which is for numbers. "
                "Use logreg (two levels), polyreg, polr (ordered levels), parametric or cart."
            )
        return np.asarray(goal.values, np.float64)[rows.rows]


def normal_quantiles(block: Block, key: StreamKey) -> Array:
    """Return a standard normal number for each row to draw, float64 (n_drawn,).

    The inverse of the distribution function; a uniform number of 0 counts as half the least other
    one, so that all are finite.
    """
    quantiles: Array = scipy_special().ndtri(np.maximum(block.uniform(key)[:, 0], 2.0**-54))
    return quantiles
