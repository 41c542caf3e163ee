"""The table of a node: rows by class and cell, all that its splits by counts need.

A cell is a bit of the records (``64 * word + lane``: candidates of narrow columns, codes of
middling ones) or, after those, a code of a wide ordered column in a large block. The table of a
large child is its parent's less that of the small one, so that only the smaller child's rows are
ever gone through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vertical import count_bits
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = [
    "LISTED",
    "TABLED",
    "UNORDERED",
    "count_node",
    "scan_codes",
    "scan_sums",
    "subtract_node",
]

UNORDERED = 0
LISTED = 1
TABLED = 2
"""How a wide column is kept: as codes alone; as a sorted list too; in the tables too."""

_ROW = np.uint64(0xFFFFFFFF)


@jit
def count_node(
    records: Any,
    n_words: Any,
    wide: Any,
    wide_tables: Any,
    order: Any,
    begin: Any,
    runs: Any,
    classes: Any,
    bytes_: Any,
    counts: Any,
) -> None:
    """Fill the rows of a node's table for the classes that the node has.

    Parameters
    ----------
    records, n_words, order, bytes_
        See `vertical.count_bits`.
    wide, wide_tables
        See `choose.choose_split`.
    begin : int
        ``order[begin:runs[-1]]`` are the node's rows, by class.
    runs, classes : arrays of int64, shape (n_present,)
        Where each class ends, and which it is.
    counts : array of int32, shape (n_classes, n_cells), changed
    """
    _, n_codes, kept, wide_rows, places = wide_tables
    at = begin
    for run in range(runs.shape[0]):
        stop = runs[run]
        own = counts[classes[run]]
        if n_words > 0:
            count_bits(records, n_words, order, at, stop, bytes_, own)
        here = order[at:stop]
        for q in range(kept.shape[0]):
            if kept[q] == TABLED:
                codes = wide[wide_rows[q]]
                cells = own[places[q] : places[q] + n_codes[q]]
                for c in range(cells.shape[0]):
                    cells[c] = 0
                for i in range(here.shape[0]):
                    cells[np.uint64(codes[here[i] & _ROW])] += np.int32(1)
        at = stop


@jit
def subtract_node(counts: Any, child: Any, classes: Any, n_cells: Any) -> None:
    """Take a child's table from its parent's; `classes` (n_present,) are those of the child."""
    for run in range(classes.shape[0]):
        own = counts[classes[run]]
        less = child[classes[run]]
        for j in range(n_cells):
            own[j] -= less[j]


@jit
def scan_codes(
    counts: Any,
    classes: Any,
    totals: Any,
    first: Any,
    n_codes: Any,
    n: Any,
    min_leaf: Any,
    entropy: Any,
    table: Any,
    work: Any,
) -> Any:
    """Find the best threshold of a wide ordered column from the table of a node, unweighted.

    Parameters
    ----------
    counts, classes, totals, n, min_leaf
        See `lanes.best_class_lane`.
    first, n_codes : int
        The column's cells.
    entropy : bool
        By entropy instead of Gini; then `table` is that of `c_log_c`.
    work : tuple of arrays, shape (>= n_codes,)
        left, on the left, on the right int64; scores float64.

    Returns
    -------
    score : float
        -1 when no threshold leaves `min_leaf` rows on both sides.
    low, high : int
        The neighbouring codes that the best threshold, the first among equals, lies between.
    """
    left, on_left, on_right, scores = work
    for c in range(n_codes):
        left[c] = 0
        on_left[c] = 0
        on_right[c] = 0
    for run in range(classes.shape[0]):
        cells = counts[classes[run], first : first + n_codes]
        total = totals[classes[run]]
        so_far = np.int64(0)
        for c in range(n_codes):
            so_far += cells[c]
            left[c] += so_far
            if entropy:
                on_left[c] += c_log_c(so_far, table)
                on_right[c] += c_log_c(total - so_far, table)
            else:
                on_left[c] += so_far * so_far
                on_right[c] += (total - so_far) * (total - so_far)
    for c in range(n_codes):
        a = left[c]
        if entropy:
            score = entropy_score(on_left[c], a, on_right[c], n - a, n, table)
        else:
            score = gini_score(on_left[c], a, on_right[c], n - a)
        scores[c] = score if (a >= min_leaf) & (n - a >= min_leaf) else -1.0
    return _best_threshold(scores, left, n_codes)


@jit
def _best_threshold(scores: Any, left: Any, n_codes: Any) -> Any:
    """Return the first highest score and the codes around it; `left` are the rows up to a code."""
    bits = scores.view(np.int64)
    top = np.int64(-1)
    for c in range(n_codes):
        top = max(top, bits[c])
    if top < 0:
        return -1.0, -1, -1
    low = 0
    while bits[low] != top:
        low += 1
    high = low + 1
    while left[high] == left[low]:
        high += 1
    return scores[low], low, high


@jit
def scan_sums(
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    n_codes: Any,
    min_leaf: Any,
    numbers: Any,
    weight: Any,
    work: Any,
) -> Any:
    """Find the best threshold of a wide ordered column for numbers, from their sums by code.

    Parameters
    ----------
    codes : array of uint16, shape (n,)
    order : array of uint64 entries
        ``order[begin:end]`` are the node's rows.
    n_codes, min_leaf : int
    numbers : array of int64, shape (n,)
    weight : array of int64, shape (n,) or (0,)
    work : tuple of arrays, shape (>= n_codes,)
        See `scan_codes`.

    Returns
    -------
    score : float
    low, high : int
        See `scan_codes`.
    """
    rows, sums, weights, scores = work
    for c in range(n_codes):
        rows[c] = 0
        sums[c] = 0
        weights[c] = 0
    here = order[begin:end]
    for i in range(here.shape[0]):
        row = here[i] & _ROW
        code = np.uint64(codes[row])
        rows[code] += 1
        sums[code] += numbers[row]
        if weight.shape[0] > 0:
            weights[code] += weight[row]
    for c in range(1, n_codes):
        rows[c] += rows[c - 1]
        sums[c] += sums[c - 1]
        weights[c] += weights[c - 1]
    n = end - begin
    heavy = weights if weight.shape[0] > 0 else rows
    total, whole = sums[n_codes - 1], heavy[n_codes - 1]
    for c in range(n_codes):
        a, w = rows[c], heavy[c]
        score = variance_gain(sums[c], w, total - sums[c], whole - w)
        is_split = (a >= min_leaf) & (n - a >= min_leaf) & (w > 0) & (w < whole)
        scores[c] = score if is_split else -1.0
    return _best_threshold(scores, rows, n_codes)
