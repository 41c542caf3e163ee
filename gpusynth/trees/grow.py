"""Grow a tree: the host's part of the algorithm, which reads like the textbook.

Rows are put in order of (class, row); the trunk is grown until its nodes are small; each small node
is grown as a twig (in parallel when asked for); twigs are joined, the tree is pruned and numbered
breadth first. The slices of the leaves are the donors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
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
from gpusynth_kernels.cpu.grow import grow_block
from gpusynth_kernels.cpu.kinds import (
    DEFERRED,
    LEAF,
    SUBSET,
)
from gpusynth_kernels.cpu.node import node_risk
from gpusynth_kernels.cpu.scan import sort_by_code
from gpusynth_kernels.cpu.twig import put_back, take_twig
from gpusynth_kernels.dtypes import LANES_PER_WORD

__all__ = ["BRANCH_ROWS", "LIST_BYTES", "TWIG_ROWS", "grow_tree"]

BRANCH_ROWS = 131_072
"""Larger tables are cut at nodes of this many rows first, and these at `TWIG_ROWS`. Speed only."""

TWIG_ROWS = 16_384
"""Nodes of at most this many rows are grown as twigs. Speed only: a twig's records and lists fit
the processor's cache. Any number gives the same tree."""

LIST_BYTES = 1 << 24
"""Sorted lists of a trunk may take this much; beyond, its nodes are sorted as they come. Speed
and memory only."""

_LEAST_GAIN = 2.0**-40
"""No split lowers the risk by less than this share of the root's: below it, differences of float64
scores are rounding (2^-52 of the node's score). It stands in for `cp` where `cp` is smaller."""

_MASK = np.uint64(0xFFFFFFFF)


def _lane_tables(table: PredictorTable, columns: Array) -> tuple[Array, ...]:
    """Return `lanes` of `choose.choose_split`: narrow columns."""
    allowed = np.isin(table.layout.lane_feature, columns) & (table.layout.lane_feature >= 0)
    by_word = allowed.reshape(-1, LANES_PER_WORD)
    words = np.flatnonzero(by_word.any(axis=1)).astype(np.int32)
    return words, words, by_word[words].astype(np.uint8).reshape(-1)


def _mark_tables(table: PredictorTable, columns: Array) -> tuple[Array, ...]:
    """Return `marks` of `choose.choose_split`: columns of middling width."""
    layout = table.layout
    marked = columns[layout.first_mark[columns] >= 0]
    first = layout.first_mark[marked]
    words, place = np.unique(first // LANES_PER_WORD, return_inverse=True)
    return (
        words.astype(np.int32),
        marked.astype(np.int32),
        place * LANES_PER_WORD + first % LANES_PER_WORD,
        layout.n_codes[marked].astype(np.int64),
        layout.is_ordered[marked].astype(np.int64),
    )


def _wide_tables(table: PredictorTable, columns: Array) -> tuple[Array, ...]:
    """Return `wide_tables` of `choose.choose_split`: columns that stay codes."""
    layout = table.layout
    wide = columns[layout.wide_row[columns] >= 0]
    ordered = layout.is_ordered[wide].astype(np.int32)
    lists = (np.cumsum(ordered) - ordered).astype(np.int32)
    return wide.astype(np.int32), layout.n_codes[wide], ordered, layout.wide_row[wide], lists


def _sorted_lists(
    table: PredictorTable, wide_tables: tuple[Array, ...], order: Array
) -> tuple[Array, bool]:
    """Return the trunk's entries sorted by each wide ordered column, if that is not too much.

    Keeping the lists sorted is quicker than sorting each node anew, but takes 8 bytes a row and
    column. Beyond `LIST_BYTES` one row of scratch and False are returned: nodes are then sorted as
    they come.
    """
    _, n_codes, ordered, wide_rows, lists = wide_tables
    n_lists = int(ordered.sum())
    if not 0 < 8 * n_lists * len(order) <= LIST_BYTES:
        return np.empty((min(n_lists, 1), len(order)), np.uint64), False
    entries = np.empty((n_lists, len(order)), np.uint64)
    for count, row, at in zip(
        n_codes[ordered > 0], wide_rows[ordered > 0], lists[ordered > 0], strict=True
    ):
        offsets = np.empty(int(count) + 1, np.int64)
        sort_by_code(table.wide[row], order, 0, len(order), offsets, entries[at])
    return entries, True


@dataclass(slots=True)
class _Block:
    """Rows to grow on: the whole table, or a copy of a node's rows."""

    records: Array
    lanes: tuple[Array, ...]
    marks: tuple[Array, ...]
    wide: Array
    wide_tables: tuple[Array, ...]
    lists: Array
    presorted: bool
    order: Array
    target: tuple[int, Array, Array, Array]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What is the same in all blocks of a tree."""

    mode: int
    columns: tuple[Array, ...]
    limits: tuple[int, int, int]
    alpha: float


def _grow(
    table: PredictorTable, columns: Array, fit: Fit, params: CartParams, n_threads: int
) -> tuple[list[Array], Array]:
    """Grow trunk and twigs; return joined node arrays (in order of growth) and subset words."""
    n = len(fit.order)
    layout, wide_tables = table.layout, _wide_tables(table, columns)
    tables = (layout.lane_feature, layout.first_lane, layout.n_codes, layout.is_ordered)
    counts = np.zeros(max(fit.n_classes, 1), np.int64)
    root_risk = node_risk(fit.mode, fit.order, 0, n, fit.target, counts)
    cp = params.cp if params.prune == "impurity" else 0.0
    rules = _Rules(
        fit.mode,
        tables,
        (params.min_leaf, params.split_rows, params.max_depth),
        max(cp, _LEAST_GAIN) * root_risk,
    )
    lists, presorted = _sorted_lists(table, wide_tables, fit.order)
    block = _Block(
        *(table.records, _lane_tables(table, columns), _mark_tables(table, columns), table.wide),
        *(wide_tables, lists, presorted, fit.order, fit.target),
    )
    stops = (BRANCH_ROWS, TWIG_ROWS) if n > BRANCH_ROWS > TWIG_ROWS else (TWIG_ROWS,)
    return _grow_block(block, rules, 0, stops, n_threads)


def _grow_block(
    block: _Block, rules: _Rules, depth: int, stops: tuple[int, ...], n_threads: int
) -> tuple[list[Array], Array]:
    """Grow a block down to nodes of ``stops[0]`` rows, and each of these as a block of its own."""
    n = len(block.order)
    nodes, words = grow_block(
        *(rules.mode, block.records, block.lanes, block.marks, rules.columns, block.wide),
        *(block.wide_tables, block.lists, block.presorted, block.order, block.target),
        *((*rules.limits, stops[0] if stops else 0), depth, rules.alpha),
        2 * (n // rules.limits[0]) + 3,
    )
    if not stops:
        return list(nodes), words
    block.lists = block.lists[:0]
    deferred = np.flatnonzero(nodes[1] == DEFERRED)
    nodes[1][deferred] = LEAF

    def grow_part(node: int) -> tuple[list[Array], Array]:
        begin, end = int(nodes[4][node]), int(nodes[5][node])
        records, lanes, marks, wide, wide_tables, lists, order, target = take_twig(
            *(rules.mode, block.records, block.lanes, block.marks, block.wide),
            *(block.wide_tables, block.order, begin, end, block.target),
        )
        part = _Block(
            records=records,
            lanes=lanes,
            marks=marks,
            wide=wide,
            wide_tables=wide_tables,
            lists=lists,
            presorted=True,
            order=order,
            target=target,
        )
        grown = _grow_block(part, rules, int(nodes[6][node]), stops[1:], 1)
        put_back(block.order, begin, order)
        return grown

    if n_threads > 1 and len(deferred) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            parts = list(pool.map(grow_part, deferred.tolist()))
    else:
        parts = [grow_part(node) for node in deferred.tolist()]
    return _join(nodes, words, deferred, parts)


def _join(
    trunk: Sequence[Array], words: Array, deferred: Array, twigs: Sequence[Any]
) -> tuple[list[Array], Array]:
    n_trunk = len(trunk[0])
    total = n_trunk + sum(len(nodes[0]) - 1 for nodes, _ in twigs)
    joined = []
    for array in trunk:
        longer = np.zeros(total, array.dtype)
        longer[:n_trunk] = array
        joined.append(longer)
    all_words = [words]
    first, first_word = n_trunk, len(words)
    for node, (nodes, twig_words) in zip(deferred, twigs, strict=True):
        finish.join_twig(tuple(joined), node, first, tuple(nodes), first_word)
        first += len(nodes[0]) - 1
        first_word += len(twig_words)
        all_words.append(twig_words)
    return joined, np.concatenate(all_words)


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
        Rows that take part; default all.
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
        If the criterion does not fit the target.

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
    grown, words = _grow(table, chosen, fit, params, n_threads)
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
