"""Rules for number columns: what is proposed as spikes, missing codes and decimals, and when.

Every rule looks at exact counts of distinct values; a person sees the result in the schema file
and may change it.
"""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.counts import ValueCounts

__all__ = [
    "MISSING_TEXTS",
    "binary_decimals",
    "is_code_list",
    "negative_codes",
    "propose_spikes",
]

MISSING_TEXTS = frozenset(
    {"", ".", "-", "--", "?", "*", "N", "NA", "N/A", "n/a", "NULL", "Null", "null", "None", "none"}
    | {"NaN", "nan", "X", "x", "missing", "Missing", "MISSING", "Unknown", "UNKNOWN", "unknown"}
)
"""Texts that statistical files use for a missing answer among numbers."""

_SENTINELS = np.array([*range(-9, 0), *range(-99, -89), *range(-999, -989), -9998, -9999])
_MOST_SENTINELS = 5

_SPIKE_SHARE = 0.05
_SPIKE_TIMES = 10.0
_ZERO_TIMES = 3.0
_MOST_SPIKES = 5
_NEIGHBOURS = 5

_MOST_DECIMALS = 6
_CODE_LIST_DISTINCT = 5_000
_CODE_LIST_ROWS_EACH = 10
_CODE_LIST_SMALLEST = 10_000
_CODE_LIST_ROUND_SHARE = 0.1


def negative_codes(counts: ValueCounts) -> tuple[int, ...]:
    """Return the negative numbers that look like missing codes, ascending.

    They do when all negative numbers of a column are among the customary -1..-9, -90..-99,
    -990..-999, -9998, -9999; at most 5 distinct ones occur; the other numbers are 0 or more, with
    more distinct ones than there are codes; and a gap of at least 2 lies between (-1 beside 0 is
    a number).
    """
    negative = counts.values[counts.values < 0]
    others = counts.values[counts.values >= 0]
    if not 0 < negative.size <= _MOST_SENTINELS or others.size <= negative.size:
        return ()
    if not np.isin(negative, _SENTINELS).all() or others[0] - negative[-1] < 2:
        return ()
    return tuple(int(code) for code in negative)


def propose_spikes(counts: ValueCounts) -> tuple[float, ...]:
    """Return the numbers that many records share, ascending; at most the 5 most frequent.

    A number is a spike when at least 5 % of the answers hold it and it is at least 10 times as
    frequent as the most frequent of its nearest distinct neighbours (5 below, 5 above), also of
    those that are as round as itself: heaping on 1,000, 1,500, 2,000 makes no spikes. For 0, the
    usual semicontinuous point mass, 3 times suffice and roundness does not count.

    Parameters
    ----------
    counts : ValueCounts
        Ordinary numbers, missing codes taken out.
    """
    total = counts.n_rows
    frequent = np.flatnonzero(counts.counts >= max(_SPIKE_SHARE * total, 1.0))
    found: list[tuple[int, float]] = []
    for position in frequent.tolist():
        value, count = counts.values[position], int(counts.counts[position])
        times = _ZERO_TIMES if value == 0 else _SPIKE_TIMES
        rivals = _most_frequent_neighbour(counts, position)
        if value != 0 and value % 1 == 0:
            round_ones = counts.values % _roundness(float(value)) == 0
            alike = ValueCounts(counts.values[round_ones], counts.counts[round_ones])
            at = int(np.searchsorted(alike.values, value))
            rivals = max(rivals, _most_frequent_neighbour(alike, at))
        if rivals and count >= times * rivals:
            found.append((count, float(value)))
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return tuple(sorted(value for _, value in found[:_MOST_SPIKES]))


def _most_frequent_neighbour(counts: ValueCounts, position: int) -> int:
    """Return the largest count among the 5 distinct values on either side; 0 without any."""
    low = max(position - _NEIGHBOURS, 0)
    around = counts.counts[low : position + _NEIGHBOURS + 1]
    neighbours = np.delete(around, position - low)
    return int(neighbours.max()) if neighbours.size else 0


def _roundness(value: float) -> float:
    """Return the largest power of ten that divides a whole number; 1 for others and small ones."""
    power = 1.0
    while value % (power * 10) == 0 and power < abs(value):
        power *= 10
    return power


def binary_decimals(values: Array) -> int | None:
    """Return the digits after the point that all numbers have at most, None above 6.

    Parameters
    ----------
    values : array of float64, shape (n_distinct,)
    """
    with np.errstate(over="ignore"):  # numbers near the largest that there is have no decimals
        for decimals in range(_MOST_DECIMALS + 1):
            if np.array_equal(np.round(values, decimals), values):
                return decimals
    return None


def is_code_list(counts: ValueCounts) -> bool:
    """Return whether whole numbers look like codes of a classification (zip, NAICS).

    They do when all have the same number of digits, five or more; at most 5,000 are distinct;
    each stands for 10 rows or more on average; and fewer than 10 % of the rows hold a multiple of
    100 (amounts are rounded, codes are not).
    """
    values = counts.values
    if not values.size or values[0] < _CODE_LIST_SMALLEST or values.size > _CODE_LIST_DISTINCT:
        return False
    if len(str(int(values[0]))) != len(str(int(values[-1]))):
        return False
    rows = counts.n_rows
    if rows < _CODE_LIST_ROWS_EACH * values.size:
        return False
    round_rows = int(counts.counts[values % 100 == 0].sum())
    return round_rows < _CODE_LIST_ROUND_SHARE * rows
