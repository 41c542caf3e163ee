"""Device: what of a run lies in the memory of a CUDA device, planned before anything is fitted.

In this order, as long as there is room: what one fit and the draw of one block need at least, the
codes of all real rows, the replicates' rows in the layout of trees, and columns that were drawn and
wait for the host, or to be put out on the device, beside what is made of them then. What finds no
room costs time and nothing else:

- drawn columns are brought to the host earlier, or at once;
- blocks of synthetic rows stay in the host's memory and are drawn by the processor;
- blocks are cut smaller;
- real codes go to the device a group of columns at a time, at every level of a tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from gpusynth.backends import device_memory
from gpusynth.engine.draw.resident import DeviceRoom
from gpusynth.engine.memory import row_bytes
from gpusynth.engine.real.prepared import Prepared
from gpusynth.errors import DeviceMemoryError
from gpusynth.table import BATCH_ROWS
from gpusynth.trees import DrawTable, Layout, PredictorTable, draw_table_bytes
from gpusynth.trees.record_plan import FIT_ROW_BYTES, plan_records

__all__ = [
    "DEVICE_BLOCK_ROWS",
    "KEPT_SHARE",
    "ROW_GROUPS_AT_A_TIME",
    "DevicePlan",
    "NewTable",
    "plan_device",
    "result_bytes",
    "working_bytes",
]

DEVICE_BLOCK_ROWS = 1 << 21
"""Rows that one task draws on a device: enough that launches cost little beside the work, few
enough that threads of the host share what is left to it. Results never depend on it."""

_LEAST_BLOCK_ROWS = 1 << 16
"""Smaller blocks would be drawn by launches, not by work."""

_MODEL_ROW = 64
"""Bytes a real row while a step is drawn: donor 4, weight 8, code 2, number 8, nodes of a tree with
few rows a leaf up to 40."""

_DRAWN_ROW = 32
"""Bytes a row of a block while it is drawn: position, donor, and what is taken from it."""

KEPT_SHARE = 0.75
"""Of what is left over that rows and drawn columns may take; the rest makes searches quick."""

ROW_GROUPS_AT_A_TIME = 4
"""Row groups of a file that are made side by side on a device."""

_GROUP_COPIES = 4
"""Of a row group that cuDF writes: columns, pages, compressed pages, and what compressing takes."""

NewTable: TypeAlias = Callable[[Layout, int], PredictorTable | DrawTable]
"""Makes the table of a block of synthetic rows."""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What of a run lies on the device.

    Attributes
    ----------
    working_bytes : int
        Of one fit besides the real codes, its model, and the draw of one block.
    record_bytes : int
        Of the real codes that are there at a time.
    n_column_groups : int
        How many groups of columns the real codes go in; 1 when they all stay.
    block_rows : int
        Rows that are drawn at a time, at most.
    n_tables : int
        Blocks, over all replicates, whose rows lie there; the others stay on the host.
    room_bytes : int
        For drawn columns that wait for the host.
    """

    working_bytes: int
    record_bytes: int
    n_column_groups: int
    block_rows: int
    n_tables: int
    room_bytes: int

    def new_table(self) -> NewTable:
        """Return what makes the tables of blocks: the first ones on the device.

        Returns
        -------
        callable
        """
        left = self.n_tables

        def make(layout: Layout, n_rows: int) -> PredictorTable | DrawTable:
            nonlocal left
            left -= 1
            return DrawTable(layout, n_rows) if left >= 0 else PredictorTable(layout, n_rows)

        return make

    def new_room(self) -> DeviceRoom:
        """Return the room for drawn columns.

        Returns
        -------
        DeviceRoom
        """
        return DeviceRoom(self.room_bytes)


def working_bytes(n_real: int, n_drawn: int) -> int:
    """Return what one fit, its model and a draw take of a device, besides codes.

    Parameters
    ----------
    n_real : int
        Rows of the fit.
    n_drawn : int
        Rows that are drawn at a time.

    Returns
    -------
    int
    """
    return n_real * (_MODEL_ROW + FIT_ROW_BYTES) + n_drawn * _DRAWN_ROW


def result_bytes(schema: pa.Schema, n_rows: int, *, as_frames: bool) -> int:
    """Return how many bytes of a device results take while they are put out there.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the output.
    n_rows : int
        Of all replicates.
    as_frames : bool
        Data frames of cuDF, which stay there; else files that cuDF writes, some row groups at a
        time.

    Returns
    -------
    int
        What tells nulls is counted as a byte a value, and the largest column of frames twice more,
        for what it is made of.
    """
    row = row_bytes(schema) + len(schema)
    if as_frames:
        largest = max((row_bytes(pa.schema([field])) for field in schema), default=0)
        return n_rows * (row + 2 * largest)
    return min(n_rows, ROW_GROUPS_AT_A_TIME * BATCH_ROWS) * row * _GROUP_COPIES


def plan_device(
    prepared: Prepared,
    n_rows: int,
    *,
    n_replicates: int = 1,
    result_bytes: int = 0,
    free: int | None = None,
) -> DevicePlan:
    """Plan the memory of a device for a run.

    Parameters
    ----------
    prepared : Prepared
    n_rows : int
        Of a replicate.
    n_replicates : int
        Drawn side by side.
    result_bytes : int
        Of what is made of drawn columns when everything is drawn, and models and rows in the layout
        of trees are gone.
    free : int, optional
        Bytes of the device that may be taken; what is free by default.

    Returns
    -------
    DevicePlan

    Raises
    ------
    DeviceMemoryError
        If fits and the draw of one block do not fit; the message says how many bytes they need.
    """
    free = device_memory() if free is None else free
    layout, n_real = prepared.predictors.layout, prepared.table.n_rows
    block = max(min(n_rows, DEVICE_BLOCK_ROWS), 1)
    while True:
        table_bytes = draw_table_bytes(layout, block)
        working = working_bytes(n_real, block)
        records = plan_records(layout.n_codes, n_real, free - working - table_bytes)
        if records.n_groups == 1 or block <= _LEAST_BLOCK_ROWS:
            break
        block = max(block // 2, _LEAST_BLOCK_ROWS)
    least = working + table_bytes + records.n_bytes
    if least > free:
        raise DeviceMemoryError.needs("this run", least, free)
    left = int((free - working - records.n_bytes) * KEPT_SHARE)
    n_blocks = n_replicates * -(-n_rows // block)
    n_tables = max(min(n_blocks, left // max(table_bytes, 1)), 1)
    at_the_end = int((free - records.n_bytes) * KEPT_SHARE) - result_bytes
    return DevicePlan(
        working_bytes=working,
        record_bytes=records.n_bytes,
        n_column_groups=records.n_groups,
        block_rows=block,
        n_tables=n_tables,
        room_bytes=max(min(left - n_tables * table_bytes, at_the_end), 0),
    )
