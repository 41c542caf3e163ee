"""passive: a column computed from others, which holds in every synthetic row as in every real one.

References
----------
.. [1] Nowok, B., Raab, G. M. and Dibben, C. (2016). synthpop: Bespoke Creation of Synthetic Data in
   R. Journal of Statistical Software 74(11). (Passive synthesis.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field, field_validator

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    MethodSpecification,
    OneLeaf,
    StepData,
)
from gpusynth.table import Table, read_table
from gpusynth.table.expression import (
    AnswerCoder,
    Expression,
    answer_coder,
    bind_expression,
    parse_expression,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Passive", "PassiveModel", "bind_passive"]

_BLOCK_ROWS = 1 << 20


class Passive(MethodSpecification):
    """Compute the column by an expression of columns visited before.

    The result is rounded to the column's decimals. Where it is missing the column is null; a
    missing code is given by the expression itself: ``if(receipts = -8, -8, receipts - cost)``.
    The column's bounds are not enforced, since that would break the identity.

    Parameters
    ----------
    expression : str
        ``"receipts - cost"``; levels in quotes: ``"if(age < 16, 'child', 'adult')"``.
    verify : bool
        Check the identity on the real rows, and refuse it where it does not hold.
    tolerance : float
        How far a real number may lie from the formula, besides what rounding to the column's
        decimals explains. Only for the check.
    ignore_missing : bool
        Let the check pass real rows where only one of the column and the formula is missing, or
        the column holds a missing code that the formula does not give. Synthetic rows have what the
        formula gives.

    Examples
    --------
    >>> Passive(expression="weight / (height / 100)^2").required_columns
    ('weight', 'height')
    """

    name: ClassVar[str] = "passive"
    uses_predictors: ClassVar[bool] = False
    makes_values: ClassVar[bool] = True
    reads_columns: ClassVar[bool] = True
    is_fitted: ClassVar[bool] = False
    by_parts: ClassVar[bool] = False
    refuses_rows: ClassVar[bool] = True

    expression: Annotated[str, Field(min_length=1)]
    verify: bool = True
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    ignore_missing: bool = False

    @field_validator("expression")
    @classmethod
    def _check_expression(cls, text: str) -> str:
        parse_expression(text)
        return text

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the expression."""
        return parse_expression(self.expression).columns

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Bind the expression to the columns and check it on the real rows.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        PassiveModel

        Raises
        ------
        PlanError
            If the expression does not fit the columns, needs the column itself, does not hold in
            the real rows that take part, or gives them something that the column cannot hold.
        """
        model = bind_passive(self.expression, data.target.name, data.table)
        self._check_real_rows(model.expression, model.coder, data)
        return model

    def _check_real_rows(self, expression: Expression, coder: AnswerCoder, data: StepData) -> None:
        """Raise an error when real rows cannot be coded, or (if asked) are not what they should."""
        table, target = data.table, data.target
        n_differ, n_missing, first = 0, 0, 0
        for rows in _blocks(data):
            read = read_table(table, rows)
            _refuse_unfit(expression, coder.code(read, len(rows)).unfit, rows, "real")
            if not self.verify:
                continue
            codes, values = target.take(rows)
            differs, missing = coder.differs(read, codes, values, self.tolerance)
            if self.ignore_missing:
                differs = differs & ~missing
            if differs.any() and not n_differ:
                first = int(rows[np.argmax(differs)]) + 1
            n_differ += int(differs.sum())
            n_missing += int((differs & missing).sum())
        if n_differ:
            raise _does_not_hold(expression, n_differ, n_missing, f"{data.n_part:,}", first)


def bind_passive(text: str, target: str, table: Table) -> PassiveModel:
    """Bind the expression of a passive column to the columns of a table.

    Parameters
    ----------
    text : str
    target : str
    table : Table
        Real data.

    Returns
    -------
    PassiveModel

    Raises
    ------
    PlanError
        If the expression does not fit the columns, or needs the column itself.
    """
    expression = parse_expression(text, place=f"passive column {target!r}")
    if target in expression.columns:
        raise PlanError(
            f"{expression.place}: circular, the expression needs the column itself: {expression}"
        )
    bound = bind_expression(expression, table.codecs, table=table)
    return PassiveModel(expression, answer_coder(bound, table.codecs[target]))


def _blocks(data: StepData) -> Iterator[Array]:
    """Yield the rows that take part, a block at a time."""
    for first in range(0, data.n_part, _BLOCK_ROWS):
        last = min(first + _BLOCK_ROWS, data.n_part)
        yield np.arange(first, last) if data.rows is None else data.rows[first:last]


def _does_not_hold(
    expression: Expression, n_differ: int, n_missing: int, n_rows: str, first: int
) -> PlanError:
    advice = ["Correct the expression"]
    if n_differ > n_missing:
        advice.append("round or floor as the file does, or set tolerance")
    if n_missing:
        advice.append("say where the column has missing codes, if(x = -8, -8, ...)")
        advice.append("set ignore_missing = true to pass rows that differ only in being missing")
    return PlanError(
        f"{expression.place}: {expression} does not hold in {n_differ:,} of {n_rows} real rows "
        f"({n_missing:,} of them differ in being missing); the first is data row {first}. "
        f"{'; '.join(advice)}; or set verify = false to enforce it all the same."
    )


def _refuse_unfit(expression: Expression, unfit: Array, rows: Array, which: str) -> None:
    """Raise an error when answers do not fit the column."""
    if not unfit.any():
        return
    raise PlanError(
        f"{expression.place}: in {int(unfit.sum()):,} {which} rows {expression} gives something "
        "that the column cannot hold: a missing answer where it has no nulls, a number beyond its "
        f"storage, or a level that it does not have; the first is row "
        f"{int(rows[np.argmax(unfit)]) + 1}. Say what such rows get: "
        "if((...) is missing, 0, ...)."
    )


@dataclass(frozen=True, slots=True)
class PassiveModel(OneLeaf):
    """An expression bound to the columns of a file; it holds no real row.

    Attributes
    ----------
    expression : Expression
    coder : AnswerCoder
    """

    expression: Expression
    coder: AnswerCoder

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Compute the column; see `FittedModel.draw`.

        Parameters
        ----------
        drawn : DrawnColumns
        key : StreamKey
            Not used: nothing is random.
        block : Block

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)

        Raises
        ------
        PlanError
            If the column cannot hold an answer.
        """
        answers = self.coder.code(drawn.of_block(block), block.n_drawn)
        rows = block.first_row + block.take(np.arange(block.n_rows))
        _refuse_unfit(self.expression, answers.unfit, rows, "synthetic")
        return answers.codes, answers.values
