"""Formulas: parsed by formulaic, and checked before anything in them is evaluated.

formulaic evaluates the inside of functions as Python. Formulas come from files, so each expression
is taken apart first and only columns, numbers, arithmetic, comparisons and the functions listed
here pass; there is no way to an attribute, an index, an import or another function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gpusynth.errors import RuleSyntaxError
from gpusynth.inference.extra import imported

__all__ = ["FUNCTIONS", "NUMBER_FUNCTIONS", "Formula", "parse_formula"]

NUMBER_FUNCTIONS: Mapping[str, Any] = MappingProxyType(
    {
        "abs": np.abs,
        "exp": np.exp,
        "log": np.log,
        "log10": np.log10,
        "log1p": np.log1p,
        "log2": np.log2,
        "sqrt": np.sqrt,
    }
)
"""Functions of numbers, on either side of a formula."""

_STATEFUL = frozenset({"bs", "center", "poly", "scale"})
_CONTRASTS = frozenset({"Diff", "Helmert", "Poly", "Sum", "Treatment"})
FUNCTIONS = tuple(sorted({*NUMBER_FUNCTIONS, *_STATEFUL, *_CONTRASTS, "C", "I"}))
"""Every function that a formula may use."""

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BitAnd, ast.BitOr, ast.Mod)
_SIGNS = (ast.UAdd, ast.USub, ast.Invert)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_LONGEST = 4000
_LARGEST_POWER = 16
_LARGEST_SETTING = 100  # degree of poly(), df of bs(): what regression can mean
_HIGHEST_ORDER = 6  # of (a + b + ...)**order, whose terms grow like p**order
_QUOTED = re.compile(r"`([^`]*)`")


@dataclass(frozen=True, slots=True)
class Formula:
    """A checked formula.

    Attributes
    ----------
    text : str
        As given.
    response : str
        Expression on the left side.
    response_column : str or None
        Its column, where the left side is nothing but a column.
    columns : tuple of str
        All columns of both sides, in order of appearance.
    categorical : frozenset of str
        Columns inside C(), which are levels even where they hold numbers.
    comparisons : tuple of (column, value)
        What columns are compared with, by == or !=.
    stateful : bool
        A function depends on the column as a whole, such as the mean in ``center(x)``.
    terms : object
        Right side, as formulaic holds it.
    """

    text: str
    response: str
    response_column: str | None
    columns: tuple[str, ...]
    categorical: frozenset[str]
    comparisons: tuple[tuple[str, Any], ...]
    stateful: bool
    terms: Any


def parse_formula(text: str) -> Formula:
    """Parse and check a formula.

    Parameters
    ----------
    text : str
        Such as ``"log(receipts) ~ owner * sector + C(state)"``; backticks around unusual names.

    Returns
    -------
    Formula

    Raises
    ------
    RuleSyntaxError
        If it does not parse, or uses more than columns, numbers, arithmetic, comparisons and
        `FUNCTIONS`.
    """
    if len(text) > _LONGEST:
        raise RuleSyntaxError(f"a formula has {len(text)} characters; {_LONGEST} are allowed.")
    for order in re.findall(r"(?:\*\*|\^)\s*(\d+)", text):
        if int(order) > _LARGEST_POWER:
            raise RuleSyntaxError(f"formula {text!r}: powers above {_LARGEST_POWER} are refused.")
    for order in re.findall(r"\)\s*(?:\*\*|\^)\s*(\d+)", _inside_removed(text)):
        if int(order) > _HIGHEST_ORDER:
            raise RuleSyntaxError(
                f"formula {text!r}: interactions of an order above {_HIGHEST_ORDER} are refused."
            )
    left, right = _sides(text)
    columns: dict[str, None] = {}
    functions: set[str] = set()
    categorical: set[str] = set()
    comparisons: list[tuple[str, Any]] = []
    for factor in [*_factors(left), *_factors(right)]:
        names = _names(factor, text, comparisons)
        functions.update(name for name, is_function in names if is_function)
        inside = [name for name, is_function in names if not is_function]
        columns.update(dict.fromkeys(inside))
        if ("C", True) in names:
            categorical.update(inside)
    response = next(iter(_factors(left)))
    is_column = response.eval_method.value == "lookup"
    expression = f"`{response.expr}`" if is_column else response.expr
    return Formula(
        text,
        expression,
        response.expr if is_column else None,
        tuple(columns),
        frozenset(categorical),
        tuple(comparisons),
        bool(functions & _STATEFUL),
        right,
    )


def _inside_removed(text: str) -> str:
    """Blank out what stands inside function calls, where ``**`` is arithmetic."""
    previous = ""
    while previous != text:
        previous = text
        text = re.sub(r"\w+\([^()]*\)", "f", text)
    return text


def _sides(text: str) -> tuple[Any, Any]:
    formulaic = imported("formulaic")
    try:
        parsed = formulaic.Formula(text)
    except Exception as error:  # noqa: BLE001 - formulaic passes Python's own errors through
        first = re.sub(r"\x1b\[[0-9;]*m|[⧛⧚]", "", str(error)).strip().partition("\n")[0]
        raise RuleSyntaxError(
            f"formula {text!r} does not parse: {first or 'see its form'}"
        ) from None
    if not hasattr(parsed, "lhs") or not hasattr(parsed, "rhs"):
        raise RuleSyntaxError(
            f"formula {text!r} has no left side. Write it as response ~ predictors."
        )
    # Parts are a tuple of sides, or a structure of them, as formulaic's version has it.
    if not all(hasattr(term, "factors") for side in (parsed.lhs, parsed.rhs) for term in side):
        raise RuleSyntaxError(f"formula {text!r} has several parts. Give one side each of ~.")
    if len(list(_factors(parsed.lhs))) != 1:
        raise RuleSyntaxError(f"formula {text!r} must have exactly one response, without + or *.")
    return parsed.lhs, parsed.rhs


def _factors(side: Any) -> Iterator[Any]:
    for term in side:
        yield from term.factors


def _names(factor: Any, text: str, comparisons: list[tuple[str, Any]]) -> list[tuple[str, bool]]:
    """Return (name, whether it is a function) of one factor, refusing what is not allowed.

    Adds what columns are compared with to `comparisons`.
    """
    method = factor.eval_method.value
    if method == "lookup":
        return [(factor.expr, False)]
    if method != "python":
        return []
    quoted = _QUOTED.findall(factor.expr)
    marked = iter(range(len(quoted)))
    plain = _QUOTED.sub(lambda _match: f"quoted_column_{next(marked)}_", factor.expr)
    columns = {f"quoted_column_{number}_": name for number, name in enumerate(quoted)}
    checker = _Checker(text, factor.expr)
    try:
        names = list(checker.names(ast.parse(plain, mode="eval").body))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, RuleSyntaxError):
            raise
        raise RuleSyntaxError(f"formula {text!r}: {factor.expr!r} does not parse.") from None
    comparisons.extend((columns.get(name, name), value) for name, value in checker.comparisons)
    return [(columns.get(name, name), is_function) for name, is_function in names]


class _Checker:
    """Walks one expression; what it does not know it refuses."""

    def __init__(self, text: str, expression: str) -> None:
        self._place = f"formula {text!r}: {expression!r}"
        self.comparisons: list[tuple[str, Any]] = []

    def names(self, node: ast.expr) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Name):
            yield node.id, False
        elif isinstance(node, ast.Constant):
            self._number(node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            yield from self._binary(node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, _SIGNS):
            yield from self.names(node.operand)
        elif isinstance(node, ast.Compare):
            yield from self._comparison(node)
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        else:
            raise self._refusal("it holds more than columns, numbers, arithmetic and functions")

    def _binary(self, node: ast.BinOp) -> Iterator[tuple[str, bool]]:
        left = list(self.names(node.left))
        if isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            if not (
                isinstance(power, ast.Constant)
                and isinstance(power.value, (int, float))
                and abs(power.value) <= _LARGEST_POWER
                and left
            ):
                raise self._refusal(
                    f"a power is column ** number, the number {_LARGEST_POWER} at most"
                )
        yield from left
        yield from self.names(node.right)

    def _comparison(self, node: ast.Compare) -> Iterator[tuple[str, bool]]:
        if len(node.ops) != 1 or not isinstance(node.ops[0], _COMPARISONS):
            raise self._refusal("write one comparison at a time, with == != < <= > or >=")
        sides = (node.left, node.comparators[0])
        if isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            for one, other in (sides, sides[::-1]):
                if isinstance(one, ast.Name) and isinstance(other, ast.Constant):
                    self.comparisons.append((one.id, other.value))
        for side in sides:
            if not (isinstance(side, ast.Constant) and isinstance(side.value, str)):
                yield from self.names(side)

    def _call(self, node: ast.Call) -> Iterator[tuple[str, bool]]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or name in _CONTRASTS:
            raise self._refusal(f"only these functions may be used: {', '.join(FUNCTIONS)}")
        if not node.args:
            raise self._refusal(f"{name}() has no column")
        yield name, True
        yield from self.names(node.args[0])
        for argument in node.args[1:]:
            if name == "C" and isinstance(argument, ast.Call):
                self._contrast(argument)
            else:
                self._setting(argument)
        self._keywords(node)

    def _contrast(self, node: ast.Call) -> None:
        if not (isinstance(node.func, ast.Name) and node.func.id in _CONTRASTS):
            raise self._refusal(f"C() takes a column and one of {', '.join(sorted(_CONTRASTS))}")
        for argument in node.args:
            self._setting(argument)
        self._keywords(node)

    def _keywords(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._refusal("write arguments out")
            if isinstance(keyword.value, ast.Call):
                self._contrast(keyword.value)
            else:
                self._setting(keyword.value)

    def _setting(self, node: ast.expr) -> None:
        """Refuse settings of a function that are no constants or lists of constants."""
        items = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
        for item in items:
            value = item.operand if isinstance(item, ast.UnaryOp) else item
            if not isinstance(value, ast.Constant) or not isinstance(
                value.value, (int, float, str, bool, type(None))
            ):
                raise self._refusal("settings of functions are numbers, texts or lists of them")
            alone = not isinstance(node, (ast.List, ast.Tuple))
            if alone and isinstance(value.value, int) and value.value > _LARGEST_SETTING:
                raise self._refusal(f"settings above {_LARGEST_SETTING} are refused")

    def _number(self, node: ast.Constant) -> None:
        if type(node.value) not in (int, float, bool):
            raise self._refusal("text may stand only in comparisons and settings")

    def _refusal(self, reason: str) -> RuleSyntaxError:
        return RuleSyntaxError(f"{self._place} is refused: {reason}.")
