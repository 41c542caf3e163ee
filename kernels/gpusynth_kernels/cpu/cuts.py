"""The best cut of one column's codes into two groups, from a table of codes by classes.

Unordered codes are put in order first:

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
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain
from gpusynth_kernels.scalar.principal import principal_order

__all__ = ["best_class_cut", "best_number_cut", "order_by_key"]

_INSERTION = 64


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
    least: Any,
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
    least : float
        By Gini, a score that the cut must reach to matter; -1 for any.

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
            worth = principal_order(
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
                least,
            )
            if not worth:
                return -1.0, m, 0
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
