"""Which way a node is searched, what is written of a split, and the best of all columns.

A table costs its cells, whatever the rows; small nodes are quicker by comparing each row with each.
`is_small` decides by rows, classes and codes, which is speed only: both give the same split.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import cuda, device, kernel

__all__ = [
    "FEW_CODES",
    "FEW_ROWS",
    "FEW_ROWS_OF_FEW_CODES",
    "MOST_SEARCHED",
    "PAIRS_PER_CELL",
    "choose_columns",
    "emit_levels",
    "few_rows",
    "is_asked",
    "is_small",
    "put_split",
    "small_rows",
]

MOST_SEARCHED = 4
"""An unordered column of at most so many codes is searched over all its subsets."""

PAIRS_PER_CELL = 8
"""A cell of a table costs about as much as so many comparisons of two rows (bytes against
instructions of an H200, estimated: 0.6 clocks of a multiprocessor against 0.06). Speed only."""

FEW_CODES = 64
FEW_ROWS = 32
FEW_ROWS_OF_FEW_CODES = 64
"""A node of at most so many rows is searched by one thread a column, where nothing must be sorted
(the last: where a column has at most `FEW_CODES`, so that few rows differ). Speed only."""

CLASSES_THAT_COUNT = 64
"""Small nodes are no larger for more classes than these, so that work arrays stay small."""


_1 = np.uint32(1)


@device
def is_small(n: Any, n_runs: Any, width: Any) -> Any:
    """Return whether a node's rows are compared rather than counted; see `small_rows`."""
    return n * n <= PAIRS_PER_CELL * width * min(n_runs, CLASSES_THAT_COUNT)


def small_rows(n_runs: Any, width: Any) -> Any:
    """Return the square of the rows up to which nodes are small, for columns of this width."""
    return PAIRS_PER_CELL * width * np.minimum(n_runs, CLASSES_THAT_COUNT)


def few_rows(n_codes: Any, has_order: Any) -> Any:
    """Return the rows up to which nodes are searched by one thread a column; 0 for those of blocks.

    Parameters
    ----------
    n_codes : array of int64, shape (n_columns,)
    has_order : array of bool, shape (n_columns,)
        Whether the column's levels must be put in order.
    """
    most = np.where(n_codes <= FEW_CODES, FEW_ROWS_OF_FEW_CODES, FEW_ROWS)
    return np.where(has_order, 0, most)


@device
def is_asked(asked: Any, node: Any, column: Any) -> Any:
    """Return whether a node is to be searched for splits of a column."""
    n_columns, offered, only = asked
    if only[node] >= 0 and only[node] != column:
        return False
    return offered.shape[0] == 0 or offered[node * n_columns + column] != 0


@device
def emit_levels(emit: Any, node: Any, levels: Any, places: Any) -> None:
    """Set the bits of the levels that go left in the subset of a split that was chosen before."""
    words, first, n_levels = emit
    for s in range(cuda.threadIdx.x, n_levels[node], cuda.blockDim.x):
        code = levels[places[s]]
        cuda.atomic.or_(words, first[node] + (code >> 5), _1 << np.uint32(code & 31))


@device
def put_split(best: Any, result: Any, at: Any, value: Any) -> None:
    """Write a split: its score, what it asks, the rows on its left."""
    scores, values, lefts = result
    if cuda.threadIdx.x == 0:
        scores[at], values[at], lefts[at] = best[0], value, best[2]


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
