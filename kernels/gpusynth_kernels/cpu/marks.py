"""Columns of middling width: one lane a code, so that counting gives class counts by code.

An unordered column of 5 to 64 codes, or an ordered one of 9 to 32, has a lane for each code, set in
the rows that hold it (`lanes` describes the bits). All such columns of a node are counted at once;
what is left for each column is a table of a few codes by a few classes. Unordered codes are put in
order first:

- a number target, or a class target with two classes in the node: by mean (proportion of the higher
  class); the best of the cuts is then the best of all subsets (Breiman et al. 1984, theorem 4.5;
  Fisher 1958 for numbers);
- more classes: by the first principal component of the class proportions (`scalar.principal`).

Ties in the order go to the lower code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.lanes import add_by_lane, count_rows
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain
from gpusynth_kernels.scalar.principal import principal_order

__all__ = [
    "best_class_cut",
    "best_number_cut",
    "mark_class_counts",
    "mark_number_sums",
    "may_beat",
    "order_by_key",
]

_ROW = np.uint64(0xFFFFFFFF)
_INSERTION = 64


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


@jit
def _comes_after(keys: Any, a: Any, b: Any) -> Any:
    return keys[a] > keys[b] or (keys[a] == keys[b] and a > b)


@jit
def order_by_key(keys: Any, m: Any, places: Any) -> None:
    """Set ``places[:m]`` to 0..m-1 sorted by key, ties by place: insertion, or a heap when many."""
    for i in range(m):
        places[i] = i
    if m <= _INSERTION:
        for i in range(1, m):
            place = places[i]
            j = i - 1
            while j >= 0 and keys[places[j]] > keys[place]:
                places[j + 1] = places[j]
                j -= 1
            places[j + 1] = place
        return
    start = m // 2
    end = m
    while end > 1:
        if start > 0:
            start -= 1
        else:
            end -= 1
            places[0], places[end] = places[end], places[0]
        root = start
        while 2 * root + 1 < end:
            child = 2 * root + 1
            if child + 1 < end and _comes_after(keys, places[child + 1], places[child]):
                child += 1
            if not _comes_after(keys, places[child], places[root]):
                break
            places[root], places[child] = places[child], places[root]
            root = child


@jit
def _best_two_class_cut(
    rows: Any,
    high: Any,
    m: Any,
    ordered: Any,
    n: Any,
    min_leaf: Any,
    codes: Any,
    places: Any,
    keys: Any,
) -> Any:
    """As `best_class_cut` for two classes by Gini: `rows` and rows of the `high` class by code."""
    all_high = np.int64(0)
    for s in range(m):
        c = high[codes[s]]
        keys[s] = np.float64(c) / np.float64(rows[codes[s]])
        all_high += c
    if ordered == 0:
        order_by_key(keys, m, places)
    best = -1.0
    best_left = 0
    n_left = np.int64(0)
    a = np.int64(0)
    for s in range(m - 1):
        code = codes[places[s]]
        n_left += rows[code]
        a += high[code]
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        b = n_left - a
        c = all_high - a
        d = n - n_left - c
        score = gini_score(a * a + b * b, n_left, c * c + d * d, n - n_left)
        if score > best:
            best = score
            best_left = s + 1
    return best, m, best_left


@jit(inline="always")
def best_class_cut(
    rows: Any,
    by_class: Any,
    first: Any,
    n_codes: Any,
    n_classes: Any,
    ordered: Any,
    entropy: Any,
    weighted: Any,
    n: Any,
    min_leaf: Any,
    table: Any,
    scratch: Any,
) -> Any:
    """Find the best cut of one column from its counts.

    Parameters
    ----------
    rows : array of int64
        Rows by lane; the column's lanes are ``first ... first + n_codes - 1``.
    by_class : array of int64, shape (>= n_classes, n_lanes)
    n_classes : int
        Classes present in the node.
    ordered, entropy, weighted : int
        1 for yes.
    n, min_leaf : int
    table : array of int64
    scratch : tuple of arrays
        codes (64,), places (64,) int64; keys (64,) float64; left, right (n_classes,) int64;
        proportions (64, n_classes), covariance (n_classes, n_classes), direction, following
        (n_classes,) float64.

    Returns
    -------
    score : float
        -1 when no cut leaves `min_leaf` rows on both sides.
    m : int
        Codes present: ``codes[places[0]] ... codes[places[m - 1]]`` in order.
    n_left : int
        How many of them go left.
    """
    codes, places, keys, left, right, proportions, covariance, direction, following = scratch
    rows_here = rows[first : first + n_codes]
    m = 0
    for code in range(n_codes):
        if rows_here[code] > 0:
            codes[m] = code
            places[m] = m
            m += 1
    if m < 2:
        return -1.0, m, 0
    if n_classes == 2 and not entropy and not weighted:
        return _best_two_class_cut(
            rows_here,
            by_class[1, first : first + n_codes],
            m,
            ordered,
            n,
            min_leaf,
            codes,
            places,
            keys,
        )
    if ordered == 0:
        if n_classes <= 2:
            for s in range(m):
                lane = first + codes[s]
                total = by_class[0, lane] + by_class[1, lane] if n_classes == 2 else 1
                high = by_class[1, lane] if n_classes == 2 else 0
                keys[s] = np.float64(high) / np.float64(total) if total > 0 else 0.0
        else:
            principal_order(
                by_class,
                first,
                codes,
                m,
                n_classes,
                proportions,
                covariance,
                direction,
                following,
                keys,
            )
        order_by_key(keys, m, places)
    weight_all = np.int64(0)
    for k in range(n_classes):
        left[k] = 0
        right[k] = 0
        for s in range(m):
            right[k] += by_class[k, first + codes[s]]
        weight_all += right[k]
    best = -1.0
    best_left = 0
    n_left = np.int64(0)
    weight_left = np.int64(0)
    for s in range(m - 1):
        lane = first + codes[places[s]]
        n_left += rows_here[codes[places[s]]]
        for k in range(n_classes):
            c = by_class[k, lane]
            left[k] += c
            right[k] -= c
            weight_left += c
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        if weighted:
            if weight_left == 0 or weight_left == weight_all:
                continue
            squares_left = 0.0
            squares_right = 0.0
            for k in range(n_classes):
                squares_left += np.float64(left[k]) * np.float64(left[k])
                squares_right += np.float64(right[k]) * np.float64(right[k])
            score = gini_score(squares_left, weight_left, squares_right, weight_all - weight_left)
        elif entropy:
            terms_left = np.int64(0)
            terms_right = np.int64(0)
            for k in range(n_classes):
                terms_left += c_log_c(left[k], table)
                terms_right += c_log_c(right[k], table)
            score = entropy_score(terms_left, n_left, terms_right, n - n_left, n, table)
        else:
            exact_left = np.int64(0)
            exact_right = np.int64(0)
            for k in range(n_classes):
                exact_left += left[k] * left[k]
                exact_right += right[k] * right[k]
            score = gini_score(exact_left, n_left, exact_right, n - n_left)
        if score > best:
            best = score
            best_left = s + 1
    return best, m, best_left


@jit
def best_number_cut(
    rows: Any,
    by_class: Any,
    first: Any,
    n_codes: Any,
    ordered: Any,
    n: Any,
    min_leaf: Any,
    scratch: Any,
) -> Any:
    """Find the best cut of one column for a number target; see `best_class_cut`."""
    codes, places, keys = scratch[0], scratch[1], scratch[2]
    m = 0
    sum_all = np.int64(0)
    weight_all = np.int64(0)
    for code in range(n_codes):
        lane = first + code
        if rows[lane] > 0:
            codes[m] = code
            places[m] = m
            weight = by_class[1, lane]
            keys[m] = np.float64(by_class[0, lane]) / np.float64(weight) if weight > 0 else 0.0
            sum_all += by_class[0, lane]
            weight_all += weight
            m += 1
    if ordered == 0:
        order_by_key(keys, m, places)
    best = -1.0
    best_left = 0
    n_left = np.int64(0)
    sum_left = np.int64(0)
    weight_left = np.int64(0)
    for s in range(m - 1):
        lane = first + codes[places[s]]
        n_left += rows[lane]
        sum_left += by_class[0, lane]
        weight_left += by_class[1, lane]
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        if weight_left == 0 or weight_left == weight_all:
            continue
        score = variance_gain(sum_left, weight_left, sum_all - sum_left, weight_all - weight_left)
        if score > best:
            best = score
            best_left = s + 1
    return best, m, best_left
