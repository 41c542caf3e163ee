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
    from gpusynth.trees import DonorPool

__all__ = ["Sample", "SampleModel"]


class Sample(DonorMethod):
    """Draw from the column's own distribution, with replacement.

    Parameters
    ----------
    min_distinct_values, min_distinct_units, distinct_in, max_donor_uses
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

    @property
    def pools(self) -> tuple[DonorPool, ...]:
        """The donors that may stand for each other: all of positive weight."""
        from gpusynth.trees import DonorPool, LeafDonors

        rows = np.arange(self.n_part) if self.rows is None else self.rows
        if self.cumulative is not None:
            rows = rows[np.diff(self.cumulative, prepend=0.0) > 0]
        return (DonorPool(None, LeafDonors(np.array([0, len(rows)]), rows, None)),)

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw rows with replacement; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        return self.target.take(self.draw_donors(drawn, key, block)[0])

    def draw_donors(
        self, drawn: DrawnColumns, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Draw the donors alone; see `DonorModel`.

        The number used is a multiple of 2^-53, so at 2^31 rows no row is favoured by more than
        one part in four million.

        Returns
        -------
        tuple of (real rows (n_drawn,), None)
        """
        share = block.uniform(key)[:, 0]
        if self.cumulative is None:
            picked = (share * self.n_part).astype(np.int64)
        else:
            # side="right" passes over rows of weight zero; the clip guards the last bit.
            picked = np.searchsorted(self.cumulative, share * self.cumulative[-1], side="right")
            picked = np.minimum(picked, self.n_part - 1)
        return (picked if self.rows is None else self.rows[picked]), None
