"""Device: what of a run lies in the memory of a CUDA device, planned before anything is fitted.

The replicates' rows in the layout of trees lie there as long as there is room; blocks of rows that
find none stay in the host's memory and are drawn by the processor, with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gpusynth.backends import Backend, device_memory
from gpusynth.engine.prepared import Prepared
from gpusynth.errors import DeviceMemoryError
from gpusynth.trees import DrawTable, Layout, PredictorTable, draw_table_bytes

__all__ = ["DEVICE_BLOCK_ROWS", "NewTable", "tables_on"]

DEVICE_BLOCK_ROWS = 1 << 21
"""Rows that one task draws on a device: enough that launches cost little beside the work, few
enough that threads of the host share what is left to it. Results never depend on it."""

_MODEL_ROW = 64
"""Bytes a real row while a step is drawn: donor 4, weight 8, code 2, number 8, nodes of a tree with
few rows a leaf up to 40."""

_FIT_ROW = 96
"""Bytes a real row while a tree grows, besides the predictors' codes: entries of the rows and
their target twice (before and after a level), and the tables of a level."""

_DRAWN_ROW = 32
"""Bytes a row of a block while it is drawn: position, donor, and what is taken from it."""

NewTable: TypeAlias = Callable[[Layout, int], PredictorTable | DrawTable]
"""Makes the table of a block of synthetic rows."""


def tables_on(backend: Backend, prepared: Prepared, n_rows: int) -> tuple[NewTable, int]:
    """Return what makes the tables of synthetic rows, and how many rows a block has at most.

    Parameters
    ----------
    backend : Backend
        A CUDA device.
    prepared : Prepared
    n_rows : int
        Of a replicate.

    Returns
    -------
    tuple of (callable, int)

    Raises
    ------
    DeviceMemoryError
        If fits and the draw of one block do not fit; the message says how many bytes they need.
    """
    layout = prepared.predictors.layout
    block = min(n_rows, DEVICE_BLOCK_ROWS)
    real_row = sum(1 if count <= 256 else 2 for count in layout.n_codes.tolist())
    working = prepared.table.n_rows * (real_row + _MODEL_ROW + _FIT_ROW) + block * _DRAWN_ROW
    free = device_memory()
    least = working + draw_table_bytes(layout, block)
    if least > free:
        raise DeviceMemoryError.needs("this run", least, free)
    left = free - working

    def new_table(layout: Layout, rows: int) -> PredictorTable | DrawTable:
        nonlocal left
        size = draw_table_bytes(layout, rows)
        if not backend.on_device or size > left:
            return PredictorTable(layout, rows)
        left -= size
        return DrawTable(layout, rows)

    return new_table, DEVICE_BLOCK_ROWS
