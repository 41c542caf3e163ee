"""Smoothing of drawn columns: fitted to a whole replicate, applied block by block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.methods import Block
from gpusynth.methods.smoothing import fit_smoother
from gpusynth.streams import Purpose, StreamKey
from gpusynth.table import as_numbers, code_numbers

if TYPE_CHECKING:
    from gpusynth.engine.drawing import ColumnDraw

__all__ = ["fit_column_smoother", "smooth_rows"]


def fit_column_smoother(column: ColumnDraw) -> None:
    """Fit the smoother to all drawn numbers of the replicate.

    Parameters
    ----------
    column : ColumnDraw
        All its rows are drawn; it gets the smoother.
    """
    step = column.step
    if step.smoothing is None:
        return
    rows = column.rows
    codes, values = rows.reader(slice(0, rows.n_rows))(step.target)
    whole = Block(0, rows.n_rows, rows.n_rows)
    chosen = replace(whole, positions=column.ordinary_positions(whole))
    real, codec = column.prepared.table, column.prepared.table.codecs[step.target]
    drawn = as_numbers(codec, chosen.take(codes), None if values is None else chosen.take(values))
    taken = real.codes[step.target] >= column.n_special
    exact = real.values.get(step.target)
    numbers = as_numbers(
        codec, real.codes[step.target][taken], None if exact is None else exact[taken]
    )
    column.smoother = fit_smoother(
        step.smoothing,
        drawn,
        column=codec.column,
        real_range=(float(numbers.min()), float(numbers.max())),
    )


def smooth_rows(column: ColumnDraw, block: Block) -> None:
    """Smooth the drawn numbers of a block.

    Parameters
    ----------
    column : ColumnDraw
    block : Block
        Its positions hold ordinary numbers that were drawn.
    """
    smoother, target = column.smoother, column.step.target
    if smoother is None or not smoother.changes_numbers:
        return
    codec = column.prepared.table.codecs[target]
    part = slice(block.first_row, block.first_row + block.n_rows)
    codes, values = column.rows.reader(part)(target)
    numbers = as_numbers(codec, block.take(codes), None if values is None else block.take(values))
    key = StreamKey(
        column.seed,
        replicate=column.rows.number,
        step=column.step.number,
        purpose=Purpose.SMOOTH,
    )
    smoothed = smoother.apply(numbers, block.uniform(key))
    changed = smoothed != numbers
    if changed.any():
        positions = np.arange(block.n_rows) if block.positions is None else block.positions
        moved = replace(block, positions=positions[changed].astype(np.int32))
        column.store(moved, *code_numbers(codec, smoothed[changed]))
