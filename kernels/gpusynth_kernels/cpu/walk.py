"""Send rows down a tree to their leaves, and draw a donor there.

A tree is walked as `gpusynth_kernels.cpu.lay_out` says. A block of rows is first copied, only the
words and codes that the tree asks for, so that it lies in the processor's nearest cache. Then
twelve rows walk side by side, so that the loads of one overlap with those of the others. A row that
has arrived stays, which costs as much as a step: so a walk has stages, after each of which rows
that have arrived leave, and the others close ranks (`lay_out_tree`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.ahead import ask_for
from gpusynth_kernels.cpu.arrivals import SPARE, part_arrived
from gpusynth_kernels.cpu.bare import bare
from gpusynth_kernels.scalar.philox import philox_pair
from gpusynth_kernels.scalar.pick import pick_donor

__all__ = ["draw_answers", "draw_rows", "walk_rows"]

_1 = np.uint64(1)
_2 = np.uint64(2)
_32 = np.uint64(32)
_48 = np.uint64(48)
_BY_SUBSET = np.uint64(0xFFFF)
_CHILD = np.uint64(0xFFFFFFFF)
_BLOCK = 256  # rows that donors are drawn for at a time
_SIDE_BY_SIDE = 12
_LATER = 4  # steps of a stage beyond the plan: of rows deeper than it looks


@jit(inline="always")
def _step(nodes: Any, words: Any, block: Any, row: Any, at: Any) -> Any:
    """Return the slot after `at`; a leaf returns itself. `words` is None without subsets."""
    node = nodes[at]
    mask = nodes[at + _2]
    word = block[(node >> _48) + row]
    limit = (node >> _32) & _BY_SUBSET
    right = np.uint64(word & mask > limit)
    if words is not None and limit == _BY_SUBSET:
        right = _1 - np.uint64((words[mask + (word >> np.uint64(5))] >> np.uint32(word & 31)) & 1)
    return (node & _CHILD) + right


@jit
def _copy_rows(
    block: Any,
    n_together: Any,
    records: Any,
    wide: Any,
    asked: Any,
    positions: Any,
    begin: Any,
    end: Any,
) -> None:
    """Copy what a tree asks of some rows: of row ``begin + i`` to ``n_together * place + i``."""
    # Slices, numbers without a sign and no counted references: a third of the time.
    block, records, wide, positions = bare(block), bare(records), bare(wide), bare(positions)
    record_words, wide_rows = bare(asked[0]), bare(asked[1])
    n_words = record_words.shape[0]
    size = end - begin
    for place in range(n_words + wide_rows.shape[0]):
        own = block[place * n_together : (place + 1) * n_together]
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
def _walk_together(nodes: Any, words: Any, block: Any, size: Any, n_steps: Any, slots: Any) -> None:
    """Take some steps from the root with all rows of a block, at least `_SIDE_BY_SIDE`.

    ``slots[i]`` is where row i is then.
    """
    nodes, block, slots = bare(nodes), bare(block), bare(slots)
    for group in range(0, size, _SIDE_BY_SIDE):
        start = min(group, size - _SIDE_BY_SIDE)  # the last ones once more: the same again
        row = np.uint64(start)
        a = b = c = d = e = f = _1
        g = h = i = j = k = m = _1
        for _ in range(n_steps):
            a = _step(nodes, words, block, row, a)
            b = _step(nodes, words, block, row + np.uint64(1), b)
            c = _step(nodes, words, block, row + np.uint64(2), c)
            d = _step(nodes, words, block, row + np.uint64(3), d)
            e = _step(nodes, words, block, row + np.uint64(4), e)
            f = _step(nodes, words, block, row + np.uint64(5), f)
            g = _step(nodes, words, block, row + np.uint64(6), g)
            h = _step(nodes, words, block, row + np.uint64(7), h)
            i = _step(nodes, words, block, row + np.uint64(8), i)
            j = _step(nodes, words, block, row + np.uint64(9), j)
            k = _step(nodes, words, block, row + np.uint64(10), k)
            m = _step(nodes, words, block, row + np.uint64(11), m)
        own = slots[start : start + _SIDE_BY_SIDE]
        own[0], own[1], own[2], own[3] = a, b, c, d
        own[4], own[5], own[6], own[7] = e, f, g, h
        own[8], own[9], own[10], own[11] = i, j, k, m


@jit
def _walk_list(
    nodes: Any, words: Any, block: Any, rows: Any, n: Any, n_steps: Any, slots: Any
) -> None:
    """Take some steps with the rows of a list, from where they are.

    Beyond its n rows the list holds zeros, or rows that were in it: they walk for nothing.
    """
    nodes, block, slots = bare(nodes), bare(block), bare(slots)
    rows = bare(rows)
    for start in range(0, n, _SIDE_BY_SIDE):
        of = rows[start : start + _SIDE_BY_SIDE]
        own = slots[start : start + _SIDE_BY_SIDE]
        a, b, c, d = np.uint64(own[0]), np.uint64(own[1]), np.uint64(own[2]), np.uint64(own[3])
        e, f, g, h = np.uint64(own[4]), np.uint64(own[5]), np.uint64(own[6]), np.uint64(own[7])
        i, j, k, m = np.uint64(own[8]), np.uint64(own[9]), np.uint64(own[10]), np.uint64(own[11])
        for _ in range(n_steps):
            a = _step(nodes, words, block, np.uint64(of[0]), a)
            b = _step(nodes, words, block, np.uint64(of[1]), b)
            c = _step(nodes, words, block, np.uint64(of[2]), c)
            d = _step(nodes, words, block, np.uint64(of[3]), d)
            e = _step(nodes, words, block, np.uint64(of[4]), e)
            f = _step(nodes, words, block, np.uint64(of[5]), f)
            g = _step(nodes, words, block, np.uint64(of[6]), g)
            h = _step(nodes, words, block, np.uint64(of[7]), h)
            i = _step(nodes, words, block, np.uint64(of[8]), i)
            j = _step(nodes, words, block, np.uint64(of[9]), j)
            k = _step(nodes, words, block, np.uint64(of[10]), k)
            m = _step(nodes, words, block, np.uint64(of[11]), m)
        own = slots[start : start + _SIDE_BY_SIDE]
        own[0], own[1], own[2], own[3] = a, b, c, d
        own[4], own[5], own[6], own[7] = e, f, g, h
        own[8], own[9], own[10], own[11] = i, j, k, m


@jit
def _walk_block(
    nodes: Any, words: Any, block: Any, size: Any, stages: Any, under_way: Any, arrived: Any
) -> None:
    """Set ``arrived[1][i]`` to the slot where row ``arrived[0][i]`` of a block ends."""
    rows: Any = bare(under_way[0])
    slots: Any = bare(under_way[1])
    arrived_rows, arrived_slots = bare(arrived[0]), bare(arrived[1])
    nodes, stages = bare(nodes), bare(stages)
    for i in range(size):
        rows[i] = i
    if size >= _SIDE_BY_SIDE:
        _walk_together(nodes, words, block, size, stages[0], slots)
    else:
        rows[size:_SIDE_BY_SIDE] = 0
        slots[:_SIDE_BY_SIDE] = 1
        _walk_list(nodes, words, block, rows, size, stages[0], slots)
    n, n_arrived = part_arrived(nodes, rows, slots, size, arrived_rows, arrived_slots, 0)
    stage = 1
    while n > 0:
        n_steps = stages[stage] if stage < stages.shape[0] else _LATER
        _walk_list(nodes, words, block, rows, n, n_steps, slots)
        n, n_arrived = part_arrived(nodes, rows, slots, n, arrived_rows, arrived_slots, n_arrived)
        stage += 1


@jit
def walk_rows(
    nodes: Any,
    words: Any,
    asked: Any,
    stages: Any,
    n_together: Any,
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
    nodes : array of uint64, shape (4 * (n_nodes // 2 + 1),)
        See `lay_out_tree`.
    words : array of uint32
        `Tree.subset_words`; empty when the tree asks for no subset of a wide column.
    asked : tuple of two arrays of int64
        Words of the records at the first places, rows of `wide` at those after them.
    stages : array of int64, shape (n_stages,)
        See `lay_out_tree`: at least one. Speed only.
    n_together : int
        Rows of a block, as `lay_out_tree` was told.
    records : array of uint64, shape (n, n_words)
    wide : array of uint16, shape (>= 1, n or 0)
    positions : array of int64, shape (n_chosen,) or (0,)
    """
    n_places = len(asked[0]) + len(asked[1])
    block = np.zeros(n_together * (n_places + 1), np.uint64)  # the last place stays zeros
    n_entries = n_together + SPARE
    # Zeros, as lists are longer than their rows, and what is read there must be a row and a slot.
    under_way = np.zeros(n_entries, np.uint32), np.zeros(n_entries, np.uint32)
    arrived = np.empty(n_entries, np.uint32), np.empty(n_entries, np.uint32)
    for begin in range(first, last, n_together):
        size = min(n_together, last - begin)
        _copy_rows(block, n_together, records, wide, asked, positions, begin, begin + size)
        # Two kernels of it: a test for subsets in every step would cost a tenth of the time.
        if words.shape[0] > 0:
            _walk_block(nodes, bare(words), block, size, stages, under_way, arrived)
        else:
            _walk_block(nodes, None, block, size, stages, under_way, arrived)
        own = out[begin - first : begin - first + size]
        rows: Any = bare(arrived[0])
        slots: Any = bare(arrived[1])
        for i in range(np.uint64(size)):
            own[np.uint64(rows[i])] = nodes[np.uint64(slots[i]) + _2]


@jit
def _pick_places(
    offsets: Any,
    rows: Any,
    cumulative: Any,
    seed: Any,
    stream: Any,
    first_counter: Any,
    positions: Any,
    first: Any,
    leaves: Any,
    bits: Any,
    places: Any,
) -> None:
    """Set ``places[i]`` to where a donor of ``leaves[i]`` stands; `bits` is room for as many.

    First random numbers, in vector instructions, then places, so that the loads of many rows
    overlap. Donors are asked for at once: those of a large table lie in no near cache.
    """
    offsets, cumulative, positions = bare(offsets), bare(cumulative), bare(positions)
    rows = bare(rows)
    leaves, bits, places = bare(leaves), bare(bits), bare(places)
    size = leaves.shape[0]
    start = np.uint64(first)
    if positions.shape[0] > 0:
        chosen = positions[first : first + size]
        for i in range(size):
            bits[i], _ = philox_pair(seed, stream, first_counter + np.uint64(chosen[i]))
    else:
        for i in range(size):
            bits[i], _ = philox_pair(seed, stream, first_counter + start + np.uint64(i))
    for i in range(size):
        leaf = np.uint64(leaves[i])
        place = np.uint64(pick_donor(bits[i], offsets[leaf], offsets[leaf + _1], cumulative))
        places[i] = place
        ask_for(rows, place)


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

    Its counter is ``first_counter`` plus the row that `walk_rows` sent to ``ends[i]``.

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
    rows, ends, out = bare(rows), bare(ends), bare(out)
    bits, places = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    key = seed, stream, first_counter
    for begin in range(0, ends.shape[0], _BLOCK):
        leaves, drawn = ends[begin : begin + _BLOCK], out[begin : begin + _BLOCK]
        _pick_places(
            offsets, rows, cumulative, *key, positions, first + begin, leaves, bits, places
        )
        for i in range(leaves.shape[0]):
            drawn[i] = rows[places[i]]


@jit
def draw_answers(
    offsets: Any,
    rows: Any,
    cumulative: Any,
    seed: Any,
    stream: Any,
    first_counter: Any,
    positions: Any,
    first: Any,
    ends: Any,
    column: Any,
    out: Any,
) -> None:
    """Set ``out[i]`` to what a donor of leaf ``ends[i]`` has in a column.

    As `draw_rows`, for whom donors themselves are of no use.

    Parameters
    ----------
    offsets, rows, cumulative, seed, stream, first_counter, positions, first, ends
        See `draw_rows`.
    column : array of uint8 or uint16, shape (n_real,)
    out : array of the dtype of `column`, shape (n,), changed
    """
    rows, column, ends, out = bare(rows), bare(column), bare(ends), bare(out)
    bits, places = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    key = seed, stream, first_counter
    for begin in range(0, ends.shape[0], _BLOCK):
        leaves, drawn = ends[begin : begin + _BLOCK], out[begin : begin + _BLOCK]
        _pick_places(
            offsets, rows, cumulative, *key, positions, first + begin, leaves, bits, places
        )
        for i in range(leaves.shape[0]):
            drawn[i] = column[np.uint64(rows[places[i]])]
