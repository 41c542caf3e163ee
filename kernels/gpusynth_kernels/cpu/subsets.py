"""Wide unordered columns: the best split of a node's levels into two groups.

Levels present in the node are put in order, then the node is split between two neighbours:

- a number target, or a class target with two classes in the node: by mean (proportion of the higher
  class); the best of these n - 1 splits is the best of all 2^(n-1) - 1 subsets (Breiman et al.
  1984, theorem 4.5; Fisher 1958 for numbers);
- more classes: by the first principal component of the class proportions (`scalar.principal`).

Ties in the order go to the lower code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.entropy import c_log_c, entropy_score
from gpusynth_kernels.scalar.gain import gini_score, variance_gain
from gpusynth_kernels.scalar.principal import principal_scores

__all__ = ["ENTROPY", "GINI", "subset_split_classes", "subset_split_numbers"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)

GINI = 0
ENTROPY = 1


@jit
def _levels_present(
    codes: Any, order: Any, begin: Any, end: Any, slot: Any, levels: Any
) -> Any:
    """List the codes of a node in ascending order; ``slot[code]`` becomes the place in the list.

    `slot` (n_codes,) int32 holds -1 everywhere before, and is put back by `_forget`.
    """
    m = 0
    for i in range(begin, end):
        code = np.int64(codes[np.int64(order[i] & _ROW)])
        if slot[code] < 0:
            slot[code] = 0
            levels[m] = code
            m += 1
    levels[:m].sort()
    for s in range(m):
        slot[levels[s]] = s
    return m


@jit
def _forget(slot: Any, levels: Any, m: Any) -> None:
    for s in range(m):
        slot[levels[s]] = -1


@jit
def _order_by(keys: Any, m: Any) -> Any:
    """Return the places 0..m-1 stably sorted by key."""
    if m > 32:
        return np.argsort(keys[:m], kind="mergesort")
    places = np.arange(m)
    for i in range(1, m):
        place = places[i]
        key = keys[place]
        j = i - 1
        while j >= 0 and keys[places[j]] > key:
            places[j + 1] = places[j]
            j -= 1
        places[j + 1] = place
    return places


@jit
def _mark(levels: Any, places: Any, n_left: Any, n_codes: Any) -> Any:
    """Return the flags (n_codes,) uint8 of the levels that go left."""
    goes_left = np.zeros(n_codes, np.uint8)
    for s in range(n_left):
        goes_left[levels[places[s]]] = 1
    return goes_left


@jit
def subset_split_classes(
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    n_classes: Any,
    min_leaf: Any,
    weight: Any,
    criterion: Any,
    table: Any,
    slot: Any,
    levels: Any,
) -> Any:
    """Find the best subset split of one column for a class target.

    Parameters
    ----------
    codes : array of uint16, shape (n,)
    order : array of uint64 entries
    n_classes : int
    weight : array of int64, shape (n,) or (0,)
    criterion : int
        `GINI`, or `ENTROPY` (unweighted only).
    table : array of int64
        `scalar.entropy.log_table`.
    slot, levels : arrays of int32, shape (n_codes,), work
        `slot` holds -1 everywhere, before and after.

    Returns
    -------
    score : float
        -1 when no split leaves `min_leaf` rows on both sides.
    goes_left : array of uint8, shape (n_codes,)
        1 for the levels of the left group; levels that the node lacks are 0.
    """
    n = end - begin
    weighted = weight.shape[0] > 0
    m = _levels_present(codes, order, begin, end, slot, levels)
    counts = np.zeros((m, n_classes), np.int64)
    n_rows = np.zeros(m, np.int64)
    for i in range(begin, end):
        row = np.int64(order[i] & _ROW)
        s = slot[np.int64(codes[row])]
        n_rows[s] += 1
        k = np.int64((order[i] >> _32) & _CLASS)
        counts[s, k] += weight[row] if weighted else np.int64(1)
    _forget(slot, levels, m)
    totals = counts.sum(axis=1)
    right = counts.sum(axis=0)
    present = 0
    highest = 0
    for k in range(n_classes):
        if right[k] > 0:
            present += 1
            highest = k
    keys = np.zeros(m, np.float64)
    if present <= 2:
        for s in range(m):
            if totals[s] > 0:
                keys[s] = np.float64(counts[s, highest]) / np.float64(totals[s])
    else:
        work = np.empty((3, n_classes), np.float64)
        principal_scores(counts, totals, work[0], work[1], work[2], keys)
    places = _order_by(keys, m)

    best = -1.0
    best_left = 0
    left = np.zeros(n_classes, np.int64)
    n_left = 0
    weight_left = np.int64(0)
    weight_all = totals.sum()
    for s in range(m - 1):
        place = places[s]
        n_left += n_rows[place]
        weight_left += totals[place]
        for k in range(n_classes):
            left[k] += counts[place, k]
            right[k] -= counts[place, k]
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        if weight_left == 0 or weight_left == weight_all:
            continue
        if weighted:
            squares_left = 0.0
            squares_right = 0.0
            for k in range(n_classes):
                squares_left += np.float64(left[k]) * np.float64(left[k])
                squares_right += np.float64(right[k]) * np.float64(right[k])
            score = gini_score(squares_left, weight_left, squares_right, weight_all - weight_left)
        elif criterion == ENTROPY:
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
    return best, _mark(levels, places, best_left, slot.shape[0])


@jit
def subset_split_numbers(
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    numbers: Any,
    weight: Any,
    slot: Any,
    levels: Any,
) -> Any:
    """Find the best subset split of one column for a number target.

    As `subset_split_classes`, with `numbers` and `weight` as in `lanes.best_number_lane`.
    """
    n = end - begin
    weighted = weight.shape[0] > 0
    m = _levels_present(codes, order, begin, end, slot, levels)
    n_rows = np.zeros(m, np.int64)
    sums = np.zeros(m, np.int64)
    weights = np.zeros(m, np.int64)
    for i in range(begin, end):
        row = np.int64(order[i] & _ROW)
        s = slot[np.int64(codes[row])]
        n_rows[s] += 1
        sums[s] += numbers[row]
        weights[s] += weight[row] if weighted else np.int64(1)
    _forget(slot, levels, m)
    keys = np.zeros(m, np.float64)
    for s in range(m):
        if weights[s] > 0:
            keys[s] = np.float64(sums[s]) / np.float64(weights[s])
    places = _order_by(keys, m)
    best = -1.0
    best_left = 0
    n_left = 0
    sum_left = np.int64(0)
    sum_all = sums.sum()
    weight_left = np.int64(0)
    weight_all = weights.sum()
    for s in range(m - 1):
        place = places[s]
        n_left += n_rows[place]
        sum_left += sums[place]
        weight_left += weights[place]
        if n_left < min_leaf or n - n_left < min_leaf:
            continue
        if weight_left == 0 or weight_left == weight_all:
            continue
        score = variance_gain(sum_left, weight_left, sum_all - sum_left, weight_all - weight_left)
        if score > best:
            best = score
            best_left = s + 1
    return best, _mark(levels, places, best_left, slot.shape[0])
