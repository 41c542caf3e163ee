"""Search the splits of a level on a CUDA device: batches planned by memory, kernels in their order.

Columns of like width form groups. A node that is large for a group's width is counted into tables,
as many nodes at once as fit the memory; one that is small has its rows compared, by a block or,
where these are few, by a thread. Batches and sizes decide speed only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.device_groups import (
    BLOCK_BYTES,
    Emission,
    Group,
    KeptTables,
    LevelNodes,
    Request,
    items_of,
    make_groups,
    on_device,
    planes_of,
    table_width,
    together_on_device,
)
from gpusynth.trees.device_pages import PagedTable
from gpusynth.trees.device_table import DeviceTable
from gpusynth.trees.device_work import (
    count_blocks,
    grid_of,
    make_work,
    require,
    search_threads,
    suits_threads,
)
from gpusynth.trees.fit import Fit
from gpusynth_kernels.cpu.kinds import NUMBERS
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
        self._every = launch.empty(0, np.int32)  # -1 for each node: all of its columns
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
            result = (
                launch.empty(n_results, np.float64),
                launch.empty(n_results, np.int64),
                launch.empty(n_results, np.int64),
            )
            result[0].fill(-1.0)
            self._search(rows, Request(batch, offered, None, result, batch is nodes))
            found.append(self._choose(batch, result))
        column, value, left, gain = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return column, value, left, gain

    def _choose(self, nodes: LevelNodes, result: tuple[Array, ...]) -> tuple[Array, ...]:
        """Return column, value, rows on the left and gain of each node's best split."""
        n = len(nodes)
        both = launch.zeros((4, n), np.int64)  # together: the host waits once
        chosen = both[0].view(np.int32)[:n], both[1], both[2], both[3].view(np.float64)
        choose_columns.over(n, len(self.columns), result, launch.to_device(nodes.score), chosen)
        column, value, left, gain = launch.to_host(both)
        return column.view(np.int32)[:n], value, left, gain.view(np.float64)

    def emit_subsets(self, rows: _Rows, nodes: LevelNodes, emission: Emission) -> None:
        """Set the bits of the levels that go left in splits of columns of more than four codes."""
        none = tuple(launch.empty(0, dtype) for dtype in (np.float64, np.int64, np.int64))
        offered = launch.empty(0, np.uint8)
        self._search(rows, Request(nodes, offered, emission, none))

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
            return launch.empty(0, np.uint8)
        n_columns = len(self.columns)
        size = len(nodes) * n_columns
        drawn, offered = launch.empty(size, np.uint64), launch.empty(size, np.uint8)
        draw_columns.over(size, seed, launch.to_device(nodes.path), n_columns, drawn)
        offer_columns.over(size, drawn, n_columns, n_offered, offered)
        return offered

    def _search(self, rows: _Rows, request: Request) -> None:
        """Search (or write the subsets of) nodes, each column the way that its size asks for."""
        for page in self._columns:
            asked = request.emission
            if asked is None or (self.table.page_of[self.columns[asked.column]] == page).any():
                self._search_page(page, rows, request)

    def _search_page(self, page: int, rows: _Rows, request: Request) -> None:
        """Search the columns of a page."""
        nodes, emission = request.nodes, request.emission
        size = nodes.size
        for number, group in enumerate(self._groups):
            if group.page != page:
                continue
            large = (size > group.few) & (size * size > small_rows(nodes.n_runs, group.width))
            if emission is not None:
                large &= np.isin(emission.column, group.members)
            which = np.flatnonzero(large)
            batches = list(self._table_batches(group, nodes.n_runs[which]))
            for some in batches:
                kept = self._by_tables(number, rows, request, which[some])
                room = self.free_bytes * _SHARE_OF_KEPT_TABLES
                room -= sum(other.n_bytes for other in self._here.values())
                whole = request.is_level and len(batches) == 1 and self.offer[0] == 0
                if whole and kept.n_bytes <= room:
                    self._here[number] = kept
        kinds = np.unique(np.stack([self.width, self._few]), axis=1).T
        small = [(size > few) & (size * size <= small_rows(nodes.n_runs, w)) for w, few in kinds]
        which = np.flatnonzero(np.any(small, axis=0))
        if len(which) and len(self._columns[page][0]):
            self._by_rows(page, rows, request, which)
        which = np.flatnonzero(size <= self._few.max(initial=0))
        if len(which) and emission is None:
            self._by_threads(page, rows, request, which)

    def _table_batches(self, group: Group, n_runs: Array) -> Iterator[slice]:
        """Yield runs of nodes whose tables fit the memory together."""
        of_counts, of_amounts = planes_of(self.fit.mode, n_runs, weighted=self.weighted)
        each = group.n_codes * (4 * of_counts + 8 * of_amounts)
        room = int(self.free_bytes * _SHARE_OF_TABLES)
        most = int(each.max(initial=0))
        require(most, int(most <= room), self.free_bytes)
        filled = np.cumsum(each)
        start = 0
        while start < len(n_runs):
            before = filled[start - 1] if start else 0
            stop = max(int(np.searchsorted(filled, before + room, "right")), start + 1)
            yield slice(start, stop)
            start = stop

    def _asked(self, request: Request, which: Array) -> tuple[int, Array, Array]:
        """Return `asked` of the kernels for some nodes of a request."""
        n_columns, offered = len(self.columns), request.offered
        if len(offered):
            by_node = offered.reshape(-1, n_columns)
            offered = by_node[launch.to_device(which)].reshape(-1)
        if request.emission is not None:
            return n_columns, offered, launch.to_device(request.emission.column[which])
        if len(self._every) < len(which):
            self._every = launch.to_device(np.full(2 * len(which), -1, np.int32))
        return n_columns, offered, self._every[: len(which)]

    def _emit(self, request: Request, which: Array) -> tuple[Array, Array, Array]:
        """Return `emit` of the kernels for some nodes of a request."""
        emission = request.emission
        if emission is None:
            none = launch.empty(0, np.int64)
            return launch.empty(0, np.uint32), none, none
        return (emission.words, *on_device(emission.first[which], emission.n_levels[which]))

    def _by_tables(self, number: int, rows: _Rows, request: Request, which: Array) -> KeptTables:
        """Count and search the tables of a group at some nodes; return the tables."""
        group, some = self._groups[number], request.nodes.some(which)
        cells, places = [], np.full((2, len(request.nodes)), -1)
        for plane, of_node in enumerate(
            planes_of(self.fit.mode, some.n_runs, weighted=self.weighted)
        ):
            cells.append(of_node * group.n_codes)
            places[plane, which] = np.cumsum(cells[plane]) - cells[plane]
        tables = (
            launch.zeros(int(cells[0].sum()), np.int32),
            launch.zeros(int(cells[1].sum()), np.int64),
        )
        n_bytes = 4 * len(tables[0]) + 8 * len(tables[1])
        own = KeptTables(tables, places, request.nodes, rows[3], n_bytes)
        derived = self._derived(number, request, own)
        asked = self._asked(request, which)
        items = items_of(some, ~derived[which], MOST_ITEM_ROWS)
        planes = 3 if self.fit.mode == NUMBERS else int(some.n_runs.max())
        shared = min(4 * planes * group.n_codes, BLOCK_BYTES)
        threads = _COUNT_THREADS if 2 * shared > BLOCK_BYTES else _COUNT_THREADS // 2
        grid = grid_of(min(len(items[0]), count_blocks()), threads)
        first = tuple(places[:, which])
        of_nodes, of_items = together_on_device(
            (some.size, some.n_runs, *first, which, some.first_run), items
        )
        count_codes[(*grid, 0, shared)](
            *(self.fit.mode, self.table.page(group.page), rows[0], rows[1], self.target),
            of_items,
            (of_nodes[5], *of_nodes[1:4]),
            *(group.counted, group.n_codes, asked, tables),
        )
        self._subtract(number, np.flatnonzero(derived), own)
        given = group.searched, group.n_codes, (*tables, int(self.weighted)), self.min_leaf
        n_tasks = len(some) * len(group.members)
        easy = request.emission is None and not group.has_order
        if easy and suits_threads(planes, group.width, n_tasks=n_tasks):
            n_blocks = min(-(-n_tasks // CUT_THREADS), 4 * count_blocks())
            search_cuts[grid_of(n_blocks, CUT_THREADS)](
                *(self.fit.mode, of_nodes[:5], *given, self.log_table, asked, request.result)
            )
            return own
        threads = self._threads(group.width, has_order=bool(group.has_order))
        search_tables[grid_of(min(n_tasks, len(self._work[0])), threads)](
            *(self.fit.mode, of_nodes[:5], *given, self.log_table, asked),
            *(self._emit(request, which), self._table_work, request.result),
        )
        return own

    def _derived(self, number: int, request: Request, own: KeptTables) -> Array:
        """Return which nodes' tables are those of the parent less those of the sibling.

        These are the larger of two children that are both to be counted, where the parent's tables
        were kept.
        """
        nodes, above = request.nodes, self._above.get(number)
        if above is None or request.emission is not None or self.offer[0]:
            return np.zeros(len(nodes), np.bool_)
        mate = np.maximum(nodes.sibling, 0)
        of_mate = nodes.size[mate]
        is_second = np.arange(len(nodes)) > mate
        larger = (nodes.size > of_mate) | ((nodes.size == of_mate) & is_second)
        both = (nodes.sibling >= 0) & (own.places[0] >= 0) & (own.places[0][mate] >= 0)
        known = (nodes.parent >= 0) & (above.places[0][np.maximum(nodes.parent, 0)] >= 0)
        return both & known & larger

    def _subtract(self, number: int, which: Array, own: KeptTables) -> None:
        """Work out the tables of larger children."""
        if not len(which):
            return
        above, nodes, n_codes = self._above[number], own.nodes, self._groups[number].n_codes
        mate, parent = nodes.sibling[which], nodes.parent[which]
        cells = (*own.places[:, which], *own.places[:, mate], *above.places[:, parent])
        runs = []
        for some, at in ((nodes, which), (nodes, mate), (above.nodes, parent)):
            runs += [some.first_run[at], some.n_runs[at]]
        there = on_device(*cells, *runs)
        subtract_siblings.over(
            *(len(which) * n_codes, self.fit.mode, there[:6], there[6:]),
            *((own.classes, above.classes), n_codes, above.tables),
            (*own.tables, int(self.weighted)),
        )

    def _threads(self, n_candidates: int, *, has_order: bool) -> int:
        return search_threads(n_candidates, classes=self._most_classes, has_order=has_order)

    def _by_rows(self, page: int, rows: _Rows, request: Request, which: Array) -> None:
        some = request.nodes.some(which)
        n_tasks = len(some) * len(self._columns[page][0])
        threads = self._threads(int(some.size.max()), has_order=bool(self._has_order.any()))
        grid = grid_of(min(n_tasks, len(self._work[0])), threads)
        search_rows[grid](
            *(self.fit.mode, self.table.page(page), rows[0], rows[2], self.target),
            on_device(some.begin, some.size, some.first_run, some.n_runs, which),
            *(self._columns[page], self.min_leaf, self.log_table, self._asked(request, which)),
            *(self._emit(request, which), self._work, request.result),
        )

    def _by_threads(self, page: int, rows: _Rows, request: Request, which: Array) -> None:
        """Search nodes of few rows, one thread a node and column."""
        some, columns = request.nodes.some(which), self._few_columns[page]
        n_blocks = -(-len(some) * len(columns[0]) // FEW_THREADS)
        if n_blocks:
            search_few[grid_of(min(n_blocks, 4 * count_blocks()), FEW_THREADS)](
                *(self.fit.mode, self.table.page(page), rows[0], rows[2], self.target),
                on_device(some.begin, some.size, some.first_run, some.n_runs, which),
                *(columns, self.min_leaf, self.log_table, self._asked(request, which)),
                request.result,
            )
