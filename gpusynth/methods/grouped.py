"""Groups: a method fitted apart on groups of real rows, and drawn apart in the same groups.

Strata and nested columns are both this: which group a row is in depends on columns visited before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.methods.donor_model import donor_model, target_of
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    ModelSize,
    StepTarget,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees import DonorPool

__all__ = ["GroupedModel", "RowGroups", "group_rows"]


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Rows by group, in compressed sparse row form.

    Attributes
    ----------
    offsets : array of int64, shape (n_groups + 1,)
        Rows of group g are ``rows[offsets[g]:offsets[g + 1]]``.
    rows : array of int32 or int64, shape (n,)
        Row numbers, ascending within each group, repeated as often as they were given.
    """

    offsets: Array
    rows: Array

    @property
    def n_groups(self) -> int:
        """Number of groups, empty ones included."""
        return len(self.offsets) - 1

    def sizes(self) -> Array:
        """Return the number of rows of each group, int64."""
        return np.diff(self.offsets)

    def rows_of(self, group: int) -> Array:
        """Return the rows of one group."""
        return self.rows[self.offsets[group] : self.offsets[group + 1]]


def group_rows(group_of_row: Array, n_groups: int, *, rows: Array | None = None) -> RowGroups:
    """Sort rows into groups.

    Parameters
    ----------
    group_of_row : array of int, shape (n_real,)
        In ``[0, n_groups)``; a negative number is no group.
    n_groups : int
    rows : array of int32 or int64, shape (n_part,), optional
        Ascending row numbers to sort, repeats allowed; default all.

    Returns
    -------
    RowGroups
    """
    groups = group_of_row if rows is None else group_of_row[rows]
    order = np.argsort(groups, kind="stable")
    kept = groups >= 0
    sizes = np.bincount(groups[kept], minlength=n_groups)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
    order = order[len(order) - int(offsets[-1]) :]
    number = np.int32 if len(group_of_row) < 1 << 31 else np.int64
    return RowGroups(offsets, order.astype(number) if rows is None else rows[order])


@dataclass(frozen=True, slots=True)
class GroupedModel:
    """One fitted model a group.

    Attributes
    ----------
    models : mapping of int to FittedModel
        By group; several groups may share a model. All of one method, so that all or none of them
        draw numbers besides codes.
    group_of : callable
        (DrawnColumns, Block) -> array of int, shape (block.n_drawn,): the group of each row to
        draw. It must depend on the row alone.
    target : str
        Column name, for messages.
    """

    models: Mapping[int, FittedModel]
    group_of: Callable[[DrawnColumns, Block], Array]
    target: str

    @property
    def size(self) -> ModelSize:
        """All leaves together, and the greatest depth; a shared model counts once."""
        sizes = [model.size for model in {id(m): m for m in self.models.values()}.values()]
        return ModelSize(
            n_leaves=sum(size.n_leaves for size in sizes),
            depth=max((size.depth for size in sizes), default=0),
        )

    @property
    def note(self) -> str:
        """What is worth knowing about the fits, each once; empty for nothing."""
        notes = (getattr(model, "note", "") for model in self.models.values())
        return "; ".join(sorted({note for note in notes if note}))

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw each row from the model of its group; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)

        Raises
        ------
        DataError
            If a row's group has no model.
        """
        return self._by_group(drawn, block, lambda model, part: model.draw(drawn, key, part))

    @property
    def target_of_donors(self) -> StepTarget:
        """The real column that donors hand on."""
        model: Any = next(iter(self.models.values()))
        return target_of(model)

    @property
    def pools(self) -> tuple[DonorPool, ...]:
        """The donors that may stand for each other: those of each model in turn."""
        return tuple(pool for model in self._distinct() for pool in donor_model(model).pools)

    def draw_donors(
        self, drawn: DrawnColumns, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Draw the donors alone; see `DonorModel`.

        Returns
        -------
        tuple of (real rows (n_drawn,), pools (n_drawn,))
        """
        first: dict[int, int] = {}
        n_pools = 0
        for model in self._distinct():
            first[id(model)] = n_pools
            n_pools += len(donor_model(model).pools)

        def draw(model: FittedModel, part: Block) -> tuple[Array, Array | None]:
            rows, pool = donor_model(model).draw_donors(drawn, key, part)
            inner = np.zeros(len(rows), np.int64) if pool is None else pool
            return rows.astype(np.int64), inner + first[id(model)]

        return self._by_group(drawn, block, draw)

    def _distinct(self) -> list[FittedModel]:
        """Return the models, a shared one once, by their first group."""
        return list({id(model): model for model in self.models.values()}.values())

    def _by_group(
        self,
        drawn: DrawnColumns,
        block: Block,
        draw: Callable[[FittedModel, Block], tuple[Array, Array | None]],
    ) -> tuple[Array, Array | None]:
        groups = self.group_of(drawn, block)
        present = np.unique(groups)
        unknown = [group for group in present.tolist() if group not in self.models]
        if unknown:
            place = int(np.flatnonzero(np.isin(groups, unknown))[0])
            row = place if block.positions is None else int(block.positions[place])
            raise DataError(
                f"column {self.target!r}: synthetic row {block.first_row + row + 1} belongs to a "
                "group without real rows to learn from"
            )
        if len(present) == 1 and block.positions is None:
            return draw(self.models[int(present[0])], block)
        part = _Part.of(block)
        chosen = _Chosen(len(groups))
        for model, members in self._members(groups, present):
            positions = members if block.positions is None else block.positions[members]
            part_of_model = replace(part, positions=positions.astype(np.int32, copy=False))
            chosen.put(members, draw(model, part_of_model))
        return chosen.codes, chosen.values

    def _members(self, groups: Array, present: Array) -> list[tuple[FittedModel, Array]]:
        """Return each model with the places, ascending, of the rows that it draws."""
        models: list[FittedModel] = []
        number_of: dict[int, int] = {}
        number = np.zeros(int(present[-1]) + 1 if len(present) else 0, np.int64)
        for group in present.tolist():
            model = self.models[group]
            if id(model) not in number_of:
                number_of[id(model)] = len(models)
                models.append(model)
            number[group] = number_of[id(model)]
        sorted_groups = group_rows(number[groups], len(models))
        return [(model, sorted_groups.rows_of(at)) for at, model in enumerate(models)]


class _Chosen:
    """What the models drew, put together."""

    def __init__(self, n_drawn: int) -> None:
        self.codes: Array = np.zeros(n_drawn, np.uint8)
        self.values: Array | None = None
        self._empty = True

    def put(self, members: Array, drawn: tuple[Array, Array | None]) -> None:
        codes, values = drawn
        if self._empty:
            self._empty = False
            self.codes = np.zeros(len(self.codes), codes.dtype)
            self.values = None if values is None else np.zeros(len(self.codes), values.dtype)
        self.codes[members] = codes
        if self.values is not None:
            self.values[members] = values


@dataclass(frozen=True, slots=True)
class _Part(Block):
    """Some rows of a block whose other rows are drawn from other models.

    The block's random numbers are made once for all of them, not once a model.
    """

    shares: dict[StreamKey, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, block: Block) -> _Part:
        if isinstance(block, _Part):
            return block
        return cls(**{part.name: getattr(block, part.name) for part in fields(block)})

    def uniform(self, key: StreamKey) -> Array:
        if key not in self.shares:
            self.shares[key] = self._of_block(key)
        shares: Any = self.shares[key]
        return shares if self.positions is None else shares[self.positions]

    def _of_block(self, key: StreamKey) -> Array:
        from gpusynth.streams import uniform

        return uniform(key, self.first_counter, self.n_rows)
