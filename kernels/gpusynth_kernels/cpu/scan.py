"""Wide ordered columns: one pass over a node's rows in ascending order of the code.

A list holds one entry a row (`dtypes.ENTRY`: code, class, row), ascending. Between two different
codes lies a candidate split; its score comes from running sums, so the cost does not depend on the
number of codes or classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain

__all__ = ["scan_classes", "scan_entropy", "scan_numbers", "scan_weighted_classes", "sort_by_code"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)
_48 = np.uint64(48)


@jit
def sort_by_code(
    codes: Any, order: Any, begin: Any, end: Any, offsets: Any, out: Any
) -> None:
    """Write the entries of ``order[begin:end]`` to ``out[begin:end]``, stably sorted by code.

    Parameters
    ----------
    codes : array of uint16, shape (n,)
    order : array of uint64 entries
        Their code bits are not read.
    offsets : array of int64, shape (n_codes + 1,), work
    out : array of uint64 entries
    """
    low = np.uint64(0xFFFFFFFFFFFF)
    for c in range(offsets.shape[0]):
        offsets[c] = 0
    for i in range(begin, end):
        offsets[np.int64(codes[np.int64(order[i] & _ROW)]) + 1] += 1
    for c in range(1, offsets.shape[0]):
        offsets[c] += offsets[c - 1]
    for i in range(begin, end):
        code = codes[np.int64(order[i] & _ROW)]
        out[begin + offsets[code]] = (order[i] & low) | (np.uint64(code) << _48)
        offsets[code] += 1


@jit
def scan_classes(entries: Any, begin: Any, end: Any, min_leaf: Any, left: Any, right: Any) -> Any:
    """Find the best threshold of one column for an unweighted class target by Gini.

    Parameters
    ----------
    entries : array of uint64 entries
        ``entries[begin:end]`` ascending by code.
    left, right : arrays of int64, shape (n_classes,)
        `left` zero, `right` the node's class counts; swapped sides on return.

    Returns
    -------
    score : float
        -1 when no threshold leaves `min_leaf` rows on both sides.
    position : int
        ``entries[begin:position]`` go left.
    """
    best = -1.0
    position = -1
    n = end - begin
    squares_left = np.int64(0)
    squares_right = np.int64(0)
    for k in range(right.shape[0]):
        squares_right += right[k] * right[k]
    previous = entries[begin] >> _48
    for i in range(begin, end):
        entry = entries[i]
        code = entry >> _48
        n_left = i - begin
        if code != previous:
            previous = code
            if n_left >= min_leaf and n - n_left >= min_leaf:
                score = gini_score(squares_left, n_left, squares_right, n - n_left)
                if score > best:
                    best = score
                    position = i
        k = np.int64((entry >> _32) & _CLASS)
        squares_left += 2 * left[k] + 1
        squares_right -= 2 * right[k] - 1
        left[k] += 1
        right[k] -= 1
    return best, position


@jit
def scan_entropy(
    entries: Any, begin: Any, end: Any, min_leaf: Any, left: Any, right: Any, table: Any
) -> Any:
    """Find the best threshold for an unweighted class target by entropy; see `scan_classes`."""
    best = -1.0
    position = -1
    n = end - begin
    terms_left = np.int64(0)
    terms_right = np.int64(0)
    for k in range(right.shape[0]):
        terms_right += c_log_c(right[k], table)
    previous = entries[begin] >> _48
    for i in range(begin, end):
        entry = entries[i]
        code = entry >> _48
        n_left = i - begin
        if code != previous:
            previous = code
            if n_left >= min_leaf and n - n_left >= min_leaf:
                score = entropy_score(terms_left, n_left, terms_right, n - n_left, n, table)
                if score > best:
                    best = score
                    position = i
        k = np.int64((entry >> _32) & _CLASS)
        terms_left += c_log_c(left[k] + 1, table) - c_log_c(left[k], table)
        terms_right += c_log_c(right[k] - 1, table) - c_log_c(right[k], table)
        left[k] += 1
        right[k] -= 1
    return best, position


@jit
def scan_weighted_classes(
    entries: Any, begin: Any, end: Any, min_leaf: Any, weight: Any, left: Any, right: Any
) -> Any:
    """Find the best threshold for a weighted class target; `left`, `right` hold weights."""
    best = -1.0
    position = -1
    n = end - begin
    weight_left = np.int64(0)
    weight_right = np.int64(0)
    for k in range(right.shape[0]):
        weight_right += right[k]
    previous = entries[begin] >> _48
    for i in range(begin, end):
        entry = entries[i]
        code = entry >> _48
        n_left = i - begin
        if code != previous:
            previous = code
            if n_left >= min_leaf and n - n_left >= min_leaf:
                squares_left = 0.0
                squares_right = 0.0
                for k in range(right.shape[0]):
                    squares_left += np.float64(left[k]) * np.float64(left[k])
                    squares_right += np.float64(right[k]) * np.float64(right[k])
                score = gini_score(squares_left, weight_left, squares_right, weight_right)
                if score > best:
                    best = score
                    position = i
        w = weight[np.int64(entry & _ROW)]
        k = np.int64((entry >> _32) & _CLASS)
        left[k] += w
        right[k] -= w
        weight_left += w
        weight_right -= w
    return best, position


@jit
def scan_numbers(
    entries: Any, begin: Any, end: Any, min_leaf: Any, numbers: Any, weight: Any
) -> Any:
    """Find the best threshold for a number target; see `scan_classes` and `best_number_lane`."""
    best = -1.0
    position = -1
    n = end - begin
    sum_left = np.int64(0)
    sum_right = np.int64(0)
    weight_left = np.int64(0)
    weight_right = np.int64(n)
    weighted = weight.shape[0] > 0
    if weighted:
        weight_right = np.int64(0)
    for i in range(begin, end):
        row = np.int64(entries[i] & _ROW)
        sum_right += numbers[row]
        if weighted:
            weight_right += weight[row]
    previous = entries[begin] >> _48
    for i in range(begin, end):
        entry = entries[i]
        code = entry >> _48
        n_left = i - begin
        if code != previous:
            previous = code
            if n_left >= min_leaf and n - n_left >= min_leaf:
                score = variance_gain(sum_left, weight_left, sum_right, weight_right)
                if score > best:
                    best = score
                    position = i
        row = np.int64(entry & _ROW)
        w = weight[row] if weighted else np.int64(1)
        sum_left += numbers[row]
        sum_right -= numbers[row]
        weight_left += w
        weight_right -= w
    return best, position
