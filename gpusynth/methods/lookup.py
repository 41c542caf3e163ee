"""lookup: the value that goes with another column's code; for columns that are one-to-one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
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

__all__ = ["Lookup", "LookupModel"]


class Lookup(MethodSpecification):
    """Take the value that the real rows with the same code of another column have.

    What synthpop calls collinear: the column says nothing that the other does not.

    Parameters
    ----------
    column : str
        Column visited before: levels, or numbers with a code for each.
    """

    name: ClassVar[str] = "lookup"
    uses_predictors: ClassVar[bool] = False
    reads_columns: ClassVar[bool] = True
    is_fitted: ClassVar[bool] = False
    by_parts: ClassVar[bool] = False
    refuses_rows: ClassVar[bool] = True

    column: Annotated[str, Field(min_length=1)]

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The other column."""
        return (self.column,)

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Find a real row for each code, and check that all others say the same.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        LookupModel

        Raises
        ------
        PlanError
            If the other column does not determine this one in the rows that take part.
        """
        target = data.target
        codec = data.table.codecs[self.column]
        if not codec.is_exact:
            raise PlanError(
                f"column {target.name!r} is looked up by {self.column!r}, which has too many "
                "different numbers for that. Use another method."
            )
        codes = data.table.codes[self.column]
        rows = np.arange(data.n_real) if data.rows is None else data.rows
        row_of = np.full(codec.n_codes, -1, np.int64)
        # Backwards, so that the first row of a code stays. Rows that take no part serve codes that
        # no other row has.
        row_of[codes[::-1]] = np.arange(data.n_real)[::-1]
        row_of[codes[rows][::-1]] = rows[::-1]
        looked_up = row_of[codes[rows]]
        differs = target.codes[rows] != target.codes[looked_up]
        if target.values is not None:
            differs |= target.values[rows] != target.values[looked_up]
        if differs.any():
            row = int(rows[np.argmax(differs)]) + 1
            raise PlanError(
                f"column {target.name!r} is looked up by {self.column!r}, but {int(differs.sum())} "
                f"rows differ from an earlier row with the same {self.column!r} (data row {row} is "
                "the first). Use another method."
            )
        return LookupModel(self.column, row_of, target)


@dataclass(frozen=True, slots=True)
class LookupModel(OneLeaf):
    """A real row for each code of another column, -1 where none has it."""

    column: str
    row_of: Array
    target: TargetColumn

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Look the values up; see `FittedModel.draw`. No random number is used.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)

        Raises
        ------
        DataError
            If a synthetic row has a code that no real row has.
        """
        codes = drawn.read(self.column)[0]
        rows = self.row_of[block.take(codes)]
        if len(rows) and rows.min() < 0:
            place = int(np.argmin(rows))
            row = place if block.positions is None else int(block.positions[place])
            raise DataError(
                f"column {self.target.name!r}: synthetic row {block.first_row + row + 1} has an "
                f"answer in {self.column!r} that no real row has, so nothing can be looked up"
            )
        return self.target.take(rows)
