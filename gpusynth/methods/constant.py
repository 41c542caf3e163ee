"""constant: the one value that a column has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    MethodSpecification,
    OneLeaf,
    StepData,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Constant", "ConstantModel"]


class Constant(MethodSpecification):
    """Repeat the column's single value; columns that are all missing end here too."""

    name: ClassVar[str] = "constant"
    uses_predictors: ClassVar[bool] = False
    is_fitted: ClassVar[bool] = False
    refuses_rows: ClassVar[bool] = True

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
class ConstantModel(OneLeaf):
    """One code, and the exact number where the code does not suffice (NumPy scalars)."""

    code: Any
    value: Any | None

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Repeat the value; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        values = None if self.value is None else np.full(block.n_drawn, self.value)
        return np.full(block.n_drawn, self.code), values
