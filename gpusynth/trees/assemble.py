"""Assemble: from grown nodes, whatever grew them, to the canonical tree and its donors."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.streams import StreamKey
from gpusynth.trees.fit import Fit
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Layout
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cpu import finish
from gpusynth_kernels.cpu.kinds import LEAF, SUBSET
from gpusynth_kernels.cpu.node import node_risk

__all__ = ["Table", "least_gain", "make_tree", "offer_of", "prune_nodes"]

_LEAST_GAIN = 2.0**-40
"""No split lowers the risk by less than this share of the root's: below it, differences of float64
scores are rounding (2^-52 of the node's score). It stands in for `cp` where `cp` is smaller."""


class Table(Protocol):
    """What a tree needs to know of the table it was grown on."""

    layout: Layout
    n_rows: int


def least_gain(fit: Fit, params: CartParams) -> float:
    """Return the gain that a split must exceed: a share of the risk of the root."""
    counts = np.zeros(max(fit.n_classes, 1), np.int64)
    root_risk = node_risk(fit.mode, fit.order, 0, len(fit.order), fit.target, counts)
    cp = params.cp if params.prune == "impurity" else 0.0
    return float(max(cp, _LEAST_GAIN) * root_risk)


def offer_of(params: CartParams, n_columns: int, key: StreamKey | None) -> tuple[int, Any]:
    """Return `offer` of `gpusynth_kernels.cpu.grow.grow_block`."""
    if params.columns_per_split is None:
        return 0, np.uint64(0)
    if key is None:
        raise PlanError("columns_per_split needs a key: name the random stream that draws columns")
    some = params.columns_per_split < n_columns
    return params.columns_per_split if some else 0, np.uint64(key.seed)


def prune_nodes(nodes: list[Array], fit: Fit, params: CartParams) -> list[Array]:
    """Prune, and return the node arrays breadth first.

    The rows of a leaf whose split was undone go back to the order of (class, row).
    """
    nodes = _renumber(nodes)
    if params.prune == "rpart":
        risks = finish.rpart_risks(
            fit.mode, fit.order, nodes[4], nodes[5], fit.n_classes, fit.numbers, fit.weight
        )
        finish.prune_by_complexity(nodes[0], risks, params.cp * risks[0])
        nodes = _renumber(nodes)
    if params.max_leaves is not None and len(nodes[0]) > 2 * params.max_leaves - 1:
        finish.collapse_to_leaves(nodes[0], nodes[7], params.max_leaves)
        nodes = _renumber(nodes)
    for leaf in np.flatnonzero((nodes[0] < 0) & (nodes[1] != LEAF)):
        fit.order[nodes[4][leaf] : nodes[5][leaf]].sort()
    return nodes


def _renumber(nodes: list[Array]) -> list[Array]:
    keep, left = finish.number_breadth_first(nodes[0])
    return [left, *(array[keep] for array in nodes[1:])]


def _in_node_order(words: Array, places: Array, lengths: Array) -> tuple[Array, Array]:
    """Return the subsets of the nodes that are left one after the other, and their new places."""
    new_places = np.cumsum(lengths) - lengths
    return new_places, words[np.repeat(places - new_places, lengths) + np.arange(lengths.sum())]


def make_tree(
    table: Table,
    chosen: Array,
    nodes: list[Array],
    words: Array,
    fit: Fit,
    *,
    donors: Array | None = None,
) -> tuple[Tree, LeafDonors]:
    """Return the tree and the donors of its leaves.

    Parameters
    ----------
    table : Table
    chosen : array of int32
        Columns of the fit, by their places in the table, ascending.
    nodes : list of arrays
        As `prune_nodes` returns them: left, kind, feature, value, begin, end, depth, gain.
    words : array of uint32
        Subsets, from the `value` of their nodes on.
    fit : Fit
    donors : array of int32 or int64, optional
        The rows in the order of the leaves, where they are known; those of ``fit.order`` by
        default.
    """
    left, kind, feature, value, begin, end, _, gain = nodes
    inside = left >= 0
    leaves = np.flatnonzero(~inside)
    leaves = leaves[np.argsort(begin[leaves], kind="stable")]
    leaf = np.full(len(left), -1, np.int32)
    leaf[leaves] = np.arange(len(leaves), dtype=np.int32)
    position = np.full(len(table.layout.names) + 1, -1, np.int32)
    position[chosen] = np.arange(len(chosen), dtype=np.int32)
    by_subset = inside & (kind == SUBSET)
    subset = np.full(len(left), -1, np.int64)
    subset[by_subset], subset_words = _in_node_order(
        words, value[by_subset], (table.layout.n_codes[feature[by_subset]] + 31) // 32
    )
    tree = Tree(
        predictors=tuple(table.layout.names[i] for i in chosen),
        n_codes=table.layout.n_codes[chosen],
        feature=np.where(inside, position[feature], -1).astype(np.int32),
        threshold=np.where(inside & ~by_subset, value, 0).astype(np.uint16),
        subset=subset,
        subset_words=subset_words,
        left=left,
        leaf=leaf,
        gain=np.where(inside, gain, 0.0),
        n_rows=end - begin,
    )
    offsets = np.append(begin[leaves], len(fit.order)).astype(np.int64)
    rows = donors
    if rows is None:
        rows = fit.order.astype(np.uint32)  # an entry's lower half
        rows = rows.view(np.int32) if table.n_rows < 1 << 31 else rows.astype(np.int64)
    cumulative = None
    if len(fit.weight):
        running = np.cumsum(fit.weight[rows])
        before = np.concatenate([[0], running])[offsets[:-1]]
        cumulative = running - np.repeat(before, np.diff(offsets))
    return tree, LeafDonors(offsets, rows, cumulative)
