"""The best split of each column at each node: from tables (large nodes), or from the rows (small).

A table costs its cells, whatever the rows; small nodes are quicker by comparing each row with each.
`is_small` decides by rows, classes and codes, which is speed only: both give the same split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int32, int64

from gpusynth_kernels.cpu.kinds import CLASSES_BY_ENTROPY, NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.cuts import MOST_THREADS, best_cut, best_subset, reduce_best
from gpusynth_kernels.cuda.histogram import n_amount_planes, n_count_planes
from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.cuda.levels import key_levels, list_levels, sort_levels
from gpusynth_kernels.cuda.partition import code_of
from gpusynth_kernels.cuda.runs import row_of
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = ["MOST_SEARCHED", "choose_columns", "search_rows", "search_tables", "small_rows"]

MOST_SEARCHED = 4
"""An unordered column of at most so many codes is searched over all its subsets."""

_COUNTED = MOST_THREADS + 1
_NOWHERE = np.int64(1) << np.int64(62)
_1 = np.uint32(1)

PAIRS_PER_CELL = 8
"""A cell of a table costs about as much as so many comparisons of two rows (bytes against
instructions of an H200, estimated: 0.6 clocks of a multiprocessor against 0.06). Speed only."""

CLASSES_THAT_COUNT = 64
"""Small nodes are no larger for more classes than these, so that work arrays stay small."""


@device
def _is_small(n: Any, n_runs: Any, width: Any) -> Any:
    """Return whether a node's rows are compared rather than counted; see `small_rows`."""
    return n * n <= PAIRS_PER_CELL * width * min(n_runs, CLASSES_THAT_COUNT)


def small_rows(n_runs: Any, width: Any) -> Any:
    """Return the square of the rows up to which nodes are small, for columns of this width."""
    return PAIRS_PER_CELL * width * np.minimum(n_runs, CLASSES_THAT_COUNT)


@device
def _is_asked(asked: Any, node: Any, column: Any) -> Any:
    n_columns, offered, only = asked
    if only[node] >= 0 and only[node] != column:
        return False
    return offered.shape[0] == 0 or offered[node * n_columns + column] != 0


@device
def _emit(emit: Any, node: Any, levels: Any, places: Any) -> None:
    """Set the bits of the levels that go left in the subset of a split that was chosen before."""
    words, first, n_levels = emit
    for s in range(cuda.threadIdx.x, n_levels[node], cuda.blockDim.x):
        code = levels[places[s]]
        cuda.atomic.or_(words, first[node] + (code >> 5), _1 << np.uint32(code & 31))


@device
def _put(best: Any, result: Any, at: Any, value: Any) -> None:
    """Write a split: its score, what it asks, the rows on its left."""
    scores, values, lefts = result
    if cuda.threadIdx.x == 0:
        scores[at], values[at], lefts[at] = best[0], value, best[2]


@kernel
def search_tables(
    mode: Any,
    nodes: Any,
    group: Any,
    n_codes: Any,
    tables: Any,
    min_leaf: Any,
    log_table: Any,
    asked: Any,
    emit: Any,
    work: Any,
    result: Any,
) -> None:
    """Find the best split of each column of a group at each node of a batch, from their tables.

    Parameters
    ----------
    nodes : tuple of arrays of int64, shape (n_nodes,)
        rows, number of runs, first cell in `counts` and in `amounts`, place in `result`.
    group : tuple of arrays of int64, shape (n_group,)
        column (its place among those of the fit), first code within the group, codes, 1 if ordered.
    n_codes : int
        Codes of the group in all.
    tables : tuple
        counts (int32), amounts (int64), 1 if rows have weights.
    asked : tuple
        As for `histogram.count_codes`.
    emit : tuple
        words (uint32, empty: only search), and for each node the first word and the number of
        levels that go left (int64): sets their bits.
    work : tuple of two arrays, shape (n_blocks, ...)
        int64 and float64.
    result : tuple of three arrays, shape (nodes times columns,)
        score (float64), what the split asks (int64: a threshold, a subset's number or how many
        levels go left), rows on its left (int64).
    """
    scores = cuda.shared.array(MOST_THREADS, float64)
    places = cuda.shared.array(MOST_THREADS, int64)
    lefts = cuda.shared.array(MOST_THREADS, int64)
    counted = cuda.shared.array(_COUNTED, int32)
    shared = scores, places, lefts
    sizes, n_runs, first_count, first_amount, slots = nodes
    columns, first_code, widths, ordered = group
    counts, amounts, weighted = tables
    ints, floats = work[0][cuda.blockIdx.x], work[1][cuda.blockIdx.x]
    for task in range(cuda.blockIdx.x, sizes.shape[0] * columns.shape[0], cuda.gridDim.x):
        node, q = task // columns.shape[0], task % columns.shape[0]
        if not _is_asked(asked, node, columns[q]):
            continue
        width, runs = widths[q], n_runs[node]
        limits = sizes[node], runs, min_leaf
        place = first_count[node] + first_code[q]
        cells = (counts, place, amounts, first_amount[node] + first_code[q], n_codes, weighted)
        at = slots[node] * asked[0] + columns[q]
        if ordered[q] == 0 and width <= MOST_SEARCHED:
            best = best_subset(mode, cells, width, limits, log_table, shared)
            _put(best, result, at, best[1])
            continue
        planes = n_count_planes(mode, runs)
        if ordered[q] != 0:
            none = ints[:0]
            best = best_cut(mode, cells, none, none, width, limits, log_table, ints, shared)
            value = best[1]
            if cuda.threadIdx.x == 0 and best[0] >= 0.0:
                value = (value + _next_code(counts, place, planes, n_codes, value)) >> 1
            _put(best, result, at, value)
            continue
        levels, order = ints[:width], ints[width : 3 * width]
        rows_at = counts, place, planes, n_codes
        m = list_levels(rows_at, width, counted, levels, order)
        keys = floats[:width]
        key_levels(mode, cells, levels, m, runs, keys, floats[width:])
        sort_levels(keys, m, order)
        if emit[0].shape[0] > 0:
            _emit(emit, node, levels, order)
        else:
            rest = ints[3 * width :]
            best = best_cut(mode, cells, levels, order, m, limits, log_table, rest, shared)
            _put(best, result, at, best[1] + 1)
        cuda.syncthreads()


@device
def _next_code(counts: Any, first: Any, planes: Any, stride: Any, code: Any) -> Any:
    """Return the next code with rows after one; a cut has rows on both sides."""
    rows = np.int64(0)
    while rows == 0:
        code += 1
        for k in range(planes):
            rows += np.int64(counts[first + k * stride + code])
    return code


@kernel
def search_rows(
    mode: Any,
    records: Any,
    order: Any,
    run_starts: Any,
    target: Any,
    nodes: Any,
    columns: Any,
    min_leaf: Any,
    log_table: Any,
    asked: Any,
    emit: Any,
    work: Any,
    result: Any,
) -> None:
    """Find the best split of each column at each small node, by comparing its rows.

    Parameters
    ----------
    records : array of uint32, shape (n_rows, n_words)
    order : array of uint64 entries, shape (n,)
    run_starts : array of int64
    target : tuple of two arrays of int64
        Numbers and weights by row; either may be empty.
    nodes : tuple of arrays of int64, shape (n_nodes,)
        begin, rows, first run, number of runs, place in `result`.
    columns : tuple of arrays of int64, shape (n_columns,)
        word, shift, mask, codes, 1 if ordered, width (of its group; see `small_rows`).
    work : tuple
        Arrays of int64, float64 and int32, shape (n_blocks, ...).

    Notes
    -----
    The others are as for `search_tables`.
    """
    scores = cuda.shared.array(MOST_THREADS, float64)
    places = cuda.shared.array(MOST_THREADS, int64)
    lefts = cuda.shared.array(MOST_THREADS, int64)
    shared = scores, places, lefts
    begins, sizes, first_run, n_runs, slots = nodes
    words, shifts, masks, widths, ordered, group_width = columns
    n_columns = words.shape[0]
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    ints, floats = work[0][cuda.blockIdx.x], work[1][cuda.blockIdx.x]
    counts = work[2][cuda.blockIdx.x]
    for task in range(cuda.blockIdx.x, sizes.shape[0] * n_columns, cuda.gridDim.x):
        node, c = task // n_columns, task % n_columns
        n, runs = sizes[node], n_runs[node]
        if not _is_asked(asked, node, c) or not _is_small(n, runs, group_width[c]):
            continue
        codes = ints[:n]
        for i in range(thread, n, n_threads):
            word = records[row_of(order[begins[node] + i]), words[c]]
            codes[i] = code_of(word, shifts[c], masks[c])
        cuda.syncthreads()
        here = order[begins[node] : begins[node] + n]
        bounds = run_starts[first_run[node] : first_run[node] + runs]
        limits = n, runs, min_leaf
        if ordered[c] != 0 or widths[c] <= MOST_SEARCHED:
            column = ordered[c] != 0, widths[c]
            best = _compare(mode, codes, here, bounds, target, limits, log_table, column, shared)
            value = best[1]
            if thread == 0 and ordered[c] != 0 and best[0] >= 0.0:
                following = _NOWHERE
                for i in range(n):
                    if value < codes[i] < following:
                        following = codes[i]
                value = (value + following) >> 1
            _put(best, result, slots[node] * n_columns + c, value)
        else:
            weighted = target[1].shape[0] > 0
            rest = ints[n:]
            m = _tabulate(mode, codes, here, bounds, target, limits, rest, counts)
            amounts = rest[3 * n : 3 * n + m * n_amount_planes(mode, runs, weighted)]
            cells = (counts, np.int64(0), amounts, np.int64(0), m, weighted)
            keys = floats[:n]
            levels, index, level_order = rest[:m], ints[:m], rest[n : 3 * n]
            key_levels(mode, cells, index, m, runs, keys, floats[n:])
            sort_levels(keys, m, level_order)
            if emit[0].shape[0] > 0:
                _emit(emit, node, levels, level_order)
            else:
                part = rest[3 * n + amounts.shape[0] :]
                best = best_cut(mode, cells, index, level_order, m, limits, log_table, part, shared)
                _put(best, result, slots[node] * n_columns + c, best[1] + 1)
        cuda.syncthreads()


@device
def _compare(
    mode: Any,
    codes: Any,
    here: Any,
    bounds: Any,
    target: Any,
    limits: Any,
    log_table: Any,
    column: Any,
    shared: Any,
) -> Any:
    """Find the best threshold (after a row's code), or subset of at most four codes.

    `column` says whether it is ordered, and its number of codes. The place is the code, or the
    subset's number m; ties go to the lowest, as they should.
    """
    ordered, width = column
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    best = -1.0
    best_place = _NOWHERE
    best_left = np.int64(0)
    first = np.int64(0) if ordered else np.int64(1)
    last = np.int64(limits[0]) if ordered else np.int64(1) << (width - 1)
    for candidate in range(first + thread, last, n_threads):
        place = codes[candidate] if ordered else np.int64(candidate)
        if mode == NUMBERS:
            score, n_left = _score_numbers(codes, here, target, limits, ordered, place)
        else:
            score, n_left = _score_classes(
                mode, codes, here, bounds, target, limits, log_table, ordered, place
            )
        if score > best or (score == best and place < best_place):
            best, best_place, best_left = score, place, n_left
    return reduce_best(best, best_place, best_left, shared)


@device
def _goes_left(code: Any, ordered: Any, place: Any) -> Any:
    if ordered:
        return code <= place
    return code == 0 or (place >> (code - 1)) & 1 == 0


@device
def _score_numbers(
    codes: Any, here: Any, target: Any, limits: Any, ordered: Any, place: Any
) -> Any:
    """Return a split's score and the rows on its left; -1 when a side has too few."""
    numbers, weight = target
    n, _, min_leaf = limits
    sum_left = np.int64(0)
    sum_right = np.int64(0)
    weight_left = np.int64(0)
    weight_right = np.int64(0)
    n_left = np.int64(0)
    for i in range(n):
        row = row_of(here[i])
        w = weight[row] if weight.shape[0] > 0 else np.int64(1)
        if _goes_left(codes[i], ordered, place):
            n_left += 1
            sum_left += numbers[row]
            weight_left += w
        else:
            sum_right += numbers[row]
            weight_right += w
    if n_left < min_leaf or n - n_left < min_leaf:
        return -1.0, n_left
    return variance_gain(sum_left, weight_left, sum_right, weight_right), n_left


@device
def _score_classes(
    mode: Any,
    codes: Any,
    here: Any,
    bounds: Any,
    target: Any,
    limits: Any,
    log_table: Any,
    ordered: Any,
    place: Any,
) -> Any:
    """As `_score_numbers` for classes: runs come in ascending order of class."""
    weight = target[1]
    n, n_runs, min_leaf = limits
    left_terms = np.int64(0)
    right_terms = np.int64(0)
    left_squares = 0.0
    right_squares = 0.0
    left_weight = np.int64(0)
    right_weight = np.int64(0)
    n_left = np.int64(0)
    for r in range(n_runs):
        begin = bounds[r] - bounds[0]
        end = bounds[r + 1] - bounds[0] if r + 1 < n_runs else np.int64(n)
        left = np.int64(0)
        right = np.int64(0)
        for i in range(begin, end):
            w = weight[row_of(here[i])] if mode == WEIGHTED_CLASSES else np.int64(1)
            if _goes_left(codes[i], ordered, place):
                n_left += 1
                left += w
            else:
                right += w
        if mode == WEIGHTED_CLASSES:
            left_squares += np.float64(left) * np.float64(left)
            right_squares += np.float64(right) * np.float64(right)
            left_weight += left
            right_weight += right
        elif mode == CLASSES_BY_ENTROPY:
            left_terms += c_log_c(left, log_table)
            right_terms += c_log_c(right, log_table)
        else:
            left_terms += left * left
            right_terms += right * right
    if n_left < min_leaf or n - n_left < min_leaf:
        return -1.0, n_left
    if mode == WEIGHTED_CLASSES:
        score = gini_score(left_squares, left_weight, right_squares, right_weight)
    elif mode == CLASSES_BY_ENTROPY:
        score = entropy_score(left_terms, n_left, right_terms, n - n_left, n, log_table)
    else:
        score = gini_score(left_terms, n_left, right_terms, n - n_left)
    return score, n_left


@device
def _tabulate(
    mode: Any,
    codes: Any,
    here: Any,
    bounds: Any,
    target: Any,
    limits: Any,
    work: Any,
    counts: Any,
) -> Any:
    """Make the table of the levels that a node holds; return how many these are.

    ``work[:m]`` become the levels, ascending, and `codes` 0 ... m-1; the amounts are
    ``work[3 n:]``.
    """
    n, n_runs, _ = limits
    numbers, weight = target
    weighted = weight.shape[0] > 0
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    is_first, place = work[n : 2 * n], work[2 * n : 3 * n]
    for i in range(thread, n, n_threads):
        first = np.int64(1)
        for j in range(i):
            if codes[j] == codes[i]:
                first = np.int64(0)
                break
        is_first[i] = first
    cuda.syncthreads()
    m = np.int64(0)
    for i in range(n):
        m += is_first[i]
    for i in range(thread, n, n_threads):
        before = np.int64(0)
        for j in range(n):
            if is_first[j] != 0 and codes[j] < codes[i]:
                before += 1
        place[i] = before
        if is_first[i] != 0:
            work[before] = codes[i]
    n_counts = n_count_planes(mode, n_runs) * m
    for at in range(thread, n_counts, n_threads):
        counts[at] = 0
    for at in range(thread, n_amount_planes(mode, n_runs, weighted) * m, n_threads):
        work[3 * n + at] = 0
    cuda.syncthreads()
    run = np.int64(0)
    for i in range(thread, n, n_threads):
        while run + 1 < n_runs and i >= bounds[run + 1] - bounds[0]:
            run += 1
        at = place[i]
        row = row_of(here[i])
        if mode == NUMBERS:
            cuda.atomic.add(counts, at, 1)
            cuda.atomic.add(work, 3 * n + at, numbers[row])
            if weighted:
                cuda.atomic.add(work, 3 * n + m + at, weight[row])
        elif mode == WEIGHTED_CLASSES:
            cuda.atomic.add(counts, at, 1)
            cuda.atomic.add(work, 3 * n + run * m + at, weight[row])
        else:
            cuda.atomic.add(counts, run * m + at, 1)
    cuda.syncthreads()
    for s in range(thread, m, n_threads):
        codes[s] = s
    cuda.syncthreads()
    return m


@kernel
def choose_columns(n_columns: Any, result: Any, node_score: Any, chosen: Any) -> None:
    """Choose each node's split: the highest score, the first column among equals.

    Parameters
    ----------
    n_columns : int
    result : tuple of three arrays
        As `search_tables` and `search_rows` left them; -1 where a column has no split.
    node_score : array of float64, shape (n_nodes,)
    chosen : tuple of four arrays, shape (n_nodes,), changed
        column (int32, -1: none), what the split asks (int64), rows on its left (int64), gain
        (float64).
    """
    scores, values, lefts = result
    column, value, left, gain = chosen
    for node in range(cuda.grid(1), node_score.shape[0], cuda.gridsize(1)):
        best = -1.0
        best_column = np.int32(-1)
        for c in range(n_columns):
            if scores[node * n_columns + c] > best:
                best = scores[node * n_columns + c]
                best_column = np.int32(c)
        column[node] = best_column
        gain[node] = best - node_score[node]
        if best_column >= 0:
            value[node] = values[node * n_columns + best_column]
            left[node] = lefts[node * n_columns + best_column]
