"""Candidate splits as bits: count all of them at once.

A *lane* is one candidate split of one narrow column: a threshold of an ordered column with at most
8 codes, or a subset of an unordered column with at most 4. A row's *record* holds one bit a lane
(1 = goes right), 64 lanes a word:

    lane j  ->  word j // 64, bit 8 * (j % 8) + (j // 8) % 8

so that ``(word >> b) & 0x0101...01`` puts lanes ``8 b .. 8 b + 7`` of the word into eight bytes.
Adding such words counts 64 lanes with eight 64-bit additions, which the compiler turns into one or
two vector instructions; bytes are emptied into wider counters every 255 rows. One matrix of records
serves all trees of a table: a tree looks at the lanes of its own predictors only (`lane_ok`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = [
    "add_by_lane",
    "best_class_lane",
    "best_entropy_lane",
    "best_number_lane",
    "best_weighted_class_lane",
    "class_runs",
    "count_rows",
    "lane_bit",
    "pack_lanes",
]

_ONES = np.uint64(0x0101010101010101)
_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)
_BYTE_ROWS = 255


@jit
def lane_bit(lane: Any) -> Any:
    """Return the bit number of a lane within its word, as uint64."""
    return np.uint64(((lane & 7) << 3) + ((lane >> 3) & 7))


@jit
def pack_lanes(codes: Any, bits: Any, word: Any, first_row: Any, records: Any) -> None:
    """Or ``bits[codes[i]]`` into ``records[first_row + i, word]``: one column's lanes of some rows.

    Parameters
    ----------
    codes : array of uint8 or uint16, shape (n_block,)
    bits : array of uint64, shape (n_codes,)
    word, first_row : int
    records : array of uint64, shape (n, n_words), changed
    """
    for i in range(codes.shape[0]):
        records[first_row + i, word] |= bits[codes[i]]


@jit
def _count_word(
    records: Any, word: Any, order: Any, begin: Any, end: Any, bytes_: Any, at: Any
) -> None:
    """Set ``bytes_[at : at + 8]`` to the lane counts of at most 255 rows."""
    one = _ONES
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = np.uint64(0)
    for i in range(begin, end):
        x = records[order[i] & _ROW, word]
        a0 += x & one
        a1 += (x >> np.uint64(1)) & one
        a2 += (x >> np.uint64(2)) & one
        a3 += (x >> np.uint64(3)) & one
        a4 += (x >> np.uint64(4)) & one
        a5 += (x >> np.uint64(5)) & one
        a6 += (x >> np.uint64(6)) & one
        a7 += (x >> np.uint64(7)) & one
    bytes_[at] = a0
    bytes_[at + 1] = a1
    bytes_[at + 2] = a2
    bytes_[at + 3] = a3
    bytes_[at + 4] = a4
    bytes_[at + 5] = a5
    bytes_[at + 6] = a6
    bytes_[at + 7] = a7


@jit
def count_rows(
    records: Any, words: Any, order: Any, begin: Any, end: Any, bytes_: Any, counts: Any
) -> None:
    """Set ``counts[:]`` to the rows of ``order[begin:end]`` whose bit is 1, for 64 lanes a word.

    `words` (n_words,) are the words of the records to be counted.
    """
    n_words = words.shape[0]
    n_lanes = n_words * 64
    lanes = bytes_.view(np.uint8)
    at = begin
    stop = min(end, at + _BYTE_ROWS)
    for w in range(n_words):
        _count_word(records, words[w], order, at, stop, bytes_, w * 8)
    for j in range(n_lanes):
        counts[j] = lanes[j]
    at = stop
    while at < end:
        stop = min(end, at + _BYTE_ROWS)
        for w in range(n_words):
            _count_word(records, words[w], order, at, stop, bytes_, w * 8)
        for j in range(n_lanes):
            counts[j] += lanes[j]
        at = stop


@jit
def class_runs(order: Any, begin: Any, end: Any, ends: Any) -> Any:
    """Set ``ends[r]`` to where the r-th class of a node ends; return the number of classes.

    Rows lie in order of class, so the end of a run is found by doubling steps and bisection.
    """
    n_runs = 0
    at = begin
    while at < end:
        cls = (order[at] >> _32) & _CLASS
        step = 1
        low = at
        high = at + 1
        while high < end and (order[high] >> _32) & _CLASS == cls:
            low = high
            step *= 2
            high = min(at + step, end)
        while low + 1 < high:
            middle = (low + high) >> 1
            if (order[middle] >> _32) & _CLASS == cls:
                low = middle
            else:
                high = middle
        at = low + 1
        ends[n_runs] = at
        n_runs += 1
    return n_runs


@jit
def _first_best(scores: Any, n_lanes: Any) -> Any:
    """Return the highest of non-negative scores and its first lane; -1 stands for "not allowed".

    Non-negative doubles order as their bits do, and integers reduce in vector instructions.
    """
    bits = scores.view(np.int64)
    top = bits[0]
    for j in range(1, n_lanes):
        top = max(top, bits[j])
    if top < 0:
        return -1.0, -1
    lane = 0
    while bits[lane] != top:
        lane += 1
    return scores[lane], lane


@jit
def best_class_lane(
    records: Any,
    words: Any,
    lane_ok: Any,
    order: Any,
    begin: Any,
    end: Any,
    runs: Any,
    min_leaf: Any,
    work: Any,
) -> Any:
    """Find the best lane for a class target by Gini, rows unweighted and sorted by class.

    Parameters
    ----------
    records : array of uint64, shape (n, n_all_words)
    words : array of int32, shape (n_words,)
        Words of the records that hold lanes.
    lane_ok : array of uint8, shape (64 * n_words,)
        1 for the lanes that may be chosen.
    order : array of uint64 entries
        ``order[begin:end]`` are the node's rows, ascending by class.
    runs : array of int64, shape (n_classes_present,)
        From `class_runs`.
    min_leaf : int
        Rows that each child must keep.
    work : tuple of arrays
        bytes (8 n_words,) uint64; counts, right, squares_right, squares_left (64 n_words,) int64;
        scores (64 n_words,) float64. `right` holds each lane's rows afterwards.

    Returns
    -------
    score : float
        See `gini_score`; -1 when no lane leaves `min_leaf` rows on both sides.
    lane : int
        The first among equals, -1 when there is none.
    """
    bytes_, counts, right, squares_right, squares_left, scores = work
    n_lanes = lane_ok.shape[0]
    for j in range(n_lanes):
        right[j] = 0
        squares_right[j] = 0
        squares_left[j] = 0
    at = begin
    for run in range(runs.shape[0]):
        stop = runs[run]
        count_rows(records, words, order, at, stop, bytes_, counts)
        total = stop - at
        for j in range(n_lanes):
            c = counts[j]
            right[j] += c
            squares_right[j] += c * c
            squares_left[j] += (total - c) * (total - c)
        at = stop
    n = end - begin
    for j in range(n_lanes):
        r = right[j]
        score = gini_score(squares_left[j], n - r, squares_right[j], r)
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)


@jit
def best_entropy_lane(
    records: Any,
    words: Any,
    lane_ok: Any,
    order: Any,
    begin: Any,
    end: Any,
    runs: Any,
    min_leaf: Any,
    table: Any,
    work: Any,
) -> Any:
    """Find the best lane for a class target by entropy; see `best_class_lane` and `c_log_c`."""
    bytes_, counts, right, terms_right, terms_left, scores = work
    n_lanes = lane_ok.shape[0]
    for j in range(n_lanes):
        right[j] = 0
        terms_right[j] = 0
        terms_left[j] = 0
    at = begin
    for run in range(runs.shape[0]):
        stop = runs[run]
        count_rows(records, words, order, at, stop, bytes_, counts)
        total = stop - at
        for j in range(n_lanes):
            c = counts[j]
            right[j] += c
            terms_right[j] += c_log_c(c, table)
            terms_left[j] += c_log_c(total - c, table)
        at = stop
    n = end - begin
    for j in range(n_lanes):
        r = right[j]
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        score = entropy_score(terms_left[j], n - r, terms_right[j], r, n, table)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)


@jit
def add_by_lane(word: Any, amount: Any, sums: Any, at: Any) -> None:
    """Add `amount` to those of ``sums[at : at + 64]`` whose lane's bit is 1 in `word`."""
    for t in range(64):
        bit = np.int64((word >> np.uint64(((t & 7) << 3) + (t >> 3))) & np.uint64(1))
        sums[at + t] += amount & -bit


@jit
def best_weighted_class_lane(
    records: Any,
    words: Any,
    lane_ok: Any,
    order: Any,
    begin: Any,
    end: Any,
    runs: Any,
    min_leaf: Any,
    weight: Any,
    work: Any,
) -> Any:
    """Find the best lane for a class target, weighted rows sorted by class.

    As `best_class_lane`; `weight` holds each row's weight as an integer, and the squares of the
    classes' weights are float64, added in ascending order of the classes.
    """
    bytes_, counts, right, sums, weights_right, scores, squares_right, squares_left = work
    n_lanes = lane_ok.shape[0]
    for j in range(n_lanes):
        right[j] = 0
        weights_right[j] = 0
        squares_right[j] = 0.0
        squares_left[j] = 0.0
    all_weight = np.int64(0)
    at = begin
    for run in range(runs.shape[0]):
        stop = runs[run]
        count_rows(records, words, order, at, stop, bytes_, counts)
        for j in range(n_lanes):
            sums[j] = 0
        total = np.int64(0)
        for i in range(at, stop):
            row = np.int64(order[i] & _ROW)
            total += weight[row]
            for w in range(words.shape[0]):
                add_by_lane(records[row, words[w]], weight[row], sums, w * 64)
        for j in range(n_lanes):
            right[j] += counts[j]
            weights_right[j] += sums[j]
            to_right = np.float64(sums[j])
            to_left = np.float64(total - sums[j])
            squares_right[j] += to_right * to_right
            squares_left[j] += to_left * to_left
        all_weight += total
        at = stop
    n = end - begin
    for j in range(n_lanes):
        r = right[j]
        w = weights_right[j]
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        allowed &= (w > 0) & (w < all_weight)
        score = gini_score(squares_left[j], all_weight - w, squares_right[j], w)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)


@jit
def best_number_lane(
    records: Any,
    words: Any,
    lane_ok: Any,
    order: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    numbers: Any,
    weight: Any,
    work: Any,
) -> Any:
    """Find the best lane for a number target by the decrease of the sum of squares.

    As `best_class_lane`, with `numbers` (n,) int64: the target in fixed point, or weight times the
    target when `weight` (n,) int64 is not empty. The score is `variance_gain`.
    """
    bytes_, _, right, sums, weights_right, scores = work
    n_lanes = lane_ok.shape[0]
    count_rows(records, words, order, begin, end, bytes_, right)
    for j in range(n_lanes):
        sums[j] = 0
        weights_right[j] = right[j]
    total = np.int64(0)
    n = end - begin
    all_weight = np.int64(n)
    for i in range(begin, end):
        row = np.int64(order[i] & _ROW)
        number = numbers[row]
        total += number
        for w in range(words.shape[0]):
            add_by_lane(records[row, words[w]], number, sums, w * 64)
    if weight.shape[0] > 0:
        all_weight = np.int64(0)
        for j in range(n_lanes):
            weights_right[j] = 0
        for i in range(begin, end):
            row = np.int64(order[i] & _ROW)
            all_weight += weight[row]
            for w in range(words.shape[0]):
                add_by_lane(records[row, words[w]], weight[row], weights_right, w * 64)
    for j in range(n_lanes):
        r = right[j]
        w = weights_right[j]
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        allowed &= (w > 0) & (w < all_weight)
        score = variance_gain(total - sums[j], all_weight - w, sums[j], w)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)
