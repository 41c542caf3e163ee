"""Grow a tree: the host's part of the algorithm, which reads like the textbook.

Rows are put in order of (class, row); the trunk is grown until its nodes are small; each small node
is grown as a twig (in parallel when asked for); twigs are joined, the tree is pruned and numbered
breadth first. The slices of the leaves are the donors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.streams import StreamKey
from gpusynth.trees.blocks import Block, Rules, grow_blocks
from gpusynth.trees.fit import Fit, prepare_fit
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Predictor, PredictorTable
from gpusynth.trees.target import (
    ClassTarget,
    Target,
)
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cpu import finish
from gpusynth_kernels.cpu.kinds import LEAF, SUBSET
from gpusynth_kernels.cpu.node import node_risk

__all__ = ["BRANCH_ROWS", "TWIG_ROWS", "grow_tree"]

BRANCH_ROWS = (262_144,)
"""Larger tables are cut at nodes of this many rows first, and these at the next. Speed only."""

TWIG_ROWS = 4_096
"""Nodes of at most this many rows are grown as twigs. Speed only: a twig's records and lists fit
the processor's nearest cache. Any number gives the same tree."""

_LEAST_GAIN = 2.0**-40
"""No split lowers the risk by less than this share of the root's: below it, differences of float64
scores are rounding (2^-52 of the node's score). It stands in for `cp` where `cp` is smaller."""

_MASK = np.uint64(0xFFFFFFFF)


def _grow(
    table: PredictorTable,
    columns: Array,
    fit: Fit,
    params: CartParams,
    key: StreamKey | None,
    n_threads: int,
) -> tuple[list[Array], Array]:
    """Grow trunk and twigs; return joined node arrays (in order of growth) and subset words."""
    n = len(fit.order)
    layout = table.layout
    tables = (layout.lane_feature, layout.first_lane, layout.n_codes, layout.is_ordered, columns)
    counts = np.zeros(max(fit.n_classes, 1), np.int64)
    root_risk = node_risk(fit.mode, fit.order, 0, n, fit.target, counts)
    cp = params.cp if params.prune == "impurity" else 0.0
    rules = Rules(
        fit.mode,
        tables,
        (params.min_leaf, params.split_rows, params.max_depth),
        _offer(params, len(columns), key),
        max(cp, _LEAST_GAIN) * root_risk,
    )
    block = Block.of_table(table, columns, fit)
    stops = (*(rows for rows in BRANCH_ROWS if TWIG_ROWS < rows < n), TWIG_ROWS)
    path = np.uint64(0 if key is None else key.stream)
    return grow_blocks(block, rules, (0, path), stops, n_threads)


def _offer(params: CartParams, n_columns: int, key: StreamKey | None) -> tuple[int, Any]:
    """Return `offer` of `gpusynth_kernels.cpu.grow.grow_block`."""
    if params.columns_per_split is None:
        return 0, np.uint64(0)
    if key is None:
        raise PlanError("columns_per_split needs a key: name the random stream that draws columns")
    some = params.columns_per_split < n_columns
    return params.columns_per_split if some else 0, np.uint64(key.seed)


def _prune(nodes: list[Array], fit: Fit, params: CartParams) -> list[Array]:
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


def grow_tree(
    predictors: PredictorTable | Sequence[Predictor],
    target: Target,
    params: CartParams | None = None,
    *,
    columns: Iterable[str] | None = None,
    weight: Array | None = None,
    rows: Array | None = None,
    key: StreamKey | None = None,
    n_threads: int = 1,
) -> tuple[Tree, LeafDonors]:
    """Grow a CART and collect the donors of its leaves.

    Parameters
    ----------
    predictors : PredictorTable or sequence of Predictor
        A table made once serves the fits of many targets.
    target : ClassTarget or NumberTarget
    params : CartParams, optional
    columns : iterable of str, optional
        Predictors that may be used; default all. Ties between columns go to the first of the table.
    weight : array of float64, shape (n,), optional
        Weights the risk and, in the leaves, the donors. Rows of weight 0 take no part.
    rows : array of int32 or int64, ascending, optional
        Rows that take part; default all. A row that is named twice counts twice (in a bootstrap
        sample), and is a donor twice.
    key : StreamKey, optional
        Draws the columns of each split; needed with ``params.columns_per_split``, else not read.
    n_threads : int
        Threads for this one tree.

    Returns
    -------
    tree : Tree
    donors : LeafDonors
        ``rows`` are numbers of the whole table; within a leaf ordered by class, then row.

    Raises
    ------
    DataError
        If no row takes part, or a target or weight is not usable.
    PlanError
        If the criterion does not fit the target, or columns are to be drawn without a key.

    References
    ----------
    .. [1] Breiman, L., Friedman, J., Olshen, R., Stone, C. (1984). Classification and Regression
           Trees.
    .. [2] Reiter, J. P. (2005). Using CART to generate partially synthetic public use microdata.
           Journal of Official Statistics 21, 441-462.
    """
    params = params or CartParams()
    size = len(target.codes if isinstance(target, ClassTarget) else target.values)
    table = predictors
    if not isinstance(table, PredictorTable):
        table = PredictorTable.of(table, size)
    chosen = table.columns(table.layout.names if columns is None else columns)
    taking_part = np.arange(size, dtype=np.int64) if rows is None else np.asarray(rows, np.int64)
    fit = prepare_fit(target, params, weight, taking_part)
    if not len(fit.order):
        raise DataError("a tree needs at least one row")
    grown, words = _grow(table, chosen, fit, params, key, n_threads)
    return _finish(table, chosen, _prune(grown, fit, params), words, fit)


def _in_node_order(words: Array, places: Array, lengths: Array) -> tuple[Array, Array]:
    """Return the subsets of the nodes that are left one after the other, and their new places."""
    new_places = np.cumsum(lengths) - lengths
    return new_places, words[np.repeat(places - new_places, lengths) + np.arange(lengths.sum())]


def _finish(
    table: PredictorTable, chosen: Array, nodes: list[Array], words: Array, fit: Fit
) -> tuple[Tree, LeafDonors]:
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
    rows = (fit.order & _MASK).astype(np.int32 if table.n_rows < 1 << 31 else np.int64)
    cumulative = None
    if len(fit.weight):
        running = np.cumsum(fit.weight[rows])
        before = np.concatenate([[0], running])[offsets[:-1]]
        cumulative = running - np.repeat(before, np.diff(offsets))
    return tree, LeafDonors(offsets, rows, cumulative)
