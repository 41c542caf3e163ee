"""Grow a tree on a CUDA device, level by level: the same tree as `grow`, bit for bit.

Entries lie in order of (node, class, row), as on the CPU. For each level the device finds the runs
of the classes, searches splits, and moves entries to their sides; the host keeps the nodes, which
are few. The entries of the last level are the donors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import keep_copy, memory_errors, need
from gpusynth.streams import StreamKey
from gpusynth.trees.assemble import least_gain, make_tree, offer_of, prune_nodes
from gpusynth.trees.device_groups import Emission, LevelNodes, on_device
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.device_search import Search
from gpusynth.trees.device_splits import Asked, Splits, ask
from gpusynth.trees.device_table import DeviceTable
from gpusynth.trees.fit import Fit, prepare_fit
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Predictor, PredictorTable
from gpusynth.trees.target import Target
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cpu.kinds import LEAF, NUMBERS, SUBSET, THRESHOLD, WEIGHTED_CLASSES
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.arguments import Fixed
from gpusynth_kernels.cuda.choose import MOST_SEARCHED
from gpusynth_kernels.cuda.offer import paths_of_children
from gpusynth_kernels.cuda.partition import (
    finish_subsets,
    mark_present,
    mark_sides,
    move_entries,
)
from gpusynth_kernels.cuda.runs import describe_nodes, mark_runs, place_runs, weights_in_order

__all__ = ["grow_tree_on_device"]

_CLASSES_OF_NUMBERS = 2
"""Stands for the classes of a node where the target is a number: there are none."""

_ROW_BYTES = 85
"""Of each row, besides its record: entries and slots twice, flags, runs and their classes (45),
numbers and weights (16), running sums of weights and what they are made of (24)."""


_ROW = np.uint64(0xFFFFFFFF)
"""The bits of an entry that name its row."""


@dataclass(slots=True)
class _Level:
    """The nodes of one level, in the arrays of `gpusynth_kernels.cpu.space.make_nodes`."""

    begin: Array
    end: Array
    path: Array
    parent: Array
    """Number among the nodes of the level before that were searched."""
    slotted: Array
    """Which nodes have the rows and the depth that a split needs, ascending."""
    bounds: tuple[Array, ...] = ()
    """Begin and end of these, on the device."""

    def as_leaves(self, depth: int) -> list[Array]:
        """Return left, kind, feature, value, begin, end, depth, gain, as if none were split."""
        n = len(self.begin)
        return [
            np.full(n, -1, np.int32),
            np.full(n, LEAF, np.int8),
            np.zeros(n, np.int32),
            np.zeros(n, np.int64),
            *(self.begin, self.end),
            np.full(n, depth, np.int32),
            np.zeros(n, np.float64),
        ]


class _Growth:
    """One tree as it grows: rows on the device, finished levels on the host."""

    def __init__(self, search: Search, params: CartParams, alpha: float, path: np.uint64) -> None:
        self.search, self.params, self.alpha = search, params, alpha
        fit = search.fit
        n = len(fit.order)
        self.order = launch.to_device(fit.order)
        self.slot = launch.zeros(n, np.int32)
        self._spare = launch.empty(n, np.uint64), launch.empty(n, np.int32)
        self._flags = launch.empty(n, np.uint8)
        self._running = launch.empty(n, np.int32)
        self._starts = launch.empty(n, np.int64)
        self._classes = launch.empty(n, np.int32), launch.empty(n, np.int32)
        self.levels: list[list[Array]] = []
        self.words: list[Array] = []
        self._n_words = 0
        root = np.zeros(1, np.int64), np.full(1, n, np.int64), np.full(1, path, np.uint64)
        slotted = self._candidates(root[0], root[1])
        level: _Level | None = _Level(
            *(*root, np.full(1, -1), slotted, Fixed(on_device(root[0], root[1])))
        )
        while level is not None:
            level = self._grow_level(level)

    def nodes(self) -> tuple[list[Array], Array]:
        """Return the arrays of all nodes, breadth first, and the words of their subsets."""
        arrays = [np.concatenate(parts) for parts in zip(*self.levels, strict=True)]
        if not self.words:
            return arrays, np.zeros(0, np.uint32)
        return arrays, launch.to_host(launch.arrays().concatenate(self.words))

    def donors(self, n_rows: int) -> Array:
        """Return the rows in the order of the leaves, on the host; their copy stays for draws."""
        dtype = np.int32 if n_rows < 1 << 31 else np.int64
        there = (self.order & _ROW).astype(dtype)
        rows = launch.to_host(there)
        keep_copy(rows, there)
        return rows

    def _candidates(self, begin: Array, end: Array) -> Array:
        """Return which nodes of the next level have the rows and the depth that a split needs."""
        if len(self.levels) >= self.params.max_depth:
            return np.zeros(0, np.int64)
        return np.flatnonzero(end - begin >= self.params.split_rows)

    def _grow_level(self, level: _Level) -> _Level | None:
        arrays = level.as_leaves(len(self.levels))
        self.levels.append(arrays)
        places = level.slotted
        if not len(places) or not len(self.search.columns):
            return None
        nodes = self._describe(level, places)
        impure = np.flatnonzero(nodes.n_runs > 1)
        if not len(impure):
            return None
        active = _with_families(nodes.some(impure), level, places[impure])
        if self.search.fit.mode == NUMBERS:
            active.n_runs[:] = _CLASSES_OF_NUMBERS
        rows = self.order, self._running, self._starts, self._classes[0]
        column, value, n_left, gain = self.search.best_splits(rows, active)
        chosen = np.flatnonzero((column >= 0) & (gain > self.alpha))
        if not len(chosen):
            return None
        splits = Splits(
            *(impure[chosen], chosen, column[chosen], value[chosen], n_left[chosen]),
            active.some(chosen),
        )
        at = places[splits.slot]
        by_subset, first_word = splits.subsets(self.search)
        following = self._children(splits)
        asked = ask(
            *(self.search, splits, first_word),
            n_slots=len(places),
            children=(following.begin, following.end),
            slotted=following.slotted,
        )
        following.bounds = asked.bounds
        subsets = self._make_subsets(splits, asked, first_word)
        arrays[0][at] = sum(len(some[0]) for some in self.levels) + 2 * np.arange(len(at))
        arrays[1][at] = np.where(by_subset, SUBSET, THRESHOLD)
        arrays[2][at] = self.search.columns[splits.column]
        arrays[3][at] = np.where(by_subset, self._n_words + first_word, splits.value)
        arrays[7][at] = gain[chosen]
        self._move(asked, subsets)
        if len(subsets):
            self.words.append(subsets.copy())  # not with all else that came in their parcel
        self._n_words += len(subsets)
        return following

    def _describe(self, level: _Level, places: Array) -> LevelNodes:
        """Find the runs of the level's candidates, and the scores of the unsplit nodes."""
        fit, n = self.search.fit, len(self.order)
        begin, end = level.begin[places], level.end[places]
        bounds = level.bounds
        numbers, weight = self.search.target
        mark_runs.over(
            *(n, fit.mode, self.order, numbers, weight, self.slot, bounds[0], self._flags)
        )
        launch.running_sum(self._flags, np.int32, self._running)
        self._classes = self._classes[::-1]
        place_runs.over(
            *(n, self.order, self._flags, self._running, self._starts, self._classes[0])
        )
        running_weight = launch.empty(0, np.int64)
        if fit.mode == WEIGHTED_CLASSES:
            in_order = launch.empty(n, np.int64)
            weights_in_order.over(n, self.order, weight, in_order)
            running_weight = launch.running_sum(in_order, np.int64)
        found = launch.empty((3, len(places)), np.int64)  # together: the host waits once
        describe_nodes.over(
            *(len(places), fit.mode, *bounds, self._running, self._starts, running_weight),
            *(found[0], found[1], found[2].view(np.float64)),
        )
        none = [np.full(len(places), -1)] * 2
        first_run, n_runs, score = launch.to_host(found)
        return LevelNodes(
            *(begin, end, first_run, n_runs, score.view(np.float64)), level.path[places], *none
        )

    def _make_subsets(self, splits: Splits, asked: Asked, first_word: Array) -> Array:
        """Return the words of the subsets of a level's splits, on the device."""
        search = self.search
        left = asked.words
        if not len(left):
            return left
        by_subset, n_codes = first_word >= 0, search.n_codes[splits.column]
        many = np.flatnonzero(by_subset & (n_codes > MOST_SEARCHED))
        if len(many):
            search.emit_subsets(
                (self.order, self._running, self._starts, self._classes[0]),
                splits.nodes.some(many),
                Emission(
                    *(left, first_word[many], splits.value[many], splits.column[many]),
                    splits.searched[many],
                ),
            )
        present = launch.zeros(len(left), np.uint32)
        for page, split_of in asked.pages.items():
            mark_present.over(
                *(len(self.order), search.table.page(page), self.order, self.slot),
                *(split_of, asked.columns, present),
            )
        finish_subsets.over(
            *(len(left), asked.owner, asked.columns[3], asked.n_codes),
            *(asked.is_larger, (left, present)),
        )
        return left

    def _children(self, splits: Splits) -> _Level:
        begin, end = splits.nodes.begin, splits.nodes.end
        middle = begin + splits.n_left
        path = np.zeros(2 * len(begin), np.uint64)
        n_offered, seed = self.search.offer
        if n_offered:
            out = launch.empty(len(path), np.uint64)
            paths_of_children.over(len(path), seed, launch.to_device(splits.nodes.path), out)
            path = launch.to_host(out)
        bounds = (
            np.stack([begin, middle], axis=1).reshape(-1),
            np.stack([middle, end], axis=1).reshape(-1),
        )
        return _Level(*bounds, path, np.repeat(splits.searched, 2), self._candidates(*bounds))

    def _move(self, asked: Asked, words: Array) -> None:
        """Move entries to their sides; those of finished leaves stay where they are."""
        n = len(self.order)
        flags = self._flags
        for page, split_of in asked.pages.items():
            mark_sides.over(
                *(n, self.search.table.page(page), self.order, self.slot, split_of),
                *(asked.columns, asked.thresholds, words, flags),
            )
            if flags is not self._flags:
                self._flags |= flags
            flags = flags if len(asked.pages) == 1 else launch.empty(n, np.uint8)
        launch.running_sum(self._flags, np.int32, self._running)
        move_entries.over(
            *(n, self.order, self.slot, asked.split_of, asked.nodes, self._flags, self._running),
            *(asked.child_slot, self._spare),
        )
        (self.order, self.slot), self._spare = self._spare, (self.order, self.slot)


def _with_families(nodes: LevelNodes, level: _Level, places: Array) -> LevelNodes:
    """Return nodes with their parents and siblings: children stand in pairs in their level."""
    number = np.full(len(level.begin) + 1, -1)
    number[places] = np.arange(len(places))
    return replace(nodes, parent=level.parent[places], sibling=number[places ^ 1])


def grow_tree_on_device(
    predictors: DeviceTable | PagedTable | PredictorTable | Sequence[Predictor],
    target: Target,
    params: CartParams | None = None,
    *,
    columns: Iterable[str] | None = None,
    weight: Array | None = None,
    rows: Array | None = None,
    key: StreamKey | None = None,
    free_bytes: int | None = None,
    turn: AbstractContextManager[int] | None = None,
) -> tuple[Tree, LeafDonors]:
    """Grow a CART on the current CUDA device; the tree and donors of `grow_tree`, bit for bit.

    Parameters
    ----------
    predictors : DeviceTable, PagedTable, PredictorTable or sequence of Predictor
        The first two, made once, serve the fits of many targets; others are copied to the device.
    target : ClassTarget or NumberTarget
        On the host.
    params : CartParams, optional
    columns : iterable of str, optional
        Predictors that may be used; default all.
    weight : array of float64, shape (n,), optional
    rows : array of int32 or int64, ascending, optional
    key : StreamKey, optional
        See `grow_tree`.
    free_bytes : int, optional
        Device memory that the tree may take; default what is free. Any number that is enough gives
        the same tree.
    turn : context manager, optional
        Entered for the work on the device alone, and gives `free_bytes`: what the host does before
        and after it may go on beside other fits.

    Returns
    -------
    tree : Tree
    donors : LeafDonors
        On the host.

    Raises
    ------
    DataError
        If no row takes part, or a target or weight is not usable.
    PlanError
        If the criterion does not fit the target, or columns are to be drawn without a key.
    DeviceMemoryError
        If the tables of one node do not fit the memory; the message says how many bytes it needs.
    """
    params = params or CartParams()
    table = predictors
    if not isinstance(table, (DeviceTable, PagedTable)):
        table = DeviceTable.of(table, target.n_rows)
    chosen = table.columns(table.layout.names if columns is None else columns)
    fit = prepare_fit(target, params, weight, rows)
    alpha = least_gain(fit, params)
    n_bytes = _ROW_BYTES * len(fit.order)
    now = nullcontext(launch.free_bytes() if free_bytes is None else free_bytes)
    with turn or now as free, memory_errors("a tree", n_bytes):
        need(n_bytes, "a tree")
        room = max(free - n_bytes, 0)
        growth = _grow(table, chosen, fit, params, key, alpha=alpha, free_bytes=room)
        grown, words = growth.nodes()
        donors = None
        if params.prune == "rpart" or params.max_leaves is not None:
            fit.order = launch.to_host(growth.order)  # pruning puts rows back in order
        else:
            donors = growth.donors(table.n_rows)
    nodes = prune_nodes(grown, fit, params)
    return make_tree(table, chosen, nodes, words, fit, donors=donors)


def _grow(
    table: DeviceTable | PagedTable,
    chosen: Array,
    fit: Fit,
    params: CartParams,
    key: StreamKey | None,
    *,
    alpha: float,
    free_bytes: int,
) -> _Growth:
    """Grow all nodes."""
    search = Search(
        table,
        chosen,
        fit,
        min_leaf=params.min_leaf,
        offer=offer_of(params, len(chosen), key),
        free_bytes=free_bytes,
    )
    path = np.uint64(0 if key is None else key.stream)
    return _Growth(search, params, alpha, path)
