"""Tables of codes by classes (or sums) of large nodes, counted in shared memory.

A group is some columns whose tables of one node fit a block's shared memory, or the columns of one
word of the records where no table does. Its cells, for a node of K classes and G codes in all:

| mode | counts (int32) | amounts (int64) |
|---|---|---|
| classes | K x G rows | |
| classes with weights | G rows | K x G weights |
| numbers | G rows | G sums; with weights, G sums and G weights |

Sums are integers, so the order in which blocks add does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32

from gpusynth_kernels.cpu.kinds import NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.cuda.partition import code_of
from gpusynth_kernels.cuda.runs import row_of

__all__ = [
    "MOST_ITEM_ROWS",
    "count_codes",
    "n_amount_planes",
    "n_count_planes",
    "subtract_siblings",
]

_1 = np.uint64(1)

MOST_ITEM_ROWS = 16_384
"""Rows that a block counts at once: numbers are added in halves of 16 bits, and so many halves stay
below 2^30 in a cell of 32 bits."""


@device
def n_count_planes(mode: Any, n_runs: Any) -> Any:
    """Return how many planes of `counts` a node of so many classes has."""
    if mode in (NUMBERS, WEIGHTED_CLASSES):
        return np.int64(1)
    return np.int64(n_runs)


@device
def n_amount_planes(mode: Any, n_runs: Any, weighted: Any) -> Any:
    """Return how many planes of `amounts` a node of so many classes has."""
    if mode == NUMBERS:
        return np.int64(2) if weighted else np.int64(1)
    if mode == WEIGHTED_CLASSES:
        return np.int64(n_runs)
    return np.int64(0)


@device
def _slot(group: Any, q: Any, asked: Any, node: Any) -> Any:
    """Return a column's first code within the group (-1: it is not counted), shift and mask."""
    _, columns, shifts, masks, first_code = group
    n_columns, offered, only = asked
    column, first = columns[q], first_code[q]
    if (
        column < 0
        or (only[node] >= 0 and only[node] != column)
        or (offered.shape[0] > 0 and offered[node * n_columns + column] == 0)
    ):
        first = np.int64(-1)
    return first, shifts[q], masks[q]


@device
def _count_in_memory(mode: Any, word: Any, slot: Any, row: Any, place: Any, tables: Any) -> None:
    """Count one row's code of a column in the tables themselves."""
    run, number, weight, weighted, n_codes = row
    counts, amounts = tables
    first_count, first_amount = place
    if slot[0] < 0:
        return
    cell = slot[0] + code_of(word, slot[1], slot[2])
    if mode == NUMBERS:
        cuda.atomic.add(counts, first_count + cell, 1)
        cuda.atomic.add(amounts, first_amount + cell, number)
        if weighted:
            cuda.atomic.add(amounts, first_amount + n_codes + cell, weight)
    elif mode == WEIGHTED_CLASSES:
        cuda.atomic.add(counts, first_count + cell, 1)
        cuda.atomic.add(amounts, first_amount + run * n_codes + cell, weight)
    else:
        cuda.atomic.add(counts, first_count + run * n_codes + cell, 1)


@device
def _count_in_block(mode: Any, word: Any, slot: Any, row: Any, cells: Any) -> None:
    """Count one row's code of a column in shared memory, with native 32-bit atomics only."""
    run, number, _, _, n_codes = row
    if slot[0] < 0:
        return
    cell = slot[0] + code_of(word, slot[1], slot[2])
    if mode == NUMBERS:
        cuda.atomic.add(cells, cell, 1)
        cuda.atomic.add(cells, n_codes + cell, np.int32(number >> 16))
        cuda.atomic.add(cells, 2 * n_codes + cell, np.int32(number & 65_535))
    else:
        cuda.atomic.add(cells, run * n_codes + cell, 1)


@kernel
def count_codes(
    mode: Any,
    records: Any,
    order: Any,
    run_of: Any,
    target: Any,
    items: Any,
    nodes: Any,
    group: Any,
    n_codes: Any,
    asked: Any,
    tables: Any,
) -> None:
    """Count the codes of a group's columns in some nodes: each block takes every so many-th item.

    Parameters
    ----------
    mode : int
    records : array of uint32, shape (n_rows, n_words)
    order : array of uint64 entries, shape (n,)
    run_of : array of int32, shape (n,)
    target : tuple of two arrays of int64
        Numbers and weights by row; either may be empty.
    items : tuple of arrays of int64, shape (n_items,)
        node (of the batch), begin, end: at most `MOST_ITEM_ROWS` entries.
    nodes : tuple of arrays of int64, shape (n_nodes,)
        first run, number of runs, first cell of the node in `counts`, and in `amounts`.
    group : tuple of arrays of int64
        words (n_words,); and for each word four (4 n_words,): column (its place among those of the
        fit, -1 for none), shift, mask, first code within the group.
    n_codes : int
        Codes of the group in all.
    asked : tuple
        number of columns of the fit; offered (uint8, nodes of the batch times columns, or empty:
        all); only (int32, one column for each node; -1 for all).
    tables : tuple of two arrays
        counts (int32) and amounts (int64), zeros before.
    """
    cells = cuda.shared.array(0, int32)
    item_node, item_begin, item_end = items
    first_run, n_runs, first_count, first_amount = nodes
    words = group[0]
    counts, amounts = tables
    weighted = target[1].shape[0] > 0
    thread, n_threads = np.int64(cuda.threadIdx.x), np.int64(cuda.blockDim.x)
    n_words = np.int64(words.shape[0])
    for item in range(cuda.blockIdx.x, item_node.shape[0], cuda.gridDim.x):
        node = item_node[item]
        planes = np.int64(3) if mode == NUMBERS else n_runs[node]
        n_cells = planes * n_codes
        in_block = not weighted and n_cells <= cells.shape[0]
        place = first_count[node], first_amount[node]
        if in_block:
            for cell in range(thread, n_cells, n_threads):
                cells[cell] = 0
            cuda.syncthreads()
        # a thread keeps to one word of the records, and what it is told of that word's columns
        at_once = min(n_words, n_threads)
        stride = np.int64(np.uint32(n_threads) // np.uint32(at_once))  # of 64 bits it is slow
        own = np.int64(np.uint32(thread) // np.uint32(at_once))
        w = thread - own * at_once
        while own < stride and w < n_words:
            a, b = _slot(group, 4 * w, asked, node), _slot(group, 4 * w + 1, asked, node)
            c, d = _slot(group, 4 * w + 2, asked, node), _slot(group, 4 * w + 3, asked, node)
            i = item_begin[item] + own
            while i < item_end[item]:
                at = row_of(order[i])
                word = records[at, words[w]]
                run = np.int64(run_of[i]) - 1 - first_run[node]
                number = target[0][at] if mode == NUMBERS else np.int64(0)
                weight = target[1][at] if weighted else np.int64(0)
                row = run, number, weight, weighted, n_codes
                if in_block:
                    _count_in_block(mode, word, a, row, cells)
                    _count_in_block(mode, word, b, row, cells)
                    _count_in_block(mode, word, c, row, cells)
                    _count_in_block(mode, word, d, row, cells)
                else:
                    _count_in_memory(mode, word, a, row, place, tables)
                    _count_in_memory(mode, word, b, row, place, tables)
                    _count_in_memory(mode, word, c, row, place, tables)
                    _count_in_memory(mode, word, d, row, place, tables)
                i += stride
            w += at_once
        if in_block:
            cuda.syncthreads()
            for cell in range(thread, n_cells, n_threads):
                if mode == NUMBERS:
                    if cell < n_codes and cells[cell] != 0:
                        high = np.int64(cells[n_codes + cell])
                        low = np.int64(cells[2 * n_codes + cell])
                        cuda.atomic.add(counts, place[0] + cell, cells[cell])
                        cuda.atomic.add(amounts, place[1] + cell, (high << 16) + low)
                elif cells[cell] != 0:
                    cuda.atomic.add(counts, place[0] + cell, cells[cell])
            cuda.syncthreads()


@kernel
def subtract_siblings(
    mode: Any, nodes: Any, runs: Any, classes: Any, n_codes: Any, kept: Any, tables: Any
) -> None:
    """Set the tables of nodes to their parents' less their siblings': a thread a code.

    Parameters
    ----------
    mode : int
    nodes : tuple of arrays of int64, shape (n_nodes,)
        First cells in `counts` and in `amounts`: of the node, its sibling, and (in `kept`) its
        parent.
    runs : tuple of arrays of int64, shape (n_nodes,)
        First run and number of runs: of the node, its sibling and its parent.
    classes : tuple of two arrays of int32
        Class of each run of the level, and of the level before.
    n_codes : int
    kept, tables : tuples
        counts (int32) and amounts (int64) of the level before and of this one; `tables` also
        holds 1 if rows have weights.
    """
    own_count, own_amount, other_count, other_amount, above_count, above_amount = nodes
    counts, amounts, weighted = tables
    for at in range(cuda.grid(1), own_count.shape[0] * n_codes, cuda.gridsize(1)):
        node, code = at // n_codes, at % n_codes
        own, other, above = own_count[node], other_count[node], above_count[node]
        if mode == NUMBERS or mode == WEIGHTED_CLASSES:  # noqa: SIM109
            counts[own + code] = kept[0][above + code] - counts[other + code]
            own, other, above = own_amount[node], other_amount[node], above_amount[node]
        if mode == NUMBERS:
            for plane in range(2 if weighted else 1):
                cell = plane * n_codes + code
                amounts[own + cell] = kept[1][above + cell] - amounts[other + cell]
        elif mode == WEIGHTED_CLASSES:
            place = own + code, other + code, above + code
            _subtract_classes(node, place, runs, classes, n_codes, kept[1], amounts)
        else:
            place = own + code, other + code, above + code
            _subtract_classes(node, place, runs, classes, n_codes, kept[0], counts)


@device
def _subtract_classes(
    node: Any, place: Any, runs: Any, classes: Any, n_codes: Any, kept: Any, table: Any
) -> None:
    """Subtract class by class: a node has some of its parent's, its sibling some of the same."""
    own_first, own_runs, other_first, other_runs, above_first, _ = runs
    here, before = classes
    # numbers without a sign need no look whether they have one
    step = np.uint64(n_codes)
    h, p, s = np.uint64(own_first[node]), np.uint64(above_first[node]), np.uint64(other_first[node])
    end = s + np.uint64(other_runs[node])
    to, other, above = np.uint64(place[0]), np.uint64(place[1]), np.uint64(place[2])
    for _ in range(own_runs[node]):
        class_here = here[h]
        while before[p] != class_here:
            p += _1
            above += step
        while s < end and here[s] < class_here:
            s += _1
            other += step
        value = kept[above]
        if s < end and here[s] == class_here:
            value -= table[other]
        table[to] = value
        to += step
        h += _1
