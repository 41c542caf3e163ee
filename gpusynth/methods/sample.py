"""sample: a real row drawn with replacement, whatever the other columns say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.donor_minimums import DonorMethod, check_together
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    OneLeaf,
    StepData,
    TargetColumn,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Sample", "SampleModel"]


class Sample(DonorMethod):
    """Draw from the column's own distribution, with replacement.

    Parameters
    ----------
    min_distinct_values, min_distinct_units, distinct_in
        See `DonorMethod`; all rows together are the one leaf.
    weighted : bool
        Draw in proportion to the survey weight.
    """

    name: ClassVar[str] = "sample"
    uses_predictors: ClassVar[bool] = False

    weighted: bool = False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Remember which rows may be drawn.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        SampleModel
        """
        cumulative = None
        if self.weighted and data.weight is not None:
            weight = data.weight if data.rows is None else data.weight[data.rows]
            cumulative = np.cumsum(weight, dtype=np.float64)
            if cumulative[-1] == 0:  # no row counts for anything, so all count alike
                cumulative = None
        check_together(self, data, cumulative)
        return SampleModel(data.rows, cumulative, data.target, data.n_part)


@dataclass(frozen=True, slots=True)
class SampleModel(OneLeaf):
    """The rows that may be drawn, with running totals of their weights when weighted."""

    rows: Array | None
    cumulative: Array | None
    target: TargetColumn
    n_part: int

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw rows with replacement; see `FittedModel.draw`.

        The number used is a multiple of 2^-53, so at 2^31 rows no row is favoured by more than
        one part in four million.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        share = block.uniform(key)[:, 0]
        if self.cumulative is None:
            picked = (share * self.n_part).astype(np.int64)
        else:
            # side="right" passes over rows of weight zero; the clip guards the last bit.
            picked = np.searchsorted(self.cumulative, share * self.cumulative[-1], side="right")
            picked = np.minimum(picked, self.n_part - 1)
        return self.target.take(picked if self.rows is None else self.rows[picked])
