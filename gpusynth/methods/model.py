"""What a method is, what it sees of one step, and what a fitted model can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict

from gpusynth.arrays import Array
from gpusynth.backends import CPU, Backend
from gpusynth.table.reading import Read, read_rows

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.table import Table
    from gpusynth.trees import ChangingTable, DrawTable, PredictorTable, Target

__all__ = [
    "ATTEMPT_BITS",
    "Block",
    "DrawnColumns",
    "FittedModel",
    "Method",
    "MethodSpecification",
    "ModelSize",
    "OneLeaf",
    "StepData",
    "StepTarget",
    "TargetColumn",
]

_FEW = 200
"""Rows of a block whose random numbers cost as much together as those of one row by itself."""

ATTEMPT_BITS = 40
"""A counter is ``attempt << 40 | row``: a row that is drawn again has numbers of its own, and files
have fewer than 2^40 rows (`gpusynth.engine.RunSettings`)."""


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """The real column that donors hand on; all that a fitted model needs of its target.

    Attributes
    ----------
    name : str
        Column name, for messages.
    codes : array of uint8 or uint16, shape (n_real,)
        What a donor row hands on: its code (of the state, for a state step).
    values : array of float64 or int64, shape (n_real,), or None
        What a donor row hands on besides: its exact number. None where the code says it all.
    """

    name: str
    codes: Array
    values: Array | None

    def take(self, rows: Array) -> tuple[Array, Array | None]:
        """Return the exact codes and values of donor rows.

        Parameters
        ----------
        rows : array of int32 or int64, shape (n,)

        Returns
        -------
        tuple of (codes (n,), values (n,) or None)
        """
        values = None if self.values is None else self.values.take(rows)
        return self.codes.take(rows), values


@dataclass(frozen=True, slots=True)
class StepTarget(TargetColumn):
    """The target column of one step, over all real rows; see `TargetColumn`.

    Attributes
    ----------
    goal : ClassTarget or NumberTarget
        What a tree tries to tell apart: classes for answers and states, numbers for numbers.
    is_number : bool
        Whether donors hand on numbers; false for states.
    n_special : int
        Codes below this are states of a number (missing codes and spikes), not numbers.
    """

    goal: Target
    is_number: bool = False
    n_special: int = 0


@dataclass(frozen=True, slots=True)
class StepData:
    """What a method sees of one step: real data only.

    Attributes
    ----------
    predictors : PredictorTable or ChangingTable
        All real rows, in the layout that trees use; shared by all steps.
    columns : tuple of str
        Which of its columns may predict the target.
    target : StepTarget
    rows : array of int32, shape (n_part,), or None
        Ascending row numbers that take part in the fit; None for all. A row outside is never a
        donor. Proper synthesis repeats a row as often as the bootstrap drew it.
    weight : array of float64, shape (n_real,), or None
        Survey weight, for methods that were told to use it.
    n_real : int
    table : Table
        All real columns as codes and numbers, for methods whose `reads_columns` is true; others
        must not count on a column being there still.
    units : array of int64, shape (n_real,), or None
        Number of the unit (a firm) that each real row belongs to; None where rows are units.
    place : str
        Which step and stratum, for messages.
    backend : Backend
        Where trees are grown, and by what.
    """

    predictors: PredictorTable | ChangingTable
    columns: tuple[str, ...]
    target: StepTarget
    rows: Array | None
    weight: Array | None
    n_real: int
    table: Table
    units: Array | None = None
    place: str = ""
    backend: Backend = CPU

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
        Global number of the block's first row.
    n_rows : int
        Rows of this block.
    n_total : int
        Rows of the whole synthetic file.
    positions : array of int32, shape (n_drawn,), or None
        Ascending positions in the block of the rows to draw; None for all of them.
    attempt : int
        How often these rows were drawn before; every attempt has random numbers of its own.
    start : array of int64, shape (n_rows,), or None
        The real row that each row of the block begins with; only for columns that are kept.
    """

    first_row: int
    n_rows: int
    n_total: int
    positions: Array | None = None
    attempt: int = 0
    start: Array | None = None

    @property
    def n_drawn(self) -> int:
        """Number of rows to draw."""
        return self.n_rows if self.positions is None else len(self.positions)

    @property
    def first_counter(self) -> int:
        """Random counter of the block's row 0; row i has this plus i."""
        return self.attempt << ATTEMPT_BITS | self.first_row

    def uniform(self, key: StreamKey) -> Array:
        """Return two uniform numbers in [0, 1) for each row to draw.

        Parameters
        ----------
        key : StreamKey

        Returns
        -------
        array of float64, shape (n_drawn, 2)
        """
        from gpusynth.streams import uniform

        if self.positions is None:
            return uniform(key, self.first_counter, self.n_rows)
        if _FEW * len(self.positions) < self.n_rows:
            parts = [
                uniform(key, self.first_counter + place, 1) for place in self.positions.tolist()
            ]
            return np.concatenate(parts) if parts else np.zeros((0, 2))
        return uniform(key, self.first_counter, self.n_rows)[self.positions]

    def take(self, column: Array) -> Array:
        """Return the rows to draw of a column of the block, shape (n_drawn,)."""
        return column if self.positions is None else column[self.positions]


@dataclass(frozen=True, slots=True)
class DrawnColumns:
    """The columns of a block of synthetic rows that have been drawn so far.

    Attributes
    ----------
    table : PredictorTable, DrawTable, ChangingTable or None
        In the layout of trees, all rows of the block; None where memory is short.
    read : callable
        Column name -> (codes (n_rows,), values (n_rows,) or None) of all rows of the block.
    """

    table: PredictorTable | DrawTable | ChangingTable | None
    read: Read

    def of_block(self, block: Block) -> Read:
        """Return a function that reads the rows that a block draws."""
        return self.read if block.positions is None else read_rows(self.read, block.positions)

    def for_tree(
        self, columns: Sequence[str]
    ) -> PredictorTable | DrawTable | ChangingTable | list[Array]:
        """Return what a tree on `columns` walks by: the table, or codes in their order."""
        return self.table or [self.read(name)[0] for name in columns]


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Size of a fitted model, for people: leaves and depth are 1 and 0 without a tree."""

    n_leaves: int = 1
    depth: int = 0


class OneLeaf:
    """The size of models that have no tree."""

    __slots__ = ()

    @property
    def size(self) -> ModelSize:
        """One leaf."""
        return ModelSize()


class FittedModel(Protocol):
    """A model that was fitted on real rows; it refers to them, so it is as confidential."""

    @property
    def size(self) -> ModelSize:
        """Leaves and depth."""
        ...

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw the target of the rows that a block names.

        Row ``i`` of the block uses counter ``block.first_counter + i`` of the stream and nothing
        else, so that the draw does not depend on how a file is cut into blocks, nor on which other
        rows are drawn with it.

        Parameters
        ----------
        drawn : DrawnColumns
        key : StreamKey
        block : Block

        Returns
        -------
        tuple of (codes (block.n_drawn,), values (block.n_drawn,) or None)
        """
        ...


class MethodSpecification(BaseModel):
    """What all specifications share; a method overrides what differs.

    Attributes
    ----------
    name : str
        The word that plans use.
    uses_predictors : bool
        Whether earlier columns predict the target.
    makes_values : bool
        Whether it may draw numbers that no real row has.
    reads_columns : bool
        Whether fit and draw read codes and numbers of earlier columns besides the predictor table.
    whole_file : bool
        Whether a draw needs all rows of the file in one block.
    is_fitted : bool
        Whether it learns a distribution; false where the plan says all (a formula, a copy).
    by_parts : bool
        Whether a number with missing codes or spikes takes two steps, its state and its value.
    refuses_rows : bool
        Whether a fit is little more than a check of real rows; it is then tried before all others,
        so that a formula that does not hold is told at once, and not when its column's turn comes.
    absent_by_default : frozenset of str
        Parameters that a plan's JSON leaves out where they have their defaults, so that plans
        from before they existed keep their fingerprints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]
    uses_predictors: ClassVar[bool] = True
    makes_values: ClassVar[bool] = False
    reads_columns: ClassVar[bool] = False
    whole_file: ClassVar[bool] = False
    is_fitted: ClassVar[bool] = True
    by_parts: ClassVar[bool] = True
    refuses_rows: ClassVar[bool] = False
    absent_by_default: ClassVar[frozenset[str]] = frozenset()

    @property
    def is_weighted(self) -> bool:
        """Whether fits and draws use the survey weight: the field `weighted`, where it is."""
        return bool(getattr(self, "weighted", False))

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Columns that must be visited before the target."""
        return ()

    def for_states(self) -> Method:
        """Return the method that draws which missing code, spike or value a number has.

        Returns
        -------
        Method
        """
        return self  # type: ignore[return-value]  # a method is a specification that can fit


@runtime_checkable
class Method(Protocol):
    """How one variable is synthesized; a frozen specification that holds its parameters.

    Attributes
    ----------
    name, uses_predictors, makes_values, reads_columns, whole_file, is_fitted, by_parts
    refuses_rows
        See `MethodSpecification`.
    """

    name: ClassVar[str]
    uses_predictors: ClassVar[bool]
    makes_values: ClassVar[bool]
    reads_columns: ClassVar[bool]
    whole_file: ClassVar[bool]
    is_fitted: ClassVar[bool]
    by_parts: ClassVar[bool]
    refuses_rows: ClassVar[bool]

    @property
    def is_weighted(self) -> bool:
        """Whether fits and draws use the survey weight."""
        ...

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Columns that must be visited before the target."""
        ...

    def for_states(self) -> Method:
        """Return the method that draws the states of a number."""
        ...

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Fit on real data."""
        ...

    def model_dump(self) -> dict[str, Any]:
        """Return the parameters."""
        ...
