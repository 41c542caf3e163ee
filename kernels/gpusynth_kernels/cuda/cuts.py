"""The best cut of one column of one node from its table: each thread a run of cuts, or all of them.

Every thread starts from the sums of all levels before its own, and goes on as the CPU does. Sums
are integers, so where a thread starts does not show in its scores. Weighted squares are doubles,
added class by class for each cut, as specified.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cpu.kinds import CLASSES_BY_ENTROPY, NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.histogram import n_amount_planes, n_count_planes
from gpusynth_kernels.cuda.launch import cuda, device
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = [
    "MOST_REGISTERS",
    "MOST_THREADS",
    "best_cut",
    "best_subset",
    "cuts_of_thread",
    "next_code",
    "reduce_best",
    "subsets_of_thread",
]

MOST_THREADS = 128
"""Threads of a block that searches: a power of two."""

MOST_REGISTERS = 144
"""Registers of a thread of the kernels that search by blocks, which would take 222: fourteen warps
on a multiprocessor in the place of nine, as these mostly wait. Some 40 words a thread go to memory
and back for it. Speed only."""

_NOWHERE = np.int64(1) << np.int64(62)


@device
def reduce_best(score: Any, place: Any, n_left: Any, shared: Any) -> Any:
    """Return the best of all threads' splits to each: the highest score, then the lowest place.

    `shared` are arrays of float64, int64 and int64, shape (n_threads,).
    """
    scores, places, lefts = shared
    thread = cuda.threadIdx.x
    scores[thread], places[thread], lefts[thread] = score, place, n_left
    cuda.syncthreads()
    half = cuda.blockDim.x >> 1
    while half > 0:
        if thread < half:
            other = thread + half
            if scores[other] > scores[thread] or (
                scores[other] == scores[thread] and places[other] < places[thread]
            ):
                scores[thread] = scores[other]
                places[thread] = places[other]
                lefts[thread] = lefts[other]
        cuda.syncthreads()
        half >>= 1
    best = scores[0], places[0], lefts[0]
    cuda.syncthreads()
    return best


@device
def _value(cells: Any, plane: Any, n_counts: Any, at: Any) -> Any:
    """Return a cell of the counts' planes, or of the amounts' that follow."""
    counts, first_count, amounts, first_amount, stride, _ = cells
    if plane < n_counts:
        return np.int64(counts[first_count + plane * stride + at])
    return amounts[first_amount + (plane - n_counts) * stride + at]


@device
def best_cut(
    mode: Any,
    cells: Any,
    index: Any,
    places: Any,
    m: Any,
    limits: Any,
    table: Any,
    part: Any,
    shared: Any,
) -> Any:
    """Find the best cut of m levels in their order.

    Parameters
    ----------
    mode : int
    cells : tuple
        As for `levels.key_levels`.
    index, places : arrays of int64
        Level s in order is cell ``index[places[s]]`` of a plane; cell s itself where `places` is
        empty.
    m : int
    limits : tuple of int
        Rows and classes of the node, min_leaf.
    table : array of int64
        `scalar.entropy.log_table`.
    part : array of int64, work
        (planes) times (threads + 1) numbers.
    shared : tuple of arrays
        For `reduce_best`.

    Returns
    -------
    score : float
        -1 when no cut leaves `min_leaf` rows on both sides.
    place : int
        The last level in order that goes left.
    n_left : int
        Rows on the left.
    """
    _n, n_runs, _ = limits
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    n_counts = n_count_planes(mode, n_runs)
    n_planes = n_counts + n_amount_planes(mode, n_runs, cells[5])
    size = (m + n_threads - 1) // n_threads
    begin, end = min(thread * size, m), min((thread + 1) * size, m)
    for plane in range(n_planes):
        own = np.int64(0)
        for s in range(begin, end):
            at = index[places[s]] if places.shape[0] > 0 else np.int64(s)
            own += _value(cells, plane, n_counts, at)
        part[plane * n_threads + thread] = own
    cuda.syncthreads()
    for plane in range(thread, n_planes, n_threads):
        total = np.int64(0)
        for t in range(n_threads):
            own = part[plane * n_threads + t]
            part[plane * n_threads + t] = total
            total += own
        part[n_planes * n_threads + plane] = total
    cuda.syncthreads()
    run = begin, end, n_planes
    order = index, places
    sums = part, thread, n_threads, n_planes * n_threads, np.int64(1)
    score, place, n_left = cuts_of_thread(mode, cells, order, run, limits, table, sums)
    return reduce_best(score, place, n_left, shared)


@device
def cuts_of_thread(
    mode: Any, cells: Any, order: Any, run: Any, limits: Any, table: Any, sums: Any
) -> Any:
    """Return the best of a thread's cuts, the last level that goes left, and the rows on its left.

    Parameters
    ----------
    order : tuple of two arrays
        `index` and `places` of `best_cut`.
    run : tuple of int
        The thread's levels, from the first to before the last; planes.
    sums : tuple
        An array of int64, work; in it the sum of plane k over the levels before is at the second
        plus k times the third number, and that over all levels at the fourth plus k times the
        fifth.
    """
    if mode == NUMBERS:
        return _cut_numbers(cells, order, run, limits, sums)
    if mode == WEIGHTED_CLASSES:
        return _cut_weights(cells, order, run, limits, sums)
    return _cut_counts(mode, cells, order, run, limits, table, sums)


@device
def _cut_counts(
    mode: Any, cells: Any, order: Any, run: Any, limits: Any, table: Any, sums: Any
) -> Any:
    """Return the best of a thread's cuts by Gini or entropy."""
    index, places = order
    begin, end, n_runs = run
    n, _, min_leaf = limits
    part, thread, n_threads, first_whole, to_next = sums
    entropy = mode == CLASSES_BY_ENTROPY
    left_terms = np.int64(0)
    right_terms = np.int64(0)
    n_left = np.int64(0)
    for k in range(n_runs):
        left = part[k * n_threads + thread]
        right = part[first_whole + k * to_next] - left
        left_terms += c_log_c(left, table) if entropy else left * left
        right_terms += c_log_c(right, table) if entropy else right * right
        n_left += left
    best = -1.0
    best_place = _NOWHERE
    best_left = np.int64(0)
    for s in range(begin, end):
        at = index[places[s]] if places.shape[0] > 0 else np.int64(s)
        before = n_left
        for k in range(n_runs):
            c = _value(cells, k, n_runs, at)
            if c == 0:
                continue
            left = part[k * n_threads + thread]
            right = part[first_whole + k * to_next] - left
            if entropy:
                left_terms += c_log_c(left + c, table) - c_log_c(left, table)
                right_terms += c_log_c(right - c, table) - c_log_c(right, table)
            else:
                left_terms += (2 * left + c) * c
                right_terms -= (2 * right - c) * c
            part[k * n_threads + thread] = left + c
            n_left += c
        n_right = n - n_left
        if n_left == before or n_left < min_leaf or n_right < min_leaf:
            continue  # a level without rows splits as the one before it, which is preferred
        if entropy:
            score = entropy_score(left_terms, n_left, right_terms, n_right, n, table)
        else:
            score = gini_score(left_terms, n_left, right_terms, n_right)
        if score > best:
            best, best_place, best_left = score, np.int64(s), n_left
    return best, best_place, best_left


@device
def _cut_weights(cells: Any, order: Any, run: Any, limits: Any, sums: Any) -> Any:
    """Return the best of a thread's cuts by Gini with weights."""
    index, places = order
    begin, end, _ = run
    n, n_runs, min_leaf = limits
    part, thread, n_threads, first_whole, to_next = sums
    n_left = part[thread]
    best = -1.0
    best_place = _NOWHERE
    best_left = np.int64(0)
    for s in range(begin, end):
        at = index[places[s]] if places.shape[0] > 0 else np.int64(s)
        rows = _value(cells, 0, 1, at)
        if rows == 0:
            continue
        n_left += rows
        left_squares = 0.0
        right_squares = 0.0
        left_weight = np.int64(0)
        right_weight = np.int64(0)
        for k in range(1, n_runs + 1):
            left = part[k * n_threads + thread] + _value(cells, k, 1, at)
            right = part[first_whole + k * to_next] - left
            part[k * n_threads + thread] = left
            left_squares += np.float64(left) * np.float64(left)
            right_squares += np.float64(right) * np.float64(right)
            left_weight += left
            right_weight += right
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        score = gini_score(left_squares, left_weight, right_squares, right_weight)
        if score > best:
            best, best_place, best_left = score, np.int64(s), n_left
    return best, best_place, best_left


@device
def _cut_numbers(cells: Any, order: Any, run: Any, limits: Any, sums: Any) -> Any:
    """Return the best of a thread's cuts of numbers."""
    index, places = order
    begin, end, n_planes = run
    n, _, min_leaf = limits
    part, thread, n_threads, first_whole, to_next = sums
    weighted = n_planes == 3
    n_left = part[thread]
    sum_left = part[n_threads + thread]
    sum_all = part[first_whole + to_next]
    weight_left = part[2 * n_threads + thread] if weighted else n_left
    weight_all = part[first_whole + 2 * to_next] if weighted else np.int64(n)
    best = -1.0
    best_place = _NOWHERE
    best_left = np.int64(0)
    for s in range(begin, end):
        at = index[places[s]] if places.shape[0] > 0 else np.int64(s)
        rows = _value(cells, 0, 1, at)
        if rows == 0:
            continue
        n_left += rows
        sum_left += _value(cells, 1, 1, at)
        weight_left += _value(cells, 2, 1, at) if weighted else rows
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        score = variance_gain(sum_left, weight_left, sum_all - sum_left, weight_all - weight_left)
        if score > best:
            best, best_place, best_left = score, np.int64(s), n_left
    return best, best_place, best_left


@device
def best_subset(mode: Any, cells: Any, n_codes: Any, limits: Any, table: Any, shared: Any) -> Any:
    """Find the best of all subsets of at most four codes, as `best_cut`; the place is m.

    Digit c - 1 of m says that code c goes right. The column's codes are cells 0 ... n_codes - 1.
    """
    own = 1 + cuda.threadIdx.x, cuda.blockDim.x
    best, place, n_left = subsets_of_thread(mode, cells, n_codes, limits, table, own)
    return reduce_best(best, place, n_left, shared)


@device
def subsets_of_thread(
    mode: Any, cells: Any, n_codes: Any, limits: Any, table: Any, own: Any
) -> Any:
    """Return the best of a thread's subsets: from the first of `own` by steps of the second."""
    n, n_runs, min_leaf = limits
    n_counts = n_count_planes(mode, n_runs)
    n_planes = n_counts + n_amount_planes(mode, n_runs, cells[5])
    best = -1.0
    best_place = _NOWHERE
    best_left = np.int64(0)
    m = np.int64(own[0] - own[1])
    while m + own[1] < np.int64(1) << (n_codes - 1):
        m += own[1]
        rows = np.int64(0)
        for plane in range(n_counts):
            left, _ = _sides(cells, plane, n_counts, n_codes, m)
            rows += left
        if rows < min_leaf or n - rows < min_leaf:
            continue
        if mode == NUMBERS:
            sum_left, sum_right = _sides(cells, 1, 1, n_codes, m)
            weight_left, weight_right = _sides(cells, n_planes - 1, 1, n_codes, m)
            if n_planes == 2:
                weight_left, weight_right = rows, n - rows
            score = variance_gain(sum_left, weight_left, sum_right, weight_right)
        else:
            score = _score_of_sides(mode, cells, n_counts, n_codes, m, limits, table, rows)
        if score > best:
            best, best_place, best_left = score, m, rows
    return best, best_place, best_left


@device
def next_code(counts: Any, first: Any, planes: Any, stride: Any, code: Any) -> Any:
    """Return the next code with rows after one; a cut has rows on both sides."""
    rows = np.int64(0)
    while rows == 0:
        code += 1
        for k in range(planes):
            rows += np.int64(counts[first + k * stride + code])
    return code


@device
def _sides(cells: Any, plane: Any, n_counts: Any, n_codes: Any, m: Any) -> Any:
    """Return a plane's sums on the left and on the right of a subset."""
    left = np.int64(0)
    right = np.int64(0)
    for code in range(n_codes):
        value = _value(cells, plane, n_counts, code)
        if code > 0 and (m >> (code - 1)) & 1 != 0:
            right += value
        else:
            left += value
    return left, right


@device
def _score_of_sides(
    mode: Any, cells: Any, n_counts: Any, n_codes: Any, m: Any, limits: Any, table: Any, rows: Any
) -> Any:
    """Return the score of a subset for classes."""
    n, n_runs, _ = limits
    left_terms = np.int64(0)
    right_terms = np.int64(0)
    left_squares = 0.0
    right_squares = 0.0
    left_weight = np.int64(0)
    right_weight = np.int64(0)
    for k in range(n_runs):
        plane = k + 1 if mode == WEIGHTED_CLASSES else k
        left, right = _sides(cells, plane, n_counts, n_codes, m)
        if mode == WEIGHTED_CLASSES:
            left_squares += np.float64(left) * np.float64(left)
            right_squares += np.float64(right) * np.float64(right)
            left_weight += left
            right_weight += right
        elif mode == CLASSES_BY_ENTROPY:
            left_terms += c_log_c(left, table)
            right_terms += c_log_c(right, table)
        else:
            left_terms += left * left
            right_terms += right * right
    if mode == WEIGHTED_CLASSES:
        return gini_score(left_squares, left_weight, right_squares, right_weight)
    if mode == CLASSES_BY_ENTROPY:
        return entropy_score(left_terms, rows, right_terms, n - rows, n, table)
    return gini_score(left_terms, rows, right_terms, n - rows)
