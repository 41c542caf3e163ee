"""Grow a tree on one block of rows.

A *block* is a set of rows with everything that its splits need: records (narrow columns as bits),
codes of the wide columns, the target. `grow_block` works depth first on one permutation of the
block's rows: each node is a slice, a split partitions the slice stably, and when growth ends the
slices of the leaves are the donors. No second pass, no sort.

A large block (the *trunk*) stops at nodes of at most `stop_rows` rows. Each of these becomes a
small block of its own (`twig`), whose rows lie together in the processor's cache. Both give the
same tree, so `stop_rows` is a matter of speed alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.bare import bare
from gpusynth_kernels.cpu.choose import choose_split
from gpusynth_kernels.cpu.kinds import DEFERRED, LEAF, SUBSET
from gpusynth_kernels.cpu.node import node_score
from gpusynth_kernels.cpu.partition import (
    codes_of,
    goes_on,
    is_pure,
    partition,
    put_mask,
    set_sides,
    with_absent,
)
from gpusynth_kernels.cpu.scan import CHUNK_ROWS

__all__ = ["grow_block"]


def _workspace(n_lanes: Any, n_marks: Any, n_classes: Any, n_codes: Any) -> Any:
    """Return what `choose_split` works in, for so many lanes, marks, classes and wide codes."""
    classes = max(n_classes, 2)
    work = (
        np.empty(n_lanes // 8, np.uint64),
        np.empty((4, n_lanes), np.int64),
        np.empty((3, n_lanes), np.float64),
        (
            np.empty(n_marks // 8, np.uint64),
            np.empty(n_marks, np.int64),
            np.empty((classes if n_marks > 0 else 0, n_marks), np.int64),
            np.empty(n_marks, np.int64),
            np.empty(n_marks, np.float64),
        ),
    )
    own = classes if n_marks > 0 else 0
    cut = (
        np.empty(64, np.int64),
        np.empty(64, np.int64),
        np.empty(64, np.float64),
        np.empty(own, np.int64),
        np.empty(own, np.int64),
        np.empty((64, own), np.float64),
        np.empty((own, own), np.float64),
        np.empty(own, np.float64),
        np.empty(own, np.float64),
    )
    scratch = (
        np.empty((2, classes), np.int64),
        np.empty(n_codes + 1, np.int64),
        np.full(max(n_codes, 1), -1, np.int32),
        np.empty(max(n_codes, 1), np.int32),
        np.zeros(0, np.uint8),
        cut,
        (
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.float64),
        ),
    )
    return work, scratch


@jit
def _grow_nodes(
    mode: Any,
    records: Any,
    lanes: Any,
    marks: Any,
    columns: Any,
    wide: Any,
    wide_tables: Any,
    lists: Any,
    presorted: Any,
    order: Any,
    target: Any,
    limits: Any,
    depth: Any,
    alpha: Any,
    nodes: Any,
    work: Any,
    scratch: Any,
    spare: Any,
) -> Any:
    """Do the work of `grow_block` in arrays that it made; return the nodes made and the subsets."""
    min_leaf, min_split, max_depth, stop_rows = limits
    n_classes = target[0]
    records, wide, lists, order = bare(records), bare(wide), bare(lists), bare(order)
    numbers, weight = bare(target[1]), bare(target[2])
    target = (n_classes, numbers, weight, bare(target[3]))
    lanes = (bare(lanes[0]), bare(lanes[1]), bare(lanes[2]))
    marks = (bare(marks[0]), bare(marks[1]), bare(marks[2]), bare(marks[3]), bare(marks[4]))
    columns = (bare(columns[0]), bare(columns[1]), bare(columns[2]), bare(columns[3]))
    wide_tables = (
        bare(wide_tables[0]),
        bare(wide_tables[1]),
        bare(wide_tables[2]),
        bare(wide_tables[3]),
        bare(wide_tables[4]),
    )
    own = work[3]
    work = (
        bare(work[0]),
        bare(work[1]),
        bare(work[2]),
        (bare(own[0]), bare(own[1]), bare(own[2]), bare(own[3]), bare(own[4])),
    )
    cut, chunk = scratch[5], scratch[6]
    cut = (
        bare(cut[0]),
        bare(cut[1]),
        bare(cut[2]),
        bare(cut[3]),
        bare(cut[4]),
        bare(cut[5]),
        bare(cut[6]),
        bare(cut[7]),
        bare(cut[8]),
    )
    scratch = (
        bare(scratch[0]),
        bare(scratch[1]),
        bare(scratch[2]),
        bare(scratch[3]),
        scratch[4],
        cut,
        (bare(chunk[0]), bare(chunk[1]), bare(chunk[2])),
    )
    left, kind, feature, value = bare(nodes[0]), bare(nodes[1]), bare(nodes[2]), bare(nodes[3])
    begin, end, level, gain = bare(nodes[4]), bare(nodes[5]), bare(nodes[6]), bare(nodes[7])
    side, moved, stack = bare(spare[0]), bare(spare[1]), bare(spare[2])
    class_weight, ends = bare(spare[3]), bare(spare[4])
    masks = np.zeros(64, np.uint32)
    n_mask_words = 0
    stack[0] = 0
    left[0], kind[0], feature[0], value[0], gain[0] = -1, LEAF, -1, 0, 0.0
    begin[0], end[0], level[0] = 0, order.shape[0], depth
    n_stack = 1
    n_nodes = 1
    while n_stack > 0:
        n_stack -= 1
        node = stack[n_stack]
        b, e = begin[node], end[node]
        rows_here = e - b
        if rows_here < min_split or rows_here < 2 * min_leaf or level[node] >= max_depth:
            continue
        if is_pure(mode, order, b, e, numbers, weight):
            continue
        if rows_here <= stop_rows:
            kind[node] = DEFERRED
            continue
        base, n_runs = node_score(mode, order, b, e, target, class_weight, ends)
        score, f, split_kind, v, word, bits, goes_left = choose_split(
            mode,
            records,
            lanes,
            marks,
            columns,
            wide,
            wide_tables,
            lists,
            presorted,
            order,
            b,
            e,
            ends[:n_runs],
            min_leaf,
            target,
            class_weight,
            work,
            scratch,
        )
        if split_kind == LEAF or not score - base > alpha:
            continue
        codes = codes_of(f, word, wide, wide_tables)
        split = (split_kind, v, word, bits)
        n_left = set_sides(records, codes, order, b, e, split, goes_left, side)
        number = np.int64(v)
        if split_kind == SUBSET:
            if word < 0:
                goes_left = with_absent(codes, order, b, e, goes_left, n_left)
            number = np.int64(n_mask_words)
            masks, n_mask_words = put_mask(masks, n_mask_words, columns[2][f], v, word, goes_left)
        partition(order, b, e, side, moved)
        if presorted and goes_on(mode, order, b, b + n_left, e, limits, numbers, weight):
            for q in range(lists.shape[0]):
                partition(lists[q], b, e, side, moved)
        left[node] = n_nodes
        kind[node] = split_kind
        feature[node] = f
        value[node] = number
        gain[node] = score - base
        for at in range(n_nodes, n_nodes + 2):
            left[at], kind[at], feature[at], value[at], gain[at] = -1, LEAF, -1, 0, 0.0
            level[at] = level[node] + 1
        begin[n_nodes], end[n_nodes] = b, b + n_left
        begin[n_nodes + 1], end[n_nodes + 1] = b + n_left, e
        stack[n_stack] = n_nodes + 1
        stack[n_stack + 1] = n_nodes
        n_stack += 2
        n_nodes += 2
    return n_nodes, masks[:n_mask_words].copy()


def grow_block(
    mode: Any,
    records: Any,
    lanes: Any,
    marks: Any,
    columns: Any,
    wide: Any,
    wide_tables: Any,
    lists: Any,
    presorted: Any,
    order: Any,
    target: Any,
    limits: Any,
    depth: Any,
    alpha: Any,
    max_nodes: Any,
) -> Any:
    """Grow a tree on a block; `order` becomes the permutation whose slices are the leaves.

    Parameters
    ----------
    mode, records, lanes, marks, columns, wide, wide_tables, lists, presorted, target
        See `choose.choose_split`; rows are numbered within the block.
    order : array of uint64 entries, shape (n,), changed
        Ascending by (class, row).
    limits : tuple of int
        min_leaf, min_split, max_depth, stop_rows.
    depth : int
        Depth of the block's root in the whole tree.
    alpha : float
        A split must lower the risk by more than this.
    max_nodes : int
        No tree on these rows has more.

    Returns
    -------
    nodes : tuple of arrays, shape (n_nodes,)
        left int32 (-1 in a leaf; right is left + 1), kind int8, feature int32, value int64
        (threshold, or place of the subset in `masks`), begin and end int64, depth int32, gain
        float64.
    masks : array of uint32
        Subsets, one bit a code, 1 = goes left.
    """
    n_classes, _, _, _ = target
    n = order.shape[0]
    most_codes = int(wide_tables[1].max(initial=1))
    work, scratch = _workspace(
        64 * lanes[0].shape[0], 64 * marks[0].shape[0], n_classes, most_codes
    )
    # Filled as nodes are made: pages that no node reaches are never touched.
    dtypes = (np.int32, np.int8, np.int32, np.int64, np.int64, np.int64, np.int32, np.float64)
    nodes = tuple(np.empty(max_nodes, dtype) for dtype in dtypes)
    spare = (
        np.zeros(max(records.shape[0], wide.shape[1]), np.uint8),
        np.empty(n, np.uint64),
        np.empty(2 * (limits[2] + 2), np.int32),
        np.zeros(max(n_classes, 1), np.int64),
        np.zeros(max(n_classes, 1), np.int64),
    )
    n_nodes, masks = _grow_nodes(
        mode,
        records,
        lanes,
        marks,
        columns,
        wide,
        wide_tables,
        lists,
        presorted,
        order,
        target,
        limits,
        depth,
        alpha,
        nodes,
        work,
        scratch,
        spare,
    )
    return tuple(array[:n_nodes].copy() for array in nodes), masks
