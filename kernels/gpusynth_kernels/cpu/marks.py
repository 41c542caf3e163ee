"""Columns of middling width: one lane a code, so that counting gives class counts by code.

An unordered column of 5 to 64 codes, or an ordered one of 9 to 32, has a lane for each code, set in
the rows that hold it (`lanes` describes the bits). All such columns of a node are counted at once;
what is left for each column is a table of a few codes by a few classes, which `cuts` splits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.lanes import add_by_lane, count_rows

__all__ = ["mark_class_counts", "mark_number_sums", "may_beat"]

_ROW = np.uint64(0xFFFFFFFF)


@jit
def mark_class_counts(
    records: Any,
    words: Any,
    order: Any,
    begin: Any,
    runs: Any,
    weight: Any,
    work: Any,
) -> None:
    """Count the rows (and weights) of each code by class, and bound what each code can score.

    Parameters
    ----------
    records, words, order, begin, runs
        See `lanes.best_class_lane`.
    weight : array of int64, shape (n,) or (0,)
    work : tuple of arrays
        bytes (8 n_words,) uint64; rows (64 n_words,) int64: all rows by lane; by_class (n_classes,
        64 n_words) int64: rows or weights by class (those present, ascending) and lane; spare
        (64 n_words,) int64; bounds (64 n_words,) float64: ``sum_k c_k^2 / sum_k c_k`` by lane.
    """
    bytes_, rows, by_class, spare, bounds = work
    n_lanes = words.shape[0] * 64
    for j in range(n_lanes):
        rows[j] = 0
        bounds[j] = 0.0
    at = begin
    for run in range(runs.shape[0]):
        stop = runs[run]
        count_rows(records, words, order, at, stop, bytes_, spare)
        for j in range(n_lanes):
            c = spare[j]
            rows[j] += c
            by_class[run, j] = c
            bounds[j] += np.float64(c) * np.float64(c)
        if weight.shape[0] > 0:
            for j in range(n_lanes):
                by_class[run, j] = 0
            for i in range(at, stop):
                row = order[i] & _ROW
                for w in range(words.shape[0]):
                    add_by_lane(records[row, words[w]], weight[row], by_class[run], w * 64)
        at = stop
    for j in range(n_lanes):
        bounds[j] = bounds[j] / np.float64(rows[j]) if rows[j] > 0 else 0.0


@jit
def mark_number_sums(
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

    `work` as in `mark_class_counts`, with ``by_class`` of at least two rows; without weights
    ``by_class[1]`` holds the rows. The bounds are ``w (mean of the code - mean of the node)^2``.
    """
    bytes_, rows, by_class, _, bounds = work
    n_lanes = words.shape[0] * 64
    count_rows(records, words, order, begin, end, bytes_, rows)
    for j in range(n_lanes):
        by_class[0, j] = 0
        by_class[1, j] = rows[j] if weight.shape[0] == 0 else 0
    total = np.int64(0)
    all_weight = np.int64(0)
    for i in range(begin, end):
        row = order[i] & _ROW
        total += numbers[row]
        all_weight += weight[row] if weight.shape[0] > 0 else np.int64(1)
        for w in range(words.shape[0]):
            add_by_lane(records[row, words[w]], numbers[row], by_class[0], w * 64)
            if weight.shape[0] > 0:
                add_by_lane(records[row, words[w]], weight[row], by_class[1], w * 64)
    mean = np.float64(total) / np.float64(max(all_weight, 1))
    for j in range(n_lanes):
        w = np.float64(by_class[1, j])
        difference = np.float64(by_class[0, j]) / w - mean
        bounds[j] = (difference * difference) * w if by_class[1, j] > 0 else 0.0


@jit
def may_beat(bounds: Any, first: Any, n_codes: Any, best: Any) -> Any:
    """Return whether a cut of a column can score as high as `best`.

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
    return (even + odd) * (1.0 + 1e-9) >= best
