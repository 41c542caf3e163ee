"""The best split of one node over all columns.

Candidates are compared by score; among equals the lower column wins, then the lower threshold or
the earlier subset. So the choice does not depend on which kernel looked at a column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.cuts import best_class_cut, best_number_cut
from gpusynth_kernels.cpu.kinds import (
    CLASSES_BY_ENTROPY,
    CLASSES_BY_GINI,
    NUMBERS,
    SUBSET,
    THRESHOLD,
    WEIGHTED_CLASSES,
)
from gpusynth_kernels.cpu.lanes import (
    best_class_lane,
    best_entropy_lane,
    best_number_lane,
    best_weighted_class_lane,
    lane_bit,
)
from gpusynth_kernels.cpu.marks import bound_of, mark_class_counts, mark_number_sums
from gpusynth_kernels.cpu.scan import (
    scan_classes,
    scan_entropy,
    scan_numbers,
    scan_weighted_classes,
    sort_by_code,
)
from gpusynth_kernels.cpu.sixteen import MOST_CLASSES, MOST_ROWS, scan_few_classes
from gpusynth_kernels.cpu.subsets import subset_split_classes, subset_split_numbers
from gpusynth_kernels.cpu.tables import TABLED, scan_codes, scan_sums

__all__ = ["choose_split"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)
_48 = np.uint64(48)


@jit
def _lane_split(lane: Any, lanes: Any, columns: Any, n: Any, right: Any) -> Any:
    """Turn a winning lane into (column, kind, value).

    A threshold goes to the middle of the gap between the codes present on its two sides. A subset
    is a bit mask of the codes that go left; codes that the node lacks follow the larger child.
    """
    _, lane_word, _ = lanes
    lane_feature, lane_first, n_codes, is_ordered, _ = columns
    feature = lane_feature[lane_word[lane >> 6] * 64 + (lane & 63)]
    first = (lane >> 6) * 64 + (lane_first[feature] & 63)
    count = n_codes[feature]
    if is_ordered[feature]:
        low = lane - first
        high = low + 1
        while high < count - 1 and right[first + high] == right[lane]:
            high += 1
        return feature, THRESHOLD, np.uint64((low + high) >> 1)
    goes_right = (lane - first + 1) << 1
    larger_left = 2 * right[lane] <= n
    mask = np.uint64(0)
    for code in range(count):
        if code == 0:
            present = right[first + (1 << (count - 1)) - 2] < n
        else:
            present = right[first + (1 << (code - 1)) - 1] > 0
        left = (goes_right >> code) & 1 == 0
        if (present and left) or (not present and larger_left):
            mask |= np.uint64(1) << np.uint64(code)
    return feature, SUBSET, mask


@jit
def _cut_split(
    rows: Any, first: Any, n_codes: Any, ordered: Any, n: Any, m: Any, n_left: Any, scratch: Any
) -> Any:
    """Turn a winning cut into (kind, value, bits of the codes that go right)."""
    codes, places = scratch[0], scratch[1]
    if ordered:
        threshold = (codes[n_left - 1] + codes[n_left]) >> 1
        bits = np.uint64(0)
        for code in range(threshold + 1, n_codes):
            lane = first + code
            bits |= np.uint64(1) << lane_bit(lane & 63)
        return THRESHOLD, np.uint64(threshold), bits
    left = np.uint64(0)
    rows_left = np.int64(0)
    for s in range(n_left):
        code = codes[places[s]]
        left |= np.uint64(1) << np.uint64(code)
        rows_left += rows[first + code]
    larger_left = 2 * rows_left >= n
    bits = np.uint64(0)
    for code in range(n_codes):
        lane = first + code
        if rows[lane] == 0 and larger_left:
            left |= np.uint64(1) << np.uint64(code)
        if (left >> np.uint64(code)) & np.uint64(1) == 0:
            bits |= np.uint64(1) << lane_bit(lane & 63)
    return SUBSET, left, bits


@jit(inline="always")
def _scan(
    mode: Any,
    entries: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    target: Any,
    class_weight: Any,
    classes: Any,
    sides: Any,
    chunk: Any,
    least: Any,
) -> Any:
    """Return score and position of a sorted column's best threshold, -1 for those below `least`."""
    n_classes, numbers, weight, table = target
    if mode == NUMBERS:
        return scan_numbers(entries, begin, end, min_leaf, numbers, weight, chunk)
    few = classes.shape[0] <= MOST_CLASSES and end - begin <= MOST_ROWS
    if mode == CLASSES_BY_GINI and few:
        return scan_few_classes(
            entries, begin, end, min_leaf, classes, class_weight, chunk[0], least
        )
    for k in range(n_classes):
        sides[0, k] = 0
        sides[1, k] = class_weight[k]
    left, right = sides[0, :n_classes], sides[1, :n_classes]
    if mode == WEIGHTED_CLASSES:
        return scan_weighted_classes(entries, begin, end, min_leaf, weight, left, right)
    if mode == CLASSES_BY_ENTROPY:
        return scan_entropy(entries, begin, end, min_leaf, left, right, table)
    return scan_classes(entries, begin, end, min_leaf, left, right, chunk)


@jit(inline="always")
def _best_lane(
    mode: Any,
    records: Any,
    lanes: Any,
    order: Any,
    begin: Any,
    end: Any,
    runs: Any,
    classes: Any,
    counts: Any,
    min_leaf: Any,
    target: Any,
    class_weight: Any,
    work: Any,
) -> Any:
    _, numbers, weight, table = target
    words, _, ok = lanes
    ints, floats = work[0], work[1]
    n = end - begin
    own = (ints[0], ints[1], ints[2], floats[0])
    if mode == CLASSES_BY_GINI:
        return best_class_lane(counts, classes, class_weight, words, ok, n, min_leaf, own)
    if mode == CLASSES_BY_ENTROPY:
        return best_entropy_lane(counts, classes, class_weight, words, ok, n, min_leaf, table, own)
    if mode == WEIGHTED_CLASSES:
        more = (ints[0], ints[1], ints[2], floats[0], floats[1], floats[2])
        return best_weighted_class_lane(
            *(counts, classes, records, words, ok, order, begin, end, runs, min_leaf),
            *(weight, more),
        )
    return best_number_lane(
        counts, records, words, ok, order, begin, end, min_leaf, numbers, weight, own
    )


@jit(inline="always")
def choose_split(
    mode: Any,
    records: Any,
    lanes: Any,
    marks: Any,
    columns: Any,
    wide: Any,
    wide_tables: Any,
    lists: Any,
    presorted: Any,
    order: Any,
    begin: Any,
    end: Any,
    runs: Any,
    classes: Any,
    counts: Any,
    is_offered: Any,
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
    records : array of uint64, shape (n, n_all_words)
    lanes : tuple
        Narrow columns: words of the records that hold their lanes, the table's word that each is,
        and which lanes may be chosen (uint8).
    marks : tuple
        Columns of middling width: words of the records that hold them; then by column its number,
        first lane (counted over these words), number of codes and whether it is ordered (int32).
    columns : tuple
        The table's lane_feature, first_lane, n_codes, is_ordered; the fit's columns.
    wide : array of uint16, shape (>= n_wide, n)
    wide_tables : tuple
        By wide column its number, number of codes, how it is kept (`tables.TABLED`), its row of
        `wide`, and its row of `lists` or its first cell in `counts` (int32).
    lists : array of uint64 entries, shape (n_lists, n)
        Sorted by code within the node when `presorted`; else row 0 is scratch.
    runs : array of int64, shape (n_classes_present,)
        Ends of the node's classes; empty for numbers.
    classes : array of int64, shape (n_classes_present,)
        Which they are.
    counts : array of int32, shape (n_classes, n_cells)
        The node's table; see `tables`.
    is_offered : array of uint8, by column of the table
        0 for a column that this node may not use; `lanes` obey it already.
    target : tuple
        n_classes, numbers (n,) int64, weight (n,) int64, entropy table.
    class_weight : array of int64, shape (n_classes,)
        From `node_score`.
    work, scratch : tuples of arrays
        See `grow._workspace`.

    Returns
    -------
    score : float
    feature : int
    kind : int
        `THRESHOLD`, `SUBSET`, or 0 when nothing can be split.
    value : uint64
        The threshold, or the codes that go left as a bit mask (narrow and middling columns).
    word : int
        Word of the records that tells the sides, -1 for wide columns.
    bits : uint64
        A row goes right when it has one of these bits in that word.
    goes_left : array of uint8
        Flags by code, for subsets of wide columns.
    """
    _, numbers, weight, table = target
    sides, offsets, slot, levels, no_flags, cut, chunk, by_code = scratch
    n = end - begin
    best = -1.0
    feature = np.int32(2147483647)
    kind = 0
    value = np.uint64(0)
    word = -1
    bits = np.uint64(0)
    goes_left = no_flags
    if lanes[0].shape[0] > 0:
        score, lane = _best_lane(
            mode,
            records,
            lanes,
            order,
            begin,
            end,
            runs,
            classes,
            counts,
            min_leaf,
            target,
            class_weight,
            work,
        )
        if lane >= 0:
            best = score
            feature, kind, value = _lane_split(lane, lanes, columns, n, work[0][0])
            word = lanes[0][lane >> 6]
            bits = np.uint64(1) << lane_bit(lane & 63)
    present = runs.shape[0]
    features, code_counts, kept, wide_rows, places = wide_tables
    for q in range(features.shape[0]):
        f = features[q]
        if is_offered[f] == 0:
            continue
        codes = wide[wide_rows[q]]
        if kept[q] == TABLED:
            if mode == NUMBERS:
                score, low, high = scan_sums(
                    *(codes, order, begin, end, code_counts[q], min_leaf),
                    *(numbers, weight, by_code),
                )
            else:
                score, low, high = scan_codes(
                    *(counts, classes, class_weight, places[q], code_counts[q], n, min_leaf),
                    *(mode == CLASSES_BY_ENTROPY, table, by_code),
                )
            if score >= 0.0 and (score > best or (score == best and f < feature)):
                best, feature, kind, word = score, f, THRESHOLD, -1
                value = np.uint64((low + high) >> 1)
            continue
        if kept[q]:
            at = places[q]
            if not presorted:
                at = 0
                sort_by_code(codes, order, begin, end, offsets[: code_counts[q] + 1], lists[0])
            entries = lists[at]
            score, position = _scan(
                mode,
                entries,
                begin,
                end,
                min_leaf,
                target,
                class_weight,
                classes,
                sides,
                chunk,
                best,
            )
            if position >= 0 and (score > best or (score == best and f < feature)):
                best, feature, kind, word = score, f, THRESHOLD, -1
                low = np.int64(entries[position - 1] >> _48)
                high = np.int64(entries[position] >> _48)
                value = np.uint64((low + high) >> 1)
            continue
        s, lv = slot[: code_counts[q]], levels[: code_counts[q]]
        if mode == NUMBERS:
            score, flags = subset_split_numbers(
                codes, order, begin, end, min_leaf, numbers, weight, s, lv
            )
        else:
            score, flags = subset_split_classes(
                *(codes, order, begin, end, present, mode == CLASSES_BY_ENTROPY),
                *(min_leaf, weight, table, s, lv),
            )
        if score >= 0.0 and (score > best or (score == best and f < feature)):
            best, feature, kind, word = score, f, SUBSET, -1
            goes_left = flags
    if marks[1].shape[0] > 0:
        mark_words, mark_features, firsts, mark_codes, by_order = marks
        rows, by_class, bounds = work[2]
        if mode == NUMBERS:
            mark_number_sums(
                counts, records, mark_words, order, begin, end, numbers, weight, work[2]
            )
        else:
            mark_class_counts(
                counts, classes, records, mark_words, order, begin, runs, weight, work[2]
            )
        bounded = mode in (CLASSES_BY_GINI, NUMBERS)
        most = work[3]
        top = 0
        for q in range(mark_features.shape[0]):
            most[q] = bound_of(bounds, firsts[q], mark_codes[q]) if bounded else 0.0
            if is_offered[mark_features[q]] == 0:
                most[q] = -2.0
            if most[q] > most[top]:
                top = q
        # The most promising column goes first: its score lets others be passed over.
        for step in range(-1, mark_features.shape[0]):
            q = top if step < 0 else step
            first, count, by_threshold = firsts[q], mark_codes[q], by_order[q]
            if step == top or most[q] < (best if bounded else -1.0):
                continue
            if mode == NUMBERS:
                score, m, n_left = best_number_cut(
                    rows, by_class, first, count, by_threshold, n, min_leaf, cut
                )
            else:
                score, m, n_left = best_class_cut(
                    rows,
                    by_class,
                    first,
                    count,
                    present,
                    by_threshold,
                    mode == CLASSES_BY_ENTROPY,
                    mode == WEIGHTED_CLASSES,
                    n,
                    min_leaf,
                    table,
                    cut,
                    best if mode == CLASSES_BY_GINI else -1.0,
                )
            if n_left > 0 and (score > best or (score == best and mark_features[q] < feature)):
                best = score
                feature = mark_features[q]
                word = mark_words[first >> 6]
                kind, value, bits = _cut_split(rows, first, count, by_threshold, n, m, n_left, cut)
    return best, feature, kind, value, word, bits, goes_left
