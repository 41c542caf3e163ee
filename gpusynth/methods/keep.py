"""keep: real columns that start every synthetic row, jointly from one real row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    MethodSpecification,
    OneLeaf,
    StepData,
    TargetColumn,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Keep", "KeepModel"]


class Keep(MethodSpecification):
    """Take the column from a real row, the same row for all kept columns of a synthetic row.

    When as many rows are asked for as there are real rows, every real row starts exactly one
    synthetic row, in random order, so that kept columns keep their joint distribution exactly;
    otherwise rows are drawn with replacement.
    """

    name: ClassVar[str] = "keep"
    uses_predictors: ClassVar[bool] = False
    is_fitted: ClassVar[bool] = False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Remember the column.

        Parameters
        ----------
        data : StepData
            All rows take part, whatever `data.rows` says: the state and the value of a kept number
            come from the same row.
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        KeepModel
        """
        return KeepModel(data.target)


@dataclass(frozen=True, slots=True)
class KeepModel(OneLeaf):
    """A real column."""

    target: TargetColumn

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Take the values of the rows that the block's rows start with; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        start = np.zeros(0, np.int64) if block.start is None else block.start
        return self.target.take(block.take(start))
