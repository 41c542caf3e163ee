"""The best cut of one column of one node of many classes: threads share out classes, then levels.

A tile of the table (a class for each thread, at most 32 levels) is read into shared memory, where
neighbouring threads read neighbouring levels. Each thread then adds up the levels of its class, and
at last goes through the classes of its level. All sums are integers, which are the same in any
order, so scores have the bits that `cuts` gives them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cpu.kinds import CLASSES_BY_ENTROPY, NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.cuts import reduce_best
from gpusynth_kernels.cuda.launch import cuda, device
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score

__all__ = [
    "MANY_CLASSES",
    "TILE_ROW",
    "best_class_cut",
    "best_class_subset",
    "next_code_of_block",
    "suits_tile",
]

MANY_CLASSES = 8
"""With more classes a node's threads share them out. Speed only."""

_MOST_BITS = 5

TILE_ROW = (1 << _MOST_BITS) + 1
"""Cells of a class in a tile: an odd number, so that threads of a warp are at different banks."""

_NOWHERE = np.int64(1) << np.int64(62)


@device
def suits_tile(mode: Any, n_runs: Any, tile: Any) -> Any:
    """Return whether a node is for this module: rows of many classes, with room for a tile."""
    if mode == NUMBERS or mode == WEIGHTED_CLASSES:  # noqa: SIM109
        return False
    return n_runs > MANY_CLASSES and tile.shape[0] >= TILE_ROW * cuda.blockDim.x


@device
def _bits_of(n: Any) -> Any:
    """Return the binary logarithm of how many candidates stand side by side: up to 32."""
    bits = np.int64(0)
    while bits < _MOST_BITS and (1 << bits) < n and (2 << bits) <= cuda.blockDim.x:
        bits += 1
    return bits


@device
def _together(terms: Any, bits: Any, shared: Any) -> Any:
    """Return the sums of the threads of each candidate, to the first of them."""
    scores, places, lefts = shared
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    left_terms, right_terms, n_left = terms
    places[thread], lefts[thread] = left_terms, right_terms
    scores[thread] = np.float64(n_left)  # a number of rows: exact
    cuda.syncthreads()
    if thread < (1 << bits):
        for other in range(thread + (1 << bits), n_threads, 1 << bits):
            left_terms += places[other]
            right_terms += lefts[other]
            n_left += np.int64(scores[other])
    cuda.syncthreads()
    return left_terms, right_terms, n_left


@device
def _better(mode: Any, best: Any, terms: Any, place: Any, limits: Any, table: Any) -> Any:
    """Return the better of the best split and a later one."""
    left_terms, right_terms, n_left = terms
    n, _, min_leaf = limits
    n_right = n - n_left
    if n_left < min_leaf or n_right < min_leaf:
        return best
    if mode == CLASSES_BY_ENTROPY:
        score = entropy_score(left_terms, n_left, right_terms, n_right, n, table)
    else:
        score = gini_score(left_terms, n_left, right_terms, n_right)
    if score > best[0]:
        return score, place, n_left
    return best


@device
def _read_tile(cells: Any, at: Any, classes: Any, bits: Any, tile: Any) -> None:
    """Read a cell of each class of a tile; zeros where `at` is -1, beyond the last level."""
    counts, first, _, _, stride, _ = cells
    begin, end = classes
    thread = cuda.threadIdx.x
    row = np.uint64((1 << bits) + 1)
    r = thread >> bits
    step = np.uint64(cuda.blockDim.x >> bits)
    to = np.uint64(r) * row + np.uint64(thread & ((1 << bits) - 1))
    place = np.uint64(first + (begin + r) * stride + max(at, 0))
    down = step * np.uint64(stride)
    across = step * row
    for _ in range(begin + r, end, cuda.blockDim.x >> bits):
        tile[to] = counts[place] if at >= 0 else 0
        place += down
        to += across


@device
def best_class_cut(
    mode: Any,
    cells: Any,
    order: Any,
    m: Any,
    limits: Any,
    table: Any,
    part: Any,
    tile: Any,
    shared: Any,
) -> Any:
    """Find the best cut of m levels in their order, as `cuts.best_cut`.

    Parameters
    ----------
    order : tuple of two arrays
        `index` and `places` of `cuts.best_cut`.
    part : array of int64, work
        Two numbers a class.
    tile : array of int32, shared, work
        `TILE_ROW` cells a thread.

    Notes
    -----
    The others are as for `cuts.best_cut`. A level without rows has the score of the one before,
    which is preferred.
    """
    index, places = order
    _, n_runs, _ = limits
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    bits = _bits_of(m)
    lanes = np.int64(1) << bits
    lane = thread & (lanes - 1)
    is_long = m > lanes
    if is_long:
        _sum_classes(cells, order, m, n_runs, bits, part, tile)
    best = -1.0, _NOWHERE, np.int64(0)
    for start in range(0, m, lanes):
        s = np.int64(start + lane)
        at = np.int64(-1)
        if s < m:
            at = index[places[s]] if places.shape[0] > 0 else s
        terms = np.int64(0), np.int64(0), np.int64(0)
        for begin in range(0, n_runs, n_threads):
            end = min(begin + n_threads, n_runs)
            _read_tile(cells, at, (begin, end), bits, tile)
            cuda.syncthreads()
            if begin + thread < end:
                k = np.int64(begin + thread)
                _add_up(k, n_runs, bits, is_long, part, tile)
            cuda.syncthreads()
            terms = _add_terms(mode, terms, end - begin, bits, table, tile)
            cuda.syncthreads()
        terms = _together(terms, bits, shared)
        if thread < lanes and s < m:
            best = _better(mode, best, terms, s, limits, table)
    return reduce_best(best[0], best[1], best[2], shared)


@device
def _sum_classes(
    cells: Any, order: Any, m: Any, n_runs: Any, bits: Any, part: Any, tile: Any
) -> None:
    """Set ``part[:n_runs]`` to zeros and the next to the rows of each class."""
    index, places = order
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    lanes = np.int64(1) << bits
    row = np.uint64(lanes + 1)
    for begin in range(0, n_runs, n_threads):
        end = min(begin + n_threads, n_runs)
        rows = np.int64(0)
        for start in range(0, m, lanes):
            s = np.int64(start + (thread & (lanes - 1)))
            at = np.int64(-1)
            if s < m:
                at = index[places[s]] if places.shape[0] > 0 else s
            _read_tile(cells, at, (begin, end), bits, tile)
            cuda.syncthreads()
            if begin + thread < end:
                cell = np.uint64(thread) * row
                for _ in range(lanes):
                    rows += np.int64(tile[cell])
                    cell += np.uint64(1)
            cuda.syncthreads()
        if begin + thread < end:
            part[begin + thread] = 0
            part[n_runs + begin + thread] = rows


@device
def _add_up(k: Any, n_runs: Any, bits: Any, is_long: Any, part: Any, tile: Any) -> None:
    """Turn the rows of a class at each level into those up to it; put the rows of all behind."""
    cell = np.uint64(cuda.threadIdx.x) * np.uint64((1 << bits) + 1)
    left = np.int32(part[k]) if is_long else np.int32(0)
    for _ in range(1 << bits):
        left += tile[cell]
        tile[cell] = left
        cell += np.uint64(1)
    if is_long:
        part[k] = left
        left = np.int32(part[n_runs + k])
    tile[cell] = left


@device
def _add_terms(mode: Any, terms: Any, n_classes: Any, bits: Any, table: Any, tile: Any) -> Any:
    """Add the terms of a thread's share of a tile's classes at its level."""
    left_terms, right_terms, n_left = terms
    thread = cuda.threadIdx.x
    lanes = np.int64(1) << bits
    step = cuda.blockDim.x >> bits
    r = thread >> bits
    whole = np.uint64(r * (lanes + 1) + lanes)
    cell = np.uint64(r * (lanes + 1) + (thread & (lanes - 1)))
    down = np.uint64(step * (lanes + 1))
    entropy = mode == CLASSES_BY_ENTROPY
    for _ in range(r, n_classes, step):
        left = np.int64(tile[cell])
        right = np.int64(tile[whole]) - left
        left_terms += c_log_c(left, table) if entropy else left * left
        right_terms += c_log_c(right, table) if entropy else right * right
        n_left += left
        cell += down
        whole += down
    return left_terms, right_terms, n_left


@device
def best_class_subset(
    mode: Any, cells: Any, n_codes: Any, limits: Any, table: Any, shared: Any
) -> Any:
    """Find the best of all subsets of at most four codes, as `cuts.best_subset`."""
    counts, first, _, _, stride, _ = cells
    _, n_runs, _ = limits
    thread = cuda.threadIdx.x
    n_subsets = (np.int64(1) << (n_codes - 1)) - 1
    bits = _bits_of(n_subsets)
    lanes = np.int64(1) << bits
    entropy = mode == CLASSES_BY_ENTROPY
    best = -1.0, _NOWHERE, np.int64(0)
    for start in range(0, n_subsets, lanes):
        subset = np.int64(start + (thread & (lanes - 1)) + 1)
        left_terms, right_terms, n_left = np.int64(0), np.int64(0), np.int64(0)
        for k in range(thread >> bits, n_runs, cuda.blockDim.x >> bits):
            left, right = np.int64(0), np.int64(0)
            place = np.uint64(first + k * stride)
            for code in range(n_codes):
                rows = np.int64(counts[place])
                if code > 0 and (subset >> (code - 1)) & 1 != 0:
                    right += rows
                else:
                    left += rows
                place += np.uint64(1)
            left_terms += c_log_c(left, table) if entropy else left * left
            right_terms += c_log_c(right, table) if entropy else right * right
            n_left += left
        terms = _together((left_terms, right_terms, n_left), bits, shared)
        if thread < lanes and subset <= n_subsets:
            best = _better(mode, best, terms, subset, limits, table)
    return reduce_best(best[0], best[1], best[2], shared)


@device
def next_code_of_block(
    counts: Any, first: Any, n_runs: Any, stride: Any, after: Any, shared: Any
) -> Any:
    """Return the next code with rows after that of ``after[0]``, which has ``after[1]`` codes.

    All threads look, and all are told.
    """
    code, n_codes = after
    thread = cuda.threadIdx.x
    bits = _bits_of(n_codes)
    lanes = np.int64(1) << bits
    found = _NOWHERE
    start = np.int64(code + 1)
    while found == _NOWHERE and start < n_codes:
        own = np.int64(start + (thread & (lanes - 1)))
        seen = _NOWHERE
        if own < n_codes:
            for k in range(thread >> bits, n_runs, cuda.blockDim.x >> bits):
                if counts[np.uint64(first + k * stride + own)] != 0:
                    seen = own
                    break
        found = reduce_best(0.0, seen, np.int64(0), shared)[1]
        start += lanes
    return found
