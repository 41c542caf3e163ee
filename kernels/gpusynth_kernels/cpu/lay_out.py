"""Lay a tree out for walks, and plan where they look which rows have arrived.

Two words a node, of both children of a parent side by side (`lay_out_tree`):

    left meta, right meta, left mask, right mask

    meta, bits 0-31   slot of the left child's meta, the right one lies next to it; in a leaf, own
          bits 32-47  limit
          bits 48-63  place of the word or code that is asked for, times the rows of a block

The mask lies two words behind its meta. A row goes right when its word at that place, masked, is
above the limit. So one test serves all nodes: lanes and marks have a limit of 0, and wide columns a
mask of 16 bits. A leaf asks for a place of zeros behind all others, so that rows stay whatever its
mask is: the number of the leaf. Where the answer of a lane is to be turned around, the children
change places. Only subsets of wide columns are looked up (limit 65,535; the mask is the place of
the subset). The first two slots are those of the root (slot 1) and of no node (slot 0).

Pairs lie in the order of a walk that goes where most real rows went: often the next step's pair is
in the same line of the cache or the next one, and a subtree lies together. Trees that are larger
than a near cache are walked in three quarters of the time that the order by depth takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.lanes import lane_bit

__all__ = ["LANES", "MARKS", "MOST_STAGES", "WIDE", "lay_out_tree"]

LANES, MARKS, WIDE = 0, 1, 2
"""How `lay_out_tree` finds the answer of a column: by lane, by mark, or by code."""

MOST_STAGES = 64
"""Most stages of a plan, and the depth from which on it takes no account of nodes."""

# What walking costs, in hundredths of a nanosecond: measured on one machine, and speed only.
_STEP_TOGETHER, _STEP_OF_LIST = 36, 42
_LOOK = 60
_STAGE = 2

_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_32 = np.uint64(32)
_48 = np.uint64(48)
_BY_SUBSET = np.uint64(0xFFFF)


@jit
def _goes_left(threshold: Any, subset: Any, words: Any, code: Any) -> Any:
    if subset < 0:
        return code <= threshold
    return (words[subset + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1) != 0


@jit
def _lanes_of(bits: Any) -> Any:
    """Return the word whose lane j is bit j of `bits`: an 8 x 8 transposition, as `lane_bit` says.

    Source: Warren (2012), Hacker's Delight, section 7-3.
    """
    swap = (bits ^ (bits >> np.uint64(7))) & np.uint64(0x00AA00AA00AA00AA)
    bits ^= swap ^ (swap << np.uint64(7))
    swap = (bits ^ (bits >> np.uint64(14))) & np.uint64(0x0000CCCC0000CCCC)
    bits ^= swap ^ (swap << np.uint64(14))
    swap = (bits ^ (bits >> np.uint64(28))) & np.uint64(0x00000000F0F0F0F0)
    return bits ^ swap ^ (swap << np.uint64(28))


@jit
def _answer(column: Any, threshold: Any, subset: Any, words: Any) -> Any:
    """Return mask, limit and whether the answer is turned around, of one node.

    The lanes of a narrow unordered column are the sets without code 0; a set that holds it is
    asked for by its complement.
    """
    sort, first, n_codes, _ = column
    if sort == WIDE:
        if subset >= 0:
            return np.uint64(subset), _BY_SUBSET, False
        return np.uint64(0xFFFF), np.uint64(threshold), False
    if sort == MARKS:
        every = ~_0 >> np.uint64(64 - n_codes)
        left = (_2 << np.uint64(threshold)) - _1
        if subset >= 0:
            left = np.uint64(words[subset])
            if n_codes > 32:
                left |= np.uint64(words[subset + 1]) << _32
        return _lanes_of((every & ~left) << np.uint64(first & 63)), _0, False
    if subset < 0:
        return _1 << lane_bit((first + np.int64(threshold)) & 63), _0, False
    turned = not _goes_left(threshold, subset, words, 0)
    lane = -1
    for code in range(1, n_codes):
        if _goes_left(threshold, subset, words, code) == turned:
            lane += 1 << (code - 1)
    return _1 << lane_bit((first + lane) & 63), _0, turned


@jit
def _plan_stages(left: Any, n_rows: Any, stages: Any) -> Any:
    """Set the steps of each stage of a walk so that it costs least; return the number of stages.

    A stage takes some steps without looking, also with rows that have arrived; then rows that have
    not are put in a list for the next one. Steps of the first stage cost least, as its rows lie
    side by side. Where real rows are in the tree is where others are expected.
    """
    n = left.shape[0]
    depth = np.zeros(n, np.int32)
    reached = np.zeros(MOST_STAGES + 1, np.int64)
    last = 0
    for i in range(n):
        if depth[i] < MOST_STAGES and n_rows[i] > 0:
            reached[depth[i]] += n_rows[i]
            last = max(last, depth[i])
        if left[i] >= 0:
            depth[left[i]] = depth[left[i] + 1] = depth[i] + 1
    cost = np.zeros(last + 2, np.int64)
    best = np.ones(last + 2, np.int64)
    for s in range(last, -1, -1):
        step = _STEP_OF_LIST if s > 0 else _STEP_TOGETHER
        cost[s] = np.int64(1) << 62
        for k in range(1, last + 2 - s):
            own = reached[s] * (k * step + _LOOK) + reached[0] * _STAGE + cost[s + k]
            if own < cost[s]:
                cost[s], best[s] = own, k
    s = n_stages = 0
    while s <= last:
        stages[n_stages] = best[s]
        s += best[s]
        n_stages += 1
    return n_stages


@jit
def _count_inner(left: Any) -> Any:
    """Return how many nodes of each subtree ask something: as many pairs of children it has."""
    n_inner = np.zeros(left.shape[0], np.int32)
    for i in range(left.shape[0] - 1, -1, -1):
        if left[i] >= 0:
            n_inner[i] = n_inner[left[i]] + n_inner[left[i] + 1] + 1
    return n_inner


@jit
def lay_out_tree(
    feature: Any,
    threshold: Any,
    subset: Any,
    words: Any,
    left: Any,
    leaf: Any,
    n_rows: Any,
    columns: Any,
    n_places: Any,
    n_together: Any,
    nodes: Any,
    stages: Any,
) -> Any:
    """Set the two words of each node, and the steps of each stage of a walk.

    Parameters
    ----------
    feature, threshold, subset, words, left, leaf, n_rows
        The arrays of a `Tree`, and `words` its `subset_words`.
    columns : array of int64, shape (n_predictors, 4)
        `LANES`, `MARKS` or `WIDE`; first lane or mark; number of codes; place.
    n_places : int
        Places that nodes ask for; the place of zeros is the next.
    n_together : int
        Rows of a block; `n_places` times it is below 65,536.
    nodes : array of uint64, shape (4 * (n_nodes // 2 + 1),), changed
    stages : array of int64, shape (MOST_STAGES,), changed
        Steps after which rows that have arrived leave, then steps of the others, and so on.

    Returns
    -------
    asks_subset : bool
        Whether any node asks for a subset of a wide column.
    n_stages : int
        At least one.
    """
    asks_subset = False
    n_inner = _count_inner(left)
    at = np.empty(feature.shape[0], np.uint32)  # slots; of the root, and then of children
    pair = np.empty(feature.shape[0], np.int32)  # of the children: nodes come before theirs
    at[0], pair[0] = 1, 1
    nodes[:4] = _0
    for i in range(feature.shape[0]):
        mask, limit, turned = np.uint64(leaf[i]), _0, False
        place, child = n_places, np.uint64(at[i])
        if feature[i] >= 0:
            column = columns[feature[i]]
            four = column[0], column[1], column[2], column[3]
            mask, limit, turned = _answer(four, threshold[i], subset[i], words)
            asks_subset |= limit == _BY_SUBSET
            place, child = four[3], np.uint64(pair[i]) << _2
            one = left[i] + np.int64(turned)
            other = 2 * left[i] + 1 - one
            at[one], at[other] = child, child + _1
            heavy = left[i] + np.int64(n_rows[left[i]] < n_rows[left[i] + 1])
            light = 2 * left[i] + 1 - heavy
            pair[heavy], pair[light] = pair[i] + 1, pair[i] + 1 + n_inner[heavy]
        slot = np.uint64(at[i])
        nodes[slot] = np.uint64(place * n_together) << _48 | limit << _32 | child
        nodes[slot + _2] = mask
    return asks_subset, _plan_stages(left, n_rows, stages)
