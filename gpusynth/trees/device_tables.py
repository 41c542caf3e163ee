"""Which tables of codes a level's large nodes need, and what kernels are told of them.

All is worked out on the host before the first kernel of a level is launched, so that one transfer
carries it. What groups of one kind have in common is worked out and sent once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.device_groups import Group, KeptTables, LevelNodes, Request, items_of, planes_of
from gpusynth.trees.device_parcel import Parcel
from gpusynth.trees.device_work import require
from gpusynth_kernels.cpu.kinds import NUMBERS
from gpusynth_kernels.cuda.choose import small_rows

__all__ = ["Items", "LargeNodes", "RowTask", "TablePlan", "TableTask"]


@dataclass(frozen=True, slots=True, eq=False)
class LargeNodes:
    """Nodes of a request that are large for columns of one kind.

    Attributes
    ----------
    which : array of int64, shape (n,)
        Their numbers in the request.
    nodes : LevelNodes
    planes, before : arrays of int64, shape (2, n)
        Planes of counts and amounts of each node, and of the nodes before it.
    size, n_runs, slot, first_run : int
        Parts of the parcel; `slot` is `which`.
    """

    which: Array
    nodes: LevelNodes
    planes: Array
    before: Array
    size: int
    n_runs: int
    slot: int
    first_run: int


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Runs of rows to be counted, and nodes whose tables are worked out from others'.

    Attributes
    ----------
    parts : tuple of int
        Node, begin and end of each item, in the parcel.
    n_items : int
    n_mates : int
        Nodes whose tables are their parents' less their siblings'.
    cells : array of int64, shape (6, n_mates)
        Planes of counts and amounts before the node, its sibling and its parent.
    runs : tuple of int
        First run and number of runs of the three, in the parcel.
    """

    parts: tuple[int, ...]
    n_items: int
    n_mates: int
    cells: Array
    runs: tuple[int, ...]


_NO_ITEMS = Items((), 0, 0, np.zeros((6, 0), np.int64), ())


@dataclass(frozen=True, slots=True, eq=False)
class TableTask:
    """Nodes whose tables of a group are made and searched together.

    Attributes
    ----------
    number : int
        Of the group.
    large : LargeNodes
    first : tuple of int
        First cells in counts and in amounts, in the parcel.
    places : array of int64, shape (2, n_nodes of the request)
        Planes before each node; -1 for those without tables.
    items : Items
    cells : tuple of int
        As in `Items`, in the parcel and in cells.
    kept : KeptTables or None
        Tables that are there and need not be made.
    is_level : bool
        Whether these are all nodes of the level that have tables.
    """

    number: int
    large: LargeNodes
    first: tuple[int, ...]
    places: Array
    items: Items
    cells: tuple[int, ...]
    kept: KeptTables | None
    is_level: bool

    @property
    def which(self) -> Array:
        """Return the nodes' numbers in the request."""
        return self.large.which

    @property
    def slot(self) -> int:
        """Return the same as a part of the parcel."""
        return self.large.slot


@dataclass(frozen=True, slots=True, eq=False)
class RowTask:
    """Nodes whose rows are compared.

    Attributes
    ----------
    which : array of int64, shape (n,)
        Their numbers in the request.
    nodes : tuple of int
        Begin, size, first run, number of runs and number, in the parcel.
    most : int
        Rows of the largest.
    is_few : bool
        Whether threads search them, not blocks.
    """

    which: Array
    nodes: tuple[int, ...]
    most: int
    is_few: bool

    @property
    def slot(self) -> int:
        """Return `which` as a part of the parcel."""
        return self.nodes[4]


class TablePlan:
    """What a request needs of the tables of each group.

    Parameters
    ----------
    request : Request
    parcel : Parcel
        Takes what kernels are told.
    mode : int
    weighted : bool
    most_rows : int
        Of an item.
    above : mapping of int to KeptTables
        By group, of the level before; empty where nothing is to be worked out from it.
    room : tuple of int
        Bytes that the tables of a task may take, and the free bytes of which that is a share.
    """

    def __init__(
        self,
        request: Request,
        parcel: Parcel,
        *,
        mode: int,
        weighted: bool,
        most_rows: int,
        above: dict[int, KeptTables],
        room: tuple[int, int],
    ) -> None:
        self._request, self._parcel, self._above = request, parcel, above
        self._mode, self._weighted, self._most_rows = mode, weighted, most_rows
        self._size, self._room = request.nodes.size, room
        self._large: dict[tuple[int, int], LargeNodes] = {}
        self._items: dict[tuple[int, bool], tuple[LargeNodes, Items]] = {}

    def tasks(self, number: int, group: Group) -> Iterator[TableTask]:
        """Yield the tasks of a group, each of so many nodes as fit the memory.

        Parameters
        ----------
        number : int
        group : Group

        Raises
        ------
        DeviceMemoryError
            If one node's tables do not fit.
        """
        large = self._nodes(group)
        batches = _batches(large.planes, group.n_codes, *self._room)
        for some in batches:
            own = large if len(batches) == 1 else self._some(large.which[some])
            is_level = self._request.is_level and len(batches) == 1
            yield self._task(number, group, own, is_level=is_level)

    def some_tasks(
        self, number: int, group: Group, which: Array, kept: KeptTables | None
    ) -> Iterator[TableTask]:
        """Yield the tasks of some large nodes of an emission.

        Parameters
        ----------
        number : int
        group : Group
        which : array of int64, shape (n,)
            Nodes of the request.
        kept : KeptTables or None
            The tables that the level was searched with, where they are still there.

        Raises
        ------
        DeviceMemoryError
            If one node's tables do not fit.
        """
        large, emission = self._some(which), self._request.emission
        if kept is not None and emission is not None:
            at = kept.places[:, emission.searched[which]]
            first = self._parcel.add_all(*(at * group.n_codes))
            yield TableTask(number, large, first, kept.places, _NO_ITEMS, (), kept, is_level=False)
            return
        for some in _batches(large.planes, group.n_codes, *self._room):
            yield self._task(number, group, self._some(which[some]), is_level=False)

    def rows(self, which: Array, *, is_few: bool) -> RowTask:
        """Return the task to compare the rows of some nodes, by threads where these are few."""
        some = self._request.nodes.some(which)
        told = self._parcel.add_all(some.begin, some.size, some.first_run, some.n_runs, which)
        return RowTask(which, told, int(some.size.max()), is_few)

    def planes(self, large: LargeNodes) -> int:
        """Return the most planes of 32 bits that a block adds up for one node."""
        return 3 if self._mode == NUMBERS else int(large.nodes.n_runs.max())

    def _nodes(self, group: Group) -> LargeNodes:
        """Return the nodes that are large for a group: one object for all groups of a kind."""
        kind = group.few, group.width
        if kind not in self._large:
            nodes, size = self._request.nodes, self._size
            is_large = (size > group.few) & (size * size > small_rows(nodes.n_runs, group.width))
            self._large[kind] = self._some(np.flatnonzero(is_large))
        return self._large[kind]

    def _some(self, which: Array) -> LargeNodes:
        nodes = self._request.nodes
        some = nodes if len(which) == len(nodes) else nodes.some(which)
        planes = np.stack(planes_of(self._mode, some.n_runs, weighted=self._weighted))
        before = np.cumsum(planes, axis=1) - planes
        told = self._parcel.add_all(some.size, some.n_runs, which, some.first_run)
        return LargeNodes(which, some, planes, before, *told)

    def _task(self, number: int, group: Group, large: LargeNodes, *, is_level: bool) -> TableTask:
        places = np.full((2, len(self._request.nodes)), -1)
        places[:, large.which] = large.before
        first = self._parcel.add_all(*(large.before * group.n_codes))
        above = self._above.get(number)
        # groups of a kind have one object `large`, and their parents' tables hold the same nodes
        key = id(large), above is not None
        if key not in self._items:
            self._items[key] = large, self._make_items(large, places, above)
        _, items = self._items[key]
        cells = self._parcel.add_all(*(items.cells * group.n_codes)) if items.n_mates else ()
        return TableTask(number, large, first, places, items, cells, None, is_level)

    def _make_items(self, large: LargeNodes, places: Array, above: KeptTables | None) -> Items:
        nodes, add = self._request.nodes, self._parcel.add_all
        derived = self._derived(places, above)
        items = items_of(large.nodes, ~derived[large.which], self._most_rows)
        which = np.flatnonzero(derived)
        made = Items(add(*items), len(items[0]), len(which), _NO_ITEMS.cells, ())
        if above is None or not len(which):
            return made
        mate, parent = nodes.sibling[which], nodes.parent[which]
        cells = np.concatenate([places[:, which], places[:, mate], above.places[:, parent]])
        runs: list[Array] = []
        for some, at in ((nodes, which), (nodes, mate), (above.nodes, parent)):
            runs += [some.first_run[at], some.n_runs[at]]
        return replace(made, cells=cells, runs=add(*runs))

    def _derived(self, places: Array, above: KeptTables | None) -> Array:
        """Return which nodes' tables are those of the parent less those of the sibling.

        These are the larger of two children that are both to be counted, where the parent's tables
        were kept.
        """
        nodes, size = self._request.nodes, self._size
        if above is None or self._request.emission is not None:
            return np.zeros(len(nodes), np.bool_)
        mate = np.maximum(nodes.sibling, 0)
        of_mate = size[mate]
        is_second = np.arange(len(nodes)) > mate
        larger = (size > of_mate) | ((size == of_mate) & is_second)
        both = (nodes.sibling >= 0) & (places[0] >= 0) & (places[0][mate] >= 0)
        known = (nodes.parent >= 0) & (above.places[0][np.maximum(nodes.parent, 0)] >= 0)
        return both & known & larger


def _batches(planes: Array, n_codes: int, room: int, free: int) -> Sequence[slice]:
    """Return runs of nodes whose tables fit so much room together."""
    if not planes.shape[1]:
        return []
    each = n_codes * (4 * planes[0] + 8 * planes[1])
    most = int(each.max())
    require(most, int(most <= room), free)
    filled = np.cumsum(each)
    if filled[-1] <= room:
        return [slice(0, len(each))]
    batches, start = [], 0
    while start < len(each):
        before = filled[start - 1] if start else 0
        stop = max(int(np.searchsorted(filled, before + room, "right")), start + 1)
        batches.append(slice(start, stop))
        start = stop
    return batches
