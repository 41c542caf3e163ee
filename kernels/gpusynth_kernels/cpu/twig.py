"""Twigs: copy the rows of a small node into a block of their own, and put their order back.

A twig holds what is present in it: words of lanes that have become constant are left out, so are
constant columns, classes are renumbered, and the wide ordered columns are sorted once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.kinds import NUMBERS
from gpusynth_kernels.cpu.lanes import lane_bit
from gpusynth_kernels.cpu.scan import sort_by_code

__all__ = ["put_back", "take_twig"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_1 = np.uint64(1)
_32 = np.uint64(32)


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
