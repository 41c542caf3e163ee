"""The best split of each column at each large node, from tables: one thread a node and column.

For columns whose levels need no order, at nodes of few classes. A thread goes through the codes
as one of the blocks of `search_tables` does with all its threads; it needs no barrier, and there
are many nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64

from gpusynth_kernels.cuda.choose import MOST_SEARCHED, is_asked
from gpusynth_kernels.cuda.cuts import cuts_of_thread, next_code, subsets_of_thread
from gpusynth_kernels.cuda.histogram import n_amount_planes, n_count_planes
from gpusynth_kernels.cuda.launch import cuda, device, kernel

__all__ = ["CUT_THREADS", "MOST_CUT_CLASSES", "search_cuts"]

CUT_THREADS = 64
"""Threads of a block."""

MOST_CUT_CLASSES = 8
"""Classes of a node that is searched here: a thread keeps its sums in shared memory."""

_WHOLE = (MOST_CUT_CLASSES + 1) * CUT_THREADS
_SUMS = 2 * (MOST_CUT_CLASSES + 1) * CUT_THREADS  # of each plane, on the left and in all


@kernel
def search_cuts(
    mode: Any,
    nodes: Any,
    group: Any,
    n_codes: Any,
    tables: Any,
    min_leaf: Any,
    log_table: Any,
    asked: Any,
    result: Any,
) -> None:
    """Find the best split of each column of a group at each node of a batch, from their tables.

    Parameters
    ----------
    group : tuple of arrays
        As for `search_tables`: columns that are ordered, or of at most `MOST_SEARCHED` codes.

    Notes
    -----
    The others are as for `search_tables`; nodes have at most `MOST_CUT_CLASSES` classes.
    """
    sums = cuda.shared.array(_SUMS, int64)
    sizes, n_runs, first_count, first_amount, slots = nodes
    columns, first_code, widths, ordered = group
    counts, amounts, weighted = tables
    scores, values, lefts = result
    n_columns = columns.shape[0]
    for task in range(cuda.grid(1), sizes.shape[0] * n_columns, cuda.gridsize(1)):
        # fewer than 2^32 tasks fit a device; divisions of 64 bits are slow
        node = np.int64(np.uint32(task) // np.uint32(n_columns))
        q = task - node * n_columns
        if not is_asked(asked, node, columns[q]):
            continue
        width, runs = widths[q], n_runs[node]
        limits = sizes[node], runs, min_leaf
        place = first_count[node] + first_code[q]
        cells = (counts, place, amounts, first_amount[node] + first_code[q], n_codes, weighted)
        if ordered[q] == 0 and width <= MOST_SEARCHED:
            own = np.int64(1), np.int64(1)
            score, value, left = subsets_of_thread(mode, cells, width, limits, log_table, own)
        else:
            score, value, left = _cuts(mode, cells, width, limits, log_table, sums)
            if score >= 0.0:
                planes = n_count_planes(mode, runs)
                value = (value + next_code(counts, place, planes, n_codes, value)) >> 1
        at = slots[node] * asked[0] + columns[q]
        scores[at], values[at], lefts[at] = score, value, left


@device
def _cuts(mode: Any, cells: Any, width: Any, limits: Any, table: Any, sums: Any) -> Any:
    """Return the best of all cuts of an ordered column."""
    counts, first_count, amounts, first_amount, stride, weighted = cells
    thread = cuda.threadIdx.x
    n_counts = n_count_planes(mode, limits[1])
    n_planes = n_counts + n_amount_planes(mode, limits[1], weighted)
    for plane in range(n_planes):
        whole = np.int64(0)
        for code in range(width):
            if plane < n_counts:
                whole += np.int64(counts[first_count + plane * stride + code])
            else:
                whole += amounts[first_amount + (plane - n_counts) * stride + code]
        sums[plane * CUT_THREADS + thread] = 0
        sums[_WHOLE + plane * CUT_THREADS + thread] = whole
    none = amounts[:0]
    held = (
        sums,
        np.int64(thread),
        np.int64(CUT_THREADS),
        np.int64(_WHOLE + thread),
        np.int64(CUT_THREADS),
    )
    run = np.int64(0), width, n_planes
    return cuts_of_thread(mode, cells, (none, none), run, limits, table, held)
