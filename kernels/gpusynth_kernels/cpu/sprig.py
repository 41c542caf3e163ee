"""Sprigs: grow small nodes of a twig on sets of rows.

A node of at most 64 rows is a word, and what it can be split by are words (`candidates`). A split
is two intersections; no rows are moved until a leaf is found. What a node has lost, its children
lack too: each node looks only at the candidates that its parent could still use.

Sprigs are grown for classes by Gini without weights, all columns offered. The tree is that of
`grow.grow_nodes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.candidates import (
    collect_candidates,
    flag_levels,
    middle_of_codes,
    middle_of_levels,
    subset_of_lane,
    subset_of_levels,
    threshold_of_lane,
)
from gpusynth_kernels.cpu.kinds import LEAF, SUBSET, THRESHOLD
from gpusynth_kernels.cpu.partition import put_mask
from gpusynth_kernels.cpu.rowsets import MOST_ROWS, first_of, keep_sets, size_of
from gpusynth_kernels.cpu.set_scores import best_set, bound_levels, cut_levels, share_of_levels
from gpusynth_kernels.cpu.tables import UNORDERED
from gpusynth_kernels.scalar.principal import principal_order

__all__ = ["grow_sprig"]

_CLASS = np.uint64(0xFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_32 = np.uint64(32)
_PLACE = np.int64(0xFFFFFFFF)


@jit
def _classes_of(order: Any, begin: Any, end: Any, entries: Any, members: Any) -> Any:
    """Copy a node's entries and set its rows of each class; return how many classes it has."""
    here = order[begin:end]
    previous = here[0] >> _32
    n_classes = 0
    so_far = _0
    for i in range(here.shape[0]):
        entries[i] = here[i]
        own = here[i] >> _32
        members[n_classes] = so_far
        n_classes += own != previous
        so_far = _1 << np.uint64(i) if own != previous else so_far | _1 << np.uint64(i)
        previous = own
    members[n_classes] = so_far
    return n_classes + 1


@jit(inline="always")
def _present(members: Any, n_classes: Any, rows: Any, own: Any, totals: Any) -> Any:
    """Set the rows of each class that a node has; return these classes' number, and its score."""
    present = 0
    squares = np.int64(0)
    for k in range(n_classes):
        here = members[k] & rows
        size: Any = size_of(here)
        own[present] = here
        totals[present] = size
        squares += size * size
        present += size > 0
    return present, np.float64(squares) / np.float64(size_of(rows))


@jit(inline="always")
def _promising(names: Any, begin: Any, end: Any, best: Any, work: Any) -> Any:
    """List the columns whose bound reaches `best`; return how many, and the most promising one."""
    bounds, ranges, most = work
    n = 0
    top = 0
    i = begin
    while i < end:
        feature = names[i] >> _32
        first = i
        bound = 0.0
        while i < end and names[i] >> _32 == feature:
            bound += bounds[i - begin]
            i += 1
        ranges[0, n], ranges[1, n] = first, i
        most[n] = bound * (1.0 + 1e-9)
        if most[n] > most[top]:
            top = n
        n += most[n] >= best
    return n, top


@jit(inline="always")
def _order_levels(
    levels: Any, begin: Any, end: Any, members: Any, n_classes: Any, least: Any, work: Any
) -> Any:
    """Set the keys that put a column's levels in order (`cuts`); False if no cut can do `least`."""
    by_class, codes, proportions, covariance, direction, following, keys = work
    if n_classes == 2:
        share_of_levels(levels, begin, end, members[1], keys)
        return True
    m = end - begin
    for s in range(m):
        for k in range(n_classes):
            by_class[k, s] = size_of(levels[begin + s] & members[k])
    return principal_order(
        *(by_class, 0, codes, m, n_classes, proportions, covariance, direction, following, keys),
        least,
    )


@jit(inline="always")
def _choose(
    space: Any, lane_range: Any, level_range: Any, rows: Any, n_classes: Any, base: Any, least: Any
) -> Any:
    """Return score, name and right side of a node's best split; the name is -1 for none."""
    lane_sets, lane_names, level_sets, level_names = space[:4]
    _, members, totals = space[5]
    n: Any = size_of(rows)
    begin, end = lane_range
    best, at = best_set(
        *(lane_sets, lane_names, begin, end, members, totals, n_classes, n, least, base, -1)
    )
    name, right = np.int64(-1), _0
    if at >= 0:
        name, right = lane_names[at], lane_sets[at]
    first, last = level_range
    if first == last:
        return best, name, right
    _, ranges, most = space[7]
    bound_levels(level_sets, first, last, members, n_classes, space[7][0])
    n_columns, top = _promising(level_names, first, last, best, space[7])
    # The most promising column goes first: its score lets others be passed over.
    for step in range(-1 if n_columns > 0 else 0, n_columns):
        q = top if step < 0 else step
        if step == top or most[q] < best:
            continue
        first, last = ranges[0, q], ranges[1, q]
        if not _order_levels(level_sets, first, last, members, n_classes, best, space[8]):
            continue
        column = level_names[first] & ~_PLACE
        stop = cut_levels(
            *(level_sets, first, last, space[8][6], rows, column, lane_sets, lane_names, end),
        )
        best, at = best_set(
            *(lane_sets, lane_names, end, stop, members, totals, n_classes, n, least, best, name)
        )
        if at >= 0:
            name, right = lane_names[at], lane_sets[at]
    return best, name, right


@jit(inline="always")
def _describe(
    name: Any,
    rows: Any,
    right: Any,
    marks: Any,
    columns: Any,
    wide: Any,
    wide_tables: Any,
    lane_sets: Any,
    level_sets: Any,
    entries: Any,
    no_flags: Any,
) -> Any:
    """Return kind and value of a split, its subset as bits, and as flags if it has more than 64."""
    feature, place = name >> 32, name & _PLACE
    n_codes = columns[2][feature]
    if columns[1][feature] >= 0:
        first = (place & ~63) + (columns[1][feature] & 63)
        if columns[3][feature]:
            value = threshold_of_lane(lane_sets, first, place, n_codes, rows)
            return THRESHOLD, np.uint64(value), no_flags
        return SUBSET, subset_of_lane(lane_sets, first, place, n_codes, rows), no_flags
    for q in range(marks[1].shape[0]):
        if marks[1][q] == feature:
            levels = level_sets[marks[2][q] : marks[2][q] + n_codes]
            if marks[4][q]:
                value = middle_of_levels(levels, place, right)
                return THRESHOLD, np.uint64(value), no_flags
            return SUBSET, subset_of_levels(levels, rows, right), no_flags
    q = 0
    while wide_tables[0][q] != feature:
        q += 1
    codes = wide[wide_tables[3][q]]
    if wide_tables[2][q] == UNORDERED:
        return SUBSET, _0, flag_levels(codes, n_codes, entries, rows, right)
    return THRESHOLD, np.uint64(middle_of_codes(codes, place, entries, right)), no_flags


@jit
def _put_leaf(entries: Any, rows: Any, order: Any, at: Any) -> None:
    """Put a leaf's rows in their place."""
    while rows != _0:
        order[at] = entries[first_of(rows)]
        at += 1
        rows &= rows - _1


@jit
def grow_sprig(
    root: Any,
    n_nodes: Any,
    records: Any,
    lanes: Any,
    marks: Any,
    columns: Any,
    wide: Any,
    wide_tables: Any,
    lists: Any,
    order: Any,
    limits: Any,
    alpha: Any,
    nodes: Any,
    masks: Any,
    n_mask_words: Any,
    no_flags: Any,
    space: Any,
) -> Any:
    """Grow a node of at most `MOST_ROWS` rows, and at least twice `min_leaf`, to its leaves.

    Parameters
    ----------
    root, n_nodes : int
        The node, and how many nodes there are.
    records, lanes, marks, columns, wide, wide_tables, lists, order
        See `choose.choose_split`; lists presorted.
    limits, alpha
        See `grow.grow_block`.
    nodes : tuple of arrays
        As `grow.grow_block` returns; changed, as is the root's slice of `order`.
    masks : array of uint32
    n_mask_words : int
        See `partition.put_mask`.
    no_flags : array of uint8, shape (0,)
    space : tuple
        From `sprig_space.make_sprig_space`; its candidates named by `candidates.name_candidates`.

    Returns
    -------
    n_nodes, masks, n_mask_words
    """
    left, kind, feature, value, begin, end, level, gain = nodes
    lane_sets, lane_names, level_sets, level_names = space[:4]
    spare, places, slot, entries = space[4]
    members, own_members, totals = space[5]
    stack, stack_rows = space[6]
    min_leaf, min_split, max_depth = limits[:3]
    fewest = max(min_split, 2 * min_leaf)
    entries = entries[: end[root] - begin[root]]
    n_classes = _classes_of(order, begin[root], end[root], entries, members)
    n_lanes, n_levels = collect_candidates(
        records,
        lanes,
        marks,
        wide,
        wide_tables,
        lists,
        order,
        begin[root],
        end[root],
        min_leaf,
        lane_sets,
        lane_names,
        level_sets,
        level_names,
        spare,
        places,
        slot,
    )
    stack[0, 0], stack[1, 0], stack[2, 0], stack[3, 0], stack[4, 0] = root, 0, n_lanes, 0, n_levels
    stack_rows[0] = ~_0 >> np.uint64(MOST_ROWS - entries.shape[0])
    n_stack = 1
    while n_stack > 0:
        n_stack -= 1
        node, rows = stack[0, n_stack], stack_rows[n_stack]
        first, last = stack[1, n_stack], stack[2, n_stack]
        first_level, last_level = stack[3, n_stack], stack[4, n_stack]
        n: Any = size_of(rows)
        present, base = _present(members, n_classes, rows, own_members, totals)
        best, name, right = base, np.int64(-1), _0
        if present > 1 and n >= fewest and level[node] < max_depth:
            lane_end = keep_sets(
                lane_sets, lane_names, first, last, rows, min_leaf, n - min_leaf, True
            )
            level_end = keep_sets(
                level_sets, level_names, first_level, last_level, rows, 1, n - 1, False
            )
            best, name, right = _choose(
                space, (last, lane_end), (last_level, level_end), rows, present, base, min_leaf
            )
        if name < 0 or not best - base > alpha:
            _put_leaf(entries, rows, order, begin[node])
            continue
        split_kind, number, flags = _describe(
            name,
            rows,
            right,
            marks,
            columns,
            wide,
            wide_tables,
            lane_sets,
            level_sets,
            entries,
            no_flags,
        )
        left[node], kind[node], feature[node] = n_nodes, split_kind, name >> 32
        value[node], gain[node] = np.int64(number), best - base
        if split_kind == SUBSET:
            value[node] = n_mask_words
            word = 0 if flags.shape[0] == 0 else -1
            masks, n_mask_words = put_mask(
                masks, n_mask_words, columns[2][name >> 32], number, word, flags
            )
        n_left = n - size_of(right)
        for at in range(n_nodes, n_nodes + 2):
            left[at], kind[at], feature[at], value[at], gain[at] = -1, LEAF, -1, 0, 0.0
            level[at] = level[node] + 1
        begin[n_nodes], end[n_nodes] = begin[node], begin[node] + n_left
        begin[n_nodes + 1], end[n_nodes + 1] = begin[node] + n_left, end[node]
        small_left = 2 * n_left <= n
        for at in range(2):
            is_left = (at == 1) == small_left
            child = n_stack + at
            stack[0, child] = n_nodes if is_left else n_nodes + 1
            stack[1, child], stack[2, child] = last, lane_end
            stack[3, child], stack[4, child] = last_level, level_end
            stack_rows[child] = rows & ~right if is_left else right
        n_stack += 2
        n_nodes += 2
    return n_nodes, masks, n_mask_words
