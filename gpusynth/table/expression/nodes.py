"""Nodes of a parsed expression, and how each is written again.

Nodes are frozen and compare by what they say; `start`, the place in the text, is only for messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

__all__ = [
    "KEYWORDS",
    "Both",
    "Call",
    "ColumnName",
    "Comparison",
    "Either",
    "If",
    "IsMissing",
    "Membership",
    "Missing",
    "Negative",
    "Node",
    "Not",
    "Number",
    "Operator",
    "Power",
    "Product",
    "Statistic",
    "Sum",
    "Text",
    "Truth",
    "write_name",
]

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "missing", "true", "false", "if"})

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*")


def write_name(name: str) -> str:
    """Write a column name as expressions do: in backquotes unless it is a plain word."""
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    start: int = field(default=0, compare=False, repr=False)
    binds: ClassVar[int] = 9
    """How tightly the written form holds together; an operand that binds less gets parentheses."""

    def inside(self, least: int) -> str:
        """Write the node as the operand of something that binds `least`."""
        return str(self) if self.binds >= least else f"({self})"


@dataclass(frozen=True, slots=True)
class Number(_Placed):
    """A number; whole numbers are int."""

    value: int | float

    @property
    def binds(self) -> int:  # type: ignore[override]
        """A number below 0 begins with a sign and binds as that does."""
        return 7 if self.value < 0 else 9

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Text(_Placed):
    """A level, a missing code or a date."""

    value: str

    def __str__(self) -> str:
        return "'" + self.value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Truth(_Placed):
    """Literal true or false."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class Missing(_Placed):
    """The missing value."""

    def __str__(self) -> str:
        return "missing"


@dataclass(frozen=True, slots=True)
class ColumnName(_Placed):
    """A column of the row."""

    name: str

    def __str__(self) -> str:
        return write_name(self.name)


@dataclass(frozen=True, slots=True)
class Statistic(_Placed):
    """A constant of the real file: the mean, or a quantile, of a column's numbers."""

    name: Literal["mean", "quantile"]
    column: str
    share: int | float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f", {self.share!r}"
        return f"{self.name}({write_name(self.column)}{share})"


@dataclass(frozen=True, slots=True)
class Call(_Placed):
    """A function of numbers."""

    function: str
    arguments: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class If(_Placed):
    """One of two values."""

    condition: Node
    then: Node
    otherwise: Node

    def __str__(self) -> str:
        return f"if({self.condition}, {self.then}, {self.otherwise})"


@dataclass(frozen=True, slots=True)
class Power(_Placed):
    """Base to an exponent; `a ^ b ^ c` is `a ^ (b ^ c)`."""

    base: Node
    exponent: Node
    binds: ClassVar[int] = 8

    def __str__(self) -> str:
        return f"{self.base.inside(9)} ^ {self.exponent.inside(7)}"


@dataclass(frozen=True, slots=True)
class Negative(_Placed):
    """Minus something that is not a plain number."""

    operand: Node
    binds: ClassVar[int] = 7

    def __str__(self) -> str:
        return f"-{self.operand.inside(7)}"


@dataclass(frozen=True, slots=True)
class Product(_Placed):
    """Factors from left to right; each operator (* or /) stands before the factor of its place."""

    first: Node
    rest: tuple[tuple[Literal["*", "/"], Node], ...]
    binds: ClassVar[int] = 6

    def __str__(self) -> str:
        rest = "".join(f" {operator} {node.inside(7)}" for operator, node in self.rest)
        return self.first.inside(7) + rest


@dataclass(frozen=True, slots=True)
class Sum(_Placed):
    """Terms from left to right; each sign (+ or -) stands before the term of its place."""

    first: Node
    rest: tuple[tuple[Literal["+", "-"], Node], ...]
    binds: ClassVar[int] = 5

    def __str__(self) -> str:
        rest = "".join(f" {sign} {node.inside(6)}" for sign, node in self.rest)
        return self.first.inside(6) + rest


@dataclass(frozen=True, slots=True)
class Comparison(_Placed):
    """Two values compared."""

    operator: Operator
    left: Node
    right: Node
    binds: ClassVar[int] = 4

    def __str__(self) -> str:
        return f"{self.left.inside(5)} {self.operator} {self.right.inside(5)}"


@dataclass(frozen=True, slots=True)
class Membership(_Placed):
    """Whether a value is one of a list."""

    operand: Node
    members: tuple[Number | Text | Truth, ...]
    negated: bool
    binds: ClassVar[int] = 4

    def __str__(self) -> str:
        word = "not in" if self.negated else "in"
        return f"{self.operand.inside(5)} {word} ({', '.join(map(str, self.members))})"


@dataclass(frozen=True, slots=True)
class IsMissing(_Placed):
    """Whether a value is missing."""

    operand: Node
    negated: bool
    binds: ClassVar[int] = 4

    def __str__(self) -> str:
        word = "is not" if self.negated else "is"
        return f"{self.operand.inside(5)} {word} missing"


@dataclass(frozen=True, slots=True)
class Not(_Placed):
    """The contrary."""

    operand: Node
    binds: ClassVar[int] = 3

    def __str__(self) -> str:
        return f"not {self.operand.inside(3)}"


@dataclass(frozen=True, slots=True)
class Both(_Placed):
    """All of two or more conditions."""

    operands: tuple[Node, ...]
    binds: ClassVar[int] = 2

    def __str__(self) -> str:
        return " and ".join(operand.inside(3) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Either(_Placed):
    """Any of two or more conditions."""

    operands: tuple[Node, ...]
    binds: ClassVar[int] = 1

    def __str__(self) -> str:
        return " or ".join(operand.inside(2) for operand in self.operands)


Node: TypeAlias = (
    Number
    | Text
    | Truth
    | Missing
    | ColumnName
    | Statistic
    | Call
    | If
    | Power
    | Negative
    | Product
    | Sum
    | Comparison
    | Membership
    | IsMissing
    | Not
    | Both
    | Either
)
