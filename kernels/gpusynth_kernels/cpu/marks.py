"""Columns of middling width: one lane a code, so that counting gives class counts by code.

An unordered column of 5 to 64 codes, or an ordered one of 9 to 32, has a lane for each code, set in
the rows that hold it (`lanes` describes the bits). All such columns of a node are counted at once;
what is left for each column is a table of a few codes by a few classes, which `cuts` splits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vertical import sum_by_lane

__all__ = ["bound_of", "mark_class_counts", "mark_number_sums"]

_ROW = np.uint64(0xFFFFFFFF)
_64 = np.uint64(64)


@jit
def mark_class_counts(
    counts: Any,
    classes: Any,
    records: Any,
    words: Any,
    order: Any,
    begin: Any,
    runs: Any,
    weight: Any,
    work: Any,
) -> None:
    """Take the rows (or add up the weights) of each code by class, and bound what it can score.

    Parameters
    ----------
    counts, classes, words
        See `lanes.best_class_lane`.
    records, order, begin, runs
        See `lanes.best_weighted_class_lane`.
    weight : array of int64, shape (n,) or (0,)
    work : tuple of arrays
        rows (64 n_words,) int64: all rows by lane; by_class (n_classes, 64 n_words) int64: rows or
        weights by class (those present, ascending) and lane; bounds (64 n_words,) float64:
        ``sum_k c_k^2 / sum_k c_k`` by lane.
    """
    rows, by_class, bounds = work
    n_lanes = words.shape[0] * 64
    for j in range(n_lanes):
        rows[j] = 0
        bounds[j] = 0.0
    at = begin
    for run in range(runs.shape[0]):
        stop = runs[run]
        row_of_class = counts[classes[run]]
        own = by_class[run]
        for w in range(words.shape[0]):
            first = np.uint64(64 * words[w])
            place = np.uint64(64 * w)
            for j in range(_64):
                c = np.int64(row_of_class[first + j])
                rows[place + j] += c
                own[place + j] = c
                bounds[place + j] += np.float64(c) * np.float64(c)
        if weight.shape[0] > 0:
            for w in range(words.shape[0]):
                sum_by_lane(records, words[w], order, at, stop, weight, own, w * 64)
        at = stop
    for j in range(n_lanes):
        bounds[j] = bounds[j] / np.float64(rows[j]) if rows[j] > 0 else 0.0


@jit
def mark_number_sums(
    counts: Any,
    records: Any,
    words: Any,
    order: Any,
    begin: Any,
    end: Any,
    numbers: Any,
    weight: Any,
    work: Any,
) -> None:
    """Sum the numbers (``by_class[0]``) and weights (``by_class[1]``) of each code.

    Rows by lane are in ``counts[0]``; `work` as in `mark_class_counts`, with ``by_class`` of at
    least two rows; without weights ``by_class[1]`` holds the rows. The bounds are
    ``w (mean of the code - mean of the node)^2``.
    """
    rows, by_class, bounds = work
    n_lanes = words.shape[0] * 64
    for j in range(n_lanes):
        rows[j] = counts[0, 64 * words[j >> 6] + (j & 63)]
        by_class[1, j] = rows[j]
    for w in range(words.shape[0]):
        sum_by_lane(records, words[w], order, begin, end, numbers, by_class[0], w * 64)
        if weight.shape[0] > 0:
            sum_by_lane(records, words[w], order, begin, end, weight, by_class[1], w * 64)
    total = np.int64(0)
    all_weight = np.int64(end - begin)
    for i in range(begin, end):
        total += numbers[order[i] & _ROW]
    if weight.shape[0] > 0:
        all_weight = np.int64(0)
        for i in range(begin, end):
            all_weight += weight[order[i] & _ROW]
    mean = np.float64(total) / np.float64(max(all_weight, 1))
    for j in range(n_lanes):
        w = np.float64(by_class[1, j])
        difference = np.float64(by_class[0, j]) / w - mean
        bounds[j] = (difference * difference) * w if by_class[1, j] > 0 else 0.0


@jit
def bound_of(bounds: Any, first: Any, n_codes: Any) -> Any:
    """Return a score that no cut of a column exceeds.

    Splitting the node into all its codes scores at least as high as any two groups of them, since
    the risk is concave (Breiman et al. 1984, theorem 4.3). The sum is rounded, hence the margin.
    """
    even = 0.0
    odd = 0.0
    for j in range(first, first + n_codes - 1, 2):
        even += bounds[j]
        odd += bounds[j + 1]
    if n_codes % 2 == 1:
        even += bounds[first + n_codes - 1]
    return (even + odd) * (1.0 + 1e-9)
