"""A node before it is split: its classes, its score, its risk."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.kinds import CLASSES_BY_ENTROPY, NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cpu.lanes import class_runs
from gpusynth_kernels.scalar.entropy import c_log_c

__all__ = ["node_risk", "node_score", "sum_of_squares"]

_ROW = np.uint64(0xFFFFFFFF)


@jit
def node_score(
    mode: Any,
    order: Any,
    begin: Any,
    end: Any,
    target: Any,
    class_weight: Any,
    ends: Any,
    classes: Any,
) -> Any:
    """Return the score of the unsplit node (see `scalar.gain`) and its number of classes.

    A split must exceed the score. ``class_weight`` (n_classes,) int64 is set to the node's class
    counts (or weights), the first elements of ``ends`` and ``classes`` (n_classes,) to where its
    classes end and which they are.
    """
    n_classes, _, weight, _ = target
    if mode == NUMBERS:
        return 0.0, 0
    n_runs = class_runs(order, begin, end, ends, classes)
    for k in range(n_classes):
        class_weight[k] = 0
    exact = np.int64(0)
    squares = 0.0
    total = np.int64(0)
    at = begin
    for run in range(n_runs):
        k = classes[run]
        size = ends[run] - at
        if mode == WEIGHTED_CLASSES:
            size = np.int64(0)
            for i in range(at, ends[run]):
                size += weight[np.int64(order[i] & _ROW)]
            squares += np.float64(size) * np.float64(size)
        else:
            exact += size * size
        class_weight[k] = size
        total += size
        at = ends[run]
    if mode == CLASSES_BY_ENTROPY:
        return 0.0, n_runs
    if mode == WEIGHTED_CLASSES:
        return squares / np.float64(total) if total > 0 else 0.0, n_runs
    return np.float64(exact) / np.float64(end - begin), n_runs


@jit
def node_risk(mode: Any, order: Any, begin: Any, end: Any, target: Any, class_weight: Any) -> Any:
    """Return the risk of a node in the units of the scores: Gini, entropy (bits) or squares."""
    _, numbers, weight, table = target
    if mode == NUMBERS:
        return sum_of_squares(order, begin, end, numbers, weight)
    ends = np.empty(class_weight.shape[0], np.int64)
    score, _ = node_score(mode, order, begin, end, target, class_weight, ends, np.empty_like(ends))
    total = class_weight.sum()
    if mode == CLASSES_BY_ENTROPY:
        terms = np.int64(0)
        for k in range(class_weight.shape[0]):
            terms += c_log_c(class_weight[k], table)
        return np.float64(c_log_c(total, table) - terms) * 2.0**-24
    return np.float64(total) - score


@jit
def sum_of_squares(order: Any, begin: Any, end: Any, numbers: Any, weight: Any) -> Any:
    """Return the sum of squares about the mean, from exact integer sums.

    A square is added as an upper and a lower half, so that no sum over 2^31 rows overflows.
    """
    total = np.int64(0)
    high = np.int64(0)
    low = np.int64(0)
    all_weight = np.int64(0)
    weighted = weight.shape[0] > 0
    half = 24 if weighted else 31
    mask = (np.int64(1) << half) - 1
    for i in range(begin, end):
        row = np.int64(order[i] & _ROW)
        w = weight[row] if weighted else np.int64(1)
        if w == 0:
            continue
        y = numbers[row] // w if weighted else numbers[row]
        square = y * y
        total += numbers[row]
        high += (square >> half) * w
        low += (square & mask) * w
        all_weight += w
    if all_weight == 0:
        return 0.0
    mean_square = np.float64(high) * 2.0**half / np.float64(all_weight)
    mean_square += np.float64(low) / np.float64(all_weight)
    mean = np.float64(total) / np.float64(all_weight)
    return max((mean_square - mean * mean) * np.float64(all_weight), 0.0)
