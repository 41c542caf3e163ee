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
from gpusynth_kernels.cpu.candidates import name_candidates
from gpusynth_kernels.cpu.choose import choose_split
from gpusynth_kernels.cpu.kinds import CLASSES_BY_GINI, DEFERRED, LEAF, NUMBERS, SUBSET
from gpusynth_kernels.cpu.lanes import class_runs
from gpusynth_kernels.cpu.node import node_score
from gpusynth_kernels.cpu.offer import offer_columns, offer_lanes, path_of_child
from gpusynth_kernels.cpu.partition import (
    codes_of,
    flags_of,
    keep_left,
    keep_right,
    may_split,
    partition,
    put_mask,
    set_sides,
    with_absent,
)
from gpusynth_kernels.cpu.space import SUBTRACT_ROWS, make_nodes, make_space, words_used
from gpusynth_kernels.cpu.sprig import grow_sprig
from gpusynth_kernels.cpu.sprig_space import bare_space, make_sprig_space
from gpusynth_kernels.cpu.tables import TABLED, count_node, subtract_node
from gpusynth_kernels.cpu.vertical import count_bits

__all__ = ["grow_block", "grow_nodes"]


@jit(inline="always")
def _release(slot: Any, free: Any, n_free: Any) -> Any:
    """Give a table back, unless it is the common one; return how many are free."""
    if slot == 0:
        return n_free
    free[n_free] = slot
    return n_free + 1


@jit
def grow_nodes(
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
    path: Any,
    offer: Any,
    alpha: Any,
    nodes: Any,
    work: Any,
    scratch: Any,
    spare: Any,
    sprig_space: Any,
) -> Any:
    """Do the work of `grow_block` in arrays made for it; return how many nodes, and the subsets."""
    min_leaf, stop_rows, sprig_rows = limits[0], limits[3], limits[4]
    n_classes = target[0]
    records, wide, lists, order = bare(records), bare(wide), bare(lists), bare(order)
    numbers, weight = bare(target[1]), bare(target[2])
    target = (n_classes, numbers, weight, bare(target[3]))
    lanes = (bare(lanes[0]), bare(lanes[1]), bare(lanes[2]))
    marks = (bare(marks[0]), bare(marks[1]), bare(marks[2]), bare(marks[3]), bare(marks[4]))
    columns = (
        bare(columns[0]),
        bare(columns[1]),
        bare(columns[2]),
        bare(columns[3]),
        bare(columns[4]),
    )
    wide_tables = (
        bare(wide_tables[0]),
        bare(wide_tables[1]),
        bare(wide_tables[2]),
        bare(wide_tables[3]),
        bare(wide_tables[4]),
    )
    own = work[2]
    own = (bare(own[0]), bare(own[1]), bare(own[2]))
    work = (bare(work[0]), bare(work[1]), own, bare(work[3]))
    cut, chunk, by_code = scratch[5], scratch[6], scratch[7]
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
        bare(scratch[4]),
        cut,
        (bare(chunk[0]), bare(chunk[1]), bare(chunk[2]), bare(chunk[3])),
        (bare(by_code[0]), bare(by_code[1]), bare(by_code[2]), bare(by_code[3])),
    )
    left, kind, feature, value = bare(nodes[0]), bare(nodes[1]), bare(nodes[2]), bare(nodes[3])
    begin, end, level, gain = bare(nodes[4]), bare(nodes[5]), bare(nodes[6]), bare(nodes[7])
    side, moved, stack = bare(spare[0]), bare(spare[1]), bare(spare[2])
    class_weight, ends, classes = bare(spare[3]), bare(spare[4]), bare(spare[5])
    slots, free, bytes_, tables = bare(spare[6]), bare(spare[7]), bare(spare[8]), bare(spare[9])
    paths, is_offered = bare(spare[10]), bare(spare[11])
    lowest, lane_ok, flags = bare(spare[12]), bare(spare[13]), bare(spare[14])
    has_lists = presorted and lists.shape[0] > 0
    if not has_lists:
        side = side[:0]  # only lists ask for the side of a row
    n_offered, seed = offer
    own_nodes = (left, kind, feature, value, begin, end, level, gain)
    sprig_space = bare_space(sprig_space)
    if mode != CLASSES_BY_GINI or n_offered > 0:
        sprig_rows = 0
    if sprig_rows > 0:
        name_candidates(lanes, marks, columns, sprig_space[1], sprig_space[3])
    for f in range(is_offered.shape[0]):
        is_offered[f] = 1
    by_class = mode != NUMBERS
    n_words = words_used(lanes, marks)
    n_cells = 64 * n_words
    for q in range(wide_tables[1].shape[0]):
        if wide_tables[2][q] == TABLED:
            n_cells += wide_tables[1][q]
    n_free = free.shape[0]
    masks = np.zeros(64, np.uint32)
    n_mask_words = 0
    stack[0] = 0
    slots[0] = 0
    paths[0] = path
    left[0], kind[0], feature[0], value[0], gain[0] = -1, LEAF, -1, 0, 0.0
    begin[0], end[0], level[0] = 0, order.shape[0], depth
    n_stack = 1
    n_nodes = 1
    while n_stack > 0:
        n_stack -= 1
        node = stack[n_stack]
        slot = slots[n_stack]
        path = paths[n_stack]
        b, e = begin[node], end[node]
        if not may_split(mode, order, b, e, level[node], limits, numbers, weight):
            n_free = _release(slot, free, n_free)
            continue
        if e - b <= stop_rows:
            kind[node], value[node] = DEFERRED, np.int64(path)
            n_free = _release(slot, free, n_free)
            continue
        if e - b <= sprig_rows:
            n_nodes, masks, n_mask_words = grow_sprig(
                *(node, n_nodes, records, lanes, marks, columns, wide, wide_tables, lists, order),
                *(limits, alpha, own_nodes, masks, n_mask_words, scratch[4], sprig_space),
            )
            n_free = _release(slot, free, n_free)
            continue
        base, n_runs = node_score(mode, order, b, e, target, class_weight, ends, classes)
        if slot == 0:
            if e - b >= SUBTRACT_ROWS and n_free > 0:
                n_free -= 1
                slot = free[n_free]
            if by_class:
                count_node(
                    *(records, n_words, wide, wide_tables, order, b, ends[:n_runs]),
                    *(classes[:n_runs], bytes_, tables[slot]),
                )
            elif n_words > 0:
                count_bits(records, n_words, order, b, e, bytes_, tables[slot, 0])
        offered_lanes = lanes
        if n_offered > 0:
            offer_columns(seed, path, columns[4], n_offered, lowest, is_offered)
            offer_lanes(lanes, columns[0], is_offered, lane_ok)
            offered_lanes = (lanes[0], lanes[1], lane_ok[: lanes[2].shape[0]])
        score, f, split_kind, v, word, bits, goes_left = choose_split(
            mode,
            records,
            offered_lanes,
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
            classes[:n_runs],
            tables[slot],
            is_offered,
            min_leaf,
            target,
            class_weight,
            work,
            scratch,
        )
        if split_kind == LEAF or not score - base > alpha:
            n_free = _release(slot, free, n_free)
            continue
        codes = codes_of(f, word, wide, wide_tables)
        split = (split_kind, v, word, bits)
        n_left = set_sides(records, codes, order, b, e, split, goes_left, side, flags)
        number = np.int64(v)
        if split_kind == SUBSET:
            if word < 0:
                goes_left = with_absent(codes, order, b, e, goes_left, n_left)
            number = np.int64(n_mask_words)
            masks, n_mask_words = put_mask(masks, n_mask_words, columns[2][f], v, word, goes_left)
        partition(order, b, e, flags, moved)
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
        small = n_nodes if 2 * n_left <= e - b else n_nodes + 1
        large = 2 * n_nodes + 1 - small
        n_nodes += 2
        go_on = end[large] - begin[large] > stop_rows
        go_on &= may_split(
            mode, order, begin[large], end[large], level[large], limits, numbers, weight
        )
        if has_lists:
            also = end[small] - begin[small] > stop_rows
            also &= may_split(
                mode, order, begin[small], end[small], level[small], limits, numbers, weight
            )
            if go_on or also:
                for q in range(lists.shape[0]):
                    flags_of(lists[q], b, e, side, flags)
                    if go_on and also:
                        partition(lists[q], b, e, flags, moved)
                    elif go_on == (large < small):
                        keep_left(lists[q], b, e, flags)
                    else:
                        keep_right(lists[q], b, e, flags)
        slot_of_small = 0
        if slot > 0 and go_on and n_free > 0 and end[large] - begin[large] >= SUBTRACT_ROWS:
            n_free -= 1
            slot_of_small = free[n_free]
            n_runs = class_runs(order, begin[small], end[small], ends, classes)
            count_node(
                *(records, n_words, wide, wide_tables, order, begin[small], ends[:n_runs]),
                *(classes[:n_runs], bytes_, tables[slot_of_small]),
            )
            subtract_node(tables[slot], tables[slot_of_small], classes[:n_runs], n_cells)
        else:
            n_free = _release(slot, free, n_free)
            slot = 0
        # The small child comes first, so that what waits has halved with every table kept.
        if n_offered > 0:
            right = np.int64(small > large)
            paths[n_stack] = path_of_child(seed, path, 1 - right)
            paths[n_stack + 1] = path_of_child(seed, path, right)
        stack[n_stack], slots[n_stack] = large, slot
        stack[n_stack + 1], slots[n_stack + 1] = small, slot_of_small
        n_stack += 2
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
    path: Any,
    offer: Any,
    alpha: Any,
) -> Any:
    """Grow a tree on a block; `order` becomes the permutation whose slices are the leaves.

    Parameters
    ----------
    mode, records, lanes, marks, columns, wide, wide_tables, lists, presorted, target
        See `choose.choose_split`; rows are numbered within the block.
    order : array of uint64 entries, shape (n,), changed
        Ascending by (class, row).
    limits : tuple of int
        min_leaf, min_split, max_depth, stop_rows, and 0.
    depth : int
        Depth of the block's root in the whole tree.
    path : uint64
        See `offer.path_of_child`; of the block's root.
    offer : tuple
        How many columns each node is offered, 0 for all, and the stream's seed (uint64).
    alpha : float
        A split must lower the risk by more than this.

    Returns
    -------
    nodes : tuple of arrays, shape (n_nodes,)
        left int32 (-1 in a leaf; right is left + 1), kind int8, feature int32, value int64
        (threshold, place of the subset in `masks`, or path of a deferred node), begin and end
        int64, depth int32, gain float64.
    masks : array of uint32
        Subsets, one bit a code, 1 = goes left.
    """
    n = order.shape[0]
    nodes = make_nodes(2 * (n // limits[0]) + 3)
    n_table = max(records.shape[0], wide.shape[1])
    work, scratch, spare = make_space(
        *(mode, lanes, marks, wide_tables, target[0], n, n_table, len(columns[1]), limits[2])
    )
    n_nodes, masks = grow_nodes(
        *(mode, records, lanes, marks, columns, wide, wide_tables, lists, presorted, order),
        *(target, limits, depth, path, offer, alpha, nodes, work, scratch, spare),
        make_sprig_space(lanes, marks, wide_tables, 0, limits[0]),
    )
    return tuple(array[:n_nodes].copy() for array in nodes), masks
