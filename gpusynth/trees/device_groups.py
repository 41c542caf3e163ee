"""Groups of columns that are counted together on a CUDA device, and the nodes of a level.

A group is some columns of one width and kind whose tables of one node fit the shared memory of a
block, or the columns of one word of the records where no table does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.device_parcel import Parcel
from gpusynth.trees.device_table import DeviceTable
from gpusynth.trees.record_plan import width_of
from gpusynth_kernels.cpu.kinds import NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.arguments import Fixed
from gpusynth_kernels.cuda.choose import FEW_CODES, MOST_SEARCHED, few_rows

__all__ = [
    "BLOCK_BYTES",
    "Emission",
    "Group",
    "KeptTables",
    "LevelNodes",
    "Request",
    "items_of",
    "make_groups",
    "on_device",
    "planes_of",
    "table_width",
]

BLOCK_BYTES = 49_152
"""Shared memory of a block that counts: what every device gives without being asked for more."""


@dataclass(frozen=True, slots=True)
class LevelNodes:
    """Nodes of a level that may be split, on the host.

    Attributes
    ----------
    begin, end, first_run, n_runs : arrays of int64, shape (n,)
    score : array of float64, shape (n,)
        Of the unsplit node.
    path : array of uint64, shape (n,)
        Read when columns are drawn.
    parent, sibling : arrays of int64, shape (n,)
        Number of the parent among such nodes of the level before, and of the sibling among these;
        -1 for none.
    """

    begin: Array
    end: Array
    first_run: Array
    n_runs: Array
    score: Array
    path: Array
    parent: Array
    sibling: Array

    def some(self, which: Array | slice) -> LevelNodes:
        """Return some of the nodes, without their families."""
        none = np.full(len(self.begin[which]), -1)
        return LevelNodes(
            *(self.begin[which], self.end[which], self.first_run[which], self.n_runs[which]),
            *(self.score[which], self.path[which], none, none),
        )

    @property
    def size(self) -> Array:
        """Return the rows of each node."""
        return self.end - self.begin

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True, slots=True)
class Emission:
    """Subsets to be written for splits that were chosen before.

    Attributes
    ----------
    words : device array of uint32
    first, n_levels : arrays of int64, shape (n_nodes,)
        First word of each node's subset, and how many levels, in their order, go left.
    column : array of int32, shape (n_nodes,)
        The column that was chosen, by its place among those of the fit.
    searched : array of int64, shape (n_nodes,)
        Number of each node among those of the level that were searched.
    """

    words: Array
    first: Array
    n_levels: Array
    column: Array
    searched: Array

    def told(self, which: Array, parcel: Parcel) -> tuple[int, ...]:
        """Put into a parcel what some nodes are asked for: column, first word, levels."""
        of_levels = parcel.add_all(self.first[which], self.n_levels[which])
        return (parcel.add(self.column[which].astype(np.int32)), *of_levels)


@dataclass(frozen=True, slots=True)
class Group:
    """Columns of one width, on one page, that are counted together.

    `few` is the rows up to which nodes are searched without tables, by one thread a column.
    """

    page: int
    width: int
    few: int
    has_order: int
    """1 where levels must be put in order, of all members or of none."""
    n_codes: int
    members: Array
    """Columns, by their places among those of the fit."""
    counted: tuple[Array, ...]
    """What `count_codes` reads."""
    searched: tuple[Array, ...]
    """What `search_tables` reads."""


@dataclass(frozen=True, slots=True)
class KeptTables:
    """Tables of a group at all its large nodes of a level, kept for the level below."""

    tables: tuple[Array, ...]
    searched: tuple[Array, ...]
    """The same, and 1 if rows have weights: what kernels read that search them."""
    places: Array
    """Planes of counts and amounts (2, n_nodes) before each node of the level; -1 for small."""
    nodes: LevelNodes
    classes: Array
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Request:
    """Some nodes of a level, and what is wanted of them."""

    nodes: LevelNodes
    offered: Array
    """Columns that each node is offered (device uint8, nodes times columns); empty for all."""
    emission: Emission | None
    result: tuple[Array, ...]
    """Splits by node and column, filled unless subsets are to be written."""
    is_level: bool = False
    """Whether these are all nodes of the level: only then the level below finds its parents."""


def on_device(*arrays: Array) -> tuple[Array, ...]:
    """Return copies of arrays of one length on the device, as int64: one transfer for all."""
    return tuple(launch.to_device(np.stack([np.asarray(array, np.int64) for array in arrays])))


def planes_of(mode: int, n_runs: Array, *, weighted: bool) -> tuple[Array, Array]:
    """Return the planes of counts and of amounts of nodes (int64); see `cuda.histogram`.

    Parameters
    ----------
    mode : int
    n_runs : array of int64
        Classes of each node.
    weighted : bool
    """
    one = np.ones_like(n_runs)
    if mode == NUMBERS:
        return one, one + weighted
    if mode == WEIGHTED_CLASSES:
        return one, n_runs
    return n_runs, 0 * one


def table_width(n_codes: Array) -> Array:
    """Return the width of columns that are counted together: 64, or as in the records if wider.

    Parameters
    ----------
    n_codes : array of int64
    """
    return np.maximum(width_of(n_codes), FEW_CODES)


def make_groups(
    table: DeviceTable | PagedTable, columns: Array, *, mode: int, most_classes: int
) -> Iterator[Group]:
    """Yield the groups of the columns of a fit; constant columns are in none.

    Parameters
    ----------
    table : DeviceTable or PagedTable
    columns : array of int32
        By their places in the table, ascending.
    mode : int
    most_classes : int
        Classes that a node may have.
    """
    planes = 3 if mode == NUMBERS else most_classes
    most_codes = BLOCK_BYTES // 4 // planes
    n_codes = table.layout.n_codes[columns].astype(np.int64)
    has_order = ~table.layout.is_ordered[columns] & (n_codes > MOST_SEARCHED)
    few = few_rows(n_codes, has_order)
    kinds = np.stack([table.page_of[columns], table_width(n_codes), few, has_order])
    word = table.word[columns]
    for kind in np.unique(kinds, axis=1).T:
        inside = np.flatnonzero((kinds == kind[:, None]).all(axis=0) & (n_codes > 1))
        members: list[int] = []
        for w in np.unique(word[inside]):
            of_word = inside[word[inside] == w].tolist()
            if members and n_codes[members + of_word].sum() > most_codes:
                yield _group(table, columns, kind, members)
                members = []
            members = members + of_word
        if members:
            yield _group(table, columns, kind, members)


def _group(table: DeviceTable | PagedTable, columns: Array, kind: Array, some: list[int]) -> Group:
    members = np.array(sorted(some))
    place = columns[members]
    n_codes = table.layout.n_codes[place].astype(np.int64)
    ordered = table.layout.is_ordered[place].astype(np.int64)
    first = np.cumsum(n_codes) - n_codes
    words = np.unique(table.word[place])
    slots = np.full((4, len(words), 4), -1, np.int64)
    filled = np.zeros(len(words), np.int64)
    for member, at, begin in zip(members, place, first, strict=True):
        w = np.searchsorted(words, table.word[at])
        slots[:, w, filled[w]] = member, table.shift[at], table.mask[at], begin
        filled[w] += 1
    counted = Fixed((*on_device(words), *on_device(*slots.reshape(4, -1))))
    alike = np.argsort(n_codes, kind="stable")  # threads of a warp wait for each other
    searched = Fixed(on_device(*(part[alike] for part in (members, first, n_codes, ordered))))
    page, width, few, has_order = map(int, kind)
    return Group(page, width, few, has_order, int(n_codes.sum()), members, counted, searched)


def items_of(nodes: LevelNodes, wanted: Array, most: int) -> tuple[Array, Array, Array]:
    """Cut some nodes into items of `most` rows; return node, begin and end of each."""
    n_items = np.where(wanted, -(-nodes.size // most), 0)
    node = np.repeat(np.arange(len(nodes)), n_items)
    nth = np.arange(len(node)) - np.repeat(np.cumsum(n_items) - n_items, n_items)
    begin = nodes.begin[node] + nth * most
    return node, begin, np.minimum(begin + most, nodes.end[node])
