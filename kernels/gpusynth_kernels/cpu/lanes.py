"""Candidate splits as bits: count all of them at once.

A *lane* is one candidate split of one narrow column: a threshold of an ordered column with at most
8 codes, or a subset of an unordered column with at most 4. A row's *record* holds one bit a lane
(1 = goes right), 64 lanes a word:

    lane j  ->  word j // 64, bit 8 * (j % 8) + (j // 8) % 8

so that ``(word >> b) & 0x0101...01`` puts lanes ``8 b .. 8 b + 7`` of the word into eight bytes
(`vertical` counts with them). One matrix of records serves all trees of a table: a tree looks at
the lanes of its own predictors only (`lane_ok`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vertical import sum_by_lane
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = [
    "best_class_lane",
    "best_entropy_lane",
    "best_number_lane",
    "best_weighted_class_lane",
    "class_runs",
    "lane_bit",
    "pack_lanes",
]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)
_64 = np.uint64(64)


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
    column = records[first_row : first_row + codes.shape[0], word]
    # Numbers without a sign: none can mean a place from the end.
    for i in range(np.uint64(codes.shape[0])):
        column[i] |= bits[np.uint64(codes[i])]


@jit
def class_runs(order: Any, begin: Any, end: Any, ends: Any, classes: Any) -> Any:
    """Set ``ends[r]`` to where the r-th class of a node ends; return the number of classes.

    ``classes[r]`` becomes the class. Rows lie in order of class, so the end of a run is found by
    doubling steps and bisection.
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
        classes[n_runs] = cls
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
    counts: Any,
    classes: Any,
    totals: Any,
    words: Any,
    lane_ok: Any,
    n: Any,
    min_leaf: Any,
    work: Any,
) -> Any:
    """Find the best lane for an unweighted class target by Gini.

    Parameters
    ----------
    counts : array of int32, shape (n_classes, n_cells)
        The node's table (see `tables`): cell ``64 * word + lane`` of a class.
    classes : array of int64, shape (n_present,)
        Classes of the node; the other rows of `counts` are not read.
    totals : array of int64, shape (n_classes,)
        Rows by class.
    words : array of int32, shape (n_words,)
        Words that hold lanes.
    lane_ok : array of uint8, shape (64 * n_words,)
        1 for the lanes that may be chosen.
    n : int
        Rows of the node.
    min_leaf : int
        Rows that each child must keep.
    work : tuple of arrays
        right, squares, crossed (64 n_words,) int64; scores (64 n_words,) float64. `right` holds
        each lane's rows afterwards.

    Returns
    -------
    score : float
        See `gini_score`; -1 when no lane leaves `min_leaf` rows on both sides.
    lane : int
        The first among equals, -1 when there is none.
    """
    right, squares, crossed, scores = work
    n_lanes = lane_ok.shape[0]
    for j in range(n_lanes):
        right[j] = 0
        squares[j] = 0
        crossed[j] = 0
    all_squares = np.int64(0)
    for run in range(classes.shape[0]):
        total = totals[classes[run]]
        all_squares += total * total
        row = counts[classes[run]]
        for w in range(words.shape[0]):
            first = np.uint64(64 * words[w])
            at = np.uint64(64 * w)
            for j in range(_64):
                c = np.int64(row[first + j])
                right[at + j] += c
                squares[at + j] += c * c
                crossed[at + j] += total * c
    for j in range(n_lanes):
        r = right[j]
        # sum (t_k - c_k)^2 = sum t_k^2 - 2 sum t_k c_k + sum c_k^2, all whole numbers
        squares_left = all_squares - 2 * crossed[j] + squares[j]
        score = gini_score(squares_left, n - r, squares[j], r)
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)


@jit
def best_entropy_lane(
    counts: Any,
    classes: Any,
    totals: Any,
    words: Any,
    lane_ok: Any,
    n: Any,
    min_leaf: Any,
    table: Any,
    work: Any,
) -> Any:
    """Find the best lane for a class target by entropy; see `best_class_lane` and `c_log_c`."""
    right, terms_right, terms_left, scores = work
    n_lanes = lane_ok.shape[0]
    for j in range(n_lanes):
        right[j] = 0
        terms_right[j] = 0
        terms_left[j] = 0
    for run in range(classes.shape[0]):
        total = totals[classes[run]]
        for j in range(n_lanes):
            c = np.int64(counts[classes[run], 64 * words[j >> 6] + (j & 63)])
            right[j] += c
            if lane_ok[j] > 0:
                terms_right[j] += c_log_c(c, table)
                terms_left[j] += c_log_c(total - c, table)
    for j in range(n_lanes):
        r = right[j]
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        score = entropy_score(terms_left[j], n - r, terms_right[j], r, n, table)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)


@jit
def best_weighted_class_lane(
    counts: Any,
    classes: Any,
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

    As `best_class_lane`; the rows are ``order[begin:end]``, the classes end at `runs`, `weight`
    holds each row's weight as an integer, and the squares of the classes' weights are float64,
    added in ascending order of the classes.
    """
    right, sums, weights_right, scores, squares_right, squares_left = work
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
        total = np.int64(0)
        for i in range(at, stop):
            total += weight[order[i] & _ROW]
        for w in range(words.shape[0]):
            sum_by_lane(records, words[w], order, at, stop, weight, sums, w * 64)
        for j in range(n_lanes):
            right[j] += counts[classes[run], 64 * words[j >> 6] + (j & 63)]
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
    counts: Any,
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

    As `best_class_lane`, with the rows by lane in ``counts[0]`` and `numbers` (n,) int64: the
    target in fixed point, or weight times the target when `weight` (n,) int64 is not empty. The
    score is `variance_gain`.
    """
    right, sums, weights_right, scores = work
    n_lanes = lane_ok.shape[0]
    for j in range(n_lanes):
        right[j] = counts[0, 64 * words[j >> 6] + (j & 63)]
        weights_right[j] = right[j]
    for w in range(words.shape[0]):
        sum_by_lane(records, words[w], order, begin, end, numbers, sums, w * 64)
    total = np.int64(0)
    n = end - begin
    all_weight = np.int64(n)
    for i in range(begin, end):
        total += numbers[order[i] & _ROW]
    if weight.shape[0] > 0:
        all_weight = np.int64(0)
        for i in range(begin, end):
            all_weight += weight[order[i] & _ROW]
        for w in range(words.shape[0]):
            sum_by_lane(records, words[w], order, begin, end, weight, weights_right, w * 64)
    for j in range(n_lanes):
        r = right[j]
        w = weights_right[j]
        allowed = (lane_ok[j] > 0) & (r >= min_leaf) & (n - r >= min_leaf)
        allowed &= (w > 0) & (w < all_weight)
        score = variance_gain(total - sums[j], all_weight - w, sums[j], w)
        scores[j] = score if allowed else -1.0
    return _first_best(scores, n_lanes)
