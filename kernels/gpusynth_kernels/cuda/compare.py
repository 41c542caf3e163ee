"""Score a split of a small node by comparing its rows with the split: what one thread does.

Nothing is stored but sums, so a node may have any number of classes and a column any of codes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cpu.kinds import CLASSES_BY_ENTROPY, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.launch import device
from gpusynth_kernels.cuda.runs import row_of
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = ["score_classes", "score_numbers"]


@device
def _goes_left(code: Any, ordered: Any, place: Any) -> Any:
    if ordered:
        return code <= place
    return code == 0 or (place >> (code - 1)) & 1 == 0


@device
def score_numbers(codes: Any, here: Any, target: Any, limits: Any, ordered: Any, place: Any) -> Any:
    """Return a split's score and the rows on its left; -1 when a side has too few."""
    numbers, weight = target
    n, _, min_leaf = limits
    sum_left = np.int64(0)
    sum_right = np.int64(0)
    weight_left = np.int64(0)
    weight_right = np.int64(0)
    n_left = np.int64(0)
    for i in range(n):
        row = row_of(here[i])
        w = weight[row] if weight.shape[0] > 0 else np.int64(1)
        if _goes_left(codes[i], ordered, place):
            n_left += 1
            sum_left += numbers[row]
            weight_left += w
        else:
            sum_right += numbers[row]
            weight_right += w
    if n_left < min_leaf or n - n_left < min_leaf:
        return -1.0, n_left
    return variance_gain(sum_left, weight_left, sum_right, weight_right), n_left


@device
def score_classes(
    mode: Any,
    codes: Any,
    here: Any,
    bounds: Any,
    target: Any,
    limits: Any,
    log_table: Any,
    ordered: Any,
    place: Any,
) -> Any:
    """As `score_numbers` for classes: runs come in ascending order of class."""
    weight = target[1]
    n, n_runs, min_leaf = limits
    left_terms = np.int64(0)
    right_terms = np.int64(0)
    left_squares = 0.0
    right_squares = 0.0
    left_weight = np.int64(0)
    right_weight = np.int64(0)
    n_left = np.int64(0)
    for r in range(n_runs):
        begin = bounds[r] - bounds[0]
        end = bounds[r + 1] - bounds[0] if r + 1 < n_runs else np.int64(n)
        left = np.int64(0)
        right = np.int64(0)
        for i in range(begin, end):
            w = weight[row_of(here[i])] if mode == WEIGHTED_CLASSES else np.int64(1)
            if _goes_left(codes[i], ordered, place):
                n_left += 1
                left += w
            else:
                right += w
        if mode == WEIGHTED_CLASSES:
            left_squares += np.float64(left) * np.float64(left)
            right_squares += np.float64(right) * np.float64(right)
            left_weight += left
            right_weight += right
        elif mode == CLASSES_BY_ENTROPY:
            left_terms += c_log_c(left, log_table)
            right_terms += c_log_c(right, log_table)
        else:
            left_terms += left * left
            right_terms += right * right
    if n_left < min_leaf or n - n_left < min_leaf:
        return -1.0, n_left
    if mode == WEIGHTED_CLASSES:
        score = gini_score(left_squares, left_weight, right_squares, right_weight)
    elif mode == CLASSES_BY_ENTROPY:
        score = entropy_score(left_terms, n_left, right_terms, n - n_left, n, log_table)
    else:
        score = gini_score(left_terms, n_left, right_terms, n - n_left)
    return score, n_left
