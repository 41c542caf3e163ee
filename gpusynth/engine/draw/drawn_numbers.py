"""Drawn numbers: what smoothing and tails read of a drawn column, and change in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods import Block
from gpusynth.table import as_numbers, code_numbers, read_rows

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

__all__ = ["drawn_numbers", "store_changed"]


def drawn_numbers(column: ColumnDraw, block: Block) -> Array:
    """Return the numbers of the rows that a block names.

    Parameters
    ----------
    column : ColumnDraw
    block : Block
        Its positions hold ordinary numbers that were drawn.

    Returns
    -------
    array of float64, shape (n_drawn,)
    """
    target = column.step.target
    rows = slice(None) if block.positions is None else block.positions
    read = read_rows(column.read(block), rows)
    return as_numbers(column.prepared.table.codecs[target], *read(target))


def store_changed(column: ColumnDraw, block: Block, before: Array, after: Array) -> None:
    """Write the numbers that have changed.

    Parameters
    ----------
    column : ColumnDraw
    block : Block
        As `drawn_numbers` was given it.
    before, after : array of float64, shape (n_drawn,)
    """
    changed = before != after
    if changed.any():
        positions = np.arange(block.n_rows) if block.positions is None else block.positions
        moved = replace(block, positions=positions[changed].astype(np.int32))
        codec = column.prepared.table.codecs[column.step.target]
        column.store(moved, *code_numbers(codec, after[changed]))
