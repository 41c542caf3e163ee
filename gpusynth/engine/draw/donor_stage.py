"""Caps: how often one real row may be a donor in a column of a replicate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.real.repair import RepairGroups
from gpusynth.errors import PlanError
from gpusynth.methods import Block
from gpusynth.methods.donor_model import donor_cap, donor_model, target_of
from gpusynth.plan import Step, SynthesisPlan
from gpusynth.streams import Purpose
from gpusynth.trees import deal_surplus

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

__all__ = ["DrawnDonors", "cap_of", "check_caps", "deal_donors"]


@dataclass(slots=True)
class DrawnDonors:
    """Which real row each synthetic row was given in one column.

    Attributes
    ----------
    rows : array of int64, shape (n_rows,)
        -1 where none was drawn.
    pools : array of int64, shape (n_rows,)
    """

    rows: Array
    pools: Array

    @classmethod
    def of(cls, n_rows: int) -> DrawnDonors:
        """Begin with no donors."""
        return cls(np.full(n_rows, -1, np.int64), np.zeros(n_rows, np.int64))

    def put(self, block: Block, rows: Array, pools: Array | None) -> None:
        """Write the donors of the rows that a block names."""
        part = slice(block.first_row, block.first_row + block.n_rows)
        place = slice(None) if block.positions is None else block.positions
        self.rows[part][place] = rows
        self.pools[part][place] = 0 if pools is None else pools


def cap_of(step: Step) -> int | None:
    """Return how often a donor may be used in a step; None for no cap.

    Parameters
    ----------
    step : Step

    Returns
    -------
    int or None
    """
    return None if step.part == "state" else donor_cap(step.method)


def check_caps(plan: SynthesisPlan, groups: RepairGroups) -> None:
    """Refuse a cap on a column whose rows edits may draw or repair one by one.

    Parameters
    ----------
    plan : SynthesisPlan
    groups : RepairGroups

    Raises
    ------
    PlanError
    """
    for step in plan.steps:
        if cap_of(step) is not None and step.target in groups.columns:
            raise PlanError(
                f"column {step.target!r} has max_donor_uses, but an edit may draw or repair its "
                "rows one by one, beyond any cap. Remove the edit, or the cap of this column."
            )


def deal_donors(column: ColumnDraw, most: int) -> None:
    """Give uses beyond the cap to other donors, once all rows are drawn.

    Parameters
    ----------
    column : ColumnDraw
    most : int

    Raises
    ------
    PlanError
        If more rows are drawn than all donors together may serve.
    """
    drawn = column.donors
    if drawn is None:
        return
    model = column.models.of(column.rows.number)
    key = column.key(Purpose.DEAL)
    rows, n_left = deal_surplus(drawn.rows, drawn.pools, donor_model(model).pools, most, key=key)
    if n_left:
        raise PlanError(
            f"column {column.step.target!r}: max_donor_uses = {most} leaves {n_left} of "
            f"{int((rows >= 0).sum())} synthetic rows without a donor. Raise it, ask for fewer "
            "rows, or let strata and nested columns pool more rows (min_rows)."
        )
    changed = np.flatnonzero(rows != drawn.rows)
    taken = rows[rows >= 0]
    largest = int(np.bincount(taken).max()) if len(taken) else 0
    counts, step = column.edit_counts, column.step.number
    counts.add_step("largest_donor_use", step, largest)
    counts.add_step("rows_dealt_anew", step, len(changed))
    whole = Block(0, column.rows.n_rows, column.rows.n_rows)
    if len(changed):
        block = replace(whole, positions=changed.astype(np.int32))
        column.put_donors(block, rows[changed])
        column.store(block, *target_of(model).take(rows[changed]))
    column.donors = None
