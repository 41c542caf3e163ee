"""nested: a code that lies within another, drawn among real rows with the same outer code.

NAICS 6 digits within 4 within 2, county within state: each column names the next coarser one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.donor_minimums import donor_rules
from gpusynth.methods.grouped import GroupedModel, RowGroups, group_rows
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    Method,
    MethodSpecification,
    StepData,
)
from gpusynth.methods.sample import Sample

__all__ = ["GroupByCode", "Nested"]


def _parse(given: object) -> Method:
    from gpusynth.methods.registry import parse_method  # the registry names this method

    return parse_method(given)


def _to_json(method: Method) -> dict[str, Any]:
    """Return the method's JSON form; plan files (TOML) cannot hold parameters that are None."""
    from gpusynth.methods.registry import method_to_json

    return {key: value for key, value in method_to_json(method).items() if value is not None}


class Nested(MethodSpecification):
    """Draw among real rows with the same code of the parent.

    A parent with enough rows has a model of its own, which other columns predict; a rarer one is
    sampled. Both hand on codes of real rows, so every synthetic pair (parent, child) occurs in the
    real file, and a chain of nested columns is consistent at every level. A missing parent is a
    code like any other.

    Parameters
    ----------
    parent : str
        Column visited before: levels, or numbers with a code for each.
    min_rows : int
        Fewest real rows of a parent that has a model of its own.
    within : Method, str or dict
        Method of such parents, one that draws donors: cart, sample, bag or forest.
    weighted : bool
        Fit and draw with the survey weight.
    """

    name: ClassVar[str] = "nested"
    reads_columns: ClassVar[bool] = True

    parent: Annotated[str, Field(min_length=1)]
    min_rows: Annotated[int, Field(ge=1)] = 100
    within: Annotated[Any, BeforeValidator(_parse), PlainSerializer(_to_json)] = Field(
        default="cart", validate_default=True
    )
    weighted: bool = False

    @model_validator(mode="after")
    def _check(self) -> Nested:
        if self.within.name not in ("cart", "sample", "bag", "forest"):
            raise ValueError(
                f"within must draw donors (cart, sample, bag or forest), not {self.within.name}"
            )
        return self

    @property
    def is_weighted(self) -> bool:
        """Whether fits and draws use the survey weight."""
        return self.weighted or bool(self.within.is_weighted)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The parent."""
        return (self.parent,)

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Fit within each parent.

        Parameters
        ----------
        data : StepData
            Parents none of whose rows take part are sampled from all their rows.
        n_threads : int

        Returns
        -------
        GroupedModel

        Raises
        ------
        PlanError
            If the parent's codes do not tell its values apart.
        """
        codec = data.table.codecs[self.parent]
        if not codec.is_exact:
            raise PlanError(
                f"column {data.target.name!r} is nested in {self.parent!r}, which has too many "
                "different numbers for that. Name a coarser parent, or make it categorical."
            )
        parents = data.table.codes[self.parent]
        groups = group_rows(parents, codec.n_codes, rows=data.rows)
        everyone = groups
        if data.rows is not None:
            everyone = group_rows(parents, codec.n_codes)
        columns = tuple(name for name in data.columns if name != self.parent)
        data = replace(data, columns=columns)
        within, sample = self._methods()
        goals = _LocalClasses.of(data, groups)
        models = {}
        for group in np.flatnonzero(everyone.sizes()).tolist():
            rows = groups.rows_of(group)
            if len(rows) >= self.min_rows:
                inside = goals.within(replace(data, rows=rows), group)
                models[group] = within.fit(inside, n_threads=n_threads)
            else:
                rows = rows if len(rows) else everyone.rows_of(group)
                models[group] = sample.fit(replace(data, rows=rows))
        return GroupedModel(models, GroupByCode(self.parent), data.target.name)

    def _methods(self) -> tuple[Method, Sample]:
        within: Method = self.within
        if self.weighted and not within.is_weighted:
            within = type(within)(**{**within.model_dump(), "weighted": True})
        return within, Sample(weighted=within.is_weighted, **donor_rules(within))


@dataclass(frozen=True, slots=True)
class GroupByCode:
    """Groups are the codes of one column."""

    column: str

    def __call__(self, drawn: DrawnColumns, block: Block) -> Array:
        """Return the group of each row to draw, shape (n_drawn,)."""
        return block.take(drawn.read(self.column)[0])


@dataclass(frozen=True, slots=True)
class _LocalClasses:
    """Classes numbered within each parent, since a tree's work grows with their number.

    A 4-digit industry has about ten 6-digit ones; the file has a thousand.
    """

    codes: Array | None
    n_classes: Array | None

    @classmethod
    def of(cls, data: StepData, groups: RowGroups) -> _LocalClasses:
        from gpusynth.trees import ClassTarget

        goal = data.target.goal
        if not isinstance(goal, ClassTarget):
            return cls(None, None)
        group = np.repeat(np.arange(groups.n_groups, dtype=np.int64), groups.sizes())
        pairs = group * goal.n_classes + goal.codes[groups.rows]
        distinct, place = np.unique(pairs, return_inverse=True)
        n_classes = np.bincount(distinct // goal.n_classes, minlength=groups.n_groups)
        first = np.cumsum(n_classes) - n_classes
        local = np.zeros(len(goal.codes), goal.codes.dtype)
        local[groups.rows] = place.reshape(-1) - first[group]
        return cls(local, n_classes)

    def within(self, data: StepData, group: int) -> StepData:
        """Return the data of one parent with its own classes."""
        from gpusynth.trees import ClassTarget

        if self.codes is None or self.n_classes is None:
            return data
        goal = ClassTarget(self.codes, int(self.n_classes[group]))
        return replace(data, target=replace(data.target, goal=goal))
