"""Send rows down a tree to their leaves, and draw a donor there: the twins of `cpu.walk`.

A tree is the two words a node of `cpu.lay_out`. One thread takes one row at a time
through the tree and reads the records where they lie: a row's words share a line of memory, and
the upper nodes, which all rows read, stay in the caches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.scalar.philox import philox_pair
from gpusynth_kernels.scalar.pick import pick_donor

__all__ = ["draw_rows", "walk_and_draw", "walk_rows"]

_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_5 = np.uint64(5)
_31 = np.uint64(31)
_32 = np.uint64(32)
_48 = np.uint64(48)
_BY_SUBSET = np.uint64(0xFFFF)
_CHILD = np.uint64(0xFFFFFFFF)


@device
def _word_of(
    record_words: Any, wide_rows: Any, records: Any, wide: Any, place: Any, row: Any
) -> Any:
    """Return the word or code of a row at a place of the tree."""
    n_words = record_words.shape[0]
    if place < n_words:
        return records[row, record_words[place]]
    return np.uint64(wide[wide_rows[place - n_words], row])


@device
def _end_of(
    nodes: Any,
    words: Any,
    record_words: Any,
    wide_rows: Any,
    n_together: Any,
    records: Any,
    wide: Any,
    row: Any,
) -> Any:
    """Return the number of the leaf where a row ends."""
    # a division of a number below 2^16 by one below 2^16, once and for all turned into a product
    share = ((_1 << _32) + np.uint64(n_together) - _1) // np.uint64(n_together)
    at = _1
    while True:
        node = nodes[at]
        mask = nodes[at + _2]
        child = node & _CHILD
        if child == at:
            return np.int64(mask)
        limit = (node >> _32) & _BY_SUBSET
        place = np.int64(((node >> _48) * share) >> _32)
        word = _word_of(record_words, wide_rows, records, wide, place, row)
        if words.shape[0] > 0 and limit == _BY_SUBSET:
            held = np.uint64(words[mask + (word >> _5)]) >> (word & _31)
            at = child + _1 if held & _1 == _0 else child
        else:
            at = child + _1 if word & mask > limit else child


@kernel
def walk_rows(
    nodes: Any,
    words: Any,
    record_words: Any,
    wide_rows: Any,
    n_together: Any,
    records: Any,
    wide: Any,
    positions: Any,
    first: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` to the leaf of row ``first + i``, or of row ``positions[first + i]``.

    Parameters
    ----------
    nodes : array of uint64, shape (4 * (n_nodes // 2 + 1),)
    words : array of uint32
    record_words, wide_rows : arrays of int64
        The two parts of `asked` of `cpu.walk.walk_rows`.
    n_together : int64
        What places in `nodes` are multiplied by: here, rows are not in blocks.
    records : array of uint64, shape (n, n_words)
    wide : array of uint16, shape (>= 1, n or 0)
    positions : array of int64, shape (n_chosen,) or (0,)
    first : int64
    out : array of int32, changed
    """
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        row = first + i
        if positions.shape[0] > 0:
            row = positions[row]
        out[i] = _end_of(nodes, words, record_words, wide_rows, n_together, records, wide, row)


@kernel
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
    """Set ``out[i]`` to a donor of leaf ``ends[i]``; arguments as in `cpu.walk.draw_rows`."""
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        row = first + i
        if positions.shape[0] > 0:
            row = positions[row]
        bits, _ = philox_pair(seed, stream, first_counter + np.uint64(row))
        leaf = np.int64(ends[i])
        out[i] = rows[pick_donor(bits, offsets[leaf], offsets[leaf + 1], cumulative)]


@kernel
def walk_and_draw(
    nodes: Any,
    words: Any,
    record_words: Any,
    wide_rows: Any,
    n_together: Any,
    records: Any,
    wide: Any,
    positions: Any,
    offsets: Any,
    rows: Any,
    cumulative: Any,
    seed: Any,
    stream: Any,
    first_counter: Any,
    counters: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` to a donor of the leaf of row ``i``, or of row ``positions[i]``.

    `walk_rows` and `draw_rows` in one, so that leaves are not written and read again. Row i has
    the random number of ``first_counter`` plus i, or plus ``counters[i]``.
    """
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        row = np.int64(i)
        if positions.shape[0] > 0:
            row = np.int64(positions[i])
        leaf = _end_of(nodes, words, record_words, wide_rows, n_together, records, wide, row)
        counter = np.int64(i)
        if counters.shape[0] > 0:
            counter = np.int64(counters[i])
        bits, _ = philox_pair(seed, stream, first_counter + np.uint64(counter))
        out[i] = rows[pick_donor(bits, offsets[leaf], offsets[leaf + 1], cumulative)]
