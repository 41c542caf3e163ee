"""What stored models refer to, and what a writer and a reader of one step carry along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import ModelFileError, PlanError
from gpusynth.methods.model import Block, DrawnColumns, TargetColumn
from gpusynth.table import Codec, Table

__all__ = ["ModelContext", "Reader", "StoredModels", "Writer"]


@dataclass(frozen=True, slots=True)
class ModelContext:
    """What models refer to and what is therefore not stored with them.

    Attributes
    ----------
    real : Table
        The real data that the models were fitted on, with every column that they read.
    start : Table or None
        The table that kept columns come from; None for the real data.
    group_of : callable or None
        Where strata are fitted apart: (DrawnColumns, Block) -> group of each row to draw.
    """

    real: Table
    start: Table | None = None
    group_of: Callable[[DrawnColumns, Block], Array] | None = None

    def tables(self) -> dict[str, Table]:
        """Return the tables by the name that documents give them."""
        return (
            {"real": self.real} if self.start is None else {"real": self.real, "start": self.start}
        )


@dataclass(frozen=True, slots=True)
class StoredModels:
    """Models in a form that a file can hold.

    Attributes
    ----------
    document : list
        JSON, one entry a model.
    arrays : tuple of array
        What the document refers to by place.
    """

    document: list[Any]
    arrays: tuple[Array, ...]


@dataclass(slots=True)
class Writer:
    """Collects the arrays of the models of one column.

    Attributes
    ----------
    context : ModelContext
    column : str
        That the models draw.
    arrays : list of array
    """

    context: ModelContext
    column: str
    arrays: list[Array] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)
    _targets: dict[tuple[int, int], Any] = field(default_factory=dict)

    def add(self, array: Array) -> int:
        """Return the place of an array; the same array has one place."""
        if id(array) not in self._places:
            self._places[id(array)] = len(self.arrays)
            self.arrays.append(array)
        return self._places[id(array)]

    def refuse(self, reason: str) -> NoReturn:
        """Raise the error for what cannot be stored."""
        raise PlanError(f"the model of column {self.column!r} cannot be stored: {reason}")

    def target(self, target: TargetColumn) -> Any:
        """Return a real column as a reference, or its arrays where no table has it."""
        key = (id(target.codes), id(target.values))
        if key not in self._targets:
            self._targets[key] = self._target(target)
        return self._targets[key]

    def _target(self, target: TargetColumn) -> Any:
        for name, table in self.context.tables().items():
            codes, values = table.codes.get(target.name), table.values.get(target.name)
            if codes is None or len(codes) != len(target.codes):
                continue
            if _same(codes, target.codes) and _same(values, target.values):
                return {"table": name, "part": "whole"}
            if target.values is None and _same(_states(table, target.name), target.codes):
                return {"table": name, "part": "state"}
        places = [None if a is None else self.add(a) for a in (target.codes, target.values)]
        return {"codes": places[0], "values": places[1]}


@dataclass(slots=True)
class Reader:
    """Looks up what documents refer to; every error names the column.

    Attributes
    ----------
    context : ModelContext
    column : str
    arrays : tuple of array
    depth : int
        Models around the one that is being read.
    """

    context: ModelContext
    column: str
    arrays: tuple[Array, ...]
    depth: int = 0
    _targets: dict[tuple[Any, ...], TargetColumn] = field(default_factory=dict)

    def wrong(self, reason: str) -> NoReturn:
        """Raise the error for a document that no writer made."""
        raise ModelFileError(
            f"the stored model of column {self.column!r} cannot be used: {reason}. Fit it again."
        )

    def require(self, holds: Any, reason: str) -> None:
        """Raise the error unless something holds."""
        if not holds:
            self.wrong(reason)

    def array(self, place: object) -> Array:
        """Return an array by its place."""
        if type(place) is not int or not 0 <= place < len(self.arrays):
            self.wrong("it refers to an array that is not there")
        return self.arrays[place]

    def codec(self, name: object) -> Codec:
        """Return the codec of a real column."""
        codec = self.context.real.codecs.get(name) if isinstance(name, str) else None
        if codec is None:
            self.wrong("it refers to a column that the data do not have")
        return codec

    def target(self, given: object) -> TargetColumn:
        """Return a real column from what `Writer.target` made of it."""
        if not isinstance(given, dict):
            self.wrong("its target is none")
        key = tuple(sorted(given.items(), key=lambda item: str(item[0])))
        if not all(isinstance(value, (str, int, type(None))) for value in given.values()):
            self.wrong("its target is none")
        if key not in self._targets:
            own = set(given) == {"codes", "values"}
            self._targets[key] = self._own_target(given) if own else self._named_target(given)
        return self._targets[key]

    def _named_target(self, given: dict[str, Any]) -> TargetColumn:
        table = self.context.tables().get(given.get("table", ""))
        if set(given) != {"table", "part"} or table is None or self.column not in table.codes:
            self.wrong("its target is a column that the data do not have")
        if given["part"] == "state":
            return TargetColumn(self.column, _states(table, self.column), None)
        self.require(given["part"] == "whole", "its target is neither whole nor a state")
        return TargetColumn(self.column, table.codes[self.column], table.values.get(self.column))

    def _own_target(self, given: dict[str, Any]) -> TargetColumn:
        codes = self.array(given["codes"])
        values = None if given["values"] is None else self.array(given["values"])
        self.require(codes.ndim == 1 and codes.dtype.name in ("uint8", "uint16"), "target's codes")
        n_codes = self.codec(self.column).n_codes
        self.require(int(codes.max(initial=0)) < n_codes, "a code of the target is none")
        if values is not None:
            is_number = values.dtype.name in ("int64", "float64")
            self.require(is_number and values.shape == codes.shape, "the target's numbers")
        return TargetColumn(self.column, codes, values)


def _states(table: Table, name: str) -> Array:
    """Return the codes that a state step draws from (gpusynth.engine.fitting)."""
    codes = table.codes[name]
    return np.minimum(codes, codes.dtype.type(table.codecs[name].n_special))


def _same(one: Array | None, other: Array | None) -> bool:
    """Return whether two columns are the same to the last bit."""
    if one is None or other is None:
        return one is other
    return one is other or (one.dtype == other.dtype and np.array_equal(one, other))
