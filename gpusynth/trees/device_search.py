"""Search the splits of a level on a CUDA device: batches planned by memory, kernels in their order.

Columns of like width form groups. A node that is large for a group's width is counted into tables,
as many nodes at once as fit the memory; one that is small has its rows compared. Batches and sizes
decide speed only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DeviceMemoryError
from gpusynth.trees.device_table import DeviceTable, width_of
from gpusynth.trees.fit import Fit
from gpusynth_kernels.cpu.kinds import NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.cuts import MOST_THREADS
from gpusynth_kernels.cuda.histogram import MOST_ITEM_ROWS, count_codes
from gpusynth_kernels.cuda.offer import draw_columns, offer_columns
from gpusynth_kernels.cuda.search import (
    MOST_SEARCHED,
    choose_columns,
    search_rows,
    search_tables,
    small_rows,
)

__all__ = ["Emission", "LevelNodes", "Search", "blocks_and_threads", "count_blocks"]

_BLOCK_BYTES = 49_152
"""Shared memory of a block that counts: what every device gives without being asked for more."""

_SHARE_OF_TABLES = 0.5
_SHARE_OF_RESULTS = 0.125
_SHARE_OF_WORK = 0.25
"""Shares of the free bytes that tables, results and work arrays may take."""

_COUNT_THREADS = 256
_ROW_THREADS = 64
"""Threads of a block that counts, and of one that compares rows (small nodes have few)."""


def count_blocks() -> int:
    """Return how many blocks keep the device busy: eight for each multiprocessor."""
    if launch.SIMULATED:
        return 2
    return 8 * int(launch.cuda.get_current_device().MULTIPROCESSOR_COUNT)


def blocks_and_threads(blocks: int, threads: int) -> tuple[int, int]:
    """Return a grid; in the simulator, where each thread is one of Python's, a small one."""
    return (min(blocks, 2), 4) if launch.SIMULATED else (blocks, threads)


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
    """

    begin: Array
    end: Array
    first_run: Array
    n_runs: Array
    score: Array
    path: Array

    def some(self, which: Array | slice) -> LevelNodes:
        """Return some of the nodes."""
        return LevelNodes(
            *(self.begin[which], self.end[which], self.first_run[which], self.n_runs[which]),
            *(self.score[which], self.path[which]),
        )

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
    """

    words: Array
    first: Array
    n_levels: Array
    column: Array

    def some(self, which: Array | slice) -> Emission:
        """Return the part for some of the nodes."""
        return Emission(self.words, self.first[which], self.n_levels[which], self.column[which])


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns of one width that are counted together."""

    width: int
    n_codes: int
    members: Array
    """Columns, by their places among those of the fit."""
    counted: tuple[Array, ...]
    """What `count_codes` reads."""
    searched: tuple[Array, ...]
    """What `search_tables` reads."""


def _on_device(*arrays: Array) -> tuple[Array, ...]:
    return tuple(launch.to_device(array) for array in arrays)


class Search:
    """The search for splits of one fit on one device.

    Parameters
    ----------
    table : DeviceTable
    columns : array of int32
        Columns of the fit, by their places in the table, ascending.
    fit : Fit
    min_leaf : int
    offer : tuple
        How many columns a node is offered (0: all), and the seed that draws them.
    free_bytes : int
        Memory that tables, results and work arrays may take; more or less of it changes nothing
        but the speed.
    """

    def __init__(
        self,
        table: DeviceTable,
        columns: Array,
        fit: Fit,
        *,
        min_leaf: int,
        offer: tuple[int, np.uint64],
        free_bytes: int,
    ) -> None:
        self.table, self.columns, self.fit, self.offer = table, columns, fit, offer
        self.min_leaf = min_leaf
        self.free_bytes = free_bytes
        self.n_codes = table.layout.n_codes[columns].astype(np.int64)
        self.ordered = table.layout.is_ordered[columns].astype(np.int64)
        self.width = width_of(self.n_codes)
        self.weighted = len(fit.weight) > 0
        self.target = _on_device(fit.numbers, fit.weight)
        self.log_table = launch.to_device(fit.table)
        place = (table.word[columns], table.shift[columns], table.mask[columns])
        self._columns = _on_device(*place, self.n_codes, self.ordered, self.width)
        self._most_classes = min(max(fit.n_classes, 2), max(len(fit.order), 2))
        self._groups = list(self._make_groups())
        self._work = self._make_work()

    def _planes(self, n_runs: Array) -> tuple[Array, Array]:
        """Return the planes of counts and of amounts of nodes; see `cuda.histogram`."""
        one = np.ones_like(n_runs)
        if self.fit.mode == NUMBERS:
            return one, one + self.weighted
        if self.fit.mode == WEIGHTED_CLASSES:
            return one, n_runs
        return n_runs, 0 * one

    def _make_groups(self) -> Iterator[_Group]:
        planes = 3 if self.fit.mode == NUMBERS else self._most_classes
        most_codes = _BLOCK_BYTES // 4 // planes
        word = self.table.word[self.columns]
        for width in np.unique(self.width):
            inside = np.flatnonzero((self.width == width) & (self.n_codes > 1))
            members: list[int] = []
            for w in np.unique(word[inside]):
                of_word = inside[word[inside] == w].tolist()
                if members and self.n_codes[members + of_word].sum() > most_codes:
                    yield self._group(int(width), members)
                    members = []
                members = members + of_word
            if members:
                yield self._group(int(width), members)

    def _group(self, width: int, columns: list[int]) -> _Group:
        members = np.array(sorted(columns))
        n_codes = self.n_codes[members]
        first = np.cumsum(n_codes) - n_codes
        table, place = self.table, self.columns[members]
        words = np.unique(table.word[place])
        slots = np.full((4, len(words), 4), -1, np.int32)
        filled = np.zeros(len(words), np.int64)
        for member, at, begin in zip(members, place, first, strict=True):
            w = np.searchsorted(words, table.word[at])
            slots[:, w, filled[w]] = member, table.shift[at], table.mask[at], begin
            filled[w] += 1
        counted = _on_device(words.astype(np.int32), *(part.reshape(-1) for part in slots))
        searched = _on_device(members.astype(np.int64), first, n_codes, self.ordered[members])
        return _Group(width, int(n_codes.sum()), members, counted, searched)

    def _make_work(self) -> tuple[Array, Array, Array]:
        """Return the work arrays of the blocks that search: as many as the memory has room for."""
        classes, n_rows = self._most_classes, len(self.fit.order)
        widest = int(self.width.max(initial=1))
        small = min(int(np.sqrt(small_rows(classes, widest))) + 1, n_rows)
        hard = (self.ordered == 0) & (self.n_codes > MOST_SEARCHED)
        levels = int(self.n_codes[hard].max(initial=0))
        of_counts, of_amounts = (int(p) for p in self._planes(np.int64(classes)))
        part = (of_counts + of_amounts) * (MOST_THREADS + 1)
        held = min(small, levels)
        ints = max(4 * small + of_amounts * held, 3 * levels) + part
        floats = max(small, levels)
        if hard.any() and self.fit.mode != NUMBERS and classes > 2:
            floats += levels * (classes + 1) + classes * (classes + 3)
        counts = of_counts * held
        each = 8 * ints + 8 * floats + 4 * counts
        room = int(self.free_bytes * _SHARE_OF_WORK) // max(each, 1)
        self._require(each, room)
        blocks = min(room, count_blocks())
        return (
            launch.empty((blocks, max(ints, 1)), np.int64),
            launch.empty((blocks, max(floats, 1)), np.float64),
            launch.empty((blocks, max(counts, 1)), np.int32),
        )

    def _require(self, needed: int, room: int) -> None:
        if room < 1:
            raise DeviceMemoryError(
                f"the tree needs {needed:,} bytes of device memory for one node, and has a part of "
                f"{self.free_bytes:,}: free some memory, or merge classes or codes of wide columns"
            )

    def best_splits(
        self, order: Array, run_of: Array, run_starts: Array, nodes: LevelNodes
    ) -> tuple[Array, Array, Array, Array]:
        """Find the best split of each node.

        Parameters
        ----------
        order, run_of, run_starts : device arrays
        nodes : LevelNodes

        Returns
        -------
        column : array of int32, shape (n_nodes,)
            By its place among those of the fit; -1 where there is no split.
        value : array of int64
            The threshold; the subset's number of a column of at most four codes; or how many
            levels go left.
        n_left : array of int64
        gain : array of float64
        """
        found = []
        rows = order, run_of, run_starts
        for batch in self._batches(nodes):
            offered = self._offered(batch)
            n_results = len(batch) * len(self.columns)
            result = (
                launch.empty(n_results, np.float64),
                launch.empty(n_results, np.int64),
                launch.empty(n_results, np.int64),
            )
            result[0].fill(-1.0)
            self._search(rows, batch, offered, None, result)
            chosen = (
                launch.empty(len(batch), np.int32),
                launch.zeros(len(batch), np.int64),
                launch.zeros(len(batch), np.int64),
                launch.empty(len(batch), np.float64),
            )
            score = launch.to_device(batch.score)
            choose_columns.over(len(batch), len(self.columns), result, score, chosen)
            found.append([launch.to_host(array) for array in chosen])
        column, value, left, gain = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return column, value, left, gain

    def emit_subsets(
        self,
        order: Array,
        run_of: Array,
        run_starts: Array,
        nodes: LevelNodes,
        emission: Emission,
    ) -> None:
        """Set the bits of the levels that go left in splits of columns of more than four codes."""
        none = tuple(launch.empty(0, dtype) for dtype in (np.float64, np.int64, np.int64))
        offered = launch.empty(0, np.uint8)
        self._search((order, run_of, run_starts), nodes, offered, emission, none)

    def _batches(self, nodes: LevelNodes) -> Iterator[LevelNodes]:
        each = 48 * max(len(self.columns), 1)
        most = int(self.free_bytes * _SHARE_OF_RESULTS) // each
        self._require(each, most)
        for start in range(0, len(nodes), most):
            yield nodes.some(slice(start, start + most))

    def _offered(self, nodes: LevelNodes) -> Array:
        """Return which columns each node is offered (device uint8); empty for all."""
        n_offered, seed = self.offer
        if n_offered == 0:
            return launch.empty(0, np.uint8)
        n_columns = len(self.columns)
        size = len(nodes) * n_columns
        drawn, offered = launch.empty(size, np.uint64), launch.empty(size, np.uint8)
        draw_columns.over(size, seed, launch.to_device(nodes.path), n_columns, drawn)
        offer_columns.over(size, drawn, n_columns, n_offered, offered)
        return offered

    def _search(
        self,
        rows: tuple[Array, Array, Array],
        nodes: LevelNodes,
        offered: Array,
        emission: Emission | None,
        result: tuple[Array, Array, Array],
    ) -> None:
        """Search (or write the subsets of) nodes, each column the way that its size asks for."""
        size = nodes.end - nodes.begin
        for group in self._groups:
            large = size * size > small_rows(nodes.n_runs, group.width)
            if emission is not None:
                large &= np.isin(emission.column, group.members)
            which = np.flatnonzero(large)
            for some in self._table_batches(group, nodes.n_runs[which]):
                self._by_tables(group, rows, nodes, which[some], offered, emission, result)
        small = size * size <= small_rows(nodes.n_runs, int(self.width.max(initial=1)))
        which = np.flatnonzero(small)
        if len(which) and len(self.columns):
            self._by_rows(rows, nodes, which, offered, emission, result)

    def _table_batches(self, group: _Group, n_runs: Array) -> Iterator[slice]:
        """Yield runs of nodes whose tables fit the memory together."""
        of_counts, of_amounts = self._planes(n_runs)
        each = group.n_codes * (4 * of_counts + 8 * of_amounts)
        room = int(self.free_bytes * _SHARE_OF_TABLES)
        self._require(int(each.max(initial=0)), int(each.max(initial=0) <= room))
        start = 0
        while start < len(n_runs):
            filled = np.cumsum(each[start:])
            count = max(int(np.searchsorted(filled, room, "right")), 1)
            yield slice(start, start + count)
            start += count

    def _asked(
        self, offered: Array, which: Array, emission: Emission | None
    ) -> tuple[int, Array, Array]:
        """Return `asked` of the kernels for some nodes of a batch."""
        only = np.full(len(which), -1, np.int32)
        n_columns = len(self.columns)
        if emission is not None:
            only[:] = emission.column[which]
        if len(offered):
            by_node = offered.reshape(-1, n_columns)
            offered = by_node[launch.to_device(which)].reshape(-1)
        return n_columns, offered, launch.to_device(only)

    def _emit(self, emission: Emission | None, which: Array) -> tuple[Array, Array, Array]:
        if emission is None:
            none = launch.empty(0, np.int64)
            return launch.empty(0, np.uint32), none, none
        return (emission.words, *_on_device(emission.first[which], emission.n_levels[which]))

    def _by_tables(
        self,
        group: _Group,
        rows: tuple[Array, Array, Array],
        nodes: LevelNodes,
        which: Array,
        offered: Array,
        emission: Emission | None,
        result: tuple[Array, Array, Array],
    ) -> None:
        some = nodes.some(which)
        of_counts, of_amounts = self._planes(some.n_runs)
        places = []
        tables = []
        for planes, dtype in ((of_counts, np.int32), (of_amounts, np.int64)):
            cells = planes * group.n_codes
            places.append(np.cumsum(cells) - cells)
            tables.append(launch.zeros(int(cells.sum()), dtype))
        asked = self._asked(offered, which, emission)
        n_items = -(-(some.end - some.begin) // MOST_ITEM_ROWS)
        item_node = np.repeat(np.arange(len(some), dtype=np.int32), n_items)
        nth = np.arange(len(item_node)) - np.repeat(np.cumsum(n_items) - n_items, n_items)
        item_begin = some.begin[item_node] + nth * MOST_ITEM_ROWS
        item_end = np.minimum(item_begin + MOST_ITEM_ROWS, some.end[item_node])
        items = _on_device(item_node, item_begin, item_end)
        grid = blocks_and_threads(min(len(item_node), count_blocks()), _COUNT_THREADS)
        count_codes[(*grid, 0, _BLOCK_BYTES)](
            *(self.fit.mode, self.table.records, rows[0], rows[1], self.target, items),
            _on_device(some.first_run, some.n_runs, *places),
            *(group.counted, group.n_codes, asked, tuple(tables)),
        )
        n_tasks = len(some) * len(group.members)
        grid = blocks_and_threads(min(n_tasks, len(self._work[0])), MOST_THREADS)
        search_tables[grid](
            self.fit.mode,
            _on_device(some.end - some.begin, some.n_runs, *places, which.astype(np.int64)),
            *(group.searched, group.n_codes, (*tables, int(self.weighted)), self.min_leaf),
            *(self.log_table, asked, self._emit(emission, which), self._work[:2], result),
        )

    def _by_rows(
        self,
        rows: tuple[Array, Array, Array],
        nodes: LevelNodes,
        which: Array,
        offered: Array,
        emission: Emission | None,
        result: tuple[Array, Array, Array],
    ) -> None:
        some = nodes.some(which)
        n_tasks = len(some) * len(self.columns)
        grid = blocks_and_threads(min(n_tasks, len(self._work[0])), _ROW_THREADS)
        search_rows[grid](
            *(self.fit.mode, self.table.records, rows[0], rows[2], self.target),
            _on_device(some.begin, some.end - some.begin, some.first_run, some.n_runs, which),
            *(self._columns, self.min_leaf, self.log_table),
            *(self._asked(offered, which, emission), self._emit(emission, which)),
            *(self._work, result),
        )
