"""Repair: which columns are repaired together, and which real rows are donor records for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.real.conditions import BoundEdit, Conditions
from gpusynth.errors import PlanError
from gpusynth.methods import Passive
from gpusynth.plan import SynthesisPlan
from gpusynth.table import Read, Table, read_table
from gpusynth.table.expression import answer_coder, bind_expression, parse_expression

__all__ = ["RepairGroups", "find_repair_groups", "matching_donors"]


@dataclass(frozen=True, slots=True)
class RepairGroups:
    """Columns that are repaired together, and the real rows that may be donor records.

    Attributes
    ----------
    columns_of : mapping of str to tuple of str
        Column -> all columns that edits, rules and formulas tie to it, in visit order.
    donors_of : mapping of str to array of int32
        Column -> real rows that satisfy all edits, rules and formulas among those columns,
        ascending.
    started : frozenset of str
        Kept columns; never repaired.
    """

    columns_of: Mapping[str, tuple[str, ...]]
    donors_of: Mapping[str, Array]
    started: frozenset[str]

    @property
    def columns(self) -> frozenset[str]:
        """All columns that an edit may draw or repair row by row."""
        return frozenset().union(*self.columns_of.values())


def find_repair_groups(
    plan: SynthesisPlan, conditions: Conditions, real: Table, ties: Mapping[str, Sequence[str]]
) -> RepairGroups:
    """Find which columns hang together and which real rows are right in all of them.

    Parameters
    ----------
    plan : SynthesisPlan
    conditions : Conditions
    real : Table
    ties : mapping of str to sequence of str
        Column -> columns that its rules and its method name.

    Returns
    -------
    RepairGroups

    Raises
    ------
    PlanError
        If no real row satisfies the conditions of a group.
    """
    edits = [edit for of_step in conditions.edits.values() for edit in of_step]
    group_of = {name: {name} for name in plan.visit}
    for names in (*(edit.columns for edit in edits), *((a, *b) for a, b in ties.items())):
        joined = set().union(*(group_of[name] for name in names))
        for name in joined:
            group_of[name] = joined
    columns_of: dict[str, tuple[str, ...]] = {}
    donors_of: dict[str, Array] = {}
    found: dict[int, Array] = {}
    for edit in edits:
        joined = group_of[edit.target]
        columns_of[edit.target] = tuple(name for name in plan.visit if name in joined)
        if id(joined) not in found:
            found[id(joined)] = _donors(joined, edits, plan, conditions, real)
        donors_of[edit.target] = found[id(joined)]
        if not len(donors_of[edit.target]):
            raise PlanError(
                f"edit {edit.edit.title!r}: no donor can satisfy it together with the other edits, "
                f"rules and formulas on its columns; all {real.n_rows} real rows fail one of them. "
                "Correct them."
            )
    started = frozenset(plan.kept) - plan.drawn_anew
    return RepairGroups(columns_of, donors_of, started)


def matching_donors(
    real: Table, donors: Array, fixed: Sequence[str], read: Read, share: Array
) -> Array:
    """Draw a donor record that agrees with each row on some columns.

    Parameters
    ----------
    real : Table
    donors : array of int32, shape (n_donors,)
        Real rows, ascending.
    fixed : sequence of str
        Columns to agree on, exact numbers included.
    read : callable
        Column name -> (codes, values or None) of the rows.
    share : array of float64, shape (n_rows,)
        In [0, 1); decides among the donors of a row, whatever the other rows are.

    Returns
    -------
    array of int32 or int64, shape (n_rows,)
        Real rows; -1 where none agrees.
    """
    if not fixed:
        return donors[(share * len(donors)).astype(np.int64)]
    for name in fixed:  # few rows fail: most donors go here, without a sort
        is_wanted = np.zeros(real.codecs[name].n_codes, np.bool_)
        is_wanted[read(name)[0]] = True
        donors = donors[is_wanted[real.codes[name][donors]]]
    if not len(donors):
        return np.full(len(share), -1, np.int64)
    number: Array = np.zeros(len(donors) + len(share), np.int64)
    for name in fixed:
        for answers in _answers(real, name, donors, read(name)):
            _, codes = np.unique(answers, return_inverse=True)
            _, number = np.unique(number * len(answers) + codes, return_inverse=True)
    have, want = number[: len(donors)], number[len(donors) :]
    order = np.argsort(have, kind="stable")
    first = np.searchsorted(have[order], want, side="left")
    count = np.searchsorted(have[order], want, side="right") - first
    place = first + (share * count).astype(np.int64)
    return np.where(count > 0, donors[order[np.minimum(place, len(donors) - 1)]], -1)


def _answers(
    real: Table, name: str, donors: Array, wanted: tuple[Array, Array | None]
) -> list[Array]:
    """Return the answers of donors, then those of rows: codes, and numbers where codes are bins."""
    codes, values = wanted
    have = real.codes[name][donors]
    answers = [np.concatenate([have, codes])]
    exact, n_special = real.values.get(name), real.codecs[name].n_special
    if exact is not None and values is not None:
        # What stands beside a special code has no meaning.
        own = np.where(have < n_special, 0, exact[donors])
        answers.append(np.concatenate([own, np.where(codes < n_special, 0, values)]))
    return answers


def _donors(
    columns: set[str],
    edits: Sequence[BoundEdit],
    plan: SynthesisPlan,
    conditions: Conditions,
    real: Table,
) -> Array:
    """Return the real rows that are right in all columns of a group."""
    read = read_table(real)
    good = np.ones(real.n_rows, np.bool_)
    for edit in edits:
        if edit.target in columns:
            good &= ~edit.fails.truth(read, real.n_rows)
    for target, rules in conditions.rules.items():
        if target not in columns:
            continue
        codes, values = read(target)
        right = np.ones(real.n_rows, np.bool_)
        for rule in rules:  # the last one that holds counts
            same = codes == rule.code
            if rule.value is not None and values is not None:
                same &= values == rule.value
            holds = rule.when.truth(read, real.n_rows)
            right[holds] = same[holds]
        good &= right
    for step in plan.steps:
        if step.target in columns and isinstance(step.method, Passive):
            right = _formula_holds(step.target, step.method, real)
            fixed = conditions.fixed_rows(step.target, read, real.n_rows)
            good &= right if fixed is None else right | fixed
    return np.flatnonzero(good).astype(np.int32 if real.n_rows < 1 << 31 else np.int64)


def _formula_holds(target: str, method: Passive, real: Table) -> Array:
    """Return the real rows that satisfy a passive column's formula, whatever it may overlook."""
    formula = parse_expression(method.expression, place=f"passive column {target!r}")
    bound = bind_expression(formula, real.codecs, table=real)
    coder = answer_coder(bound, real.codecs[target])
    differs, _ = coder.differs(read_table(real), real.codes[target], real.values.get(target), 0.0)
    return ~differs
