"""Twigs: copy the rows of a small node into a block of their own, and put their order back.

A twig holds what is present in it: words of lanes that have become constant are left out, so are
constant columns, classes are renumbered, and the wide ordered columns are sorted once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.gather import copy_words
from gpusynth_kernels.cpu.grow import grow_nodes
from gpusynth_kernels.cpu.kinds import NUMBERS, SUBSET
from gpusynth_kernels.cpu.lanes import lane_bit
from gpusynth_kernels.cpu.pages import ask_for_large_pages
from gpusynth_kernels.cpu.scan import sort_by_code
from gpusynth_kernels.cpu.space import make_nodes, make_space, words_used
from gpusynth_kernels.cpu.sprig_space import make_sprig_space
from gpusynth_kernels.cpu.tables import LISTED, TABLED

__all__ = ["grow_twigs", "put_back", "take_twig"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_1 = np.uint64(1)
_32 = np.uint64(32)


@jit
def _compact(records: Any, words: Any) -> Any:
    """Return these words of the records; the records themselves when these are all."""
    if words.shape[0] == records.shape[1]:
        return records
    out = np.empty((records.shape[0], words.shape[0]), np.uint64)
    ask_for_large_pages(out)
    for i in range(out.shape[0]):
        for w in range(words.shape[0]):
            out[i, w] = records[i, words[w]]
    return out


@jit
def _twig_lanes(lanes: Any, varying: Any, is_live: Any) -> Any:
    """Return the words that still hold an allowed lane that varies, and their lanes as `lanes`.

    Words are those of the copied records; they are marked in `is_live`.
    """
    live = np.empty(lanes[0].shape[0], np.int32)
    n_live = 0
    for w in range(lanes[0].shape[0]):
        for j in range(64):
            if lanes[2][w * 64 + j] and (varying[lanes[0][w]] >> lane_bit(j)) & _1:
                live[n_live] = w
                n_live += 1
                is_live[lanes[0][w]] = 1
                break
    words = np.empty(n_live, np.int32)
    lane_word = np.empty(n_live, np.int32)
    ok = np.empty(64 * n_live, np.uint8)
    for w in range(n_live):
        words[w] = lanes[0][live[w]]
        lane_word[w] = lanes[1][live[w]]
        for j in range(64):
            varies = (varying[words[w]] >> lane_bit(j)) & _1 == _1
            ok[w * 64 + j] = lanes[2][live[w] * 64 + j] if varies else 0
    return words, lane_word, ok


@jit
def _twig_marks(marks: Any, varying: Any, is_live: Any) -> Any:
    """Return the words of middling columns that vary, and these columns as `marks`."""
    words, features, firsts, counts, ordered = marks
    keep = np.empty(features.shape[0], np.int32)
    n_keep = 0
    place = np.full(words.shape[0], -1, np.int32)
    own = np.empty(words.shape[0], np.int32)
    n_live = 0
    for q in range(features.shape[0]):
        w = firsts[q] >> 6
        varies = False
        for code in range(counts[q]):
            varies |= (varying[words[w]] >> lane_bit((firsts[q] + code) & 63)) & _1 == _1
        if varies:
            keep[n_keep] = q
            n_keep += 1
            if place[w] < 0:
                place[w] = n_live
                own[n_live] = words[w]
                is_live[words[w]] = 1
                n_live += 1
    own_features = np.empty(n_keep, np.int32)
    tables = np.empty((3, n_keep), np.int64)
    for at in range(n_keep):
        q = keep[at]
        own_features[at] = features[q]
        tables[0, at] = place[firsts[q] >> 6] * 64 + (firsts[q] & 63)
        tables[1, at] = counts[q]
        tables[2, at] = ordered[q]
    return own[:n_live].copy(), own_features, tables[0], tables[1], tables[2]


@jit
def _renumber(words: Any, is_live: Any) -> None:
    """Change words to their places once only live ones are left."""
    for w in range(words.shape[0]):
        place = 0
        for before in range(words[w]):
            place += is_live[before]
        words[w] = place


@jit
def _twig_wide(
    wide: Any, wide_tables: Any, order: Any, begin: Any, end: Any, first_cell: Any, most: Any
) -> Any:
    """Copy the wide columns that are not constant in the twig.

    Ordered columns of at most `most` codes get cells in the table from `first_cell` on, others a
    list.
    """
    features, code_counts, kept, wide_rows, _ = wide_tables
    n = end - begin
    here = order[begin:end]
    local = np.empty((max(features.shape[0], 1), n), np.uint16)
    ask_for_large_pages(local)
    tables = np.zeros((5, features.shape[0]), np.int32)
    n_keep = 0
    n_lists = 0
    for q in range(features.shape[0]):
        codes = wide[wide_rows[q]]
        own = local[n_keep]
        first = codes[here[0] & _ROW]
        differs = np.uint16(0)
        for i in range(n):
            code = codes[here[i] & _ROW]
            own[i] = code
            differs |= code ^ first
        if differs == 0:
            continue
        tables[0, n_keep] = features[q]
        tables[1, n_keep] = code_counts[q]
        tables[2, n_keep] = kept[q]
        tables[3, n_keep] = n_keep
        if kept[q] > 0:
            if code_counts[q] <= most:
                tables[2, n_keep] = TABLED
                tables[4, n_keep] = first_cell
                first_cell += code_counts[q]
            else:
                tables[2, n_keep] = LISTED
                tables[4, n_keep] = n_lists
                n_lists += 1
        n_keep += 1
    return local, tables[:, :n_keep].copy(), n_lists


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
    most_tabled: Any,
) -> Any:
    """Copy the rows of ``order[begin:end]`` into a block of their own.

    Wide ordered columns of at most `most_tabled` codes go into the tables of its nodes, others
    become sorted lists.

    Returns
    -------
    block : tuple
        records, lanes, marks, wide, wide_tables, lists, order and target for `grow_block`.
    """
    n = end - begin
    _, numbers, weight, table = target
    n_words = words_used(lanes, marks)
    copied, varying = copy_words(records, n_words, order, begin, end)
    is_live = np.zeros(n_words, np.int32)
    own_lanes = _twig_lanes(lanes, varying, is_live)
    own_marks = _twig_marks(marks, varying, is_live)
    _renumber(own_lanes[0], is_live)
    _renumber(own_marks[0], is_live)
    own_records = _compact(copied, np.flatnonzero(is_live))
    own_wide, tables, n_lists = _twig_wide(
        wide, wide_tables, order, begin, end, 64 * own_records.shape[1], most_tabled
    )
    own_tables = (tables[0], tables[1], tables[2], tables[3], tables[4])
    own_order, n_classes = _local_order(mode, order, begin, end)
    own_numbers = np.empty(n if numbers.shape[0] > 0 else 0, np.int64)
    own_weight = np.empty(n if weight.shape[0] > 0 else 0, np.int64)
    for i in range(own_numbers.shape[0]):
        own_numbers[i] = numbers[np.int64(order[begin + i] & _ROW)]
    for i in range(own_weight.shape[0]):
        own_weight[i] = weight[np.int64(order[begin + i] & _ROW)]
    lists = np.empty((n_lists, n), np.uint64)
    ask_for_large_pages(lists)
    most_codes = 1
    for q in range(tables.shape[1]):
        most_codes = max(most_codes, tables[1, q])
    offsets = np.empty(most_codes + 1, np.int64)
    for q in range(tables.shape[1]):
        if tables[2, q] == LISTED:
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


@jit
def grow_twigs(
    mode: Any,
    records: Any,
    lanes: Any,
    marks: Any,
    columns: Any,
    wide: Any,
    wide_tables: Any,
    order: Any,
    target: Any,
    begins: Any,
    ends: Any,
    depths: Any,
    paths: Any,
    limits: Any,
    offer: Any,
    alpha: Any,
) -> Any:
    """Grow some small nodes of a block as twigs; their slices of `order` get their order.

    Parameters
    ----------
    mode, records, lanes, marks, columns, wide, wide_tables, order, target, offer, alpha
        The block's; see `grow.grow_block`.
    begins, ends, depths, paths : arrays of int, shape (n_twigs,)
        The nodes.
    limits : tuple of int
        min_leaf, min_split, max_depth, 0, and how many rows a sprig has at most.

    Returns
    -------
    nodes : tuple of arrays
        As of `grow.grow_block`, one twig after the other, each numbered from 0.
    sizes : array of int64, shape (n_twigs,)
        Nodes of each twig.
    masks : array of uint32
        Subsets of all twigs.
    """
    most = 0
    largest = 0
    for p in range(begins.shape[0]):
        most += 2 * ((ends[p] - begins[p]) // limits[0]) + 3
        largest = max(largest, ends[p] - begins[p])
    work, scratch, spare = make_space(
        mode,
        lanes,
        marks,
        wide_tables,
        target[0],
        largest,
        largest,
        columns[1].shape[0],
        limits[2],
    )
    sprig_space = make_sprig_space(lanes, marks, wide_tables, largest, limits[0])
    nodes = make_nodes(most)
    left, kind, feature, value, begin, end, level, gain = nodes
    sizes = np.empty(begins.shape[0], np.int64)
    masks = np.empty(64, np.uint32)
    n_masks = 0
    at = 0
    for p in range(begins.shape[0]):
        own = take_twig(
            mode,
            records,
            lanes,
            marks,
            wide,
            wide_tables,
            order,
            begins[p],
            ends[p],
            target,
            np.int64(0),  # a literal is a type of its own: all would be compiled once more for it
        )
        own_records, own_lanes, own_marks, own_wide, own_tables, lists, own_order, own_target = own
        own_nodes = (
            left[at:],
            kind[at:],
            feature[at:],
            value[at:],
            begin[at:],
            end[at:],
            level[at:],
            gain[at:],
        )
        size, words = grow_nodes(
            mode,
            own_records,
            own_lanes,
            own_marks,
            columns,
            own_wide,
            own_tables,
            lists,
            np.bool_(lists.shape[0] >= 0),  # true, but no literal: see above
            own_order,
            own_target,
            limits,
            np.int64(depths[p]),
            np.uint64(paths[p]),
            offer,
            alpha,
            own_nodes,
            work,
            scratch,
            spare,
            sprig_space,
        )
        put_back(order, begins[p], own_order)
        sizes[p] = size
        for i in range(at, at + size):
            if kind[i] == SUBSET:
                value[i] += n_masks
        at += size
        if n_masks + words.shape[0] > masks.shape[0]:
            larger = np.empty(2 * masks.shape[0] + words.shape[0], np.uint32)
            larger[:n_masks] = masks[:n_masks]
            masks = larger
        masks[n_masks : n_masks + words.shape[0]] = words
        n_masks += words.shape[0]
    return nodes, sizes, masks[:n_masks].copy()
