"""satcat: a donor among the real rows that agree in all predictors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    MethodSpecification,
    ModelSize,
    StepData,
    TargetColumn,
)
from gpusynth.methods.saturated_cells import Cells, make_cells

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["SatCat", "SatCatModel", "cells_of", "weighted_rows"]


class SatCat(MethodSpecification):
    """Draw among the real rows with the same answers in all predictors (a saturated model).

    Where no real row has the synthetic row's combination, the predictor visited last is left out,
    then the one before it, until some have (synthpop's ``syn.satcat`` stops there). Give it few
    predictors: with many, most cells hold one row, and its answer is handed on.

    Parameters
    ----------
    weighted : bool
        Draw in proportion to the survey weight.
    """

    name: ClassVar[str] = "satcat"
    reads_columns: ClassVar[bool] = True
    by_parts: ClassVar[bool] = False

    weighted: bool = False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Sort the rows into cells.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        SatCatModel

        Raises
        ------
        PlanError
            If a predictor has too many different numbers.
        """
        rows, weight = weighted_rows(data, weighted=self.weighted)
        return SatCatModel(cells_of(data, data.columns, rows, weight, self.name), data.target)


def weighted_rows(data: StepData, *, weighted: bool) -> tuple[Array, Array | None]:
    """Return the rows that take part and their weights, of mean 1; rows of weight 0 leave.

    Parameters
    ----------
    data : StepData
    weighted : bool
        Weights that are all zero count as none.

    Raises
    ------
    DataError
        If no row takes part.
    """
    rows = np.arange(data.n_real) if data.rows is None else data.rows
    if not len(rows):
        raise DataError(f"column {data.target.name!r} has no rows to learn from")
    if not weighted or data.weight is None or not data.weight[rows].any():
        return rows, None
    weight = data.weight[rows]
    rows, weight = rows[weight > 0], weight[weight > 0]
    return rows, weight / weight.mean()


def cells_of(
    data: StepData, columns: tuple[str, ...], rows: Array, weight: Array | None, method: str
) -> Cells:
    """Return the cells of some columns.

    Raises
    ------
    PlanError
        If a column's codes do not tell its answers apart.
    """
    given = []
    for name in columns:
        codec = data.table.codecs[name]
        if not codec.is_exact:
            raise PlanError(
                f"column {data.target.name!r} has the method {method}, but {name!r} has too many "
                f"different numbers for cells. Leave {name!r} out of its predictors."
            )
        given.append((name, data.table.codes[name], codec.n_codes))
    return make_cells(given, rows, weight)


@dataclass(frozen=True, slots=True)
class SatCatModel:
    """Real rows by cell."""

    cells: Cells
    target: TargetColumn

    @property
    def size(self) -> ModelSize:
        """Cells with rows, as leaves; columns, as depth."""
        return ModelSize(len(self.cells.offsets[-1]) - 1, len(self.cells.columns))

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a row of the cell; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        cell, depth = self.cells.find(lambda name: block.take(drawn.read(name)[0]), block.n_drawn)
        first, end = self.cells.ranges(cell, depth)
        return self.target.take(self.cells.pick(first, end, block.uniform(key)[:, 0]))
