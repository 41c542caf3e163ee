"""The expression language once more, slowly: one row at a time, in exact fractions.

Answers are None (missing), Fraction, str, bool; a missing code is a `Code`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from gpusynth.table.expression import nodes

COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Code:
    """A missing code."""

    answer: Any


def fraction(number) -> Fraction:
    return Fraction(Decimal(repr(number))) if isinstance(number, float) else Fraction(number)


class Row:
    """Evaluates expressions on one row; `orders` are the levels of ordered columns."""

    def __init__(self, answers: dict[str, Any], missing_codes: dict[str, set], orders: dict):
        self.answers = answers
        self.missing_codes = missing_codes
        self.orders = orders

    def __repr__(self) -> str:
        return "Row"

    def __call__(self, node) -> Any:
        answer = getattr(self, f"of_{type(node).__name__}")(node)
        return None if isinstance(answer, Code) else answer

    def of_Number(self, node):
        return fraction(node.value)

    def of_Text(self, node):
        return node.value

    def of_Truth(self, node):
        return node.value

    def of_Missing(self, node):
        return None

    def of_ColumnName(self, node):
        return self.answers[node.name]

    def of_Negative(self, node):
        answer = self(node.operand)
        return None if answer is None else -answer

    def of_Sum(self, node):
        result = self(node.first)
        for sign, term in node.rest:
            answer = self(term)
            if result is None or answer is None:
                result = None
            else:
                result = result + answer if sign == "+" else result - answer
        return result

    def of_Product(self, node):
        result = self(node.first)
        for sign, factor in node.rest:
            answer = self(factor)
            if result is None or answer is None or (sign == "/" and answer == 0):
                result = None
            else:
                result = result * answer if sign == "*" else result / answer
        return result

    def of_Power(self, node):
        base = self(node.base)
        return None if base is None else base**node.exponent.value

    def of_Call(self, node):
        answers = [self(argument) for argument in node.arguments]
        if None in answers:
            return None
        return {"abs": abs, "min": min, "max": max}[node.function](*answers)

    def of_If(self, node):
        condition = self(node.condition)
        if condition is None:
            return None
        return self(node.then) if condition else self(node.otherwise)

    def of_IsMissing(self, node):
        return (self(node.operand) is None) != node.negated

    def of_Not(self, node):
        answer = self(node.operand)
        return None if answer is None else not answer

    def of_Both(self, node):
        answers = [self(operand) for operand in node.operands]
        if False in answers:
            return False
        return None if None in answers else True

    def of_Either(self, node):
        answers = [self(operand) for operand in node.operands]
        if True in answers:
            return True
        return None if None in answers else False

    def of_Membership(self, node):
        tests = [self.equal(node.operand, member) for member in node.members]
        answer = True if True in tests else (None if None in tests else False)
        return None if answer is None else answer != node.negated

    def of_Comparison(self, node):
        if node.operator in ("=", "!="):
            answer = self.equal(node.left, node.right)
            return None if answer is None else answer == (node.operator == "=")
        left, right = self(node.left), self(node.right)
        if left is None or right is None:
            return None
        if isinstance(left, str):
            name = next(n.name for n in (node.left, node.right) if isinstance(n, nodes.ColumnName))
            left, right = self.orders[name].index(left), self.orders[name].index(right)
        return COMPARE[node.operator](left, right)

    def equal(self, left, right):
        """Compare; a column and a literal that is one of its missing codes, by code."""
        if isinstance(left, (nodes.Number, nodes.Text)):
            left, right = right, left
        if isinstance(left, nodes.ColumnName) and isinstance(right, (nodes.Number, nodes.Text)):
            asked = self(right)
            if asked in self.missing_codes.get(left.name, ()):
                answer = self.of_ColumnName(left)
                return None if answer is None else answer == Code(asked)
        a, b = self(left), self(right)
        return None if a is None or b is None else a == b
