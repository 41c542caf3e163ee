"""From grown nodes to a canonical tree: order of rows, joining, pruning, numbering."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.kinds import NUMBERS, SUBSET
from gpusynth_kernels.cpu.node import sum_of_squares

__all__ = [
    "class_entries",
    "collapse_to_leaves",
    "join_twigs",
    "number_breadth_first",
    "prune_by_complexity",
    "rpart_risks",
]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_1 = np.uint64(1)
_32 = np.uint64(32)


@jit
def class_entries(codes: Any, rows: Any, n_classes: Any, out: Any) -> None:
    """Write the entries of `rows` ascending by (class, row): a counting sort.

    Parameters
    ----------
    codes : array of uint8 or uint16
        Class by row.
    rows : array of int64, ascending
        As many as `out` holds; none for all rows from 0 on.
    n_classes : int
    out : array of uint64 entries, changed
    """
    all_rows = rows.shape[0] < out.shape[0]
    offsets = np.zeros(n_classes + 1, np.int64)
    for i in range(out.shape[0]):
        row = np.uint64(i) if all_rows else np.uint64(rows[i])
        offsets[np.uint64(codes[row]) + _1] += 1
    for k in range(1, n_classes):
        offsets[k] += offsets[k - 1]
    for i in range(out.shape[0]):
        row = np.uint64(i) if all_rows else np.uint64(rows[i])
        k = np.uint64(codes[row])
        out[offsets[k]] = (k << _32) | row
        offsets[k] += 1


@jit
def join_twigs(
    all_nodes: Any, places: Any, first: Any, twigs: Any, sizes: Any, first_word: Any
) -> None:
    """Put twigs in the places of nodes; their other nodes are numbered from `first` on.

    Parameters
    ----------
    all_nodes : tuple of arrays
        As `grow.grow_block` returns, long enough; changed.
    places : array of int, shape (n_twigs,)
        The nodes that the twigs replace.
    first : int
    twigs, sizes
        From `twig.grow_twigs`.
    first_word : int
        Where the twigs' subsets begin among all.
    """
    left, kind, feature, value, begin, end, level, gain = all_nodes
    t_left, t_kind, t_feature, t_value, t_begin, t_end, t_level, t_gain = twigs
    t = 0
    for p in range(places.shape[0]):
        start = begin[places[p]]
        for i in range(sizes[p]):
            at = places[p] if i == 0 else first + i - 1
            left[at] = -1 if t_left[t] < 0 else first + t_left[t] - 1
            kind[at] = t_kind[t]
            feature[at] = t_feature[t]
            value[at] = t_value[t] + (first_word if t_kind[t] == SUBSET else 0)
            begin[at] = start + t_begin[t]
            end[at] = start + t_end[t]
            level[at] = t_level[t]
            gain[at] = t_gain[t]
            t += 1
        first += sizes[p] - 1


@jit
def rpart_risks(
    mode: Any, order: Any, begin: Any, end: Any, n_classes: Any, numbers: Any, weight: Any
) -> Any:
    """Return each node's risk as rpart has it: misclassified weight, or the sum of squares."""
    risks = np.zeros(begin.shape[0], np.float64)
    of_class = np.zeros(max(n_classes, 1), np.int64)
    for node in range(begin.shape[0]):
        b, e = begin[node], end[node]
        if mode == NUMBERS:
            risks[node] = sum_of_squares(order, b, e, numbers, weight)
            continue
        total = np.int64(0)
        top = np.int64(0)
        for i in range(b, e):
            k = np.int64((order[i] >> _32) & _CLASS)
            w = weight[np.int64(order[i] & _ROW)] if weight.shape[0] > 0 else np.int64(1)
            of_class[k] += w
            total += w
            top = max(top, of_class[k])
        risks[node] = np.float64(total - top)
        for i in range(b, e):
            of_class[np.int64((order[i] >> _32) & _CLASS)] = 0
    return risks


@jit
def prune_by_complexity(left: Any, risks: Any, alpha: Any) -> None:
    """Undo splits bottom-up as rpart's ``partition.c`` does; ``left`` becomes -1 there.

    A split's complexity is ``(R(t) - sum R(leaves)) / (number of splits)``, where a child whose
    own complexity is lower is taken as collapsed first; a split of complexity at most `alpha`
    ("all was in vain") is undone. Children stand after their parents.
    """
    n = left.shape[0]
    complexity = np.full(n, alpha)
    below = risks.copy()
    splits = np.zeros(n, np.int64)
    for node in range(n - 1, -1, -1):
        a = left[node]
        if a < 0:
            continue
        b = a + 1
        risk_a, risk_b = below[a], below[b]
        splits_a, splits_b = splits[a], splits[b]
        own = (risks[node] - (risk_a + risk_b)) / (splits_a + splits_b + 1)
        first, second = (a, b) if complexity[b] > complexity[a] else (b, a)
        if own > complexity[first]:
            if first == a:
                risk_a, splits_a = risks[a], 0
            else:
                risk_b, splits_b = risks[b], 0
            own = (risks[node] - (risk_a + risk_b)) / (splits_a + splits_b + 1)
            if own > complexity[second]:
                if second == a:
                    risk_a, splits_a = risks[a], 0
                else:
                    risk_b, splits_b = risks[b], 0
        complexity[node] = (risks[node] - (risk_a + risk_b)) / (splits_a + splits_b + 1)
        if complexity[node] <= alpha:
            left[node] = -1
            complexity[node] = alpha
            below[node] = risks[node]
            splits[node] = 0
        else:
            below[node] = risk_a + risk_b
            splits[node] = splits_a + splits_b + 1


@jit
def collapse_to_leaves(left: Any, gain: Any, max_leaves: Any) -> None:
    """Undo the splits of least gain, from the leaves up, until at most `max_leaves` are left.

    Among equal gains the node with the highest number goes first (nodes breadth first).
    """
    n = left.shape[0]
    parent = np.full(n, -1, np.int64)
    inner_children = np.zeros(n, np.int64)
    n_leaves = 1
    for node in range(n):
        if left[node] >= 0:
            n_leaves += 1
            for child in range(left[node], left[node] + 2):
                parent[child] = node
                if left[child] >= 0:
                    inner_children[node] += 1
    heap = [(0.0, np.int64(0))]
    heap.pop()
    for node in range(n):
        if left[node] >= 0 and inner_children[node] == 0:
            heapq.heappush(heap, (gain[node], np.int64(-node)))
    while n_leaves > max_leaves and len(heap) > 0:
        node = -heapq.heappop(heap)[1]
        left[node] = -1
        n_leaves -= 1
        above = parent[node]
        if above >= 0:
            inner_children[above] -= 1
            if inner_children[above] == 0:
                heapq.heappush(heap, (gain[above], -above))


@jit
def number_breadth_first(left: Any) -> Any:
    """Return the nodes that the root still reaches, breadth first, and their new left children."""
    n = left.shape[0]
    nodes = np.empty(n, np.int64)
    new_left = np.full(n, -1, np.int32)
    nodes[0] = 0
    count = 1
    at = 0
    while at < count:
        child = left[nodes[at]]
        if child >= 0:
            new_left[at] = count
            nodes[count] = child
            nodes[count + 1] = child + 1
            count += 2
        at += 1
    return nodes[:count].copy(), new_left[:count].copy()
