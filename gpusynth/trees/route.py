"""Route: a tree laid out for rows of one layout, kept while its draws go on.

Laying a tree out costs as much as some tens of thousands of walks, and the blocks and replicates of
a step all walk the same tree.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.predictors import Layout, PredictorTable
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cpu.lay_out import (
    LANES,
    MARKS,
    MOST_STAGES,
    WIDE,
    lay_out_tree,
)
from gpusynth_kernels.dtypes import LANES_PER_WORD

__all__ = ["Route", "route_of"]

_MOST_KEPT = 16  # trees that are drawn from at the same time: one a thread, and groups of strata

# Small ones are kept longer: replicates are often drawn one after the other by the same trees.
_MOST_SMALL = 192
_MOST_BYTES = 64 << 20

_MOST_TOGETHER = 256  # rows of a block
_BLOCK_WORDS = 4096  # of a block of fewer rows: what lies well in a nearest cache of 48 KB
_FEWEST_TOGETHER = 32
_LINE_BYTES = 64
_PLACE_LIMIT = 1 << 16  # 16 bits of a node are its place times the rows of a block


@dataclass(frozen=True, slots=True)
class Route:
    """What the walk kernel reads of a tree; see `gpusynth_kernels.cpu.lay_out`.

    Attributes
    ----------
    nodes : array of uint64, shape (4 * (n_nodes // 2 + 1),)
    subset_words : array of uint32
        Empty when no node asks for a subset of a wide column.
    asked : tuple of two arrays of int64
        Words of the records and rows of the wide columns that the tree asks for.
    stages : array of int64, shape (n_stages,)
        Steps after which rows that have arrived leave, and so on.
    n_together : int
        Rows that are walked as a block.
    """

    nodes: Array
    subset_words: Array
    asked: tuple[Array, Array]
    stages: Array
    n_together: int

    @classmethod
    def of(cls, tree: Tree, layout: Layout) -> Route:
        """Lay a tree out for rows of a layout."""
        column = np.array([layout.position[name] for name in tree.predictors], np.int64)
        is_used = np.bincount(tree.feature + 1, minlength=len(column) + 1)[1:] > 0
        lane, mark = layout.first_lane[column], layout.first_mark[column]
        wide = layout.wide_row[column]
        first = np.maximum(lane, mark).astype(np.int64)
        record_words = np.unique(first[is_used & (wide < 0)] // LANES_PER_WORD)
        wide_rows = np.unique(wide[is_used & (wide >= 0)]).astype(np.int64)
        sort = np.where(wide >= 0, WIDE, np.where(mark >= 0, MARKS, LANES))
        place = np.where(
            wide >= 0,
            len(record_words) + np.searchsorted(wide_rows, wide),
            np.searchsorted(record_words, first // LANES_PER_WORD),
        )
        columns = np.stack([sort, first, layout.n_codes[column], place], axis=1).astype(np.int64)
        n_places = len(record_words) + len(wide_rows)
        n_together = _rows_together(n_places)
        nodes = _in_lines(4 * (tree.n_nodes // 2 + 1))
        stages = np.empty(MOST_STAGES, np.int64)
        asks_subset, n_stages = lay_out_tree(
            *(tree.feature, tree.threshold, tree.subset, tree.subset_words),
            *(tree.left, tree.leaf, tree.n_rows, columns, n_places, n_together, nodes, stages),
        )
        words = tree.subset_words if asks_subset else tree.subset_words[:0]
        stages = stages[:n_stages].copy()
        return cls(nodes, words, (record_words, wide_rows), stages, n_together)

    @property
    def n_bytes(self) -> int:
        """Memory of what is read of the tree, without what is the tree's own."""
        return int(self.nodes.nbytes)

    def arrays(self, table: PredictorTable) -> tuple[Any, ...]:
        """Return what `walk_rows` reads of the tree and the rows of a table."""
        return (
            *(self.nodes, self.subset_words, self.asked),
            *(self.stages, self.n_together, table.records, table.wide),
        )


def _in_lines(n_words: int) -> Array:
    """Return room for so many words that begins with a line of the cache."""
    line = _LINE_BYTES // 8
    room = np.empty(n_words + line, np.uint64)
    begin = -(room.ctypes.data // 8) % line
    return room[begin : begin + n_words]


def _rows_together(n_places: int) -> int:
    """Return how many rows are walked as a block by a tree that asks for so many words."""
    rows = _MOST_TOGETHER
    while n_places * rows > _BLOCK_WORDS and rows > _FEWEST_TOGETHER:
        rows //= 2
    while n_places * rows >= _PLACE_LIMIT:
        rows //= 2
    return rows


class _Recent:
    """The routes of trees that were walked lately and are still there; safe for threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], tuple[weakref.ref[Tree], Layout, Route]] = {}
        self._lock = threading.Lock()

    def get(self, tree: Tree, layout: Layout) -> Route | None:
        found = self._kept.get((id(tree), id(layout)))
        # The number of a tree that is gone may be another's by now.
        return found[2] if found and found[0]() is tree and found[1] is layout else None

    def put(self, tree: Tree, layout: Layout, route: Route) -> None:
        with self._lock:
            gone = [key for key, kept in self._kept.items() if kept[0]() is None]
            for key in gone:
                del self._kept[key]
            n_bytes = route.n_bytes + sum(kept[2].n_bytes for kept in self._kept.values())
            while len(self._kept) >= (_MOST_SMALL if n_bytes <= _MOST_BYTES else _MOST_KEPT):
                n_bytes -= self._kept.pop(next(iter(self._kept)))[2].n_bytes
            self._kept[id(tree), id(layout)] = (weakref.ref(tree), layout, route)


_recent = _Recent()

_turns = tuple(threading.Lock() for _ in range(16))
"""Threads that begin blocks of one step side by side wait for one of them to lay out the tree."""


def route_of(tree: Tree, layout: Layout) -> Route:
    """Return a tree laid out for the rows of tables with a layout.

    Parameters
    ----------
    tree : Tree
    layout : Layout

    Returns
    -------
    Route
    """
    route = _recent.get(tree, layout)
    if route is not None:
        return route
    with _turns[id(tree) // 64 % len(_turns)]:
        route = _recent.get(tree, layout)
        if route is None:
            route = Route.of(tree, layout)
            _recent.put(tree, layout, route)
        return route
