"""Send rows down a tree to their leaves, and draw a donor there.

A tree is walked as two 64-bit words a node, side by side (`lay_out_tree`). The first:

    bits 0-31   first word of the left child (the right one lies next to it); in a leaf, of the leaf
    bits 32-47  place of the word or code that is asked for
    bits 48-63  limit

The second is a mask: a row goes right when its word at that place, masked, is above the limit. So
one test serves all nodes: lanes and marks have a limit of 0, wide columns a mask of 16 bits, and
leaves a mask of 0. Where the answer of a lane is to be turned around, the children change places.
Only subsets of wide columns are looked up (limit 65,535; the mask is the place of the subset).

A block of rows is first copied, only the words and codes that the tree asks for, so that it lies in
the processor's nearest cache. Then eight rows walk side by side, so that the loads of one overlap
with those of the others: as many steps as a row needs on average, where a row that has arrived
stays. The way is half as long again for the last of eight rows. So those that are still under way
are put in a list, which is gone through step by step and grows shorter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.bare import bare
from gpusynth_kernels.cpu.lanes import lane_bit
from gpusynth_kernels.scalar.philox import philox_pair
from gpusynth_kernels.scalar.pick import pick_donor

__all__ = ["LANES", "MARKS", "WIDE", "draw_rows", "lay_out_tree", "walk_rows"]

LANES, MARKS, WIDE = 0, 1, 2
"""How `lay_out_tree` finds the answer of a column: by lane, by mark, or by code."""

_0 = np.uint64(0)
_1 = np.uint64(1)
_8 = np.uint64(8)
_24 = np.uint64(24)
_32 = np.uint64(32)
_48 = np.uint64(48)
_BY_SUBSET = np.uint64(0xFFFF)
_CHILD = np.uint64(0xFFFFFFFF)
_PLACE = np.uint64(0xFFFF00)  # place times _BLOCK, in the first word moved by 24 bits
_BLOCK = 256


@jit
def _goes_left(threshold: Any, subset: Any, words: Any, code: Any) -> Any:
    if subset < 0:
        return code <= threshold
    return (words[subset + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1) != 0


@jit
def _answer(column: Any, threshold: Any, subset: Any, words: Any) -> Any:
    """Return mask, limit and whether the answer is turned around, of one node.

    The lanes of a narrow unordered column are the sets without code 0; a set that holds it is
    asked for by its complement.
    """
    sort, first, n_codes, _ = column
    mask = _0
    if sort == WIDE:
        if subset >= 0:
            return np.uint64(subset), _BY_SUBSET, False
        return np.uint64(0xFFFF), np.uint64(threshold), False
    if sort == MARKS:
        for code in range(n_codes):
            if not _goes_left(threshold, subset, words, code):
                mask |= _1 << lane_bit((first + code) & 63)
        return mask, _0, False
    if subset < 0:
        return _1 << lane_bit((first + np.int64(threshold)) & 63), _0, False
    turned = not _goes_left(threshold, subset, words, 0)
    lane = -1
    for code in range(1, n_codes):
        if _goes_left(threshold, subset, words, code) == turned:
            lane += 1 << (code - 1)
    return _1 << lane_bit((first + lane) & 63), _0, turned


@jit
def lay_out_tree(
    feature: Any,
    threshold: Any,
    subset: Any,
    words: Any,
    left: Any,
    leaf: Any,
    columns: Any,
    nodes: Any,
    leaves: Any,
) -> Any:
    """Set the two words of each node; return whether any node asks for a subset of a wide column.

    Parameters
    ----------
    feature, threshold, subset, words, left, leaf
        The arrays of a `Tree`, and `words` its `subset_words`.
    columns : array of int64, shape (n_predictors, 4)
        `LANES`, `MARKS` or `WIDE`; first lane or mark; number of codes; place, below 65,536.
    nodes : array of uint64, shape (2 * n_nodes,), changed
    leaves : array of int32, shape (n_nodes,), changed
        Leaf numbers in the order of `nodes`; -1 inside.
    """
    asks_subset = False
    n = feature.shape[0]
    at = np.arange(n)
    for i in range(n):
        own = np.uint64(at[i])
        leaves[own] = leaf[i]
        mask = first = _0
        child = own
        if feature[i] >= 0:
            column = columns[feature[i]]
            four = column[0], column[1], column[2], column[3]
            mask, limit, turned = _answer(four, threshold[i], subset[i], words)
            asks_subset |= limit == _BY_SUBSET
            child = np.uint64(left[i])
            first = np.uint64(four[3]) << _32 | limit << _48
            if turned:
                at[left[i]], at[left[i] + 1] = left[i] + 1, left[i]
        nodes[_1 + own + own] = mask
        nodes[own + own] = first | child + child
    return asks_subset


@jit(inline="always")
def _step(nodes: Any, words: Any, block: Any, row: Any, at: Any) -> Any:
    """Return the node after `at`; a leaf returns itself. `words` is None without subsets."""
    node = nodes[at]
    mask = nodes[at + _1]
    word = block[((node >> _24) & _PLACE) + row]
    right = np.uint64(word & mask > node >> _48)
    if words is not None and node >> _48 == _BY_SUBSET:
        right = _1 - np.uint64((words[mask + (word >> np.uint64(5))] >> np.uint32(word & 31)) & 1)
    return (node & _CHILD) + right + right


@jit
def _copy_rows(
    block: Any, records: Any, wide: Any, asked: Any, positions: Any, begin: Any, end: Any
) -> None:
    """Copy what a tree asks of some rows: ``block[_BLOCK * place + i]`` for row ``begin + i``."""
    # Slices, numbers without a sign and no counted references: a third of the time.
    block, records, wide, positions = bare(block), bare(records), bare(wide), bare(positions)
    record_words, wide_rows = bare(asked[0]), bare(asked[1])
    n_words = record_words.shape[0]
    size = end - begin
    for place in range(n_words + wide_rows.shape[0]):
        own = block[place * _BLOCK : (place + 1) * _BLOCK]
        if place < n_words:
            word = np.uint64(record_words[place])
            if positions.shape[0] > 0:
                chosen = positions[begin:end]
                for i in range(size):
                    own[np.uint64(i)] = records[np.uint64(chosen[np.uint64(i)]), word]
            else:
                column = records[begin:end, word]
                for i in range(size):
                    own[np.uint64(i)] = column[np.uint64(i)]
        else:
            codes = wide[wide_rows[place - n_words]]
            if positions.shape[0] > 0:
                chosen = positions[begin:end]
                for i in range(size):
                    own[np.uint64(i)] = codes[np.uint64(chosen[np.uint64(i)])]
            else:
                here = codes[begin:end]
                for i in range(size):
                    own[np.uint64(i)] = here[np.uint64(i)]


@jit
def _walk_together(
    nodes: Any, words: Any, block: Any, size: Any, n_steps: Any, places: Any
) -> None:
    """Set ``places[i]`` to where row ``i`` of a block is after some steps; eight rows at a time."""
    nodes, block, places = bare(nodes), bare(block), bare(places)
    for start in range(0, size, 8):
        row = np.uint64(start)
        a = b = c = d = e = f = g = h = _0
        for _ in range(n_steps):
            a = _step(nodes, words, block, row, a)
            b = _step(nodes, words, block, row + np.uint64(1), b)
            c = _step(nodes, words, block, row + np.uint64(2), c)
            d = _step(nodes, words, block, row + np.uint64(3), d)
            e = _step(nodes, words, block, row + np.uint64(4), e)
            f = _step(nodes, words, block, row + np.uint64(5), f)
            g = _step(nodes, words, block, row + np.uint64(6), g)
            h = _step(nodes, words, block, row + np.uint64(7), h)
        eight = places[start : start + 8]
        eight[0], eight[1], eight[2], eight[3] = a, b, c, d
        eight[4], eight[5], eight[6], eight[7] = e, f, g, h


@jit
def _walk_block(
    nodes: Any, words: Any, block: Any, size: Any, n_steps: Any, under_way: Any, ends: Any
) -> None:
    """Set ``ends[i]`` to the node where row ``i`` of a block ends; `under_way` is work."""
    nodes, block, ends = bare(nodes), bare(block), bare(ends)
    rows, places = bare(under_way[0]), bare(under_way[1])
    _walk_together(nodes, words, block, size, n_steps, places)
    for i in range(size):
        rows[i] = i
    n = np.int64(size)
    while n > 0:
        left = _0
        for i in range(n):
            row = rows[i]
            after = _step(nodes, words, block, row, places[i])
            ends[row] = after >> _1
            moved = np.uint64(after != places[i])
            rows[left] = row
            places[left] = after
            left += moved
        n = np.int64(left)


@jit
def walk_rows(
    nodes: Any,
    leaves: Any,
    words: Any,
    asked: Any,
    n_steps: Any,
    records: Any,
    wide: Any,
    positions: Any,
    first: Any,
    last: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` (int32) to the leaf of row ``first + i``, for rows up to `last`.

    With `positions`, rows are ``positions[first] ... positions[last - 1]``.

    Parameters
    ----------
    nodes : array of uint64, shape (2 * n_nodes,)
    leaves : array of int32, shape (n_nodes,)
        See `lay_out_tree`.
    words : array of uint32
        `Tree.subset_words`; empty when the tree asks for no subset of a wide column.
    asked : tuple of two arrays of int64
        Words of the records at the first places, rows of `wide` at those after them.
    n_steps : int
        Steps that eight rows walk side by side: those of a mean row. Speed only.
    records : array of uint64, shape (n, n_words)
    wide : array of uint16, shape (>= 1, n or 0)
    positions : array of int64, shape (n_chosen,) or (0,)
    """
    # Zeros beyond the last row: eight rows always walk, and codes must be codes.
    block = np.zeros(_BLOCK * max(len(asked[0]) + len(asked[1]), 1), np.uint64)
    ends = np.empty(_BLOCK, np.int32)
    under_way = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    for begin in range(first, last, _BLOCK):
        size = min(_BLOCK, last - begin)
        _copy_rows(block, records, wide, asked, positions, begin, begin + size)
        # Two kernels of it: a test for subsets in every step would cost a tenth of the time.
        if words.shape[0] > 0:
            _walk_block(nodes, bare(words), block, size, n_steps, under_way, ends)
        else:
            _walk_block(nodes, None, block, size, n_steps, under_way, ends)
        arrived = out[begin - first : begin - first + size]
        for i in range(size):
            arrived[i] = leaves[np.uint64(ends[i])]


@jit
def draw_rows(
    offsets: Any,
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
    """Set ``out[i]`` to a donor of leaf ``ends[i]``.

    Its counter is ``first_counter`` plus the row that `walk_rows` sent to ``ends[i]``. Rows are
    taken in blocks: random numbers in vector instructions, then places, then donors, so that the
    loads of many rows overlap.

    Parameters
    ----------
    offsets : array of int64, shape (n_leaves + 1,)
        Where the donors of each leaf begin in `rows`.
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
        leaves, drawn = ends[begin : begin + size], out[begin : begin + size]
        if positions.shape[0] > 0:
            chosen = positions[first + begin : first + begin + size]
            for i in range(size):
                bits[i], _ = philox_pair(seed, stream, first_counter + np.uint64(chosen[i]))
        else:
            for i in range(size):
                bits[i], _ = philox_pair(seed, stream, first_counter + start + np.uint64(i))
        for i in range(size):
            leaf = np.uint64(leaves[i])
            places[i] = np.uint64(
                pick_donor(bits[i], offsets[leaf], offsets[leaf + _1], cumulative)
            )
        for i in range(size):
            drawn[i] = rows[places[i]]
