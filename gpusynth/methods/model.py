"""What a method is, what it sees of one step, and what a fitted model can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from gpusynth.arrays import Array

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees import PredictorTable, Target

__all__ = [
    "Block",
    "FittedModel",
    "Method",
    "ModelSize",
    "StepData",
    "StepTarget",
    "SyntheticPredictors",
]

SyntheticPredictors: TypeAlias = "PredictorTable | Sequence[Array]"


@dataclass(frozen=True, slots=True)
class StepTarget:
    """The target column of one step, over all real rows.

    Attributes
    ----------
    name : str
        Column name, for messages.
    codes : array of uint8 or uint16, shape (n_real,)
        What a donor row hands on: its code (of the state, for a state step).
    values : array of float64 or int64, shape (n_real,), or None
        What a donor row hands on besides: its exact number. None where the code says it all.
    goal : ClassTarget or NumberTarget
        What a tree tries to tell apart: classes for answers and states, numbers for numbers.
    """

    name: str
    codes: Array
    values: Array | None
    goal: Target

    def take(self, rows: Array) -> tuple[Array, Array | None]:
        """Return the exact codes and values of donor rows.

        Parameters
        ----------
        rows : array of int32 or int64, shape (n,)

        Returns
        -------
        tuple of (codes (n,), values (n,) or None)
        """
        return self.codes[rows], None if self.values is None else self.values[rows]


@dataclass(frozen=True, slots=True)
class StepData:
    """What a method sees of one step: real data only.

    Attributes
    ----------
    predictors : PredictorTable
        All real rows, in the layout that trees use; shared by all steps.
    columns : tuple of str
        Which of its columns may predict the target.
    target : StepTarget
    rows : array of int32, shape (n_part,), or None
        Ascending row numbers that take part in the fit; None for all. A row outside is never a
        donor.
    weight : array of float64, shape (n_real,), or None
        Survey weight, for methods that were told to use it.
    n_real : int
    """

    predictors: PredictorTable
    columns: tuple[str, ...]
    target: StepTarget
    rows: Array | None
    weight: Array | None
    n_real: int

    @property
    def n_part(self) -> int:
        """Number of rows that take part in the fit."""
        return self.n_real if self.rows is None else len(self.rows)


@dataclass(frozen=True, slots=True)
class Block:
    """Which synthetic rows to draw.

    Attributes
    ----------
    first_row : int
        Global number of the block's first row: the random counter starts there.
    n_rows : int
        Rows of this block.
    n_total : int
        Rows of the whole synthetic file.
    """

    first_row: int
    n_rows: int
    n_total: int


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Size of a fitted model, for people: leaves and depth are 1 and 0 without a tree."""

    n_leaves: int = 1
    depth: int = 0


class FittedModel(Protocol):
    """A model that was fitted on real rows; it refers to them, so it is as confidential."""

    @property
    def size(self) -> ModelSize:
        """Leaves and depth."""
        ...

    def draw(
        self, rows: SyntheticPredictors, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Draw the target of a block of synthetic rows.

        Row ``i`` of the block uses counter ``block.first_row + i`` of the stream and nothing else,
        so that the draw does not depend on how a file is cut into blocks.

        Parameters
        ----------
        rows : PredictorTable, or sequence of array, shape (block.n_rows,)
            Synthetic predictors of the block: a table in the layout of the fit, or codes in the
            order of `StepData.columns`.
        key : StreamKey
        block : Block

        Returns
        -------
        tuple of (codes (n_rows,), values (n_rows,) or None)
        """
        ...


@runtime_checkable
class Method(Protocol):
    """How one variable is synthesized; a frozen specification that holds its parameters.

    Attributes
    ----------
    name : str
        The word that plans use.
    uses_predictors : bool
    is_weighted : bool
        Whether fits and draws use the survey weight.
    """

    name: ClassVar[str]
    uses_predictors: ClassVar[bool]

    @property
    def is_weighted(self) -> bool:
        """Whether fits and draws use the survey weight."""
        ...

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Fit on real data."""
        ...

    def model_dump(self) -> dict[str, Any]:
        """Return the parameters."""
        ...
