"""What a small node can be split by, as sets of rows (`rowsets`).

A *lane* is a candidate split whose side does not depend on the target: of a narrow column, or of an
ordered one. A *level* is a code of an unordered column of more than four codes, whose order does.
Each has a name, its column's number and what it is within the column: lane of the records, code
below the threshold, or code. Lower names win ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.rowsets import MOST_ROWS, first_of, size_of, turn_words
from gpusynth_kernels.cpu.tables import UNORDERED

__all__ = [
    "collect_candidates",
    "flag_levels",
    "middle_of_codes",
    "middle_of_levels",
    "name_candidates",
    "subset_of_lane",
    "subset_of_levels",
    "threshold_of_lane",
]

_ROW = np.uint64(0xFFFFFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_48 = np.uint64(48)


@jit
def name_candidates(
    lanes: Any, marks: Any, columns: Any, lane_names: Any, level_names: Any
) -> None:
    """Name the lanes and levels of the records: those of all nodes of a twig.

    Parameters
    ----------
    lanes, marks, columns
        See `choose.choose_split`.
    lane_names, level_names : arrays of int64, changed
        By lane, counted over the words of `lanes` or `marks`; -1 for those that are none.
    """
    for j in range(64 * lanes[0].shape[0]):
        feature = np.int64(columns[0][lanes[1][j >> 6] * 64 + (j & 63)])
        lane_names[j] = (feature << 32) | j if lanes[2][j] else np.int64(-1)
    for j in range(64 * marks[0].shape[0]):
        level_names[j] = -1
    for q in range(marks[1].shape[0]):
        if marks[4][q] == 0:
            for code in range(marks[3][q]):
                level_names[marks[2][q] + code] = (np.int64(marks[1][q]) << 32) | code


@jit
def _cut_list(
    entries: Any, places: Any, min_leaf: Any, right: Any, name: Any, sets: Any, names: Any, to: Any
) -> Any:
    """Append the thresholds of a sorted list; return where they end. `right` is all rows."""
    code = entries[0] >> _48
    for i in range(min_leaf):
        code = entries[i] >> _48
        right ^= _1 << np.uint64(places[entries[i] & _ROW])
    for i in range(min_leaf, entries.shape[0] - min_leaf + 1):
        own = entries[i] >> _48
        sets[to] = right
        names[to] = name | np.int64(code)
        to += own != code
        code = own
        right ^= _1 << np.uint64(places[entries[i] & _ROW])
    return to


@jit
def _cut_levels_in_order(levels: Any, right: Any, name: Any, sets: Any, names: Any, to: Any) -> Any:
    """As `_cut_list` for an ordered column of middling width."""
    for code in range(levels.shape[0] - 1):
        right &= ~levels[code]
        sets[to] = right
        names[to] = name | code
        to += 1
    return to


@jit
def _collect_levels(
    codes: Any, entries: Any, slot: Any, name: Any, sets: Any, names: Any, first: Any
) -> Any:
    """Append the levels of a wide unordered column, by code; return where they end."""
    to = first
    for i in range(entries.shape[0]):
        code = codes[entries[i] & _ROW]
        if slot[code] < 0:
            slot[code] = to
            sets[to] = _0
            names[to] = name | np.int64(code)
            to += 1
        sets[slot[code]] |= _1 << np.uint64(i)
    for i in range(first, to):
        own, own_name = sets[i], names[i]
        slot[own_name - name] = -1
        at = i
        while at > first and names[at - 1] > own_name:
            sets[at], names[at] = sets[at - 1], names[at - 1]
            at -= 1
        sets[at], names[at] = own, own_name
    return to


@jit(inline="always")
def collect_candidates(
    records: Any,
    lanes: Any,
    marks: Any,
    wide: Any,
    wide_tables: Any,
    lists: Any,
    order: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    lane_sets: Any,
    lane_names: Any,
    level_sets: Any,
    level_names: Any,
    spare: Any,
    places: Any,
    slot: Any,
) -> Any:
    """Set the candidates of a node; those of the records are named already.

    Parameters
    ----------
    records, lanes, marks, wide, wide_tables, lists, order, begin, end
        See `choose.choose_split`; at most 64 rows, at least twice `min_leaf`, lists presorted.
    lane_sets, level_sets : arrays of uint64, changed
        First the lanes of all words of `lanes`, or the marks of all words of `marks`; then the
        thresholds of ordered columns, or the codes of wide unordered ones.
    lane_names, level_names : arrays of int64, changed
    spare : array of uint64, shape (64,), work
    places : array of uint8, by row, work
    slot : array of int32, by code, work
        -1 everywhere, before and after.

    Returns
    -------
    n_lanes, n_levels : int
    """
    features, _, kept, wide_rows, at = wide_tables
    for w in range(lanes[0].shape[0]):
        turn_words(records, lanes[0][w], order, begin, end, spare, lane_sets, 64 * w)
    for w in range(marks[0].shape[0]):
        turn_words(records, marks[0][w], order, begin, end, spare, level_sets, 64 * w)
    n_lanes = 64 * lanes[0].shape[0]
    n_levels = 64 * marks[0].shape[0]
    all_rows = ~_0 >> np.uint64(MOST_ROWS - (end - begin))
    for q in range(marks[1].shape[0]):
        if marks[4][q]:
            levels = level_sets[marks[2][q] : marks[2][q] + marks[3][q]]
            name = np.int64(marks[1][q]) << 32
            n_lanes = _cut_levels_in_order(levels, all_rows, name, lane_sets, lane_names, n_lanes)
    if features.shape[0] > 0:
        for i in range(end - begin):
            places[order[begin + i] & _ROW] = i
    for q in range(features.shape[0]):
        name = np.int64(features[q]) << 32
        if kept[q] == UNORDERED:
            n_levels = _collect_levels(
                *(wide[wide_rows[q]], order[begin:end], slot, name),
                *(level_sets, level_names, n_levels),
            )
        else:
            n_lanes = _cut_list(
                *(lists[at[q], begin:end], places, min_leaf, all_rows, name),
                *(lane_sets, lane_names, n_lanes),
            )
    return n_lanes, n_levels


@jit
def threshold_of_lane(sets: Any, first: Any, lane: Any, n_codes: Any, rows: Any) -> Any:
    """Return the middle of the gap between a lane's codes on both sides in the node."""
    high = lane - first + 1
    while high < n_codes - 1 and sets[first + high] & rows == sets[lane] & rows:
        high += 1
    return (lane - first + high) >> 1


@jit
def subset_of_lane(sets: Any, first: Any, lane: Any, n_codes: Any, rows: Any) -> Any:
    """Return the codes that go left as bits; codes that the node lacks follow the larger child."""
    goes_right = (lane - first + 1) << 1
    larger_left = 2 * size_of(sets[lane] & rows) <= size_of(rows)
    left = _0
    for code in range(n_codes):
        if code == 0:
            present = sets[first + (1 << (n_codes - 1)) - 2] & rows != rows
        else:
            present = sets[first + (1 << (code - 1)) - 1] & rows != _0
        goes_left = (goes_right >> code) & 1 == 0 if present else larger_left
        left |= np.uint64(goes_left) << np.uint64(code)
    return left


@jit
def middle_of_levels(levels: Any, low: Any, right: Any) -> Any:
    """Return the middle of the gap above a code, for rows that go right; as `threshold_of_lane`."""
    high = low + 1
    while levels[high] & right == _0:
        high += 1
    return (low + high) >> 1


@jit
def middle_of_codes(codes: Any, low: Any, entries: Any, right: Any) -> Any:
    """As `middle_of_levels` for a wide column; rows are the places of `entries`."""
    high = np.int64(codes[entries[first_of(right)] & _ROW])
    while right != _0:
        high = min(high, np.int64(codes[entries[first_of(right)] & _ROW]))
        right &= right - _1
    return (low + high) >> 1


@jit
def subset_of_levels(levels: Any, rows: Any, right: Any) -> Any:
    """As `subset_of_lane` for a column of middling width; `right` is what goes right."""
    larger_left = 2 * size_of(right) <= size_of(rows)
    left = _0
    for code in range(levels.shape[0]):
        own = levels[code] & rows
        goes_left = own & right == _0 if own != _0 else larger_left
        left |= np.uint64(goes_left) << np.uint64(code)
    return left


@jit
def flag_levels(codes: Any, n_codes: Any, entries: Any, rows: Any, right: Any) -> Any:
    """As `subset_of_levels` for a wide column: (n_codes,) uint8, 1 for codes that go left."""
    larger_left = 2 * size_of(right) <= size_of(rows)
    goes_left = np.full(n_codes, np.uint8(larger_left), np.uint8)
    for i in range(entries.shape[0]):
        bit = _1 << np.uint64(i)
        if rows & bit != _0:
            goes_left[codes[entries[i] & _ROW]] = right & bit == _0
    return goes_left
