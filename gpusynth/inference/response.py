"""The left side of a formula: evaluated without Python's eval, and coded for its model."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, RuleSyntaxError
from gpusynth.inference.extra import imported
from gpusynth.inference.formulas import NUMBER_FUNCTIONS, Formula

__all__ = ["Response", "read_response"]

_OPERATIONS: Mapping[type[ast.AST], Any] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
        ast.Mod: operator.mod,
        ast.BitAnd: operator.and_,
        ast.BitOr: operator.or_,
        ast.UAdd: operator.pos,
        ast.USub: operator.neg,
        ast.Invert: operator.invert,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }
)
_QUOTED = re.compile(r"`([^`]*)`")


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What a model explains.

    Attributes
    ----------
    values : array of float64, shape (n,)
        Numbers; positions in `levels` where there are levels.
    levels : tuple of str
        Of an ordered or multinomial response; empty otherwise.
    """

    values: Array
    levels: tuple[str, ...] = ()


def read_response(formula: Formula, frame: Any, model: str) -> Response:
    """Evaluate the response and code it for a model.

    Parameters
    ----------
    formula : Formula
    frame : pandas.DataFrame
        Without missing values.
    model : str

    Returns
    -------
    Response

    Raises
    ------
    DataError
        If the response does not suit the model.
    """
    found = _evaluated(formula, frame)
    if model in ("ordered", "multinomial"):
        return _levels(formula, found)
    if _is_categorical(found):
        if model != "logit" or len(found.cat.categories) != 2:
            raise DataError(
                f"response {formula.response!r} of formula {formula.text!r} is categorical. "
                'A logit needs two levels; choose one with I(column == "level"), or use '
                "model='ordered' or 'multinomial'."
            )
        return Response(found.cat.codes.to_numpy().astype(np.float64))
    values = np.asarray(found, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(
            f"response {formula.response!r} is not finite in {int((~np.isfinite(values)).sum())} "
            "rows, such as the logarithm of 0. Use log1p() or leave those rows out."
        )
    if model == "logit" and not np.isin(values, (0.0, 1.0)).all():
        raise DataError(
            f"response {formula.response!r} of a logit must be 0 and 1 or have two levels. "
            'Choose the event with I(column == "level") or I(column > number).'
        )
    if model == "poisson" and (values < 0).any():
        raise DataError(f"response {formula.response!r} of a Poisson model is negative somewhere.")
    return Response(values)


def _levels(formula: Formula, found: Any) -> Response:
    if _is_categorical(found):
        levels = tuple(str(level) for level in found.cat.categories)
        return Response(found.cat.codes.to_numpy().astype(np.float64), levels)
    raise DataError(
        f"response {formula.response!r} of formula {formula.text!r} is a number; an ordered or "
        "multinomial model needs levels. Give a schema in which the column is ordered or "
        "categorical, or make it text."
    )


def _is_categorical(found: Any) -> bool:
    return isinstance(getattr(found, "dtype", None), imported("pandas").CategoricalDtype)


def _evaluated(formula: Formula, frame: Any) -> Any:
    if formula.response_column is not None:
        return frame[formula.response_column]
    columns: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        name = f"quoted_column_{len(columns)}_"
        columns[name] = match.group(1)
        return name

    body = ast.parse(_QUOTED.sub(mark, formula.response), mode="eval").body
    with np.errstate(all="ignore"):
        return _value(body, frame, columns, formula)


def _value(node: ast.expr, frame: Any, columns: Mapping[str, str], formula: Formula) -> Any:
    """Evaluate an expression that `parse_formula` has let pass."""

    def inner(part: ast.expr) -> Any:
        return _value(part, frame, columns, formula)

    try:
        if isinstance(node, ast.Name):
            return frame[columns.get(node.id, node.id)]
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp):
            return _OPERATIONS[type(node.op)](inner(node.left), inner(node.right))
        if isinstance(node, ast.UnaryOp):
            return _OPERATIONS[type(node.op)](inner(node.operand))
        if isinstance(node, ast.Compare):
            return _OPERATIONS[type(node.ops[0])](inner(node.left), inner(node.comparators[0]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("C", "I"):
                return inner(node.args[0])
            if node.func.id in NUMBER_FUNCTIONS:
                return NUMBER_FUNCTIONS[node.func.id](inner(node.args[0]))
    except (TypeError, ValueError):
        raise DataError(
            f"response {formula.response!r} cannot be computed: it treats a categorical column "
            "as a number, or the other way round."
        ) from None
    raise RuleSyntaxError(
        f"response {formula.response!r} is refused: use a column, arithmetic, a comparison or "
        f"one of {', '.join(NUMBER_FUNCTIONS)}."
    )
