"""Send rows down a tree to their leaves, and draw a donor there.

A tree is walked as two 64-bit words a node, side by side. The first:

    bits 0-31   left child (right is left + 1); in a leaf, the leaf's own number among the nodes
    bit  33     1 when the answer of the record is turned around
    bits 34-35  0 the record answers (always 0 in a leaf), 1 threshold of a wide column,
                2 subset of a wide column
    bits 36-47  word of the record, or row among the wide columns
    bits 48-63  threshold

The second: a row goes right when its record has one of these bits in that word.

Eight rows walk side by side, so that the loads of one overlap with those of the others; a row that
has arrived stays where it is until all eight have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.philox import philox_pair
from gpusynth_kernels.scalar.pick import pick_donor

__all__ = ["draw_rows", "walk_rows"]

_0 = np.uint64(0)
_1 = np.uint64(1)
_8 = np.uint64(8)
_33 = np.uint64(33)
_34 = np.uint64(34)
_35 = np.uint64(35)
_36 = np.uint64(36)
_48 = np.uint64(48)
_12_BITS = np.uint64(0xFFF)
_LEFT = np.uint64(0xFFFFFFFF)
_BLOCK = 256


@jit(inline="always")
def _step(nodes: Any, subset: Any, words: Any, records: Any, wide: Any, row: Any, at: Any) -> Any:
    """Return the node after `at`; a leaf returns itself.

    Both kinds of answer are worked out and one is kept, since a branch that depends on the row
    costs more than a load from the cache. Subsets of wide columns are rare and do branch.
    """
    node = nodes[at, _0]
    place = (node >> _36) & _12_BITS
    turned = (node >> _33) & _1
    if wide.shape[1] == 0:
        right = np.uint64(records[row, place] & nodes[at, _1] != _0) ^ turned
        return (node & _LEFT) + right
    by_code = (node >> _34) & _1
    if (node >> _35) & _1 != _0:
        code = np.int64(wide[place, row])
        word = words[subset[at] + (code >> 5)]
        left = np.uint64((word >> np.uint32(code & 31)) & np.uint32(1))
        return (node & _LEFT) + _1 - left
    code = np.uint64(wide[place * by_code, row])
    right = np.uint64(records[row, place * (_1 - by_code)] & nodes[at, _1] != _0) ^ turned
    right |= np.uint64(code > node >> _48) & by_code
    return (node & _LEFT) + right


@jit(inline="always")
def _row_at(positions: Any, at: Any) -> Any:
    return np.uint64(positions[at]) if positions.shape[0] > 0 else at


@jit
def walk_rows(
    nodes: Any,
    subset: Any,
    words: Any,
    records: Any,
    wide: Any,
    positions: Any,
    first: Any,
    last: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` (int32) to the node where row ``first + i`` ends, for rows up to `last`.

    With `positions`, rows are ``positions[first] ... positions[last - 1]``.

    Parameters
    ----------
    nodes : array of uint64, shape (n_nodes, 2)
    subset : array of int64, shape (n_nodes,)
    words : array of uint32
        `Tree.subset` and `Tree.subset_words`.
    records : array of uint64, shape (n, >= 1)
    wide : array of uint16, shape (>= 1, n), or (1, 0) when the tree asks for no wide column
    positions : array of int64, shape (n_chosen,) or (0,)
    """
    row = np.uint64(first)
    start = np.uint64(first)
    stop = np.uint64(last)
    while row + _8 <= stop:
        a = b = c = d = e = f = g = h = _0
        row_a, row_b = _row_at(positions, row), _row_at(positions, row + np.uint64(1))
        row_c = _row_at(positions, row + np.uint64(2))
        row_d = _row_at(positions, row + np.uint64(3))
        row_e = _row_at(positions, row + np.uint64(4))
        row_f = _row_at(positions, row + np.uint64(5))
        row_g = _row_at(positions, row + np.uint64(6))
        row_h = _row_at(positions, row + np.uint64(7))
        while True:
            p = _step(nodes, subset, words, records, wide, row_a, a)
            q = _step(nodes, subset, words, records, wide, row_b, b)
            r = _step(nodes, subset, words, records, wide, row_c, c)
            s = _step(nodes, subset, words, records, wide, row_d, d)
            t = _step(nodes, subset, words, records, wide, row_e, e)
            u = _step(nodes, subset, words, records, wide, row_f, f)
            v = _step(nodes, subset, words, records, wide, row_g, g)
            w = _step(nodes, subset, words, records, wide, row_h, h)
            moved = (a ^ p) | (b ^ q) | (c ^ r) | (d ^ s) | (e ^ t) | (f ^ u) | (g ^ v) | (h ^ w)
            a, b, c, d, e, f, g, h = p, q, r, s, t, u, v, w
            if moved == _0:
                break
        at = np.int64(row - start)
        out[at], out[at + 1], out[at + 2], out[at + 3] = a, b, c, d
        out[at + 4], out[at + 5], out[at + 6], out[at + 7] = e, f, g, h
        row += _8
    while row < stop:
        a = _0
        row_a = _row_at(positions, row)
        while True:
            p = _step(nodes, subset, words, records, wide, row_a, a)
            if p == a:
                break
            a = p
        out[row - start] = a
        row += _1


@jit
def draw_rows(
    spans: Any,
    rows: Any,
    cumulative: Any,
    seed: Any,
    stream: Any,
    first_counter: Any,
    positions: Any,
    first: Any,
    ends: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` to a donor of the leaf at node ``ends[i]``.

    Its counter is ``first_counter`` plus the row that `walk_rows` sent to ``ends[i]``. Rows are
    taken in blocks: random numbers in vector instructions, then places, then donors, so that the
    loads of many rows overlap.

    Parameters
    ----------
    spans : array of int64, shape (n_nodes, 2)
        Where the donors of a node that is a leaf begin and end in `rows`.
    rows : array of int32 or int64
    cumulative : array of int64
        See `scalar.pick.pick_donor`.
    seed, stream, first_counter : uint64
    positions, first
        As in `walk_rows`.
    ends : array of int32, shape (n,)
    out : array of the dtype of `rows`, shape (n,), changed
    """
    bits = np.empty(_BLOCK, np.uint64)
    places = np.empty(_BLOCK, np.uint64)
    n = ends.shape[0]
    for begin in range(0, n, _BLOCK):
        size = min(_BLOCK, n - begin)
        start = np.uint64(first + begin)
        nodes, drawn = ends[begin : begin + size], out[begin : begin + size]
        if positions.shape[0] > 0:
            chosen = positions[first + begin : first + begin + size]
            for i in range(size):
                bits[i], _ = philox_pair(seed, stream, first_counter + np.uint64(chosen[i]))
        else:
            for i in range(size):
                bits[i], _ = philox_pair(seed, stream, first_counter + start + np.uint64(i))
        for i in range(size):
            span = spans[np.uint64(nodes[i])]
            places[i] = np.uint64(pick_donor(bits[i], span[0], span[1], cumulative))
        for i in range(size):
            drawn[i] = rows[places[i]]
