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

__all__ = [
    "CHUNK_ROWS",
    "MANY_CODES",
    "scan_classes",
    "scan_entropy",
    "scan_numbers",
    "scan_weighted_classes",
    "sort_by_code",
]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)
_48 = np.uint64(48)
_56 = np.uint64(56)
_0 = np.uint64(0)
_DIGIT = np.uint64(0xFF)
CHUNK_ROWS = 512
MANY_CODES = 1_024
"""Fewer rows than half of so many codes are sorted by one digit after the other. Speed only."""


@jit
def _sort_by_two_digits(codes: Any, order: Any, begin: Any, end: Any, out: Any) -> None:
    """As `sort_by_code`: stably by the lower eight bits of the code, then by the upper ones."""
    low = np.uint64(0xFFFFFFFFFFFF)
    offsets = np.zeros((2, 257), np.int64)
    once = np.empty(end - begin, np.uint64)
    for i in range(begin, end):
        code = codes[order[i] & _ROW]
        offsets[0, np.int64(code & 255) + 1] += 1
        offsets[1, np.int64(code >> 8) + 1] += 1
    for digit in range(1, 257):
        offsets[0, digit] += offsets[0, digit - 1]
        offsets[1, digit] += offsets[1, digit - 1]
    for i in range(begin, end):
        code = np.uint64(codes[order[i] & _ROW])
        digit = np.int64(code & _DIGIT)
        once[offsets[0, digit]] = (order[i] & low) | (code << _48)
        offsets[0, digit] += 1
    for entry in once:
        digit = np.int64(entry >> _56)
        out[begin + offsets[1, digit]] = entry
        offsets[1, digit] += 1


@jit
def sort_by_code(codes: Any, order: Any, begin: Any, end: Any, offsets: Any, out: Any) -> None:
    """Write the entries of ``order[begin:end]`` to ``out[begin:end]``, stably sorted by code.

    Parameters
    ----------
    codes : array of uint16, shape (n,)
    order : array of uint64 entries
        Their code bits are not read.
    offsets : array of int64, shape (n_codes + 1,), work
    out : array of uint64 entries
    """
    if offsets.shape[0] > max(MANY_CODES, 2 * (end - begin)):
        _sort_by_two_digits(codes, order, begin, end, out)
        return
    low = np.uint64(0xFFFFFFFFFFFF)
    for c in range(offsets.shape[0]):
        offsets[c] = 0
    for i in range(begin, end):
        offsets[np.int64(codes[order[i] & _ROW]) + 1] += 1
    for c in range(1, offsets.shape[0]):
        offsets[c] += offsets[c - 1]
    for i in range(begin, end):
        code = codes[order[i] & _ROW]
        out[begin + offsets[code]] = (order[i] & low) | (np.uint64(code) << _48)
        offsets[code] += 1


@jit
def _take_best(
    scores: Any, places: Any, n_scores: Any, first: Any, best: Any, position: Any
) -> Any:
    """Return the better of (best, position) and a chunk's first highest score."""
    if n_scores == 0:
        return best, position
    bits = scores.view(np.int64)
    top = bits[0]
    for t in range(1, n_scores):
        top = max(top, bits[t])
    if top < 0:
        return best, position
    at = 0
    while bits[at] != top:
        at += 1
    if scores[at] > best:
        return scores[at], first + places[at]
    return best, position


@jit
def _is_cut(here: Any, t: Any) -> Any:
    """Return 1 (uint64) if the chunk's entry t has another code than the entry before it."""
    return np.uint64((here[t + 1] ^ here[t]) >> _48 != _0)


@jit
def scan_classes(
    entries: Any, begin: Any, end: Any, min_leaf: Any, left: Any, right: Any, chunk: Any
) -> Any:
    """Find the best threshold of one column for an unweighted class target by Gini.

    Rows are taken in chunks: first the running sums, one after the other, kept where the code
    changes, then all scores of the chunk at once in vector instructions. (Indices are unsigned, or
    count from the start of a slice: a signed one could be negative for all that the compiler
    knows, which costs a gather.)

    Parameters
    ----------
    entries : array of uint64 entries
        ``entries[begin:end]`` ascending by code.
    left, right : arrays of int64, shape (n_classes,)
        `left` zero, changed; `right` the node's class counts.
    chunk : tuple of arrays, shape (CHUNK_ROWS,)
        three of int64, one of float64; work.

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
    sums, crosses, places, scores = chunk
    # sum (t_k - l_k)^2 = sum t_k^2 - 2 sum t_k l_k + sum l_k^2, all whole numbers
    squares = np.int64(0)
    crossed = np.int64(0)
    all_squares = np.int64(0)
    for k in range(right.shape[0]):
        all_squares += right[k] * right[k]
    first = begin + min_leaf
    for i in range(begin, min(first, end)):
        k = (entries[i] >> _32) & _CLASS
        squares += 2 * left[k] + 1
        crossed += right[k]
        left[k] += 1
    for start in range(first, end - min_leaf + 1, CHUNK_ROWS):
        size = min(CHUNK_ROWS, end - min_leaf + 1 - start)
        here = entries[start - 1 : start + size]
        m = np.uint64(0)
        for t in range(size):
            sums[m] = squares
            crosses[m] = crossed
            places[m] = t
            m += _is_cut(here, t)
            k = (here[t + 1] >> _32) & _CLASS
            squares += 2 * left[k] + 1
            crossed += right[k]
            left[k] += 1
        n_cuts = np.int64(m)
        for t in range(n_cuts):
            n_left = start + places[t] - begin
            squares_right = all_squares - 2 * crosses[t] + sums[t]
            scores[t] = gini_score(sums[t], n_left, squares_right, n - n_left)
        best, position = _take_best(scores, places, n_cuts, start, best, position)
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
        k = (entry >> _32) & _CLASS
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
        w = weight[entry & _ROW]
        k = (entry >> _32) & _CLASS
        left[k] += w
        right[k] -= w
        weight_left += w
        weight_right -= w
    return best, position


@jit
def scan_numbers(
    entries: Any, begin: Any, end: Any, min_leaf: Any, numbers: Any, weight: Any, chunk: Any
) -> Any:
    """Find the best threshold for a number target; see `scan_classes` and `best_number_lane`."""
    best = -1.0
    position = -1
    weighted = weight.shape[0] > 0
    sums, weights, places, scores = chunk
    sum_all = np.int64(0)
    weight_all = np.int64(end - begin)
    for i in range(begin, end):
        sum_all += numbers[entries[i] & _ROW]
    if weighted:
        weight_all = np.int64(0)
        for i in range(begin, end):
            weight_all += weight[entries[i] & _ROW]
    sum_left = np.int64(0)
    weight_left = np.int64(0)
    first = begin + min_leaf
    for i in range(begin, min(first, end)):
        row = entries[i] & _ROW
        sum_left += numbers[row]
        weight_left += weight[row] if weighted else np.int64(1)
    for start in range(first, end - min_leaf + 1, CHUNK_ROWS):
        size = min(CHUNK_ROWS, end - min_leaf + 1 - start)
        here = entries[start - 1 : start + size]
        m = np.uint64(0)
        for t in range(size):
            sums[m] = sum_left
            weights[m] = weight_left
            places[m] = t
            m += _is_cut(here, t)
            row = here[t + 1] & _ROW
            sum_left += numbers[row]
            weight_left += weight[row] if weighted else np.int64(1)
        n_cuts = np.int64(m)
        for t in range(n_cuts):
            w = weights[t]
            score = variance_gain(sums[t], w, sum_all - sums[t], weight_all - w)
            scores[t] = score if (w > 0) & (w < weight_all) else -1.0
        best, position = _take_best(scores, places, n_cuts, start, best, position)
    return best, position
