"""Smoothing of drawn columns: fitted to a whole replicate, applied block by block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpusynth.engine.draw.drawn_numbers import drawn_numbers, store_changed
from gpusynth.methods import Block
from gpusynth.methods.smoothing import fit_smoother
from gpusynth.streams import Purpose
from gpusynth.table import as_numbers, read_table

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

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
    whole = Block(0, rows.n_rows, rows.n_rows)
    chosen = replace(whole, positions=column.ordinary_positions(whole))
    real, codec = column.prepared.table, column.prepared.table.codecs[step.target]
    taken = real.codes[step.target] >= column.n_special
    numbers = as_numbers(codec, *read_table(real, taken)(step.target))
    column.smoother = fit_smoother(
        step.smoothing,
        drawn_numbers(column, chosen),
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
    smoother = column.smoother
    if smoother is None or not smoother.changes_numbers:
        return
    numbers = drawn_numbers(column, block)
    smoothed = smoother.apply(numbers, block.uniform(column.key(Purpose.SMOOTH)))
    store_changed(column, block, numbers, smoothed)
