"""catall: a joint table of several columns, drawn column by column.

The cells of the table have the weights ``n + prior / (number of possible cells)``. Its columns are
drawn in their order, each given those before it: the weight of a part of the table is the sum of
its cells', so column j has the shares

    P(code | earlier codes) = weight(earlier codes, code) / weight(earlier codes),

whose product over the columns is ``weight(cell) / weight(table)``: exactly the joint draw. A part
of the table weighs its real rows plus ``prior`` times its share of the possible cells, which need
not be listed unless some cells are impossible.

References
----------
.. [1] Raab, G. M., Nowok, B., Dibben, C. (2021). Practical synthesis of contingency tables;
   synthpop's ``syn.catall`` (``catall.priorn = 1``, ``catall.structzero``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    MethodSpecification,
    ModelSize,
    StepData,
    TargetColumn,
)
from gpusynth.methods.possible_cells import PossibleCells, possible_cells
from gpusynth.methods.saturated import cells_of, weighted_rows
from gpusynth.methods.saturated_cells import Cells

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["CatAll", "CatAllModel"]


class CatAll(MethodSpecification):
    """Draw from the joint table of all columns with this method.

    Every possible combination can be drawn, not only those that real rows have: `prior` is how much
    all of them together weigh, in real rows. Give all these columns the same parameters.

    Parameters
    ----------
    columns : tuple of str
        Columns of the table in the order of their visit, the target among them. By default the
        target's predictors and the target.
    prior : float
        Weight of all possible cells together (synthpop's ``priorn``); 0 draws cells of real rows
        only.
    structural_zeros : tuple of str
        Expressions over `columns`; a cell in which one is true is impossible. A real row in such a
        cell is an error.
    weighted : bool
        Weigh real rows by the survey weight (its mean set to 1).
    """

    name: ClassVar[str] = "catall"
    reads_columns: ClassVar[bool] = True
    by_parts: ClassVar[bool] = False
    refuses_rows: ClassVar[bool] = True

    columns: tuple[str, ...] = ()
    prior: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    structural_zeros: tuple[str, ...] = ()
    weighted: bool = False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Sort the rows into cells, and count the possible ones.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        CatAllModel

        Raises
        ------
        PlanError
            If a column has too many different numbers, is not drawn before the target, or a real
            row is in an impossible cell.
        DeviceMemoryError
            If the possible cells must be listed and are too many.
        """
        earlier, later = self._around(data)
        codec = data.table.codecs[data.target.name]
        if not codec.is_exact:
            raise PlanError(
                f"column {data.target.name!r} has the method catall and too many different "
                "numbers for a table. Use another method."
            )
        rows, weight = weighted_rows(data, weighted=self.weighted)
        cells = cells_of(data, earlier, rows, weight, self.name)
        possible = possible_cells(
            data, (earlier, later), rows, prior=self.prior, zeros=self.structural_zeros
        )
        return CatAllModel(cells, possible, codec.n_codes, data.target)

    def _around(self, data: StepData) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the columns of the table before and after the target."""
        target = data.target.name
        if not self.columns:
            return data.columns, ()
        if target not in self.columns:
            raise PlanError(
                f"column {target!r} has the method catall, but is not among its columns. Add it, "
                "or use another method."
            )
        at = self.columns.index(target)
        earlier = self.columns[:at]
        absent = [name for name in earlier if name not in data.columns]
        if absent:
            raise PlanError(
                f"column {target!r} has the method catall, whose table has {absent[0]!r} before "
                f"it, but {absent[0]!r} does not predict {target!r}. Visit the table's columns in "
                "their order, and let each predict the next."
            )
        for name in self.columns[at + 1 :]:
            if name not in data.table.codecs:
                raise PlanError(f"catall of {target!r} names an unknown column: {name!r}")
        return earlier, self.columns[at + 1 :]


@dataclass(frozen=True, slots=True)
class CatAllModel:
    """Real rows by the cell of the earlier columns, and the weight of possible cells."""

    cells: Cells
    possible: PossibleCells
    n_codes: int
    target: TargetColumn

    @property
    def size(self) -> ModelSize:
        """Cells with rows, as leaves; columns, as depth."""
        return ModelSize(len(self.cells.offsets[-1]) - 1, len(self.cells.columns))

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a code given the earlier ones; see `FittedModel.draw`.

        The first random number decides between the real rows of the cell and the possible cells,
        in proportion to their weights, the second one which row or cell.

        Returns
        -------
        tuple of (codes (n_drawn,), None)
        """

        def read(name: str) -> Array:
            return block.take(drawn.read(name)[0])

        share = block.uniform(key)
        cell, depth = self.cells.find(read, block.n_drawn)
        known = depth == len(self.cells.columns)
        first, end = self.cells.ranges(cell, depth)
        of_rows = np.where(known, self.cells.weight_of(first, end), 0.0)
        part = self.possible.part_of(read, block.n_drawn)
        of_cells = self.possible.weight_of(part)
        # Only without prior, or from start columns in an impossible cell, neither weighs anything:
        # then the deepest cell that real rows have serves, as for satcat.
        from_rows = (share[:, 0] * (of_rows + of_cells) < of_rows) | (of_rows + of_cells <= 0.0)
        donors = self.cells.pick(first, end, share[:, 1])
        codes = self.target.codes[donors]
        codes[~from_rows] = self.possible.pick(part[~from_rows], share[~from_rows, 1])
        return codes, None
