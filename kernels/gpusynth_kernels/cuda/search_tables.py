"""The best split of each column at each large node, from tables: one block a node and column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int32, int64

from gpusynth_kernels.cuda.choose import MOST_SEARCHED, emit_levels, is_asked, put_split
from gpusynth_kernels.cuda.class_cuts import (
    best_class_cut,
    best_class_subset,
    next_code_of_block,
    suits_tile,
)
from gpusynth_kernels.cuda.cuts import (
    MOST_REGISTERS,
    MOST_THREADS,
    best_cut,
    best_subset,
    next_code,
)
from gpusynth_kernels.cuda.histogram import n_count_planes
from gpusynth_kernels.cuda.launch import cuda, kernel
from gpusynth_kernels.cuda.levels import key_levels, list_levels, sort_levels

__all__ = ["search_tables"]

_COUNTED = MOST_THREADS + 1


@kernel(max_registers=MOST_REGISTERS)
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
    tile = cuda.shared.array(0, int32)  # empty where nodes have few classes
    shared = scores, places, lefts
    sizes, n_runs, first_count, first_amount, slots = nodes
    columns, first_code, widths, ordered = group
    counts, amounts, weighted = tables
    ints, floats = work[0][cuda.blockIdx.x], work[1][cuda.blockIdx.x]
    for task in range(cuda.blockIdx.x, sizes.shape[0] * columns.shape[0], cuda.gridDim.x):
        node, q = task // columns.shape[0], task % columns.shape[0]
        if not is_asked(asked, node, columns[q]):
            continue
        width, runs = widths[q], n_runs[node]
        limits = sizes[node], runs, min_leaf
        place = first_count[node] + first_code[q]
        cells = (counts, place, amounts, first_amount[node] + first_code[q], n_codes, weighted)
        at = slots[node] * asked[0] + columns[q]
        by_class = suits_tile(mode, runs, tile)
        if ordered[q] == 0 and width <= MOST_SEARCHED:
            if by_class:
                best = best_class_subset(mode, cells, width, limits, log_table, shared)
            else:
                best = best_subset(mode, cells, width, limits, log_table, shared)
            put_split(best, result, at, best[1])
            continue
        planes = n_count_planes(mode, runs)
        if ordered[q] != 0:
            none = ints[:0]
            value = np.int64(0)
            if by_class:
                lined = none, none
                best = best_class_cut(
                    mode, cells, lined, width, limits, log_table, ints, tile, shared
                )
                if best[0] >= 0.0:
                    after = best[1], width
                    following = next_code_of_block(counts, place, runs, n_codes, after, shared)
                    value = (best[1] + following) >> 1
            else:
                best = best_cut(mode, cells, none, none, width, limits, log_table, ints, shared)
                value = best[1]
                if cuda.threadIdx.x == 0 and best[0] >= 0.0:
                    value = (value + next_code(counts, place, planes, n_codes, value)) >> 1
            put_split(best, result, at, value)
            continue
        levels, order = ints[:width], ints[width : 3 * width]
        rows_at = counts, place, planes, n_codes
        m = list_levels(rows_at, width, counted, levels, order)
        keys = floats[:width]
        key_levels(mode, cells, levels, m, runs, keys, floats[width:])
        sort_levels(keys, m, order)
        if emit[0].shape[0] > 0:
            emit_levels(emit, node, levels, order)
        else:
            rest = ints[3 * width :]
            if by_class:
                lined = levels, order
                best = best_class_cut(mode, cells, lined, m, limits, log_table, rest, tile, shared)
            else:
                best = best_cut(mode, cells, levels, order, m, limits, log_table, rest, shared)
            put_split(best, result, at, best[1] + 1)
        cuda.syncthreads()
