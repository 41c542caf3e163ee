"""follow: the answer of the real row that another column's answer came from.

Columns that belong to one record, such as a survey weight and the random group that it was drawn
with, survive together: the first one is drawn by its own method, the others are taken from the same
donor.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from gpusynth.methods.keep import KeepModel
from gpusynth.methods.model import FittedModel, MethodSpecification, StepData

__all__ = ["DONOR_METHODS", "Follow"]

DONOR_METHODS = ("cart", "sample", "bag", "forest", "nested")
"""Methods that hand on the answer of one real row, a donor, as `gpusynth.methods.donor_model`."""


class Follow(MethodSpecification):
    """Take the column from the donor of another column.

    Where the other column is a number with missing codes or spikes, the donor of its state decides
    in rows whose state is no value, else the donor of its value: in either case a record that has
    the other column's answer.

    Parameters
    ----------
    column : str
        Column visited before, drawn by cart, sample, bag, forest or nested.
    """

    name: ClassVar[str] = "follow"
    uses_predictors: ClassVar[bool] = False
    is_fitted: ClassVar[bool] = False
    by_parts: ClassVar[bool] = False

    column: Annotated[str, Field(min_length=1)]

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The column that is followed."""
        return (self.column,)

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Remember the column.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        KeepModel
            A block's donors are its `start`.
        """
        return KeepModel(data.target)
