"""Route: a tree laid out for rows of one layout, kept while its draws go on.

Laying a tree out costs as much as some tens of thousands of walks, and the blocks and replicates of
a step all walk the same tree.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.predictors import Layout, PredictorTable, lane_bits
from gpusynth.trees.tree import Tree

__all__ = ["Route", "route_of"]

_MOST_KEPT = 16  # trees that are drawn from at the same time: one a thread, and groups of strata


@dataclass(frozen=True, slots=True)
class Route:
    """What the walk kernel reads of a tree.

    Attributes
    ----------
    nodes : array of uint64, shape (n_nodes, 2)
    subset : array of int64, shape (n_nodes,)
    subset_words : array of uint32
    asks_wide : bool
        Whether any node asks for a wide column.
    """

    nodes: Array
    subset: Array
    subset_words: Array
    asks_wide: bool

    def arrays(self, table: PredictorTable) -> tuple[Array, ...]:
        """Return what `walk_rows` reads of the tree and the rows of a table.

        Without wide columns when the tree asks for none.
        """
        records, wide = table.records, table.wide
        if not records.shape[1]:
            records = np.zeros((table.n_rows, 1), np.uint64)
        if not self.asks_wide:
            wide = np.zeros((1, 0), np.uint16)
        return self.nodes, self.subset, self.subset_words, records, wide


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
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[id(tree), id(layout)] = (weakref.ref(tree), layout, route)


_recent = _Recent()


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
    if route is None:
        nodes = _node_words(tree, layout)
        asks_wide = bool(((nodes[:, 0] >> np.uint64(34)) & np.uint64(3)).any())
        route = Route(nodes, tree.subset, tree.subset_words, asks_wide)
        _recent.put(tree, layout, route)
    return route


def _node_words(tree: Tree, layout: Layout) -> Array:
    """Return the tree as the two words a node that `gpusynth_kernels.cpu.walk` describes."""
    inside = tree.feature >= 0
    if not inside.any():
        return np.zeros((1, 2), np.uint64)
    column = np.array([layout.position[name] for name in tree.predictors], np.int64)
    feature = column[np.where(inside, tree.feature, 0)]
    by_subset = tree.subset >= 0
    wide = inside & (layout.wide_row[feature] >= 0)
    bits = np.zeros(tree.n_nodes, np.uint64)
    turned = np.zeros(tree.n_nodes, np.bool_)
    place = np.zeros(tree.n_nodes, np.int64)
    place[wide] = layout.wide_row[feature[wide]]
    for i in np.unique(feature[inside & ~wide]):
        here = np.flatnonzero(inside & (feature == i))
        place[here] = layout.word(i)
        bits[here], turned[here] = _record_bits(tree, layout, int(i), here)
    kind = np.where(wide, np.where(by_subset, 2, 1), 0).astype(np.uint64)
    left = np.where(inside, tree.left, np.arange(tree.n_nodes)).astype(np.uint64)
    nodes = left | kind << np.uint64(34) | place.astype(np.uint64) << np.uint64(36)
    nodes |= turned.astype(np.uint64) << np.uint64(33)
    nodes |= tree.threshold.astype(np.uint64) << np.uint64(48)
    return np.stack([nodes, bits], axis=1)


def _record_bits(tree: Tree, layout: Layout, column: int, nodes: Array) -> tuple[Array, Array]:
    """Return, for nodes that ask for one narrow or middling column, the bits that send a row right.

    The lanes of a narrow unordered column are the sets without code 0; a set that holds it is
    asked for by its complement, and the answer turned around.
    """
    count = int(layout.n_codes[column])
    codes = np.arange(count)
    by_subset = tree.subset[nodes] >= 0
    goes_right = codes[None, :] > tree.threshold[nodes][:, None]
    words = tree.subset_words[tree.subset[nodes[by_subset]][:, None] + codes // 32]
    goes_right[by_subset] = words >> (codes % 32).astype(np.uint32) & 1 == 0
    if layout.first_mark[column] >= 0:
        each = lane_bits(layout.first_mark[column] + codes)
        bits = np.bitwise_or.reduce(np.where(goes_right, each, np.uint64(0)), axis=1)
        return bits, np.zeros(len(nodes), np.bool_)
    if layout.is_ordered[column]:
        return lane_bits(layout.first_lane[column] + tree.threshold[nodes].astype(np.int64)), False
    turned = goes_right[:, 0]
    sets = np.where(turned[:, None], ~goes_right, goes_right)
    lane = (sets * (1 << codes)).sum(axis=1) // 2 - 1
    return lane_bits(layout.first_lane[column] + lane), turned
