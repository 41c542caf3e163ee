"""Grow a tree on one block of rows.

A *block* is a set of rows with everything that its splits need: records (narrow columns as bits),
codes of the wide columns, the target. `grow_block` works depth first on one permutation of the
block's rows: each node is a slice, a split partitions the slice stably, and when growth ends the
slices of the leaves are the donors. No second pass, no sort.

A large block (the *trunk*) sorts each wide column anew in each node and stops at nodes of at most
`stop_rows` rows. Each of these becomes a small block of its own (a *twig*): its rows are copied so
that they lie in the processor's cache, words of lanes that have become constant are left out,
classes are renumbered to those present, and its wide columns are sorted once and then partitioned
like the rows. Both give the same tree, so `stop_rows` is a matter of speed alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.bare import bare
from gpusynth_kernels.cpu.choose import (
    NUMBERS,
    SUBSET,
    THRESHOLD,
    choose_split,
    node_score,
)
from gpusynth_kernels.cpu.lanes import lane_bit
from gpusynth_kernels.cpu.scan import CHUNK_ROWS, sort_by_code

__all__ = ["DEFERRED", "LEAF", "grow_block", "put_back", "take_twig"]

LEAF = 0
DEFERRED = 3
"""Kinds of node, besides `choose.THRESHOLD` and `choose.SUBSET`: a leaf, and a node of the trunk
that a twig will replace."""

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_1 = np.uint64(1)
_32 = np.uint64(32)
_48 = np.uint64(48)
_LOW32 = np.uint64(0xFFFF0000FFFFFFFF)


@jit
def _is_pure(mode: Any, order: Any, begin: Any, end: Any, numbers: Any, weight: Any) -> Any:
    if mode != NUMBERS:
        return (order[begin] >> _32) & _CLASS == (order[end - 1] >> _32) & _CLASS
    row = np.int64(order[begin] & _ROW)
    weighted = weight.shape[0] > 0
    first = numbers[row] // weight[row] if weighted else numbers[row]
    for i in range(begin + 1, end):
        row = np.int64(order[i] & _ROW)
        number = numbers[row] // weight[row] if weighted else numbers[row]
        if number != first:
            return False
    return True


@jit
def _set_sides(
    records: Any,
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    split: Any,
    goes_left: Any,
    side: Any,
) -> Any:
    """Set ``side[row]`` to 1 for rows that go right; return how many go left."""
    kind, value, word, bits = split
    n_right = 0
    here = order[begin:end]
    if word >= 0:
        for i in range(end - begin):
            row = here[i] & _ROW
            right = np.uint8(records[row, word] & bits != 0)
            side[row] = right
            n_right += right
    elif kind == THRESHOLD:
        for i in range(end - begin):
            row = here[i] & _ROW
            right = np.uint8(np.uint64(codes[row]) > value)
            side[row] = right
            n_right += right
    else:
        for i in range(end - begin):
            row = here[i] & _ROW
            right = np.uint8(1 - goes_left[codes[row]])
            side[row] = right
            n_right += right
    return end - begin - n_right


@jit
def _partition(entries: Any, begin: Any, end: Any, side: Any, spare: Any) -> None:
    """Move the entries of rows that go left to the front, both sides in their old order."""
    here = entries[begin:end]
    left = np.uint64(0)
    right = np.uint64(0)
    for i in range(end - begin):
        entry = here[i]
        goes_right = np.uint64(side[entry & _ROW])
        here[left] = entry
        spare[right] = entry
        left += _1 - goes_right
        right += goes_right
    rest = here[np.int64(left) :]
    for i in range(np.int64(right)):
        rest[i] = spare[i]


@jit
def _codes_of(feature: Any, word: Any, wide: Any, wide_tables: Any) -> Any:
    """Return the codes of a wide column (of any one when the records tell: not read then)."""
    if word < 0:
        for q in range(wide_tables[0].shape[0]):
            if wide_tables[0][q] == feature:
                return wide[wide_tables[3][q]]
    return wide[0]


@jit
def _goes_on(
    mode: Any,
    order: Any,
    begin: Any,
    middle: Any,
    end: Any,
    limits: Any,
    numbers: Any,
    weight: Any,
) -> Any:
    """Return whether a child may be split again, so that its lists are needed."""
    least = max(limits[1], 2 * limits[0])
    if middle - begin >= least and not _is_pure(mode, order, begin, middle, numbers, weight):
        return True
    return end - middle >= least and not _is_pure(mode, order, middle, end, numbers, weight)


@jit
def _with_absent(codes: Any, order: Any, begin: Any, end: Any, goes_left: Any, n_left: Any) -> Any:
    """Send the levels that the node lacks to the larger child (left when equal)."""
    if 2 * n_left < end - begin:
        return goes_left
    present = np.zeros(goes_left.shape[0], np.uint8)
    for i in range(begin, end):
        present[codes[np.int64(order[i] & _ROW)]] = 1
    for code in range(goes_left.shape[0]):
        if present[code] == 0:
            goes_left[code] = 1
    return goes_left


@jit
def _put_mask(masks: Any, n_words: Any, n_codes: Any, value: Any, word: Any, goes_left: Any) -> Any:
    """Append a subset as 32-bit words; return the (perhaps larger) array and its fill."""
    need = (n_codes + 31) >> 5
    if n_words + need > masks.shape[0]:
        larger = np.zeros(2 * masks.shape[0] + need, np.uint32)
        larger[:n_words] = masks[:n_words]
        masks = larger
    for w in range(need):
        if word >= 0:
            masks[n_words + w] = np.uint32((value >> np.uint64(32 * w)) & _ROW)
            continue
        packed = np.uint32(0)
        for b in range(min(32, n_codes - 32 * w)):
            if goes_left[32 * w + b]:
                packed |= np.uint32(1) << np.uint32(b)
        masks[n_words + w] = packed
    return masks, n_words + need


def _workspace(n_lanes: Any, n_marks: Any, n_classes: Any, n_codes: Any) -> Any:
    """Return what `choose_split` works in, for so many lanes, marks, classes and wide codes."""
    classes = max(n_classes, 2)
    work = (
        np.empty(n_lanes // 8, np.uint64),
        np.empty((4, n_lanes), np.int64),
        np.empty((3, n_lanes), np.float64),
        (
            np.empty(n_marks // 8, np.uint64),
            np.empty(n_marks, np.int64),
            np.empty((classes if n_marks > 0 else 0, n_marks), np.int64),
            np.empty(n_marks, np.int64),
            np.empty(n_marks, np.float64),
        ),
    )
    own = classes if n_marks > 0 else 0
    cut = (
        np.empty(64, np.int64),
        np.empty(64, np.int64),
        np.empty(64, np.float64),
        np.empty(own, np.int64),
        np.empty(own, np.int64),
        np.empty((64, own), np.float64),
        np.empty((own, own), np.float64),
        np.empty(own, np.float64),
        np.empty(own, np.float64),
    )
    scratch = (
        np.empty((2, classes), np.int64),
        np.empty(n_codes + 1, np.int64),
        np.full(max(n_codes, 1), -1, np.int32),
        np.empty(max(n_codes, 1), np.int32),
        np.zeros(0, np.uint8),
        cut,
        (
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.float64),
        ),
    )
    return work, scratch


@jit
def _grow_nodes(
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
    alpha: Any,
    nodes: Any,
    work: Any,
    scratch: Any,
    spare: Any,
) -> Any:
    """Do the work of `grow_block` in arrays that it made; return the nodes made and the subsets."""
    min_leaf, min_split, max_depth, stop_rows = limits
    n_classes = target[0]
    records, wide, lists, order = bare(records), bare(wide), bare(lists), bare(order)
    numbers, weight = bare(target[1]), bare(target[2])
    target = (n_classes, numbers, weight, bare(target[3]))
    lanes = (bare(lanes[0]), bare(lanes[1]), bare(lanes[2]))
    marks = (bare(marks[0]), bare(marks[1]), bare(marks[2]), bare(marks[3]), bare(marks[4]))
    columns = (bare(columns[0]), bare(columns[1]), bare(columns[2]), bare(columns[3]))
    wide_tables = (
        bare(wide_tables[0]),
        bare(wide_tables[1]),
        bare(wide_tables[2]),
        bare(wide_tables[3]),
        bare(wide_tables[4]),
    )
    own = work[3]
    work = (
        bare(work[0]),
        bare(work[1]),
        bare(work[2]),
        (bare(own[0]), bare(own[1]), bare(own[2]), bare(own[3]), bare(own[4])),
    )
    cut, chunk = scratch[5], scratch[6]
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
        scratch[4],
        cut,
        (bare(chunk[0]), bare(chunk[1]), bare(chunk[2])),
    )
    left, kind, feature, value = bare(nodes[0]), bare(nodes[1]), bare(nodes[2]), bare(nodes[3])
    begin, end, level, gain = bare(nodes[4]), bare(nodes[5]), bare(nodes[6]), bare(nodes[7])
    side, moved, stack = bare(spare[0]), bare(spare[1]), bare(spare[2])
    class_weight, ends = bare(spare[3]), bare(spare[4])
    masks = np.zeros(64, np.uint32)
    n_mask_words = 0
    stack[0] = 0
    left[0], kind[0], feature[0], value[0], gain[0] = -1, LEAF, -1, 0, 0.0
    begin[0], end[0], level[0] = 0, order.shape[0], depth
    n_stack = 1
    n_nodes = 1
    while n_stack > 0:
        n_stack -= 1
        node = stack[n_stack]
        b, e = begin[node], end[node]
        rows_here = e - b
        if rows_here < min_split or rows_here < 2 * min_leaf or level[node] >= max_depth:
            continue
        if _is_pure(mode, order, b, e, numbers, weight):
            continue
        if rows_here <= stop_rows:
            kind[node] = DEFERRED
            continue
        base, n_runs = node_score(mode, order, b, e, target, class_weight, ends)
        score, f, split_kind, v, word, bits, goes_left = choose_split(
            mode,
            records,
            lanes,
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
            min_leaf,
            target,
            class_weight,
            work,
            scratch,
        )
        if split_kind == LEAF or not score - base > alpha:
            continue
        codes = _codes_of(f, word, wide, wide_tables)
        split = (split_kind, v, word, bits)
        n_left = _set_sides(records, codes, order, b, e, split, goes_left, side)
        number = np.int64(v)
        if split_kind == SUBSET:
            if word < 0:
                goes_left = _with_absent(codes, order, b, e, goes_left, n_left)
            number = np.int64(n_mask_words)
            masks, n_mask_words = _put_mask(masks, n_mask_words, columns[2][f], v, word, goes_left)
        _partition(order, b, e, side, moved)
        if presorted and _goes_on(mode, order, b, b + n_left, e, limits, numbers, weight):
            for q in range(lists.shape[0]):
                _partition(lists[q], b, e, side, moved)
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
        stack[n_stack] = n_nodes + 1
        stack[n_stack + 1] = n_nodes
        n_stack += 2
        n_nodes += 2
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
    alpha: Any,
    max_nodes: Any,
) -> Any:
    """Grow a tree on a block; `order` becomes the permutation whose slices are the leaves.

    Parameters
    ----------
    mode, records, lanes, marks, columns, wide, wide_tables, lists, presorted, target
        See `choose.choose_split`; rows are numbered within the block.
    order : array of uint64 entries, shape (n,), changed
        Ascending by (class, row).
    limits : tuple of int
        min_leaf, min_split, max_depth, stop_rows.
    depth : int
        Depth of the block's root in the whole tree.
    alpha : float
        A split must lower the risk by more than this.
    max_nodes : int
        No tree on these rows has more.

    Returns
    -------
    nodes : tuple of arrays, shape (n_nodes,)
        left int32 (-1 in a leaf; right is left + 1), kind int8, feature int32, value int64
        (threshold, or place of the subset in `masks`), begin and end int64, depth int32, gain
        float64.
    masks : array of uint32
        Subsets, one bit a code, 1 = goes left.
    """
    n_classes, _, _, _ = target
    n = order.shape[0]
    most_codes = int(wide_tables[1].max(initial=1))
    work, scratch = _workspace(
        64 * lanes[0].shape[0], 64 * marks[0].shape[0], n_classes, most_codes
    )
    # Filled as nodes are made: pages that no node reaches are never touched.
    dtypes = (np.int32, np.int8, np.int32, np.int64, np.int64, np.int64, np.int32, np.float64)
    nodes = tuple(np.empty(max_nodes, dtype) for dtype in dtypes)
    spare = (
        np.zeros(max(records.shape[0], wide.shape[1]), np.uint8),
        np.empty(n, np.uint64),
        np.empty(2 * (limits[2] + 2), np.int32),
        np.zeros(max(n_classes, 1), np.int64),
        np.zeros(max(n_classes, 1), np.int64),
    )
    n_nodes, masks = _grow_nodes(
        mode,
        records,
        lanes,
        marks,
        columns,
        wide,
        wide_tables,
        lists,
        presorted,
        order,
        target,
        limits,
        depth,
        alpha,
        nodes,
        work,
        scratch,
        spare,
    )
    return tuple(array[:n_nodes].copy() for array in nodes), masks


@jit
def _varying(records: Any, words: Any, order: Any, begin: Any, end: Any) -> Any:
    """Return, by word, the bits that are not the same in all rows."""
    out = np.empty(words.shape[0], np.uint64)
    for w in range(words.shape[0]):
        ones = np.uint64(0)
        zeros = np.uint64(0)
        for i in range(begin, end):
            word = records[np.int64(order[i] & _ROW), words[w]]
            ones |= word
            zeros |= ~word
        out[w] = ones & zeros
    return out


@jit
def _twig_lanes(lanes: Any, varying: Any) -> Any:
    """Return the words that still hold an allowed lane that varies, and their lanes as `lanes`."""
    live = np.empty(varying.shape[0], np.int32)
    n_live = 0
    for w in range(varying.shape[0]):
        for j in range(64):
            if lanes[2][w * 64 + j] and (varying[w] >> lane_bit(j)) & _1:
                live[n_live] = w
                n_live += 1
                break
    words = np.empty(n_live, np.int32)
    lane_word = np.empty(n_live, np.int32)
    ok = np.empty(64 * n_live, np.uint8)
    for w in range(n_live):
        words[w] = w
        lane_word[w] = lanes[1][live[w]]
        for j in range(64):
            varies = (varying[live[w]] >> lane_bit(j)) & _1 == _1
            ok[w * 64 + j] = lanes[2][live[w] * 64 + j] if varies else 0
    return live[:n_live], (words, lane_word, ok)


@jit
def _twig_marks(marks: Any, varying: Any, first_word: Any) -> Any:
    """Return the words of middling columns that vary, and these columns as `marks`."""
    words, features, firsts, counts, ordered = marks
    keep = np.empty(features.shape[0], np.int32)
    n_keep = 0
    place = np.full(words.shape[0], -1, np.int32)
    live = np.empty(words.shape[0], np.int32)
    n_live = 0
    for q in range(features.shape[0]):
        w = firsts[q] >> 6
        varies = False
        for code in range(counts[q]):
            varies |= (varying[w] >> lane_bit((firsts[q] + code) & 63)) & _1 == _1
        if varies:
            keep[n_keep] = q
            n_keep += 1
            if place[w] < 0:
                place[w] = n_live
                live[n_live] = w
                n_live += 1
    own_features = np.empty(n_keep, np.int32)
    tables = np.empty((3, n_keep), np.int64)
    for at in range(n_keep):
        q = keep[at]
        own_features[at] = features[q]
        tables[0, at] = place[firsts[q] >> 6] * 64 + (firsts[q] & 63)
        tables[1, at] = counts[q]
        tables[2, at] = ordered[q]
    own = (np.arange(n_live) + first_word).astype(np.int32)
    return live[:n_live], (own, own_features, tables[0], tables[1], tables[2])


@jit
def _twig_wide(wide: Any, wide_tables: Any, order: Any, begin: Any, end: Any) -> Any:
    """Copy the wide columns that are not constant in the twig; sort the ordered ones."""
    features, code_counts, ordered, wide_rows, _ = wide_tables
    n = end - begin
    keep = np.empty(features.shape[0], np.int32)
    n_keep = 0
    n_lists = 0
    most_codes = 1
    for q in range(features.shape[0]):
        codes = wide[wide_rows[q]]
        first = codes[np.int64(order[begin] & _ROW)]
        for i in range(begin + 1, end):
            if codes[np.int64(order[i] & _ROW)] != first:
                keep[n_keep] = q
                n_keep += 1
                n_lists += ordered[q]
                most_codes = max(most_codes, code_counts[q])
                break
    local = np.empty((max(n_keep, 1), n), np.uint16)
    tables = np.zeros((5, n_keep), np.int32)
    place = 0
    for at in range(n_keep):
        q = keep[at]
        codes = wide[wide_rows[q]]
        for i in range(n):
            local[at, i] = codes[np.int64(order[begin + i] & _ROW)]
        tables[0, at] = features[q]
        tables[1, at] = code_counts[q]
        tables[2, at] = ordered[q]
        tables[3, at] = at
        tables[4, at] = place
        place += ordered[q]
    return local, tables, n_lists, most_codes


@jit
def _local_order(mode: Any, order: Any, begin: Any, end: Any) -> Any:
    """Return the twig's entries with rows 0, 1, 2, ... and classes renumbered to those present."""
    local = np.empty(end - begin, np.uint64)
    n_classes = 0
    previous = np.uint64(0)
    for i in range(begin, end):
        cls = (order[i] >> _32) & _CLASS
        if i == begin or cls != previous:
            n_classes += 1
            previous = cls
        number = np.uint64(n_classes - 1) if mode != NUMBERS else np.uint64(0)
        local[i - begin] = (number << _32) | np.uint64(i - begin)
    return local, n_classes if mode != NUMBERS else 0


@jit
def take_twig(
    mode: Any,
    records: Any,
    lanes: Any,
    marks: Any,
    wide: Any,
    wide_tables: Any,
    order: Any,
    begin: Any,
    end: Any,
    target: Any,
) -> Any:
    """Copy the rows of ``order[begin:end]`` into a block of their own.

    Returns
    -------
    block : tuple
        records, lanes, marks, wide, wide_tables, lists, order and target for `grow_block`.
    """
    n = end - begin
    _, numbers, weight, table = target
    live, own_lanes = _twig_lanes(lanes, _varying(records, lanes[0], order, begin, end))
    marked, own_marks = _twig_marks(
        marks, _varying(records, marks[0], order, begin, end), live.shape[0]
    )
    n_words = live.shape[0]
    own_records = np.empty((n, n_words + marked.shape[0]), np.uint64)
    for i in range(n):
        row = np.int64(order[begin + i] & _ROW)
        for w in range(n_words):
            own_records[i, w] = records[row, lanes[0][live[w]]]
        for w in range(marked.shape[0]):
            own_records[i, n_words + w] = records[row, marks[0][marked[w]]]
    own_wide, tables, n_lists, most_codes = _twig_wide(wide, wide_tables, order, begin, end)
    own_tables = (tables[0], tables[1], tables[2], tables[3], tables[4])
    own_order, n_classes = _local_order(mode, order, begin, end)
    own_numbers = np.empty(n if numbers.shape[0] > 0 else 0, np.int64)
    own_weight = np.empty(n if weight.shape[0] > 0 else 0, np.int64)
    for i in range(own_numbers.shape[0]):
        own_numbers[i] = numbers[np.int64(order[begin + i] & _ROW)]
    for i in range(own_weight.shape[0]):
        own_weight[i] = weight[np.int64(order[begin + i] & _ROW)]
    lists = np.empty((n_lists, n), np.uint64)
    offsets = np.empty(most_codes + 1, np.int64)
    for q in range(tables.shape[1]):
        if tables[2, q]:
            sort_by_code(
                own_wide[q], own_order, 0, n, offsets[: tables[1, q] + 1], lists[tables[4, q]]
            )
    own_target = (n_classes, own_numbers, own_weight, table)
    return own_records, own_lanes, own_marks, own_wide, own_tables, lists, own_order, own_target


@jit
def put_back(order: Any, begin: Any, own_order: Any) -> None:
    """Give the slice of `order` that starts at `begin` the order in which its twig grew."""
    old = order[begin : begin + own_order.shape[0]].copy()
    for i in range(own_order.shape[0]):
        order[begin + i] = old[np.int64(own_order[i] & _ROW)]
