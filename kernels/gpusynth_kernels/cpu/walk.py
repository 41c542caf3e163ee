"""Send rows down a tree to their leaves, and draw a donor there.

A tree is walked as two 64-bit words a node. The first:

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
_33 = np.uint64(33)
_34 = np.uint64(34)
_35 = np.uint64(35)
_36 = np.uint64(36)
_48 = np.uint64(48)
_12_BITS = np.uint64(0xFFF)
_LEFT = np.uint64(0xFFFFFFFF)


@jit(inline="always")
def _step(
    nodes: Any, bits: Any, subset: Any, words: Any, records: Any, wide: Any, row: Any, at: Any
) -> Any:
    """Return the node after `at`; a leaf returns itself.

    Both kinds of answer are worked out and one is kept, since a branch that depends on the row
    costs more than a load from the cache. Subsets of wide columns are rare and do branch.
    """
    node = nodes[at]
    place = np.int64((node >> _36) & _12_BITS)
    turned = (node >> _33) & _1
    if wide.shape[1] == 0:
        right = np.uint64(records[row, place] & bits[at] != _0) ^ turned
        return np.int64((node & _LEFT) + right)
    by_code = np.int64((node >> _34) & _1)
    if (node >> _35) & _1 != _0:
        code = np.int64(wide[place, row])
        word = words[subset[at] + (code >> 5)]
        return np.int64(node & _LEFT) + 1 - np.int64((word >> np.uint32(code & 31)) & np.uint32(1))
    code = np.uint64(wide[place * by_code, row])
    right = np.uint64(records[row, place * (1 - by_code)] & bits[at] != _0) ^ turned
    right |= np.uint64(code > node >> _48) & np.uint64(by_code)
    return np.int64((node & _LEFT) + right)


@jit
def walk_rows(
    nodes: Any,
    bits: Any,
    subset: Any,
    words: Any,
    records: Any,
    wide: Any,
    first: Any,
    last: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` (int32) to the node where row ``first + i`` ends, for rows up to `last`.

    Parameters
    ----------
    nodes, bits : arrays of uint64, shape (n_nodes,)
    subset : array of int64, shape (n_nodes,)
    words : array of uint32
        `Tree.subset` and `Tree.subset_words`.
    records : array of uint64, shape (n, >= 1)
    wide : array of uint16, shape (>= 1, n), or (1, 0) when the tree asks for no wide column
    """
    row = first
    while row + 8 <= last:
        a = b = c = d = e = f = g = h = np.int64(0)
        while True:
            p = _step(nodes, bits, subset, words, records, wide, row, a)
            q = _step(nodes, bits, subset, words, records, wide, row + 1, b)
            r = _step(nodes, bits, subset, words, records, wide, row + 2, c)
            s = _step(nodes, bits, subset, words, records, wide, row + 3, d)
            t = _step(nodes, bits, subset, words, records, wide, row + 4, e)
            u = _step(nodes, bits, subset, words, records, wide, row + 5, f)
            v = _step(nodes, bits, subset, words, records, wide, row + 6, g)
            w = _step(nodes, bits, subset, words, records, wide, row + 7, h)
            moved = (a ^ p) | (b ^ q) | (c ^ r) | (d ^ s) | (e ^ t) | (f ^ u) | (g ^ v) | (h ^ w)
            a, b, c, d, e, f, g, h = p, q, r, s, t, u, v, w
            if moved == 0:
                break
        at = row - first
        out[at], out[at + 1], out[at + 2], out[at + 3] = a, b, c, d
        out[at + 4], out[at + 5], out[at + 6], out[at + 7] = e, f, g, h
        row += 8
    while row < last:
        a = np.int64(0)
        while True:
            p = _step(nodes, bits, subset, words, records, wide, row, a)
            if p == a:
                break
            a = p
        out[row - first] = a
        row += 1


@jit
def draw_rows(
    leaf_of: Any,
    offsets: Any,
    rows: Any,
    cumulative: Any,
    seed: Any,
    stream: Any,
    first_counter: Any,
    ends: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` to a donor of the leaf at node ``ends[i]``; counter ``first_counter + i``."""
    for i in range(ends.shape[0]):
        leaf = leaf_of[ends[i]]
        bits, _ = philox_pair(seed, stream, first_counter + np.uint64(i))
        out[i] = rows[pick_donor(bits, offsets[leaf], offsets[leaf + 1], cumulative)]
