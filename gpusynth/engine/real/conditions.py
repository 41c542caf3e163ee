"""Conditions of a plan, bound to the real data: rules, edits, and which rows are synthesized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.errors import CodecError, PlanError
from gpusynth.plan import Edit, Rule, SynthesisPlan
from gpusynth.table import Read, Table, parse_storage, read_table
from gpusynth.table.expression import BoundExpression, bind_expression, parse_expression
from gpusynth.table.storage import value_type

__all__ = [
    "BoundEdit",
    "BoundRule",
    "Conditions",
    "bind_conditions",
]


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule and the code that it fixes.

    Attributes
    ----------
    rule : Rule
    when : BoundExpression
    code : int
    value : int, float or None
        The exact number where the code does not suffice.
    """

    rule: Rule
    when: BoundExpression
    code: int
    value: Any


@dataclass(frozen=True, slots=True)
class BoundEdit:
    """An edit, where it is checked, and how many real rows fail it.

    Attributes
    ----------
    edit : Edit
    number : int
        Place in the plan.
    fails : BoundExpression
        True where the edit is false.
    step : int
        Number of the last step that draws any of its columns: there rows are drawn again.
    target : str
        The column of that step, which completes the edit.
    columns : tuple of str
    n_real_failing : int
    """

    edit: Edit
    number: int
    fails: BoundExpression
    step: int
    target: str
    columns: tuple[str, ...]
    n_real_failing: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """All conditions of a plan.

    Attributes
    ----------
    rules : mapping of str to tuple of BoundRule
        Target -> its rules in the plan's order.
    edits : mapping of int to tuple of BoundEdit
        Number of the step that completes them -> edits.
    selected : array of bool, shape (n_real,), or None
        Real rows whose answers a partial synthesis replaces; None for all.
    partial_columns : tuple of str or None
        Columns that a partial synthesis replaces.
    notes : tuple of str
        What was noticed in the real data.
    drawn_anew : frozenset of str
        Kept columns that are drawn once more at the end.
    """

    rules: Mapping[str, tuple[BoundRule, ...]]
    edits: Mapping[int, tuple[BoundEdit, ...]]
    selected: Array | None = None
    partial_columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    drawn_anew: frozenset[str] = frozenset()

    def fixed_rows(self, target: str, read: Read, n_rows: int) -> Array | None:
        """Return the rows in which a rule fixes the target; None when it has no rules.

        Returns
        -------
        array of bool, shape (n_rows,), or None
        """
        rules = self.rules.get(target, ())
        if not rules:
            return None
        fixed = np.zeros(n_rows, np.bool_)
        for rule in rules:
            fixed |= rule.when.truth(read, n_rows)
        return fixed

    def taking_part(self, target: str, real: Table) -> Array | None:
        """Return the real rows on which the target is fitted; None for all.

        Returns
        -------
        array of bool, shape (n_real,), or None
        """
        fixed = self.fixed_rows(target, read_table(real), real.n_rows)
        part = None if fixed is None else ~fixed
        if self.selected is not None and target in (self.partial_columns or ()):
            part = self.selected if part is None else part & self.selected
        return part

    def failing(
        self, edits: Sequence[BoundEdit], read: Read, n_rows: int
    ) -> tuple[Array, list[Array]]:
        """Return the rows that fail any edit, and those that fail each.

        Returns
        -------
        tuple of (array of bool (n_rows,), list of array of bool)
        """
        each = [edit.fails.truth(read, n_rows) for edit in edits]
        any_of = np.zeros(n_rows, np.bool_)
        for failed in each:
            any_of |= failed
        return any_of, each


def bind_conditions(plan: SynthesisPlan, real: Table) -> Conditions:
    """Bind a plan's conditions and try them on the real data.

    Parameters
    ----------
    plan : SynthesisPlan
    real : Table

    Returns
    -------
    Conditions

    Raises
    ------
    PlanError
        If an expression does not fit the columns, a rule's value never occurs, two rules contradict
        each other, an edit holds in no real row, or nothing is selected.
    """
    notes: list[str] = []
    rules: dict[str, tuple[BoundRule, ...]] = {}
    for number, rule in enumerate(plan.rules, start=1):
        bound = _bind_rule(rule, f"rule {number} of {rule.target!r}", real)
        rules[rule.target] = (*rules.get(rule.target, ()), bound)
    for target, bound_rules in rules.items():
        _check_rules(target, bound_rules, real, notes)
    edits: dict[int, tuple[BoundEdit, ...]] = {}
    for number, edit in enumerate(plan.edits):
        bound_edit = _bind_edit(edit, number, plan, real, notes)
        edits[bound_edit.step] = (*edits.get(bound_edit.step, ()), bound_edit)
    selected, columns = None, None
    if plan.partial is not None:
        columns = plan.partial.columns
        if plan.partial.rows is not None:
            condition = parse_expression(plan.partial.rows, place="rows of partial")
            bound_condition = bind_expression(condition, real.codecs, table=real)
            selected = bound_condition.truth(read_table(real), real.n_rows)
            if not selected.any():
                raise PlanError("partial: no real row satisfies the condition of rows. Correct it.")
    return Conditions(rules, edits, selected, columns, tuple(notes), plan.drawn_anew)


def _bind_rule(rule: Rule, place: str, real: Table) -> BoundRule:
    when = bind_expression(parse_expression(rule.when, place=place), real.codecs, table=real)
    codec = real.codecs[rule.target]
    storage = parse_storage(codec.column.storage)
    plain = value_type(storage)
    value: Any = rule.value
    if pa.types.is_decimal(plain) and isinstance(value, int):
        value = Decimal(value)  # Arrow casts no int64 to a decimal of fewer digits
    try:
        codes, values = codec.encode(pa.array([value]).cast(plain))
    except (CodecError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        what = "is missing" if rule.value is None else "has the value that the rule fixes"
        raise PlanError(
            f"{place}: no real row {what}, so it has no code. Give an answer that the column has, "
            "or list it in the schema."
        ) from None
    return BoundRule(rule, when, int(codes[0]), None if values is None else values[0])


def _check_rules(target: str, rules: Sequence[BoundRule], real: Table, notes: list[str]) -> None:
    """Refuse rules that give one real row two values; note real rows that break a rule."""
    read = read_table(real)
    codes, values = read(target)
    wanted: Array = np.full(real.n_rows, -1, np.int32)  # which rule fixes the row
    for number, bound in enumerate(rules):
        holds = bound.when.truth(read, real.n_rows)
        differ = [other.code != bound.code or other.value != bound.value for other in rules]
        clash = np.flatnonzero(holds & (wanted >= 0) & np.array(differ)[wanted])
        if clash.size:
            raise PlanError(
                f"rules of {target!r} contradict each other: {clash.size} real rows would get two "
                f"values, the first is row {int(clash[0]) + 1}. Narrow one of the conditions."
            )
        wanted[holds] = number
        broken = holds & (codes != bound.code)
        if bound.value is not None and values is not None:
            broken |= holds & (values != bound.value)
        if broken.any():
            notes.append(
                f"rule of {target!r} ({bound.rule.when}): {int(broken.sum())} real rows break it; "
                "every synthetic row keeps it"
            )


def _bind_edit(
    edit: Edit, number: int, plan: SynthesisPlan, real: Table, notes: list[str]
) -> BoundEdit:
    place = f"edit {edit.title!r}"
    holds = parse_expression(edit.holds, place=place)
    bind_expression(holds, real.codecs, table=real)  # its errors point into the text as written
    fails = bind_expression(
        parse_expression(f"not ({edit.holds})", place=place), real.codecs, table=real
    )
    failing = int(fails.truth(read_table(real), real.n_rows).sum())
    columns = holds.columns
    if failing == real.n_rows:
        raise PlanError(
            f"{place}: no donor can satisfy it, all {failing} real rows fail. Correct the edit."
        )
    if failing:
        notes.append(f"{place}: {failing} real rows fail; no synthetic row does")
    last = [step for step in plan.steps if step.target in columns][-1]
    return BoundEdit(edit, number, fails, last.number, last.target, columns, failing)
