"""Tails: limits found in the real columns, and drawn numbers treated beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.draw.drawn_numbers import drawn_numbers, store_changed
from gpusynth.engine.real.repair import RepairGroups
from gpusynth.errors import PlanError
from gpusynth.methods import Block
from gpusynth.methods.tails import TailTreatment, fit_tail
from gpusynth.plan import SynthesisPlan
from gpusynth.streams import Purpose
from gpusynth.table import Table, as_numbers, read_table

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw
    from gpusynth.engine.real.prepared import Prepared

__all__ = ["exchange_tail", "fit_tails", "reasons_and_tails", "tail_notes", "treat_rows"]


def fit_tails(
    plan: SynthesisPlan, real: Table, units: Array | None, groups: RepairGroups
) -> Mapping[str, TailTreatment]:
    """Fit the tails of all columns that have any.

    Parameters
    ----------
    plan : SynthesisPlan
    real : Table
    units : array of int64, shape (n_real,), or None
    groups : RepairGroups

    Returns
    -------
    dict of str to TailTreatment

    Raises
    ------
    PlanError
        If a tail has too few units, or is swapped in a column that edits may draw again.
    """
    treatments = {}
    for step in plan.steps:
        if step.tail is None:
            continue
        name = step.target
        if step.tail.is_whole_column and name in groups.columns:
            raise PlanError(
                f"tails: column {name!r} is swapped among rows, but an edit may draw or repair it "
                "row by row. Use code or noise, or remove the edit."
            )
        codec = real.codecs[name]
        rows = np.flatnonzero(real.codes[name] >= codec.n_special)
        numbers = as_numbers(codec, *read_table(real, rows)(name))
        treatments[name] = fit_tail(
            step.tail, numbers, rows if units is None else units[rows], column=codec.column
        )
    return treatments


def tail_notes(prepared: Prepared) -> dict[str, str]:
    """Return what the dictionary of a released file says of its columns' tails.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    dict of str to str
        Columns whose tails were treated -> a sentence a side.
    """
    return {name: treatment.describe() for name, treatment in prepared.tails.items()}


def reasons_and_tails(reasons: Mapping[str, str], prepared: Prepared) -> dict[str, str]:
    """Return what the schema file of a run says of its columns.

    Parameters
    ----------
    reasons : mapping of str to str
        Why each column's kind was chosen.
    prepared : Prepared

    Returns
    -------
    dict of str to str
        Column -> its reason and what is done to its tails.
    """
    notes = tail_notes(prepared)
    return {
        name: " ".join(filter(None, (reasons.get(name), notes.get(name))))
        for name in (*reasons, *notes)
    }


def treat_rows(column: ColumnDraw, block: Block) -> None:
    """Code or perturb the drawn numbers of a block that lie beyond a limit.

    Parameters
    ----------
    column : ColumnDraw
    block : Block
        Its positions hold ordinary numbers that were drawn.
    """
    treatment = column.prepared.tails.get(column.step.target)
    if treatment is None or treatment.tail.is_whole_column:
        return
    numbers = drawn_numbers(column, block)
    treated = treatment.apply(numbers, block.uniform(column.key(Purpose.TAIL)))
    store_changed(column, block, numbers, treated)


def exchange_tail(column: ColumnDraw) -> None:
    """Let the drawn numbers of a complete column's tails change places.

    Parameters
    ----------
    column : ColumnDraw
    """
    treatment = column.prepared.tails[column.step.target]
    n_rows = column.rows.n_rows
    block = Block(0, n_rows, n_rows)
    block = replace(block, positions=column.ordinary_positions(block))
    numbers = drawn_numbers(column, block)
    treated = treatment.exchange(numbers, block.uniform(column.key(Purpose.TAIL)))
    store_changed(column, block, numbers, treated)
