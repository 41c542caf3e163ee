"""Search the splits of a level on a CUDA device: batches planned by memory, kernels in their order.

Columns of like width form groups. A node that is large for a group's width is counted into tables,
as many nodes at once as fit the memory; one that is small has its rows compared, by a block or,
where these are few, by a thread. Batches and sizes decide speed only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.device_groups import (
    BLOCK_BYTES,
    Emission,
    KeptTables,
    LevelNodes,
    Request,
    make_groups,
    on_device,
    table_width,
)
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.device_parcel import Parcel
from gpusynth.trees.device_table import DeviceTable
from gpusynth.trees.device_tables import RowTask, TablePlan, TableTask
from gpusynth.trees.device_work import (
    count_blocks,
    grid_of,
    launch_of_tables,
    make_work,
    require,
    search_threads,
    suits_threads,
)
from gpusynth.trees.fit import Fit
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.arguments import Fixed
from gpusynth_kernels.cuda.choose import MOST_SEARCHED, choose_columns, few_rows, small_rows
from gpusynth_kernels.cuda.histogram import MOST_ITEM_ROWS, count_codes, subtract_siblings
from gpusynth_kernels.cuda.offer import draw_columns, offer_columns
from gpusynth_kernels.cuda.search_cuts import CUT_THREADS, search_cuts
from gpusynth_kernels.cuda.search_few import FEW_THREADS, search_few
from gpusynth_kernels.cuda.search_rows import search_rows
from gpusynth_kernels.cuda.search_tables import search_tables

__all__ = ["Search"]

_SHARE_OF_TABLES = 0.3
_SHARE_OF_KEPT_TABLES = 0.3
_SHARE_OF_RESULTS = 0.125
"""Shares of the free bytes that tables and results may take."""

_COUNT_THREADS = 256
"""Threads of a block that counts; half of them where more such blocks fit a multiprocessor."""


_Rows: TypeAlias = tuple[Array, Array, Array, Array]
"""Entries, number of each entry's run, starts and classes of the runs: on the device."""


_Asked: TypeAlias = tuple[int, Array, Array]
"""What kernels call `asked`: see `gpusynth_kernels.cuda.histogram`."""

_Task: TypeAlias = tuple[int, TableTask | RowTask]
"""A page, and what is done on it."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What is searched, and what kernels are told of it."""

    rows: _Rows
    request: Request
    parcel: Parcel
    plan: TablePlan


class Search:
    """The search for splits of one fit on one device.

    Parameters
    ----------
    table : DeviceTable or PagedTable
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
        table: DeviceTable | PagedTable,
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
        self.width = table_width(self.n_codes)
        self.weighted = len(fit.weight) > 0
        self.target = Fixed((launch.to_device(fit.numbers), launch.to_device(fit.weight)))
        self.log_table = launch.to_device(fit.table)
        self._has_order = (self.ordered == 0) & (self.n_codes > MOST_SEARCHED)
        self._few = few_rows(self.n_codes, self._has_order)
        self._most_classes = min(max(fit.n_classes, 2), max(len(fit.order), 2))
        self._columns, self._few_columns = self._places()
        self._groups = list(
            make_groups(table, columns, mode=fit.mode, most_classes=self._most_classes)
        )
        self._work = Fixed(
            make_work(
                fit.mode,
                (self.n_codes, self.ordered, self.width),
                n_rows=len(fit.order),
                classes=self._most_classes,
                weighted=self.weighted,
                free_bytes=free_bytes,
            )
        )
        self._table_work = Fixed(self._work[:2])
        self._kinds = np.unique(np.stack([self.width, self._few]), axis=1).T.tolist()
        self._group_of = np.full(len(columns), -1)
        for number, group in enumerate(self._groups):
            self._group_of[group.members] = number
        self._every = launch.empty(0, np.int32)  # -1 for each node: all of its columns
        empty = launch.empty(0, np.int64)
        self._all_columns = launch.empty(0, np.uint8)
        self._no_emission = Fixed((launch.empty(0, np.uint32), empty, empty))
        self._no_result = Fixed((launch.empty(0, np.float64), empty, empty))
        self._above: dict[int, KeptTables] = {}
        self._here: dict[int, KeptTables] = {}

    def _places(self) -> tuple[dict[int, tuple[Array, ...]], dict[int, tuple[Array, ...]]]:
        """Return, by page, what `search_rows` and `search_few` are told of the columns.

        The first gets those columns of the page that have nodes with too many rows for the second
        and few enough for itself. The second gets like columns side by side, since threads of a
        warp wait for each other.
        """
        table, columns = self.table, self.columns
        place = (table.word[columns], table.shift[columns], table.mask[columns])
        what = (*place, self.n_codes, self.ordered)
        page_of = table.page_of[columns]
        is_in_blocks = self._few**2 < small_rows(self._most_classes, self.width)
        by_blocks: dict[int, tuple[Array, ...]] = {}
        by_threads: dict[int, tuple[Array, ...]] = {}
        for page in np.unique(page_of).tolist():
            own = np.flatnonzero((page_of == page) & is_in_blocks)
            parts = (part[own] for part in (*what, self.width, self._few))
            by_blocks[page] = Fixed(on_device(*parts, own))
            own = np.flatnonzero((page_of == page) & (self._few > 0) & (self.n_codes > 1))
            own = own[np.argsort(self.n_codes[own], kind="stable")]
            by_threads[page] = Fixed(on_device(*(part[own] for part in (*what, self._few)), own))
        return by_blocks, by_threads

    def best_splits(self, rows: _Rows, nodes: LevelNodes) -> tuple[Array, Array, Array, Array]:
        """Find the best split of each node.

        Parameters
        ----------
        rows : tuple of device arrays
            Entries, number of each entry's run, starts and classes of the runs.
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
        self._above, self._here = self._here, {}
        for batch in self._batches(nodes):
            offered = self._offered(batch)
            n_results = len(batch) * len(self.columns)
            dtypes = np.float64, np.int64, np.int64
            result = Fixed(launch.empty(n_results, dtype) for dtype in dtypes)
            result[0].fill(-1.0)
            parcel = Parcel()
            score = parcel.add(batch.score)
            self._search(rows, Request(batch, offered, None, result, batch is nodes), parcel)
            found.append(self._choose(len(batch), result, parcel.part(score)))
        column, value, left, gain = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return column, value, left, gain

    def _choose(self, n: int, result: tuple[Array, ...], score: Array) -> tuple[Array, ...]:
        """Return column, value, rows on the left and gain of each node's best split."""
        both = launch.zeros((4, n), np.int64)  # together: the host waits once
        chosen = both[0].view(np.int32)[:n], both[1], both[2], both[3].view(np.float64)
        choose_columns.over(n, len(self.columns), result, score, chosen)
        column, value, left, gain = launch.to_host(both)
        return column.view(np.int32)[:n], value, left, gain.view(np.float64)

    def emit_subsets(self, rows: _Rows, nodes: LevelNodes, emission: Emission) -> None:
        """Set the bits of the levels that go left in splits of columns of more than four codes."""
        self._search(rows, Request(nodes, self._all_columns, emission, self._no_result), Parcel())

    def _batches(self, nodes: LevelNodes) -> Iterator[LevelNodes]:
        each = 48 * max(len(self.columns), 1)
        most = int(self.free_bytes * _SHARE_OF_RESULTS) // each
        require(each, most, self.free_bytes)
        if len(nodes) <= most:
            yield nodes
            return
        for start in range(0, len(nodes), most):
            yield nodes.some(slice(start, start + most))

    def _offered(self, nodes: LevelNodes) -> Array:
        """Return which columns each node is offered (device uint8); empty for all."""
        n_offered, seed = self.offer
        if n_offered == 0:
            return self._all_columns
        n_columns, size = len(self.columns), len(nodes) * len(self.columns)
        drawn, offered = launch.empty(size, np.uint64), launch.empty(size, np.uint8)
        draw_columns.over(size, seed, launch.to_device(nodes.path), n_columns, drawn)
        offer_columns.over(size, drawn, n_columns, n_offered, offered)
        return offered

    def _search(self, rows: _Rows, request: Request, parcel: Parcel) -> None:
        """Search (or write the subsets of) nodes, each column the way that its size asks for.

        All that kernels are told of nodes goes to the device in one parcel before the first.
        """
        emission = request.emission
        plan = TablePlan(
            request,
            parcel,
            mode=self.fit.mode,
            weighted=self.weighted,
            most_rows=MOST_ITEM_ROWS,
            above=self._above if emission is None and self.offer[0] == 0 else {},
            room=(int(self.free_bytes * _SHARE_OF_TABLES), self.free_bytes),
        )
        work = _Work(rows, request, parcel, plan)
        if emission is None:
            tasks = list(self._search_tasks(work))
            told: list[tuple[int, ...]] = [()] * len(tasks)
        else:
            tasks = list(self._emission_tasks(work, emission))
            told = [emission.told(task.which, parcel) for _, task in tasks]
        parcel.send()
        for (page, task), of_emission in zip(tasks, told, strict=True):
            asked, emit = self._asked(work, task, of_emission)
            if isinstance(task, TableTask):
                self._by_tables(work, task, asked, emit)
            elif task.is_few:
                self._by_threads(page, work, task, asked)
            else:
                self._by_rows(page, work, task, asked, emit)

    def _search_tasks(self, work: _Work) -> Iterator[_Task]:
        """Plan a search: page by page, each kind of task in turn."""
        nodes, size = work.request.nodes, work.request.nodes.size
        is_small = np.zeros(len(nodes), np.bool_)
        for width, few in self._kinds:
            is_small |= (size > few) & (size * size <= small_rows(nodes.n_runs, width))
        small, least = np.flatnonzero(is_small), np.flatnonzero(size <= self._few.max(initial=0))
        for page in self._columns:
            for number, group in enumerate(self._groups):
                if group.page == page:
                    yield from ((page, task) for task in work.plan.tasks(number, group))
            if len(small) and len(self._columns[page][0]):
                yield page, work.plan.rows(small, is_few=False)
            if len(least) and len(self._few_columns[page][0]):
                yield page, work.plan.rows(least, is_few=True)

    def _emission_tasks(self, work: _Work, emission: Emission) -> Iterator[_Task]:
        """Plan an emission: each node is asked for one column, in the way that it was searched."""
        nodes, size, column = work.request.nodes, work.request.nodes.size, emission.column
        most = small_rows(nodes.n_runs, self.width[column])
        is_large = (size > self._few[column]) & (size * size > most)
        group_of, page_of = self._group_of[column], self.table.page_of[self.columns[column]]
        for page in np.unique(page_of).tolist():
            there = page_of == page
            for number in np.unique(group_of[is_large & there]).tolist():
                group, kept = self._groups[number], self._here.get(number)
                which = np.flatnonzero(is_large & (group_of == number))
                for task in work.plan.some_tasks(number, group, which, kept):
                    yield page, task
            small = np.flatnonzero(there & ~is_large)
            if len(small):
                yield page, work.plan.rows(small, is_few=False)

    def _asked(
        self, work: _Work, task: TableTask | RowTask, of_emission: tuple[int, ...]
    ) -> tuple[_Asked, tuple[Array, ...]]:
        """Return `asked` and `emit` of the kernels for the nodes of a task."""
        n_columns, offered, n = len(self.columns), work.request.offered, len(task.which)
        if len(offered):
            by_node = offered.reshape(-1, n_columns)
            offered = by_node[work.parcel.part(task.slot)].reshape(-1)
        emission = work.request.emission
        if emission is not None:
            only, first, n_levels = (work.parcel.part(number) for number in of_emission)
            return (n_columns, offered, only), (emission.words, first, n_levels)
        if len(self._every) < n:
            self._every = launch.to_device(np.full(2 * n, -1, np.int32))
        return (n_columns, offered, self._every[:n]), self._no_emission

    def _by_tables(
        self, work: _Work, task: TableTask, asked: _Asked, emit: tuple[Array, ...]
    ) -> None:
        """Make the tables of a group at some nodes where they are not there, and search them."""
        group, large = self._groups[task.number], task.large
        own = task.kept or self._make_tables(work, task, asked)
        of_nodes = work.parcel.all((large.size, large.n_runs, *task.first, large.slot))
        given = group.searched, group.n_codes, own.searched, self.min_leaf, self.log_table, asked
        n_tasks = len(large.which) * len(group.members)
        easy = work.request.emission is None and not group.has_order
        classes, room = work.plan.planes(large), len(self._work[0])
        if easy and suits_threads(classes, group.width, n_tasks=n_tasks):
            n_blocks = min(-(-n_tasks // CUT_THREADS), 4 * count_blocks())
            search_cuts[grid_of(n_blocks, CUT_THREADS)](
                *(self.fit.mode, of_nodes, *given, work.request.result)
            )
            return
        threads = self._threads(group.width, has_order=bool(group.has_order))
        search_tables[launch_of_tables(n_tasks, threads, room=room, classes=classes)](
            *(self.fit.mode, of_nodes, *given, emit, self._table_work, work.request.result)
        )

    def _make_tables(self, work: _Work, task: TableTask, asked: _Asked) -> KeptTables:
        """Count the tables of some nodes, and work out those of larger children."""
        group, large, parcel, rows = self._groups[task.number], task.large, work.parcel, work.rows
        n_cells = (large.planes.sum(axis=1) * group.n_codes).tolist()
        tables = Fixed((launch.zeros(n_cells[0], np.int32), launch.zeros(n_cells[1], np.int64)))
        n_bytes = 4 * n_cells[0] + 8 * n_cells[1]
        searched = Fixed((*tables, int(self.weighted)))
        own = KeptTables(tables, searched, task.places, work.request.nodes, rows[3], n_bytes)
        items = task.items
        shared = min(4 * work.plan.planes(large) * group.n_codes, BLOCK_BYTES)
        threads = _COUNT_THREADS if 2 * shared > BLOCK_BYTES else _COUNT_THREADS // 2
        grid = grid_of(min(items.n_items, count_blocks()), threads)
        count_codes[(*grid, 0, shared)](
            *(self.fit.mode, self.table.page(group.page), rows[0], rows[1], self.target),
            parcel.all(items.parts),
            parcel.all((large.first_run, large.n_runs, *task.first)),
            *(group.counted, group.n_codes, asked, tables),
        )
        if items.n_mates:
            above = self._above[task.number]
            subtract_siblings.over(
                *(items.n_mates * group.n_codes, self.fit.mode),
                *(parcel.all(task.cells), parcel.all(items.runs)),
                *((own.classes, above.classes), group.n_codes, above.tables),
                own.searched,
            )
        room = self.free_bytes * _SHARE_OF_KEPT_TABLES
        room -= sum(other.n_bytes for other in self._here.values())
        if task.is_level and self.offer[0] == 0 and n_bytes <= room:
            self._here[task.number] = own
        return own

    def _threads(self, n_candidates: int, *, has_order: bool) -> int:
        return search_threads(n_candidates, classes=self._most_classes, has_order=has_order)

    def _by_rows(
        self, page: int, work: _Work, task: RowTask, asked: _Asked, emit: tuple[Array, ...]
    ) -> None:
        """Search nodes that are too small for tables, one block a node and column."""
        n_tasks = len(task.which) * len(self._columns[page][0])
        threads = self._threads(task.most, has_order=bool(self._has_order.any()))
        search_rows[grid_of(min(n_tasks, len(self._work[0])), threads)](
            *(self.fit.mode, self.table.page(page), work.rows[0], work.rows[2], self.target),
            *(work.parcel.all(task.nodes), self._columns[page], self.min_leaf, self.log_table),
            *(asked, emit, self._work, work.request.result),
        )

    def _by_threads(self, page: int, work: _Work, task: RowTask, asked: _Asked) -> None:
        """Search nodes of few rows, one thread a node and column."""
        columns = self._few_columns[page]
        n_blocks = -(-len(task.which) * len(columns[0]) // FEW_THREADS)
        search_few[grid_of(min(n_blocks, 4 * count_blocks()), FEW_THREADS)](
            *(self.fit.mode, self.table.page(page), work.rows[0], work.rows[2], self.target),
            *(work.parcel.all(task.nodes), columns, self.min_leaf, self.log_table, asked),
            work.request.result,
        )
