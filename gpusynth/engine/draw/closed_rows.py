"""Closed rows: rules or a partial synthesis decide what they hold, so they are not drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods import Block
from gpusynth.table import read_table

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

__all__ = ["kept_positions", "open_rows", "set_closed_rows", "start_rows"]


def start_rows(column: ColumnDraw, block: Block) -> Array:
    """Return the real rows that the rows of a block start from; none where they start empty.

    Parameters
    ----------
    column : ColumnDraw
    block : Block

    Returns
    -------
    array of int32 or int64, shape (n_rows,) or (0,)
    """
    start = column.rows.start
    if start is None:
        return np.zeros(0, np.int64)
    return start[block.first_row : block.first_row + block.n_rows]


def open_rows(column: ColumnDraw, block: Block) -> Array | None:
    """Return which rows of a block are drawn at all; None for all.

    Not those in which a rule fixes the column, nor those that a partial synthesis keeps.

    Parameters
    ----------
    column : ColumnDraw
    block : Block

    Returns
    -------
    array of bool, shape (n_rows,), or None
    """
    conditions = column.prepared.conditions
    fixed = conditions.fixed_rows(column.step.target, column.read(block), block.n_rows)
    kept = _kept_rows(column, block)
    if fixed is None and kept is None:
        return None
    is_open = np.ones(block.n_rows, np.bool_)
    for closed in (fixed, kept):
        if closed is not None:
            is_open &= ~closed
    return is_open


def kept_positions(column: ColumnDraw, block: Block, positions: Array) -> Array:
    """Return those positions that a partial synthesis keeps as in the real row.

    Parameters
    ----------
    column : ColumnDraw
    block : Block
    positions : array of int32, shape (n,)

    Returns
    -------
    array of int32
    """
    kept = _kept_rows(column, block)
    return positions[:0] if kept is None else positions[kept[positions]]


def set_closed_rows(column: ColumnDraw, block: Block) -> None:
    """Write what rules fix and what a partial synthesis keeps; later rules count more.

    Parameters
    ----------
    column : ColumnDraw
    block : Block
    """
    target, real = column.step.target, column.prepared.table
    kept = _kept_rows(column, block)
    if kept is not None and kept.any():
        source = start_rows(column, block)[kept]
        chosen = replace(block, positions=np.flatnonzero(kept).astype(np.int32))
        column.store(chosen, *read_table(real, source)(target))
    read = column.read(block)
    for rule in column.prepared.conditions.rules.get(target, ()):
        holds = rule.when.truth(read, block.n_rows)
        if kept is not None:
            holds &= ~kept
        positions = np.flatnonzero(holds).astype(np.int32)
        codes = np.full(len(positions), rule.code, real.codes[target].dtype)
        values = None if rule.value is None else np.full(len(positions), rule.value)
        column.store(replace(block, positions=positions), codes, values)


def _kept_rows(column: ColumnDraw, block: Block) -> Array | None:
    conditions = column.prepared.conditions
    selected, columns = conditions.selected, conditions.partial_columns
    if selected is None or columns is None or column.step.target not in columns:
        return None
    return ~selected[start_rows(column, block)]
