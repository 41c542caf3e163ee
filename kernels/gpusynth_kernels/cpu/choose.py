"""The best split of one node over all columns.

Candidates are compared by score; among equals the lower column wins, then the lower threshold or
the earlier subset. So the choice does not depend on which kernel looked at a column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.lanes import (
    best_class_lane,
    best_entropy_lane,
    best_number_lane,
    best_weighted_class_lane,
)
from gpusynth_kernels.cpu.scan import (
    scan_classes,
    scan_entropy,
    scan_numbers,
    scan_weighted_classes,
    sort_by_code,
)
from gpusynth_kernels.cpu.subsets import ENTROPY, GINI, subset_split_classes, subset_split_numbers
from gpusynth_kernels.scalar.entropy import c_log_c

__all__ = [
    "CLASSES_BY_ENTROPY",
    "CLASSES_BY_GINI",
    "NUMBERS",
    "SUBSET",
    "THRESHOLD",
    "WEIGHTED_CLASSES",
    "choose_split",
    "node_risk",
    "node_score",
    "sum_of_squares",
]

CLASSES_BY_GINI = 0
CLASSES_BY_ENTROPY = 1
WEIGHTED_CLASSES = 2
NUMBERS = 3

THRESHOLD = 1
SUBSET = 2

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)
_48 = np.uint64(48)


@jit
def node_score(mode: Any, order: Any, begin: Any, end: Any, target: Any, class_weight: Any) -> Any:
    """Return the score of the unsplit node (see `scalar.gain`); a split must exceed it.

    `class_weight` (n_classes,) int64 is set to the node's class counts (or weights).
    """
    n_classes, _, weight, table = target
    if mode == NUMBERS:
        return 0.0
    class_weight[:] = 0
    for i in range(begin, end):
        k = np.int64((order[i] >> _32) & _CLASS)
        if mode == WEIGHTED_CLASSES:
            class_weight[k] += weight[np.int64(order[i] & _ROW)]
        else:
            class_weight[k] += 1
    if mode == CLASSES_BY_ENTROPY:
        return 0.0
    if mode == WEIGHTED_CLASSES:
        squares = 0.0
        total = np.int64(0)
        for k in range(n_classes):
            squares += np.float64(class_weight[k]) * np.float64(class_weight[k])
            total += class_weight[k]
        return squares / np.float64(total) if total > 0 else 0.0
    exact = np.int64(0)
    for k in range(n_classes):
        exact += class_weight[k] * class_weight[k]
    return np.float64(exact) / np.float64(end - begin)


@jit
def node_risk(mode: Any, order: Any, begin: Any, end: Any, target: Any, class_weight: Any) -> Any:
    """Return the risk of a node in the units of the scores: Gini, entropy (bits) or squares."""
    _, numbers, weight, table = target
    if mode == NUMBERS:
        return sum_of_squares(order, begin, end, numbers, weight)
    score = node_score(mode, order, begin, end, target, class_weight)
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


@jit
def _lane_split(lane: Any, records: Any, lanes: Any, n: Any, right: Any) -> Any:
    """Turn a winning lane into (column, kind, value).

    A threshold goes to the middle of the gap between the codes present on its two sides. A subset
    is a bit mask of the codes that go left; codes that the node lacks follow the larger child.
    """
    words, _, lane_feature, lane_first, feature_codes, feature_ordered = lanes
    here = (lane >> 6) * 64
    feature = lane_feature[words[lane >> 6] * 64 + (lane & 63)]
    first = here + (lane_first[feature] & 63)
    if feature_ordered[feature]:
        low = lane - first
        high = low + 1
        while high < feature_codes[feature] - 1 and right[first + high] == right[lane]:
            high += 1
        return feature, THRESHOLD, (low + high) >> 1
    n_codes = feature_codes[feature]
    goes_right = (lane - first + 1) << 1
    larger_left = 2 * right[lane] <= n
    mask = 0
    for code in range(n_codes):
        if code == 0:
            present = right[first + (1 << (n_codes - 1)) - 2] < n
        else:
            present = right[first + (1 << (code - 1)) - 1] > 0
        left = (goes_right >> code) & 1 == 0
        if (present and left) or (not present and larger_left):
            mask |= 1 << code
    return feature, SUBSET, mask


@jit
def _fill_sides(mode: Any, class_weight: Any, sides: Any, n_classes: Any) -> None:
    for k in range(n_classes):
        sides[0, k] = 0
        sides[1, k] = class_weight[k]


@jit
def _scan(
    mode: Any,
    entries: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    target: Any,
    class_weight: Any,
    sides: Any,
) -> Any:
    n_classes, numbers, weight, table = target
    if mode == NUMBERS:
        return scan_numbers(entries, begin, end, min_leaf, numbers, weight)
    _fill_sides(mode, class_weight, sides, n_classes)
    left, right = sides[0, :n_classes], sides[1, :n_classes]
    if mode == WEIGHTED_CLASSES:
        return scan_weighted_classes(entries, begin, end, min_leaf, weight, left, right)
    if mode == CLASSES_BY_ENTROPY:
        return scan_entropy(entries, begin, end, min_leaf, left, right, table)
    return scan_classes(entries, begin, end, min_leaf, left, right)


@jit
def choose_split(
    mode: Any,
    records: Any,
    lanes: Any,
    wide: Any,
    wide_tables: Any,
    lists: Any,
    presorted: Any,
    order: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    target: Any,
    class_weight: Any,
    work: Any,
    scratch: Any,
) -> Any:
    """Find the best split of a node.

    Parameters
    ----------
    mode : int
        `CLASSES_BY_GINI`, `CLASSES_BY_ENTROPY`, `WEIGHTED_CLASSES` or `NUMBERS`.
    records : array of uint64, shape (n, >= n_words)
    lanes : tuple
        words (n_words,) int32, the table's word that each record word is; lane_ok (64 n_words,)
        uint8; the table's lane_feature and lane_first (by lane and by column), feature_codes and
        feature_ordered.
    wide : array of uint16, shape (>= n_wide, n)
    wide_tables : tuple
        column, number of codes, is ordered, row of `wide`, row of `lists`: each (n_wide,) int32.
    lists : array of uint64 entries, shape (n_lists, n)
        Sorted by code within the node when `presorted`; else row 0 is scratch.
    target : tuple
        n_classes, numbers (n,) int64, weight (n,) int64, entropy table.
    class_weight : array of int64, shape (n_classes,)
        From `node_score`.
    work, scratch : tuples of arrays

    Returns
    -------
    score, feature, kind, value, lane, goes_left
        `lane` is the record lane or -1; `goes_left` holds flags by code for wide subsets.
    """
    n_classes, numbers, weight, table = target
    bytes_, ints, floats = work
    sides, offsets, slot, levels, no_flags = scratch
    n = end - begin
    best = -1.0
    feature = np.int32(2147483647)
    kind = 0
    value = np.int64(0)
    lane = -1
    goes_left = no_flags
    lane_ok = lanes[1]
    if lane_ok.shape[0] > 0:
        if mode == CLASSES_BY_GINI:
            best, lane = best_class_lane(
                records, lane_ok, order, begin, end, min_leaf, (bytes_, ints[0], ints[1], ints[2], ints[3], floats[0])
            )
        elif mode == CLASSES_BY_ENTROPY:
            best, lane = best_entropy_lane(
                records, lane_ok, order, begin, end, min_leaf, table,
                (bytes_, ints[0], ints[1], ints[2], ints[3], floats[0]),
            )
        elif mode == WEIGHTED_CLASSES:
            best, lane = best_weighted_class_lane(
                records, lane_ok, order, begin, end, min_leaf, weight,
                (bytes_, ints[0], ints[1], ints[2], ints[3], floats[0], floats[1], floats[2]),
            )
        else:
            best, lane = best_number_lane(
                records, lane_ok, order, begin, end, min_leaf, numbers, weight,
                (bytes_, ints[0], ints[1], ints[2], ints[3], floats[0]),
            )
        if lane >= 0:
            feature, kind, value = _lane_split(lane, records, lanes, n, ints[1])
    features, code_counts, ordered, wide_rows, places = wide_tables
    for q in range(features.shape[0]):
        f = features[q]
        codes = wide[wide_rows[q]]
        if ordered[q]:
            at = places[q]
            if not presorted:
                at = 0
                sort_by_code(
                    codes, order, begin, end, offsets[: code_counts[q] + 1], lists[0]
                )
            entries = lists[at]
            score, position = _scan(
                mode, entries, begin, end, min_leaf, target, class_weight, sides
            )
            if position >= 0 and (score > best or (score == best and f < feature)):
                best, feature, kind, lane = score, f, THRESHOLD, -1
                low = np.int64(entries[position - 1] >> _48)
                high = np.int64(entries[position] >> _48)
                value = (low + high) >> 1
            continue
        s, lv = slot[: code_counts[q]], levels[: code_counts[q]]
        if mode == NUMBERS:
            score, flags = subset_split_numbers(
                codes, order, begin, end, min_leaf, numbers, weight, s, lv
            )
        else:
            score, flags = subset_split_classes(
                codes, order, begin, end, n_classes, min_leaf, weight,
                ENTROPY if mode == CLASSES_BY_ENTROPY else GINI, table, s, lv,
            )
        if score >= 0.0 and (score > best or (score == best and f < feature)):
            best, feature, kind, lane = score, f, SUBSET, -1
            goes_left = flags
    return best, feature, kind, value, lane, goes_left
