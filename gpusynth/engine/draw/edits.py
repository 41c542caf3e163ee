"""Edits: rows that fail one are drawn again, then repaired, so that no synthetic row fails.

A row is first drawn again at the column that completes the edit, with fresh random numbers at each
attempt. A row that still fails is repaired: the edit's columns, and those tied to them by other
edits, rules or formulas, are taken from one real row that satisfies all of these (a donor record);
columns that are kept stay, and the donor must agree with them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.draw.closed_rows import kept_positions, open_rows
from gpusynth.engine.real.conditions import BoundEdit, Conditions
from gpusynth.engine.real.repair import matching_donors
from gpusynth.errors import PlanError
from gpusynth.methods import Block
from gpusynth.plan import SynthesisPlan
from gpusynth.streams import Purpose
from gpusynth.table import Read, Table, exact_numbers, read_rows

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

__all__ = ["EditCounts", "Repair", "redraw_and_repair"]

_COUNTS = ("failed", "attempts", "repaired", "kept")


@dataclass(slots=True)
class EditCounts:
    """How many rows failed each edit, over all replicates.

    Attributes
    ----------
    failed, repaired : dict of int to int
        Number of the edit -> rows. The rest of the failed rows was right after another draw.
    attempts : dict of int to int
        Rows drawn again, summed over attempts.
    kept : dict of int to int
        Rows that are kept as the real row and fail.
    steps : dict of str to dict of int to int
        What else was counted -> number of the step -> rows: sums over replicates, or the largest of
        them where the name begins with "largest".
    """

    failed: dict[int, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    repaired: dict[int, int] = field(default_factory=dict)
    kept: dict[int, int] = field(default_factory=dict)
    steps: dict[str, dict[int, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, edits: Sequence[BoundEdit], each: Sequence[Array]) -> None:
        """Add the rows of each edit; from any thread."""
        counts: dict[int, int] = getattr(self, what)
        with self._lock:
            for edit, rows in zip(edits, each, strict=True):
                counts[edit.number] = counts.get(edit.number, 0) + int(rows.sum())

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what was counted -> number of the edit, as text -> rows.

        Returns
        -------
        dict of str to dict of str to int
        """
        all_counts = {**{what: getattr(self, what) for what in _COUNTS}, **self.steps}
        return {what: {str(n): rows for n, rows in own.items()} for what, own in all_counts.items()}

    def add_step(self, what: str, step: int, rows: int) -> None:
        """Count something of a step; from any thread."""
        self.add_counts({what: {str(step): rows}})

    def of_step(self, step: int) -> dict[str, int]:
        """Return what was counted of a step besides edits."""
        return {what: counts[step] for what, counts in self.steps.items() if step in counts}

    def add_counts(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add what `counts` of another one returned; from any thread."""
        with self._lock:
            for what, of_number in counts.items():
                of_edits = what in _COUNTS
                own: dict[int, int] = (
                    getattr(self, what) if of_edits else self.steps.setdefault(what, {})
                )
                for number, rows in of_number.items():
                    before = own.get(int(number), 0)
                    largest = what.startswith("largest")
                    own[int(number)] = max(before, rows) if largest else before + rows

    def to_json(self, plan: SynthesisPlan, conditions: Conditions) -> list[dict[str, Any]]:
        """Return one entry an edit.

        Returns
        -------
        list of dict
        """
        bound = sorted(
            (e for edits in conditions.edits.values() for e in edits), key=lambda edit: edit.number
        )
        return [
            {
                "edit": plan.edits[edit.number].title,
                "checked_at": edit.target,
                "real_rows_failing": edit.n_real_failing,
                **{what: getattr(self, what).get(edit.number, 0) for what in _COUNTS},
            }
            for edit in bound
        ]


@dataclass(frozen=True, slots=True)
class Repair:
    """Rows in which a step changed columns that were drawn before.

    Attributes
    ----------
    columns : tuple of str
    positions : array of int64, shape (n,)
        Rows of the replicate.
    """

    columns: tuple[str, ...]
    positions: Array


def redraw_and_repair(
    column: ColumnDraw, edits: Sequence[BoundEdit], block: Block
) -> tuple[tuple[str, ...], Array]:
    """Draw rows that fail an edit again, then repair them.

    Parameters
    ----------
    column : ColumnDraw
        The column that completes the edits; it is complete in this block.
    edits : sequence of BoundEdit
    block : Block

    Returns
    -------
    tuple of (tuple of str, array of int32)
        Other columns that were changed, and the positions in the block where they were.

    Raises
    ------
    PlanError
        If no real row agrees with the kept columns of a row that fails.
    """
    prepared, counts = column.prepared, column.edit_counts
    read = column.read(block)
    failing, each = prepared.conditions.failing(edits, read, block.n_rows)
    counts.add("failed", edits, each)
    is_open = open_rows(column, block)
    positions = np.flatnonzero(failing).astype(np.int32)
    stuck = positions[:0]
    if is_open is not None:
        stuck, positions = positions[~is_open[positions]], positions[is_open[positions]]
    most = max(edit.edit.attempts for edit in edits)
    if column.state is None and not column.step.method.is_fitted:
        most = 0  # a formula gives the same number every time
    for attempt in range(1, most + 1):
        if not len(positions):
            break
        counts.add("attempts", edits, _each_failing(edits, read, positions))
        column.draw_again(Block(block.first_row, block.n_rows, block.n_total, positions, attempt))
        failing, _ = prepared.conditions.failing(edits, read_rows(read, positions), len(positions))
        positions = positions[failing]
    positions = np.sort(np.concatenate([stuck, positions]))
    if not len(positions):
        return (), positions
    return _repair(column, edits, block, read, positions)


def _repair(
    column: ColumnDraw, edits: Sequence[BoundEdit], block: Block, read: Read, positions: Array
) -> tuple[tuple[str, ...], Array]:
    """Take the columns that hang together from a real row that is right in all of them."""
    prepared, rows, target = column.prepared, column.rows, column.step.target
    groups = prepared.repair_groups
    complete = [name for name in groups.columns_of[target] if name in rows.codes]
    fixed = [name for name in complete if name in groups.started]
    free = [name for name in complete if name not in groups.started]
    kept = kept_positions(column, block, positions)
    if len(kept):
        column.edit_counts.add("kept", edits, _each_failing(edits, read, kept))
        positions = np.setdiff1d(positions, kept)
    column.edit_counts.add("repaired", edits, _each_failing(edits, read, positions))
    failing = Block(block.first_row, block.n_rows, block.n_total, positions)
    share = failing.uniform(column.key(Purpose.REPAIR))[:, 0]
    donors = matching_donors(
        prepared.table, groups.donors_of[target], fixed, read_rows(read, positions), share
    )
    if (donors < 0).any():
        raise PlanError(
            f"edit {edits[0].edit.title!r}: {int((donors < 0).sum())} rows cannot satisfy it: no "
            f"real row with the same {', '.join(map(repr, fixed))} does. "
            "Correct the edit, or do not keep these columns."
        )
    for name in free:
        _copy(prepared.table, name, donors, read(name), positions)
        if name in rows.donors:
            rows.donors_of(name, block.first_row, block.n_rows)[positions] = donors
    return tuple(name for name in free if name != target), positions


def _copy(
    real: Table, name: str, donors: Array, room: tuple[Array, Array | None], positions: Array
) -> None:
    """Write a column of donor records into chosen rows of a block."""
    codes, values = room
    codes[positions] = real.codes[name][donors]
    if values is not None:
        exact = real.values.get(name)
        values[positions] = (
            exact_numbers(real.codecs[name], real.codes[name][donors], values.dtype)
            if exact is None
            else exact[donors]
        )


def _each_failing(edits: Sequence[BoundEdit], read: Read, positions: Array) -> list[Array]:
    some = read_rows(read, positions)
    return [edit.fails.truth(some, len(positions)) for edit in edits]
