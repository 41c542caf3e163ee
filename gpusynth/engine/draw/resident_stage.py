"""Resident stage: draw a block of a column on the device and leave it there.

Columns that rules, a kept part of the file or a count of donors decide too are drawn there as well,
but go to the host at once, where those are worked out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpusynth.methods import Block, DeviceModel
from gpusynth.trees import DrawTable

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

__all__ = ["draw_resident"]


def draw_resident(column: ColumnDraw, block: Block) -> bool:
    """Draw all rows of a block on the device, if that can be done without the host.

    Parameters
    ----------
    column : ColumnDraw
        Nothing but its model decides what its rows hold.
    block : Block
        Without positions.

    Returns
    -------
    bool
        Whether it was drawn. Else nothing was changed.

    Raises
    ------
    DeviceMemoryError
    """
    step, rows = column.step, column.rows
    table, resident = rows.tables.get(block.first_row), rows.resident
    if resident is None or not isinstance(table, DrawTable) or step.method.whole_file:
        return False
    model = column.models.of(rows.number)
    if not isinstance(model, DeviceModel) or not _fits_the_room(column, model):
        return False
    ordinary = None
    if step.part == "value":
        states = resident.get(step.target, block.first_row)
        if states is None:
            return False
        ordinary = states, column.n_special
    drawn = model.draw_on_device(table, column.key(), block, ordinary=ordinary)
    resident.put(step.target, block.first_row, drawn)
    return True


def _fits_the_room(column: ColumnDraw, model: DeviceModel) -> bool:
    """Return whether what the model draws is what the replicate keeps, kind by kind.

    Numbers that no code stands for have room of their own; where the model draws codes alone
    (states, exact codes) the host works them out.
    """
    target, rows = model.target, column.rows
    if target.codes.dtype != rows.host_dtype(column.step.target):
        return False
    own = rows.host_dtype(column.step.target, values=True)
    if column.step.part == "state":
        return own is None or not column.prepared.table.codecs[column.step.target].is_exact
    return own is None or (target.values is not None and target.values.dtype == own)
