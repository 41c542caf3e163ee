"""The best split of each column at each small node, by comparing each row with each.

A thread takes a row: its code is a threshold, and one pass over the rows, class by class, gives the
score of every kind in the stated order. Levels of an unordered column get a table of those present.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64

from gpusynth_kernels.cpu.kinds import NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.choose import MOST_SEARCHED, emit_levels, is_asked, is_small, put_split
from gpusynth_kernels.cuda.compare import score_classes, score_numbers
from gpusynth_kernels.cuda.cuts import MOST_REGISTERS, MOST_THREADS, best_cut, reduce_best
from gpusynth_kernels.cuda.histogram import n_amount_planes, n_count_planes
from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.cuda.levels import key_levels, sort_levels
from gpusynth_kernels.cuda.partition import code_of
from gpusynth_kernels.cuda.runs import row_of

__all__ = ["search_rows"]

_NOWHERE = np.int64(1) << np.int64(62)


@kernel(max_registers=MOST_REGISTERS)
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
        word, shift, mask, codes, 1 if ordered, width (of its group; see `small_rows`), rows up to
        which `search_few` searches a node, place among the columns of the fit.
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
    words, shifts, masks, widths, ordered, group_width, few, places_in_fit = columns
    n_columns = words.shape[0]
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    ints, floats = work[0][cuda.blockIdx.x], work[1][cuda.blockIdx.x]
    counts = work[2][cuda.blockIdx.x]
    for task in range(cuda.blockIdx.x, sizes.shape[0] * n_columns, cuda.gridDim.x):
        # fewer than 2^32 tasks fit a device; divisions of 64 bits are slow
        node = np.int64(np.uint32(task) // np.uint32(n_columns))
        c = np.int64(task) - node * n_columns
        place = places_in_fit[c]
        n, runs = sizes[node], n_runs[node]
        if n <= few[c] or not is_small(n, runs, group_width[c]) or not is_asked(asked, node, place):
            continue
        at = slots[node] * asked[0] + place
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
            put_split(best, result, at, value)
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
                emit_levels(emit, node, levels, level_order)
            else:
                part = rest[3 * n + amounts.shape[0] :]
                best = best_cut(mode, cells, index, level_order, m, limits, log_table, part, shared)
                put_split(best, result, at, best[1] + 1)
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
            score, n_left = score_numbers(codes, here, target, limits, ordered, place)
        else:
            score, n_left = score_classes(
                mode, codes, here, bounds, target, limits, log_table, ordered, place
            )
        if score > best or (score == best and place < best_place):
            best, best_place, best_left = score, place, n_left
    return reduce_best(best, best_place, best_left, shared)


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
