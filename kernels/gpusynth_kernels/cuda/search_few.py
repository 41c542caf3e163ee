"""The best split of each column at each node of a few rows: one thread a node and column.

A thread goes through the candidates in their order and compares each with all rows. Neighbouring
threads take neighbouring columns of one node, so that they read one record together. Columns whose
levels must be put in order first are for blocks; see `search_rows`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint16

from gpusynth_kernels.cpu.kinds import NUMBERS
from gpusynth_kernels.cuda.choose import FEW_ROWS_OF_FEW_CODES, is_asked
from gpusynth_kernels.cuda.compare import score_classes, score_numbers
from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.cuda.partition import code_of
from gpusynth_kernels.cuda.runs import row_of

__all__ = ["FEW_THREADS", "search_few"]

FEW_THREADS = 64
"""Threads of a block: each keeps the codes of its rows in shared memory, 8 KB in all."""

_STRIDE = FEW_ROWS_OF_FEW_CODES + 2
"""From one thread's codes to the next one's: an odd number of 32-bit words, so that the threads of
a warp, each at the same place of its own, are at 32 different banks."""

_CODES = _STRIDE * FEW_THREADS


@kernel
def search_few(
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
    result: Any,
) -> None:
    """Find the best split of each column at each node of a few rows.

    Parameters
    ----------
    nodes : tuple of arrays of int64, shape (n_nodes,)
        begin, rows (at most `FEW_ROWS_OF_FEW_CODES`), first run, number of runs, place in `result`.
    columns : tuple of arrays of int64, shape (n_columns,)
        word, shift, mask, codes, 1 if ordered, most rows of a node that is searched here, place
        among the columns of the fit.

    Notes
    -----
    The others are as for `search_rows`.
    """
    codes_of = cuda.shared.array(_CODES, uint16)
    codes = codes_of[_STRIDE * cuda.threadIdx.x : _STRIDE * (cuda.threadIdx.x + 1)]
    begins, sizes, first_run, n_runs, slots = nodes
    words, shifts, masks, widths, ordered, most_rows, places = columns
    n_columns = words.shape[0]
    for task in range(cuda.grid(1), sizes.shape[0] * n_columns, cuda.gridsize(1)):
        # fewer than 2^32 tasks fit a device; divisions of 64 bits are slow
        node = np.int64(np.uint32(task) // np.uint32(n_columns))
        c = task - node * n_columns
        n, runs = sizes[node], n_runs[node]
        if n > most_rows[c] or not is_asked(asked, node, places[c]):
            continue
        here = order[begins[node] : begins[node] + n]
        for i in range(n):
            codes[i] = code_of(records[row_of(here[i]), words[c]], shifts[c], masks[c])
        bounds = run_starts[first_run[node] : first_run[node] + runs]
        limits = n, runs, min_leaf
        column = ordered[c] != 0, widths[c]
        score, value, n_left = _best(mode, codes, here, bounds, target, limits, log_table, column)
        if column[0] and score >= 0.0:
            value = (value + _next(codes, n, value)) >> 1
        at = slots[node] * asked[0] + places[c]
        scores, values, lefts = result
        scores[at], values[at], lefts[at] = score, value, n_left


@device
def _best(
    mode: Any,
    codes: Any,
    here: Any,
    bounds: Any,
    target: Any,
    limits: Any,
    log_table: Any,
    column: Any,
) -> Any:
    """Return the best score, its code (or the subset's number) and the rows on its left."""
    is_ordered, width = column
    best = -1.0
    best_place = np.int64(0)
    best_left = np.int64(0)
    first = np.int64(0) if is_ordered else np.int64(1)
    last = np.int64(limits[0]) if is_ordered else np.int64(1) << (width - 1)
    for candidate in range(first, last):
        place = np.int64(candidate)
        if is_ordered:
            place = np.int64(codes[candidate])
            if _came_before(codes, candidate):
                continue
        if mode == NUMBERS:
            score, n_left = score_numbers(codes, here, target, limits, is_ordered, place)
        else:
            score, n_left = score_classes(
                mode, codes, here, bounds, target, limits, log_table, is_ordered, place
            )
        if score > best or (score == best and place < best_place):
            best, best_place, best_left = score, place, n_left
    return best, best_place, best_left


@device
def _came_before(codes: Any, at: Any) -> Any:
    """Return whether a row before one has its code."""
    for i in range(at):  # noqa: SIM110 - kernels know no any()
        if codes[i] == codes[at]:
            return True
    return False


@device
def _next(codes: Any, n: Any, code: Any) -> Any:
    """Return the lowest code above one that has rows above it."""
    following = np.int64(1) << 62
    for i in range(n):
        if code < np.int64(codes[i]) < following:
            following = np.int64(codes[i])
    return following
