"""BoundExpression: an expression that fits the columns of a file, ready to evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.table.expression.columns import Read, Rows
from gpusynth.table.expression.parse import Expression
from gpusynth.table.expression.parts import TOLERANCE, Evaluate, LevelPart, NumberPart, TruthPart

__all__ = ["BoundExpression", "ExpressionKind"]

ExpressionKind = Literal["truth", "number", "time", "level"]


@dataclass(frozen=True, slots=True)
class BoundExpression:
    """An expression bound to codecs.

    Row ``i`` of an answer depends on row ``i`` of the columns only, so a file may be evaluated in
    blocks of any size.

    Attributes
    ----------
    expression : Expression
    part : TruthPart, NumberPart or LevelPart
    """

    expression: Expression
    part: TruthPart | NumberPart | LevelPart

    @property
    def kind(self) -> ExpressionKind:
        """What the answers are; time: days since 1970."""
        if isinstance(self.part, NumberPart):
            return "time" if self.part.is_time else "number"
        return "truth" if isinstance(self.part, TruthPart) else "level"

    @property
    def level_names(self) -> tuple[str, ...]:
        """All levels that the answers can be; empty unless they are levels."""
        return self.part.names if isinstance(self.part, LevelPart) else ()

    def truth(self, read: Read, n_rows: int) -> Array:
        """Return where a condition is true; not where it is false or missing.

        Parameters
        ----------
        read : callable
            Column name -> (codes (n_rows,), exact numbers (n_rows,) or None).
        n_rows : int

        Returns
        -------
        array of bool, shape (n_rows,)

        Raises
        ------
        PlanError
            If the expression is no condition.
        """
        return self._truths(read, n_rows) > 0

    def truth_or_missing(self, read: Read, n_rows: int) -> tuple[Array, Array]:
        """Return where a condition is true, and where it is missing.

        Parameters
        ----------
        read : callable
        n_rows : int

        Returns
        -------
        tuple of (true (n_rows,) bool, missing (n_rows,) bool)

        Raises
        ------
        PlanError
            If the expression is no condition.
        """
        truths = self._truths(read, n_rows)
        return truths > 0, truths == 0

    def numbers(self, read: Read, n_rows: int) -> tuple[Array, Array]:
        """Return numbers, times in days since 1970.

        Parameters
        ----------
        read : callable
        n_rows : int

        Returns
        -------
        tuple of (numbers (n_rows,) float64, missing (n_rows,) bool)
            0 where missing.

        Raises
        ------
        PlanError
            If the expression gives no numbers.
        """
        if not isinstance(self.part, NumberPart):
            raise self._wrong_kind("a number")
        numbers = _evaluated(self.part.evaluate, read, n_rows, np.float64)
        missing = np.isnan(numbers)
        numbers[missing] = 0.0
        return numbers, missing

    @property
    def decimals(self) -> int | None:
        """Digits after the point that numbers have at most; None for not known."""
        return self.part.decimals if isinstance(self.part, NumberPart) else None

    def rounding_error(self, read: Read, n_rows: int) -> Array:
        """Return how far from the exact result each number may be, generously.

        Parameters
        ----------
        read : callable
        n_rows : int

        Returns
        -------
        array of float64, shape (n_rows,)
            `TOLERANCE` of the largest term; 0 where the number is missing.

        Raises
        ------
        PlanError
            If the expression gives no numbers.
        """
        part = self.part
        if not isinstance(part, NumberPart):
            raise self._wrong_kind("a number")
        largest = _evaluated(lambda rows: part.with_largest(rows)[1], read, n_rows, np.float64)
        return np.nan_to_num(TOLERANCE * largest, copy=False, nan=0.0)

    def levels(self, read: Read, n_rows: int) -> Array:
        """Return levels as places in `level_names`, -1 where missing.

        Parameters
        ----------
        read : callable
        n_rows : int

        Returns
        -------
        array of int32, shape (n_rows,)

        Raises
        ------
        PlanError
            If the expression gives no levels.
        """
        if not isinstance(self.part, LevelPart):
            raise self._wrong_kind("a level")
        return _evaluated(self.part.evaluate, read, n_rows, np.int32)

    def _truths(self, read: Read, n_rows: int) -> Array:
        if not isinstance(self.part, TruthPart):
            raise self._wrong_kind("a condition")
        return _evaluated(self.part.evaluate, read, n_rows, np.int8)

    def _wrong_kind(self, wanted: str) -> PlanError:
        place = f"{self.expression.place}: " if self.expression.place else ""
        return PlanError(
            f"{place}{wanted} is needed here, but this gives {kind_name(self.part)}: "
            f"{self.expression}"
        )


def kind_name(part: object) -> str:
    """Say what a part gives, for messages."""
    if isinstance(part, NumberPart):
        return "a date" if part.is_time else "a number"
    if isinstance(part, TruthPart):
        return "true or false"
    return "a level" if isinstance(part, LevelPart) else "missing"


def _evaluated(evaluate: Evaluate, read: Read, n_rows: int, dtype: type) -> Array:
    """Evaluate without NumPy's warnings: numbers without value become missing."""
    with np.errstate(all="ignore"):
        answers = evaluate(Rows(read))
    return np.array(np.broadcast_to(answers, (n_rows,)), dtype)
