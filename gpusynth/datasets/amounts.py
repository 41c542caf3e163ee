"""Values of the five columns that are published in bins, and how they are spread inside a bin.

Everything that the published bins do not say is ours: the split of the first bins, the decimals of
the weight's bins, the round shares of ownership and the shape of the upper tails. Employment has
few values: its published 65th, 70th and 75th percentile are one number, and so are the 80th and
85th, so employment of 10 and more is given by class (14 for 10 to 19, 34 for 20 to 49, 74 for 50 to
99, 120 for 100 to 149) and above that, like payroll and receipts, in two significant digits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gpusynth.arrays import Array
from gpusynth.datasets.facts_counts import BIN_LEFT_ENDS, COUNTS

__all__ = [
    "AMOUNT_COUNTS",
    "EMPLOYMENT_VALUES",
    "OWNERSHIP_VALUES",
    "WEIGHT_ENDS",
    "employment_of_level",
    "money_of_score",
    "weight_of_score",
]

# fmt: off
WEIGHT_ENDS = (
    1.0, 1.437, 2.012, 2.493, 3.021, 3.488, 4.264, 5.027, 5.741, 6.652, 7.893, 9.947, 14.036,
    19.118,
)
# fmt: on
"""Left ends of the weight's bins with decimals; whole parts as published."""

EMPLOYMENT_VALUES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 34, 74, 120)
"""Employment of each level but the last, which is open."""

# fmt: off
OWNERSHIP_VALUES = (
    0, 10, 15, 20, 25, 30, 33, 34, 35, 37, 38, 40, 42, 45, 46, 47, 48, 49, 50, 51, 52, 55, 60, 65,
    66, 67, 70, 75, 80, 85, 90, 95, 98, 99, 100,
)
# fmt: on

_BINS = {name: tuple(COUNTS[name].values()) for name in BIN_LEFT_ENDS}
_EMPLOYMENT = _BINS["EMPLOYMENT_NOISY"]
_CERTAIN = COUNTS["RG"]["0"]

# fmt: off
_OWNERSHIP = (
    4_000, 500, 300, 1_000, 2_000, 600, 1_700, 510,
    800, 150, 150, 2_600, 200, 1_706,
    100, 150, 500, 1_719, 39_000,
    6_700, 570,
    1_600, 3_200, 900, 400, 400, 2_038,
    2_500, 2_100, 700, 2_104,
    3_300, 1_800, 5_582, 69_500,
)
# fmt: on

# First bins: 8,859 firms (5.5 %) without employees; 1,128 more with a payroll that rounds to 0;
# receipts of 0, 10 and 20 in thirds. (6, 8] and (8, 14] follow the slope around them.
AMOUNT_COUNTS: Mapping[str, tuple[int, ...]] = {
    "TABWGT": (_BINS["TABWGT"][0] - _CERTAIN, *_BINS["TABWGT"][1:]),
    "EMPLOYMENT_NOISY": (
        8_859,
        _EMPLOYMENT[0] - 8_859,
        *_EMPLOYMENT[1:6],
        5_081,
        _EMPLOYMENT[6] - 5_081,
        3_544,
        _EMPLOYMENT[7] - 3_544,
        *_EMPLOYMENT[8:],
    ),
    "PAYROLL_NOISY": (
        1_128,
        _BINS["PAYROLL_NOISY"][0] - 8_859 - 1_128,
        *_BINS["PAYROLL_NOISY"][1:],
    ),
    "RECEIPTS_NOISY": (
        2_860,
        2_860,
        _BINS["RECEIPTS_NOISY"][0] - 5_720,
        *_BINS["RECEIPTS_NOISY"][1:],
    ),
    "PCT1": _OWNERSHIP,
}
"""Records of each level, adding up to the published bins: weight without certainty firms,
employment, payroll of firms with employees, receipts, ownership."""

_MONEY = {
    # First levels one by one, slope of log(amount) above the last bin, largest amount.
    "PAYROLL_NOISY": ((0, 10), 0.45, 1_100_000),
    "RECEIPTS_NOISY": ((0, 10, 20), 0.6, 14_000_000),
}
_EMPLOYMENT_SLOPE, _EMPLOYMENT_TOP = 0.7, 52_000
_WEIGHT_SLOPE, _WEIGHT_TOP = 0.25, 99.999
_POWERS = 10 ** np.arange(3, 10)


def _two_digits_up(amount: Array) -> Array:
    """Round up to tens below 1,000 and to two significant digits above: the published grid."""
    whole = np.ceil(amount).astype(np.int64)
    step = 10 ** (1 + np.searchsorted(_POWERS, whole, side="right"))
    return -(-whole // step) * step


def _log_amount(score: Array, cuts: Array, ends: Array, slope: float) -> Array:
    """Map scores to log amounts: through (cut, end) of each bin, then on with a fixed slope."""
    inside = np.interp(score, cuts, np.log(ends))
    beyond: Array = inside + np.maximum(score - cuts[-1], 0.0) * slope
    return beyond


def money_of_score(name: str, level: Array, score: Array, cuts: Array) -> Array:
    """Turn levels and scores of payroll or receipts into amounts in $1,000.

    Parameters
    ----------
    name : {"PAYROLL_NOISY", "RECEIPTS_NOISY"}
    level, score, cuts : array
        As `gpusynth.datasets.draws.Draws.level` returns them.

    Returns
    -------
    array of int64, shape (n,)
        Inside the published bin of the level, rising with the score, on the published grid.
    """
    first, slope, top = _MONEY[name]
    ends = np.asarray((*BIN_LEFT_ENDS[name][1:], top), np.int64)
    # cuts[len(first) - 1] closes the first published bin, whose right end is ends[0].
    upper = cuts[len(first) - 1 :]
    amount = _two_digits_up(np.exp(_log_amount(score, upper, ends[:-1], slope)))
    number = np.maximum(level - len(first), 0)  # of the bin above the first one
    amount = np.clip(amount, _two_digits_up(ends[number] + 1), ends[number + 1])
    few = np.asarray(first, np.int64)[np.minimum(level, len(first) - 1)]
    return np.where(level < len(first), few, amount)


def employment_of_level(level: Array, score: Array, cuts: Array) -> Array:
    """Turn levels and scores of employment into employees.

    Parameters
    ----------
    level, score, cuts : array
        As `gpusynth.datasets.draws.Draws.level` returns them.

    Returns
    -------
    array of int64, shape (n,)
        Values of `EMPLOYMENT_VALUES`; in the open level at least 150, rising with the score.
    """
    beyond = 120.0 * np.exp(np.maximum(score - cuts[-1], 0.0) * _EMPLOYMENT_SLOPE)
    large = np.clip(_two_digits_up(beyond), 150, _EMPLOYMENT_TOP)
    known = np.asarray(EMPLOYMENT_VALUES, np.int64)
    return np.where(level < len(known), known[np.minimum(level, len(known) - 1)], large)


def weight_of_score(level: Array, score: Array, cuts: Array) -> Array:
    """Turn levels and scores of the weight into weights above 1 with three decimals.

    Parameters
    ----------
    level, score, cuts : array
        As `gpusynth.datasets.draws.Draws.level` returns them.

    Returns
    -------
    array of float64, shape (n,)
    """
    ends = np.asarray((*WEIGHT_ENDS, _WEIGHT_TOP))
    weight = np.exp(_log_amount(score, cuts, ends[1:-1], _WEIGHT_SLOPE))
    # Below the first cut the score's distance shrinks the weight from the first end towards 1.
    weight = 1.0 + (weight - 1.0) * np.exp(np.minimum(score - cuts[0], 0.0))
    thousandths = np.rint(weight * 1000.0)
    low = np.rint(ends[level] * 1000.0) + 1.0
    high = np.rint(ends[level + 1] * 1000.0)
    return np.clip(thousandths, low, high) / 1000.0
