"""Replicated uniques: synthetic rows that equal a unique real row are drawn again or removed.

References
----------
.. [1] Nowok, B., Raab, G. M. & Dibben, C. (2016). synthpop. Journal of Statistical Software 74(11).
   (`replicated.uniques`, and `rm.replicated.uniques` of `sdc`)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.draw.donor_stage import cap_of
from gpusynth.engine.draw.edits import EditCounts, Repair
from gpusynth.engine.real.repair import RepairGroups
from gpusynth.engine.real.unique_records import UniqueRecords
from gpusynth.errors import PlanError
from gpusynth.methods import Block
from gpusynth.plan import ReplicatedUniques, SynthesisPlan
from gpusynth.streams import Purpose
from gpusynth.table import read_rows

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw
    from gpusynth.engine.draw.replicate import SyntheticRows

__all__ = [
    "check_uniques",
    "describe_uniques",
    "redraw_replicated",
    "redraw_window",
    "remove_replicated",
    "replicated_rows",
]


_COUNTED = ("found", "drawn_again", "replaced", "removed")


def describe_uniques(
    choice: ReplicatedUniques | None, records: UniqueRecords | None, counts: EditCounts
) -> dict[str, Any] | None:
    """Return what the manifest says; None where the plan asks for nothing.

    Parameters
    ----------
    choice : ReplicatedUniques, optional
    records : UniqueRecords, optional
    counts : EditCounts

    Returns
    -------
    dict or None
        Rows over all replicates: found to replicate a unique real row at first, drawn again (summed
        over attempts), replaced by another row's record, and removed.
    """
    if choice is None or records is None:
        return None
    return {
        "keys": list(choice.keys),
        "action": choice.action,
        "unique_real_rows": records.n_unique,
        **{what: sum(counts.steps.get(f"uniques_{what}", {}).values()) for what in _COUNTED},
    }


def redraw_window(plan: SynthesisPlan) -> range:
    """Return the numbers of the steps that are drawn again: from the first drawn key to the last.

    Parameters
    ----------
    plan : SynthesisPlan

    Returns
    -------
    range
        Empty where nothing is to be drawn again.
    """
    choice = plan.replicated_uniques
    if choice is None or choice.action != "redraw":
        return range(0)
    last: dict[str, list[int]] = {}
    for step in plan.steps:
        if step.method.name == "keep" or step.target not in choice.keys:
            continue
        last.setdefault(step.target, []).append(step.number)
    drawn = sorted(last.values())
    first = 0 if choice.redraw_last is None else max(len(drawn) - choice.redraw_last, 0)
    return range(drawn[first][0], drawn[-1][-1] + 1) if drawn else range(0)


def check_uniques(plan: SynthesisPlan, groups: RepairGroups) -> None:
    """Refuse what drawing again cannot respect.

    Parameters
    ----------
    plan : SynthesisPlan
    groups : RepairGroups

    Raises
    ------
    PlanError
        If a column that may be drawn again is tied to an edit, has a cap on the uses of a donor, or
        is swapped in its tails.
    """
    window = redraw_window(plan)
    for step in plan.steps:
        if step.number not in window or step.method.name == "keep":
            continue
        reason = None
        if step.target in groups.columns:
            reason = "an edit may draw or repair it"
        elif cap_of(step) is not None:
            reason = "it has max_donor_uses"
        elif step.tail is not None and step.tail.is_whole_column:
            reason = "its tails are swapped"
        if reason is not None:
            raise PlanError(
                f"replicated_uniques: column {step.target!r} may be drawn again (it is a key or is "
                f"visited between two keys), but {reason}. Visit the keys next to each other, "
                'change that, or use action = "remove".'
            )


def replicated_rows(ids: Array, choice: ReplicatedUniques) -> Array:
    """Return the rows that replicate a unique real row.

    Parameters
    ----------
    ids : array of int64, shape (n_rows,)
        Number of the unique real record that each row equals; -1 for none.
    choice : ReplicatedUniques

    Returns
    -------
    array of int64, shape (n,)
        Ascending.
    """
    rows = np.flatnonzero(ids >= 0)
    if choice.among == "unique" and len(rows):
        rows = rows[np.bincount(ids[rows])[ids[rows]] == 1]
    return rows


def redraw_replicated(
    window: Sequence[ColumnDraw],
    records: UniqueRecords,
    choice: ReplicatedUniques,
) -> None:
    """Draw rows that replicate a unique real row again, once all keys are complete.

    Parameters
    ----------
    window : sequence of ColumnDraw
        The columns to draw again, of one replicate, in visit order.
    records : UniqueRecords
    choice : ReplicatedUniques

    Raises
    ------
    PlanError
        If every synthetic row replicates a unique real one.
    """
    rows = window[0].rows
    read = rows.reader(slice(0, rows.n_rows))
    ids = records.match(read, rows.n_rows)
    again = replicated_rows(ids, choice)
    last = window[-1]
    counts, step = last.edit_counts, last.step.number
    if len(again):
        others = tuple(column.step.target for column in window[:-1])
        last.repairs.append(Repair(others, again))
    counts.add_step("uniques_found", step, len(again))
    for attempt in range(1, choice.attempts + 1):
        if not len(again):
            return
        counts.add_step("uniques_drawn_again", step, len(again))
        for column in window:
            column.draw_rows_again(again, attempt)
        ids[again] = records.match(read_rows(read, again), len(again))
        again = replicated_rows(ids, choice)
    if len(again):
        _replace(last, again, ids, choice)
        counts.add_step("uniques_replaced", step, len(again))


def _replace(column: ColumnDraw, again: Array, ids: Array, choice: ReplicatedUniques) -> None:
    """Give rows the record of another synthetic row, everything that is drawn so far."""
    rows = column.rows
    free = np.ones(rows.n_rows, np.bool_)
    free[again if choice.among == "unique" else ids >= 0] = False
    sources = np.flatnonzero(free)
    if not len(sources):
        raise PlanError(
            "replicated_uniques: every synthetic row replicates a unique real row on these keys. "
            "Use fewer or coarser keys."
        )
    block = Block(0, rows.n_rows, rows.n_rows, again.astype(np.int32))
    share = block.uniform(column.key(Purpose.REPLACE))[:, 0]
    source = sources[(share * len(sources)).astype(np.int64)]
    for arrays in (rows.codes, rows.values):
        for drawn in arrays.values():
            drawn[again] = drawn[source]
    earlier = tuple(name for name in rows.codes if name != column.step.target)
    column.repairs.append(Repair(earlier, again))
    for block in rows.blocks():
        rows.fill_table(block.first_row, tuple(rows.codes), again=True)


def remove_replicated(
    rows: SyntheticRows, records: UniqueRecords, choice: ReplicatedUniques, counts: EditCounts
) -> None:
    """Mark rows that replicate a unique real row as removed, once all columns are complete.

    Parameters
    ----------
    rows : SyntheticRows
    records : UniqueRecords
    choice : ReplicatedUniques
    counts : EditCounts

    Raises
    ------
    PlanError
        If no row is left.
    """
    found = replicated_rows(records.match(rows.reader(slice(0, rows.n_rows)), rows.n_rows), choice)
    if len(found) == rows.n_rows:
        raise PlanError(
            "replicated_uniques: every synthetic row replicates a unique real row on these keys, "
            "and none would be left. Use fewer or coarser keys."
        )
    rows.removed = np.zeros(rows.n_rows, np.bool_)
    rows.removed[found] = True
    counts.add_step("uniques_found", 0, len(found))
    counts.add_step("uniques_removed", 0, len(found))
