"""Formulas: passive columns, computed anew whenever one of their inputs is imputed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods import Passive, StepData
from gpusynth.methods.passive import PassiveModel
from gpusynth.plan.dependency_order import dependency_order
from gpusynth.table import Read, Table, read_rows
from gpusynth.trees import ClassTarget, PredictorTable

if TYPE_CHECKING:
    from gpusynth.methods import Method

from gpusynth.methods import StepTarget

__all__ = ["Formula", "bind_formulas"]


@dataclass(frozen=True, slots=True)
class Formula:
    """A passive column that has answers to be imputed.

    Attributes
    ----------
    name : str
    missing : array of int32, shape (n_missing,)
        Rows in which it is computed.
    inputs : frozenset of str
        Columns that it is computed from, directly or through other formulas.
    model : PassiveModel
    """

    name: str
    missing: Array
    inputs: frozenset[str]
    model: PassiveModel

    def compute(self, read: Read) -> tuple[Array, Array | None]:
        """Compute the missing rows.

        Parameters
        ----------
        read : callable
            All rows of the file.

        Returns
        -------
        tuple of (codes (n_missing,), values (n_missing,) or None)

        Raises
        ------
        PlanError
            If the column cannot hold an answer.
        """
        answers = self.model.coder.code(read_rows(read, self.missing), len(self.missing))
        if answers.unfit.any():
            expression = self.model.expression
            raise PlanError(
                f"{expression.place}: in {int(answers.unfit.sum()):,} rows with imputed answers "
                f"{expression} gives something that the column cannot hold: a missing answer "
                "where it has no nulls, a number beyond its storage, or a level that it does not "
                "have. Say what such rows get: if((...) is missing, 0, ...)."
            )
        return answers.codes, answers.values


def bind_formulas(
    methods: Mapping[str, Method], cells: Mapping[str, Array], table: Table
) -> tuple[Formula, ...]:
    """Bind the formulas of passive columns and check them on the answered rows.

    Parameters
    ----------
    methods : mapping of str to Method
        Of every column.
    cells : mapping of str to array of int32
        Rows to impute, by column.
    table : Table

    Returns
    -------
    tuple of Formula
        Each after those that it needs.

    Raises
    ------
    PlanError
        If a formula does not fit the columns or does not hold in the answered rows, if formulas
        need each other in a circle, or if a passive column is answered where an input is to be
        imputed, unless its `verify` is false.
    """
    passive = {name: method for name, method in methods.items() if isinstance(method, Passive)}
    requires = {name: method.required_columns for name, method in passive.items()}
    inputs: dict[str, frozenset[str]] = {}
    formulas = []
    for name in dependency_order(passive, requires):
        direct = requires[name]
        inputs[name] = frozenset(direct).union(*(inputs.get(other, ()) for other in direct))
        missing = cells.get(name, np.zeros(0, np.int32))
        model = _bind(name, passive[name], missing, [cells.get(n) for n in direct], table)
        if len(missing):
            formulas.append(Formula(name, missing, inputs[name], model))
    return tuple(formulas)


def _bind(
    name: str, method: Passive, missing: Array, of_inputs: list[Array | None], table: Table
) -> PassiveModel:
    """Check a formula on rows that are answered throughout, and return its model."""
    answered = np.ones(table.n_rows, np.bool_)
    answered[missing] = False
    known = answered.copy()
    for rows in of_inputs:
        if rows is not None:
            known[rows] = False
    contradicted = answered & ~known
    if method.verify and contradicted.any():
        raise PlanError(
            f"passive column {name!r} is answered in {int(contradicted.sum()):,} rows in which a "
            "column of its formula is to be imputed; the first is data row "
            f"{int(np.argmax(contradicted)) + 1}. What is imputed there would contradict it. "
            "Blank the passive column in these rows, or set verify = false to let it stand."
        )
    target = StepTarget(
        name, table.codes[name], table.values.get(name), ClassTarget(table.codes[name], 1 << 16)
    )
    data = StepData(
        predictors=PredictorTable.of((), table.n_rows),
        columns=(),
        target=target,
        rows=np.flatnonzero(known).astype(np.int32),
        weight=None,
        n_real=table.n_rows,
        table=table,
    )
    model = method.fit(data)
    if not isinstance(model, PassiveModel):
        raise PlanError(f"passive column {name!r} has no formula")
    return model
