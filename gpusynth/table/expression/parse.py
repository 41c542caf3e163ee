"""Text of an expression -> checked tree, by precedence climbing; nothing is ever evaluated as code.

Written by hand: the grammar is small, and a message that points at the place with a reason in the
words of a survey, and limits that hold for hostile text, are what a parser generator makes hard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from gpusynth.table.expression.cursor import Cursor
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
from gpusynth.table.expression.tokens import Token

__all__ = ["Expression", "parse_expression"]

FUNCTIONS: Final = {
    "abs": (1, 1),
    "ceil": (1, 1),
    "exp": (1, 1),
    "floor": (1, 1),
    "log": (1, 1),
    "max": (2, 100),
    "min": (2, 100),
    "round": (1, 2),
    "sqrt": (1, 1),
}
"""Function -> fewest and most arguments."""

_MOST_DIGITS = 15  # that `round` may be told to keep: float64 has no more
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; `str` writes it in its canonical form.

    Two expressions are equal when they say the same, whatever their spelling.

    Attributes
    ----------
    tree : node
        See `gpusynth.table.expression.nodes`.
    text : str
        As the user wrote it.
    place : str
        Where it stands, for messages.
    columns : tuple of str
        Columns read of every row, in order of appearance; a column that only a statistic uses is
        none of them.
    statistics : tuple of Statistic
        Means and quantiles of the real file, in order of appearance.
    """

    tree: Node
    text: str
    place: str
    columns: tuple[str, ...]
    statistics: tuple[Statistic, ...]

    def __str__(self) -> str:
        return str(self.tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(self.tree)


@lru_cache(maxsize=1024)
def parse_expression(text: str, *, place: str = "") -> Expression:
    """Parse an expression.

    Parameters
    ----------
    text : str
        See the user guide's chapter on expressions for the grammar.
    place : str
        Where the expression stands ("rule 2 of receipts"), for messages.

    Returns
    -------
    Expression

    Raises
    ------
    RuleSyntaxError
        Shows the text with a caret under the place, and the reason.
    """
    parser = _Parser(text, place)
    tree = parser.parse()
    columns = dict.fromkeys(name.name for name in parser.found if isinstance(name, ColumnName))
    statistics = dict.fromkeys(node for node in parser.found if isinstance(node, Statistic))
    return Expression(tree, text, place, tuple(columns), tuple(statistics))


class _Parser:
    """One method for each level of the grammar, from what binds least to what binds most."""

    def __init__(self, text: str, place: str) -> None:
        self.at = Cursor(text, place)
        self.found: list[ColumnName | Statistic] = []

    def parse(self) -> Node:
        if len(self.at.tokens) == 1:
            self.at.fail(self.at.token, "the expression is empty")
        tree = self.either()
        rest = self.at.token
        if rest.kind != "end":
            if rest.value == ")":
                self.at.fail(rest, "no bracket is open here")
            self.at.fail(rest, "the expression should end here, or an operator is missing")
        return tree

    def either(self) -> Node:
        first = self.both()
        operands = [first, *self.following("or", self.both)]
        return (
            first
            if len(operands) == 1
            else self.at.made(Either(tuple(operands), start=first.start))
        )

    def both(self) -> Node:
        first = self.negated()
        operands = [first, *self.following("and", self.negated)]
        return (
            first if len(operands) == 1 else self.at.made(Both(tuple(operands), start=first.start))
        )

    def following(self, mark: str, operand: Any) -> Iterator[Node]:
        while self.at.accept(mark):
            yield operand()

    def negated(self) -> Node:
        token = self.at.accept("not")
        if token is None:
            return self.comparison()
        self.at.deeper()
        operand = self.negated()
        self.at.depth -= 1
        return self.at.made(Not(operand, start=token.start))

    def comparison(self) -> Node:
        left = self.sum()
        token = self.at.token
        node = self.test_of(left)
        if node is None:
            return left
        after = self.at.token
        if after.kind == "mark" and after.value in (*_COMPARISONS, "in", "is"):
            self.at.fail(
                after, "comparisons are not chained: write a < b and b < c, or use brackets"
            )
        self.check_no_missing(node, token)
        return self.at.made(node)

    def check_no_missing(self, node: Node, token: Token) -> None:
        sides = (node.left, node.right) if isinstance(node, Comparison) else ()
        if any(isinstance(side, Missing) for side in sides):
            self.at.fail(token, "nothing equals missing: write `is missing` or `is not missing`")

    def test_of(self, left: Node) -> Comparison | Membership | IsMissing | None:
        """Parse what may follow the left side of a comparison."""
        operator = self.at.accept(*_COMPARISONS)
        if operator is not None:
            sign: Any = operator.value
            return Comparison(sign, left, self.sum(), start=operator.start)
        if token := self.at.accept("is"):
            negated = self.at.accept("not") is not None
            self.at.expect("missing", "only `missing` can follow `is`")
            return IsMissing(left, negated=negated, start=token.start)
        token = self.at.accept("not")
        if token is not None:
            self.at.expect("in", "only `in` can follow `not` here")
            return Membership(left, self.members(), negated=True, start=token.start)
        if token := self.at.accept("in"):
            return Membership(left, self.members(), negated=False, start=token.start)
        return None

    def members(self) -> tuple[Number | Text | Truth, ...]:
        self.at.expect("(", "a list in brackets must follow `in`")
        members = [self.member()]
        while self.at.accept(","):
            members.append(self.member())
        self.at.expect(")", "the list needs a comma or a closing bracket here")
        return tuple(members)

    def member(self) -> Number | Text | Truth:
        token = self.at.token
        negative = self.at.accept("-") is not None
        node = self.literal()
        if isinstance(node, Missing):
            self.at.fail(token, "a list cannot hold missing: add `or ... is missing`")
        if negative and isinstance(node, Number):
            return self.at.made(Number(-node.value, start=token.start))
        if node is None or negative:
            self.at.fail(
                self.at.token, "a list holds numbers, texts in quotes, true and false only"
            )
        return node

    def sum(self) -> Node:
        first = self.product()
        rest: list[tuple[Any, Node]] = []
        while token := self.at.accept("+", "-"):
            rest.append((token.value, self.product()))
        return self.at.made(Sum(first, tuple(rest), start=first.start)) if rest else first

    def product(self) -> Node:
        first = self.signed()
        rest: list[tuple[Any, Node]] = []
        while token := self.at.accept("*", "/"):
            rest.append((token.value, self.signed()))
        return self.at.made(Product(first, tuple(rest), start=first.start)) if rest else first

    def signed(self) -> Node:
        token = self.at.accept("-", "+")
        if token is None:
            return self.power()
        self.at.deeper()
        operand = self.signed()
        self.at.depth -= 1
        if token.value == "+":
            return operand
        if isinstance(operand, Number) and operand.value >= 0:
            return self.at.made(Number(-operand.value, start=token.start))
        return self.at.made(Negative(operand, start=token.start))

    def power(self) -> Node:
        base = self.primary()
        if self.at.accept("^") is None:
            return base
        self.at.deeper()
        exponent = self.signed()
        self.at.depth -= 1
        return self.at.made(Power(base, exponent, start=base.start))

    def literal(self) -> Number | Text | Truth | Missing | None:
        token = self.at.token
        if token.kind == "number":
            self.at.position += 1
            return self.at.made(Number(self.number(token), start=token.start))
        if token.kind == "text":
            self.at.position += 1
            return self.at.made(Text(token.value, start=token.start))
        if self.at.accept("true", "false"):
            return self.at.made(Truth(token.value == "true", start=token.start))
        if self.at.accept("missing"):
            return self.at.made(Missing(start=token.start))
        return None

    def number(self, token: Token) -> int | float:
        """Read a number; whole ones exactly, others as the nearest float64."""
        number = float(token.value)
        if number == float("inf") or (number == 0 and token.value.strip("0.")[:1] not in "eE"):
            self.at.fail(token, "the number is out of the range of numbers with 64 bits")
        if token.value.isdigit():
            return int(token.value)
        return int(number) if number == int(number) and abs(number) < 2**53 else number

    def primary(self) -> Node:
        token = self.at.token
        if (literal := self.literal()) is not None:
            return literal
        self.at.next_token()
        if token.kind == "quoted" and not token.value:
            self.at.fail(token, "a column name cannot be empty")
        if token.kind == "name" and self.at.token.value == "(" and self.at.token.kind == "mark":
            return self.call(token)
        if token.kind in ("name", "quoted"):
            node = self.at.made(ColumnName(token.value, start=token.start))
            self.found.append(node)
            return node
        if token.kind == "mark" and token.value == "(":
            self.at.deeper()
            node_inside = self.either()
            self.at.depth -= 1
            self.at.expect(")", "a closing bracket, or an operator, is missing here")
            return node_inside
        if token.kind == "mark" and token.value == "if":
            return self.call(token)
        reason = "a column, a number, a text in quotes or a bracket is expected here"
        raise self.at.error(token, reason)

    def call(self, name: Token) -> Node:
        function = name.value.lower()
        self.at.expect("(", "an opening bracket must follow `if`")
        if function in ("mean", "quantile"):
            return self.statistic(name, "mean" if function == "mean" else "quantile")
        if function != "if" and function not in FUNCTIONS:
            known = ", ".join(sorted((*FUNCTIONS, "if", "mean", "quantile")))
            self.at.fail(name, f"there is no such function: choose one of {known}")
        self.at.deeper()
        arguments = [self.either()]
        while self.at.accept(","):
            arguments.append(self.either())
        self.at.depth -= 1
        self.at.expect(")", f"{function}() needs a comma or a closing bracket here")
        fewest, most = (3, 3) if function == "if" else FUNCTIONS[function]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            self.at.fail(name, f"{function}() takes {wanted} arguments, not {len(arguments)}")
        if function == "if":
            return self.at.made(If(*arguments, start=name.start))
        if function == "round" and len(arguments) == 2:
            self.check_digits(name, arguments[1])
        return self.at.made(Call(function, tuple(arguments), start=name.start))

    def check_digits(self, name: Token, digits: Node) -> None:
        if not (
            isinstance(digits, Number)
            and isinstance(digits.value, int)
            and -_MOST_DIGITS <= digits.value <= _MOST_DIGITS
        ):
            self.at.fail(name, f"round() keeps a whole number of digits, at most {_MOST_DIGITS}")

    def statistic(self, name: Token, function: Literal["mean", "quantile"]) -> Node:
        """Parse `mean(column)` or `quantile(column, share)` after the bracket."""
        column = self.at.next_token()
        if column.kind not in ("name", "quoted") or not column.value:
            self.at.fail(column, f"{function}() takes the name of a column")
        share: int | float | None = None
        if function == "quantile":
            self.at.expect(",", "quantile() takes a column and a share: quantile(receipts, 0.95)")
            token = self.at.next_token()
            share = self.number(token) if token.kind == "number" else None
            if share is None or share > 1:
                self.at.fail(token, "the share of a quantile is a number from 0 to 1")
        self.at.expect(")", f"{function}() needs a closing bracket here")
        node = self.at.made(Statistic(function, column.value, share, start=name.start))
        self.found.append(node)
        return node
