"""Send rows down a tree to their leaves, and draw a donor there.

A tree is walked as one 64-bit word a node:

    bits 0-31   left child (right is left + 1); in a leaf, the leaf's own number among the nodes
    bit  32     1 when the node asks for a bit of the record (always answered 0 in a leaf)
    bit  33     1 when the answer is turned around
    bits 34-35  0 record bit or leaf, 1 threshold of a wide column, 2 subset of a wide column
    bits 36-47  word of the record, or row among the wide columns
    bits 48-63  bit number, or threshold

Rows go in blocks, one level at a time, so that the loads of many rows overlap; rows that have
arrived leave the block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.philox import philox_pair
from gpusynth_kernels.scalar.pick import pick_donor

__all__ = ["BLOCK_ROWS", "draw_rows", "walk_rows"]

BLOCK_ROWS = 256

_1 = np.uint64(1)
_3 = np.uint64(3)
_32 = np.uint64(32)
_33 = np.uint64(33)
_34 = np.uint64(34)
_36 = np.uint64(36)
_48 = np.uint64(48)
_12_BITS = np.uint64(0xFFF)
_LEFT = np.uint64(0xFFFFFFFF)


@jit(inline="always")
def _answer(
    node: Any, index: Any, row: Any, records: Any, wide: Any, subset: Any, subset_words: Any
) -> Any:
    """Return 1 when the row goes right at this node (0 in a leaf)."""
    kind = (node >> _34) & _3
    place = np.int64((node >> _36) & _12_BITS)
    argument = node >> _48
    if kind == 0:
        if (node >> _32) & _1 == 0:
            return np.int64(0)
        return np.int64(((records[row, place] >> argument) & _1) ^ ((node >> _33) & _1))
    code = wide[place, row]
    if kind == 1:
        return np.int64(np.uint64(code) > argument)
    word = subset_words[subset[index] + (code >> 5)]
    return np.int64(1 - ((word >> np.uint32(code & 31)) & np.uint32(1)))


@jit
def walk_rows(
    nodes: Any,
    subset: Any,
    subset_words: Any,
    records: Any,
    wide: Any,
    first: Any,
    last: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` (int32) to the node where row ``first + i`` ends, for rows up to `last`."""
    active = np.empty(BLOCK_ROWS, np.int32)
    for start in range(first, last, BLOCK_ROWS):
        n_active = min(BLOCK_ROWS, last - start)
        for r in range(n_active):
            active[r] = r
            out[start - first + r] = 0
        while n_active > 0:
            going = 0
            for a in range(n_active):
                r = active[a]
                index = out[start - first + r]
                node = nodes[index]
                right = _answer(node, index, start + r, records, wide, subset, subset_words)
                following = np.int64(node & _LEFT) + right
                out[start - first + r] = following
                active[going] = r
                going += np.int64(following != index)
            n_active = going


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
