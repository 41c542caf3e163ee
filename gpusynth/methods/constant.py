"""constant: the one value that a column has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.model import (
    Block,
    FittedModel,
    ModelSize,
    StepData,
    SyntheticPredictors,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Constant", "ConstantModel"]


class Constant(BaseModel):
    """Repeat the column's single value; columns that are all missing end here too."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str] = "constant"
    uses_predictors: ClassVar[bool] = False

    @property
    def is_weighted(self) -> bool:
        """Never: there is nothing to weight."""
        return False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Take the value of the first row that takes part.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        ConstantModel

        Raises
        ------
        PlanError
            If the rows hold more than one value.
        """
        target = data.target
        for column in (target.codes, target.values):
            if column is None:
                continue
            part = column if data.rows is None else column[data.rows]
            differs = np.flatnonzero(part != part[0])
            if differs.size:
                row = differs[0] if data.rows is None else data.rows[differs[0]]
                raise PlanError(
                    f"column {target.name!r} has the method constant but more than one value "
                    f"(data row {int(row) + 1} differs from the ones before). "
                    "Choose cart or sample for it."
                )
        first = 0 if data.rows is None else int(data.rows[0])
        return ConstantModel(
            code=target.codes[first],
            value=None if target.values is None else target.values[first],
        )


@dataclass(frozen=True, slots=True)
class ConstantModel:
    """One code, and the exact number where the code does not suffice (NumPy scalars)."""

    code: Any
    value: Any | None

    @property
    def size(self) -> ModelSize:
        """One leaf."""
        return ModelSize()

    def draw(
        self, rows: SyntheticPredictors, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Repeat the value; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_rows,), values (n_rows,) or None)
        """
        values = None if self.value is None else np.full(block.n_rows, self.value)
        return np.full(block.n_rows, self.code), values
