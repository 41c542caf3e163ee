"""ClassModel: a class drawn from fitted shares; what logreg, polyreg and polr have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.design_rows import DesignRows
from gpusynth.methods.model import Block, DrawnColumns, OneLeaf, StepData, TargetColumn
from gpusynth.methods.one_thread import scipy_special

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["ClassModel", "Classes"]


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes that the fitted rows have.

    Attributes
    ----------
    donors : array of int, shape (n_classes,)
        A real row of each class, ascending by code: it hands on the class.
    of_row : array of int64, shape (rows.n_rows,)
        Class of each fitted row, in ``[0, n_classes)``.
    codes : array of int, shape (n_classes,)
    """

    donors: Array
    of_row: Array
    codes: Array

    @classmethod
    def of(cls, data: StepData, rows: DesignRows, method: str) -> Classes:
        """Find the classes.

        Raises
        ------
        PlanError
            If the target is a number.
        """
        from gpusynth.trees import ClassTarget

        goal = data.target.goal
        if not isinstance(goal, ClassTarget):
            raise PlanError(
                f"column {data.target.name!r} has the method {method}, which is for levels. "
                "Use norm, normrank, pmm, parametric or cart."
            )
        codes = goal.codes[rows.rows]
        distinct, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
        return cls(rows.rows[first], of_row.reshape(-1), distinct)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.donors)


@dataclass(frozen=True, slots=True)
class ClassModel(OneLeaf):
    """Shares of classes that depend on sums of effects.

    Attributes
    ----------
    donors : array of int, shape (n_classes,)
        A real row of each class.
    predictor : LinearPredictor or None
        ``n_classes - 1`` sums for a multinomial logit whose first class has 0; one sum for ordered
        classes. None for a single class.
    thresholds : array of float64, shape (n_classes - 1,), or None
        Ordered classes: ``P(class <= k) = 1 / (1 + exp(sum - thresholds[k]))``.
    target : TargetColumn
    note : str
        What is worth knowing about the fit; empty for nothing.
    """

    donors: Array
    predictor: LinearPredictor | None
    thresholds: Array | None
    target: TargetColumn
    note: str = ""

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a class for each row; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        place = np.zeros(block.n_drawn, np.int64)
        if self.predictor is not None:
            share = block.uniform(key)[:, 0]
            for part, sums in self.predictor.chunks(drawn, block):
                # Counting the cumulative shares that were passed inverts them.
                place[part] = (self.cumulative(sums) <= share[part, None]).sum(axis=1)
        return self.target.take(self.donors[place])

    def cumulative(self, sums: Array) -> Array:
        """Return the cumulative shares of all classes but the last, shape (n, n_classes - 1)."""
        if self.thresholds is not None:
            shares: Array = scipy_special().expit(self.thresholds[None, :] - sums)
            return shares
        top = np.maximum(sums.max(axis=1), 0.0)
        running = np.exp(np.concatenate([-top[:, None], sums - top[:, None]], axis=1))
        np.cumsum(running, axis=1, out=running)
        return running[:, :-1] / running[:, -1:]
