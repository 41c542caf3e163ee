"""Expression + codecs -> bound expression: names looked up, kinds checked, constants coded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.expression import arithmetic, column_tests
from gpusynth.table.expression.bound import BoundExpression, kind_name
from gpusynth.table.expression.columns import (
    NumberColumn,
    Rows,
    days_of,
    exact_fraction,
)
from gpusynth.table.expression.matching import NOTHING, as_truth, matched
from gpusynth.table.expression.nodes import (
    Both,
    Call,
    ColumnName,
    Comparison,
    Either,
    If,
    IsMissing,
    Membership,
    Missing,
    Negative,
    Node,
    Not,
    Number,
    Power,
    Product,
    Statistic,
    Sum,
    Text,
    Truth,
)
from gpusynth.table.expression.parse import Expression
from gpusynth.table.expression.parts import (
    Evaluate,
    LevelPart,
    MissingPart,
    NumberPart,
    Part,
    TruthPart,
    chosen,
    compared,
)
from gpusynth.table.expression.scope import Scope
from gpusynth.table.table import Codec, Table

__all__ = ["bind_expression"]

_MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def bind_expression(
    expression: Expression, codecs: Mapping[str, Codec], *, table: Table | None = None
) -> BoundExpression:
    """Bind an expression to the columns of a file.

    Parameters
    ----------
    expression : Expression
    codecs : mapping of column name to Codec
    table : Table, optional
        The real file; needed where the expression has a mean or a quantile.

    Returns
    -------
    BoundExpression

    Raises
    ------
    PlanError
        If a column or level does not exist, or kinds do not fit; shows the place. No level is named
        but those that the expression itself names.
    """
    part = _Binder(Scope(expression, codecs, table)).bind(expression.tree)
    if isinstance(part, MissingPart):
        part = NOTHING
    truth = as_truth(part)
    return BoundExpression(expression, truth or part)


class _Binder:
    """Binds every kind of node."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.binders: Mapping[type, Any] = {
            Number: self.bind_number,
            Text: self.bind_text,
            Truth: self.bind_truth,
            Missing: lambda _: MissingPart(),
            ColumnName: self.bind_column,
            Statistic: self.bind_statistic,
            Call: self.bind_call,
            If: self.bind_if,
            Power: self.bind_power,
            Negative: lambda node: arithmetic.total([("-", self.number(node.operand))]),
            Product: self.bind_product,
            Sum: self.bind_sum,
            Comparison: self.bind_comparison,
            Membership: self.bind_membership,
            IsMissing: self.bind_is_missing,
            Not: lambda node: TruthPart(_contrary(self.truth(node.operand))),
            Both: lambda node: self.bind_logical(node, np.minimum),
            Either: lambda node: self.bind_logical(node, np.maximum),
        }

    def bind(self, node: Node) -> Any:
        """Bind a node to a part."""
        return self.binders[type(node)](node)

    def bind_number(self, node: Number) -> NumberPart:
        number = exact_fraction(node.value)
        written = repr(node.value)
        digits = None if "e" in written else len(written.partition(".")[2])
        return arithmetic.constant(number, decimals=digits)

    def bind_text(self, node: Text) -> LevelPart:
        return LevelPart(lambda _: np.asarray(0, np.int32), (node.value,), text=node.value)

    def bind_truth(self, node: Truth) -> TruthPart:
        answer = np.asarray(1 if node.value else -1, np.int8)
        return TruthPart(lambda _: answer)

    def bind_column(self, node: ColumnName) -> NumberPart | LevelPart:
        column = self.scope.column(node.name, node)
        if isinstance(column, NumberColumn):
            return arithmetic.column_part(column)
        return LevelPart(column.level_numbers, column.codec.levels, column=column)

    def bind_statistic(self, node: Statistic) -> NumberPart:
        units, column = self.scope.statistic(node)
        return arithmetic.constant(units / column.per_unit, is_time=column.is_time)

    def number(self, node: Node) -> NumberPart:
        """Bind a node that must be a number, not a date."""
        part = self.bind(node)
        if isinstance(part, MissingPart):
            return NOTHING
        if not isinstance(part, NumberPart) or part.is_time:
            self.scope.fail(node, f"a number is needed here, but this is {kind_name(part)}")
        return part

    def truth(self, node: Node) -> Evaluate:
        """Bind a node that must be a condition."""
        part = self.bind(node)
        truth = as_truth(part)
        if truth is None:
            self.scope.fail(node, f"a condition is needed here, but this is {kind_name(part)}")
        return truth.evaluate

    def alike(self, nodes: Sequence[Node]) -> list[Any]:
        """Bind nodes that must be of one kind."""
        parts = [self.bind(node) for node in nodes]
        result = matched(parts)
        for node, part in zip(nodes, result, strict=True):
            kinds = {kind_name(result[0]), kind_name(part)}
            if len(kinds) > 1:
                self.scope.fail(
                    node, f"this is {kind_name(part)}, but it is set beside {kind_name(result[0])}"
                )
        return result

    def bind_sum(self, node: Sum) -> NumberPart:
        """Bind a sum; a date minus a date is a number of days, a date plus days a date."""
        nodes = [node.first, *(term for _, term in node.rest)]
        signs = ["+", *(sign for sign, _ in node.rest)]
        parts = matched([self.bind(term) for term in nodes], only_texts=True)
        n_times = 0
        for term, sign, part in zip(nodes, signs, parts, strict=True):
            if not isinstance(part, NumberPart):
                self.scope.fail(term, f"a number is needed here, but this is {kind_name(part)}")
            n_times += (1 if sign == "+" else -1) if part.is_time else 0
        if n_times not in (0, 1):
            self.scope.fail(node, "only a date minus a date, or a date and days, can be added up")
        return arithmetic.total(list(zip(signs, parts, strict=True)), is_time=n_times == 1)

    def bind_product(self, node: Product) -> NumberPart:
        rest = [(operator, self.number(factor)) for operator, factor in node.rest]
        return arithmetic.product(self.number(node.first), rest)

    def bind_power(self, node: Power) -> NumberPart:
        exponent = node.exponent
        value = exponent.value if isinstance(exponent, Number) else None
        whole = value if isinstance(value, int) else None
        return arithmetic.power(self.number(node.base), self.number(exponent), whole)

    def bind_call(self, node: Call) -> NumberPart:
        if node.function in ("min", "max"):
            parts = self.alike(node.arguments)
            if isinstance(parts[0], MissingPart):
                return NOTHING
            if not isinstance(parts[0], NumberPart):
                self.scope.fail(node, f"{node.function}() needs numbers or dates")
            return arithmetic.call(node.function, parts, 0)
        digits = node.arguments[1] if len(node.arguments) == 2 else Number(0)
        kept = int(digits.value) if isinstance(digits, Number) else 0
        return arithmetic.call(node.function, [self.number(node.arguments[0])], kept)

    def bind_if(self, node: If) -> Part:
        condition = self.truth(node.condition)
        then, otherwise = self.alike([node.then, node.otherwise])
        if isinstance(then, MissingPart):
            return then
        missing = {TruthPart: 0, NumberPart: np.nan, LevelPart: -1}[type(then)]

        def evaluate(rows: Rows) -> Array:
            first, second = then.evaluate(rows), otherwise.evaluate(rows)
            return chosen(condition(rows), first, second, missing)

        if isinstance(then, NumberPart):
            known = then.decimals is not None and otherwise.decimals is not None
            decimals = max(then.decimals or 0, otherwise.decimals or 0) if known else None
            return NumberPart(evaluate, decimals=decimals, is_time=then.is_time)
        if isinstance(then, LevelPart):
            return LevelPart(evaluate, then.names)
        return TruthPart(evaluate)

    def bind_logical(self, node: Both | Either, combine: Any) -> TruthPart:
        conditions = [self.truth(operand) for operand in node.operands]
        return TruthPart(lambda rows: reduce(combine, [test(rows) for test in conditions]))

    def bind_is_missing(self, node: IsMissing) -> TruthPart:
        if isinstance(node.operand, ColumnName):
            column = self.scope.column(node.operand.name, node.operand)
            evaluate = column_tests.is_missing(column)
        else:
            evaluate = _part_missing(self.bind(node.operand))
        return TruthPart(_contrary(evaluate) if node.negated else evaluate)

    def bind_membership(self, node: Membership) -> TruthPart:
        evaluate = self.membership(node.operand, node.members)
        return TruthPart(_contrary(evaluate) if node.negated else evaluate)

    def membership(self, operand: Node, members: Sequence[Number | Text | Truth]) -> Evaluate:
        if isinstance(operand, ColumnName):
            column = self.scope.column(operand.name, operand)
            if isinstance(column, NumberColumn):
                return self.number_is_in(column, members)
            codes = [self.scope.level_code(column, member) for member in members]
            return column_tests.level_is_in(column, codes)
        tests = [self.bind_comparison(Comparison("=", operand, member)) for member in members]
        return lambda rows: reduce(np.maximum, [test.evaluate(rows) for test in tests])

    def number_is_in(
        self, column: NumberColumn, members: Sequence[Number | Text | Truth | Statistic]
    ) -> Evaluate:
        asked = [self.scope.number_or_state(column, member) for member in members]
        states = [answer for answer in asked if isinstance(answer, int)]
        numbers = [answer for answer in asked if not isinstance(answer, int)]
        return column_tests.number_is_in(column, numbers, states)

    def bind_comparison(self, node: Comparison) -> TruthPart:
        operator: str = node.operator
        left, right = node.left, node.right
        constants = (Number, Text, Truth, Statistic)
        if isinstance(left, constants) and isinstance(right, ColumnName):
            left, right = right, left
            operator = _MIRRORED[operator]
        if isinstance(left, ColumnName) and isinstance(right, constants):
            return TruthPart(self.column_compared(operator, left, right))
        if isinstance(left, ColumnName) and isinstance(right, ColumnName):
            evaluate = column_tests.columns_compared(
                operator,
                self.scope.column(left.name, left),
                self.scope.column(right.name, right),
            )
            if evaluate is not None:
                return TruthPart(evaluate)
        first, second = self.alike([left, right])
        if isinstance(first, NumberPart):
            return TruthPart(compared(operator, first, second))
        if operator not in ("=", "!="):
            reason = f"{kind_name(first)} and {kind_name(second)} have no common order"
            self.scope.fail(node, f"{reason}: compare with = or !=")
        equal = _levels_equal(first, second) if isinstance(first, LevelPart) else None
        equal = equal or _truths_equal(first, second)
        return TruthPart(equal if operator == "=" else _contrary(equal))

    def column_compared(
        self, operator: str, left: ColumnName, right: Number | Text | Truth | Statistic
    ) -> Evaluate:
        """Bind the comparison of a column with a constant."""
        column = self.scope.column(left.name, left)
        if operator in ("=", "!="):
            if isinstance(column, NumberColumn):
                evaluate = self.number_is_in(column, [right])
            else:
                evaluate = column_tests.level_is_in(column, [self.scope.level_code(column, right)])
            return evaluate if operator == "=" else _contrary(evaluate)
        if isinstance(column, NumberColumn):
            answer = self.scope.number_or_state(column, right)
            if isinstance(answer, int):
                if isinstance(right, Text) and not (column.is_time and days_of(right.value)):
                    self.scope.fail(right, "a missing code has no order: compare with = or !=")
                answer = column.as_stored(self.scope.units(column, right))
            return column_tests.number_compared(column, operator, answer)
        if column.codec.column.kind != "ordered":
            self.scope.fail(
                left, f"the levels of {left.name!r} have no order: make it ordered in the schema"
            )
        code = self.scope.level_code(column, right)
        if code < column.n_missing:
            self.scope.fail(right, "a missing code has no order: compare with = or !=")
        return column_tests.level_compared(column, operator, code)


def _contrary(evaluate: Evaluate) -> Evaluate:
    return lambda rows: -evaluate(rows)


def _part_missing(part: Part) -> Evaluate:
    """Return the test whether a computed answer is missing."""
    if isinstance(part, MissingPart):
        return lambda _: np.asarray(1, np.int8)

    def evaluate(rows: Rows) -> Array:
        answers = part.evaluate(rows)
        if isinstance(part, NumberPart):
            missing = np.isnan(answers)
        else:
            missing = answers < 0 if isinstance(part, LevelPart) else answers == 0
        return np.where(missing, np.int8(1), np.int8(-1))

    return evaluate


def _levels_equal(left: LevelPart, right: LevelPart) -> Evaluate:
    def evaluate(rows: Rows) -> Array:
        a, b = left.evaluate(rows), right.evaluate(rows)
        return np.where((a < 0) | (b < 0), np.int8(0), np.where(a == b, np.int8(1), np.int8(-1)))

    return evaluate


def _truths_equal(left: TruthPart, right: TruthPart) -> Evaluate:
    # 1 and -1: the product of two truths is 1 where they agree, 0 where one is missing.
    return lambda rows: left.evaluate(rows) * right.evaluate(rows)
