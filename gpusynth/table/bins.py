"""Bins: which numbers of a column share a code when it has more distinct ones than codes.

The 1,000 largest and the 1,000 smallest distinct values keep a code each, so that the tails of
heavy-tailed money stay separable by a split; what lies between is cut into bins of about equally
many rows, from exact counts of all rows. A bin only limits where a split may fall: values are kept
beside the codes.
"""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table.counts import ValueCounts

__all__ = ["TAIL", "bin_starts"]

TAIL = 1_000
"""Distinct values at either end that keep a code of their own."""


_HEAVY = 4
"""A value with this many times the rows of an average bin gets a bin of its own, so that a few
frequent values do not leave one bin to all others."""


def bin_starts(counts: ValueCounts, most_bins: int) -> Array:
    """Return the lowest value of each bin, ascending.

    Between the tails, values that hold 4 times the rows of an average bin have a bin each. Of the
    others, one at which their running count reaches a new multiple of (their rows) / (the bins
    left) starts a bin. The arithmetic is in integers.

    Parameters
    ----------
    counts : ValueCounts
        Ordinary numbers.
    most_bins : int
        More than 2 * `TAIL`.

    Returns
    -------
    array of the dtype of ``counts.values``, shape (n_bins,)
        All distinct values when they are at most `most_bins`.
    """
    if counts.n_distinct <= most_bins:
        return counts.values
    middle = slice(TAIL, counts.n_distinct - TAIL)
    starts = _starts(counts.counts[middle], most_bins - 2 * TAIL)
    own = (counts.values[:TAIL], counts.values[middle][starts], counts.values[-TAIL:])
    return np.concatenate(own)


def _starts(rows: Array, most_bins: int) -> Array:
    """Return which of the distinct values, which hold `rows` rows each, start a bin."""
    heavy = np.zeros(rows.shape[0], bool)
    bins_left = most_bins
    while True:
        light_rows = int(rows[~heavy].sum())
        more = ~heavy & (rows * bins_left >= _HEAVY * light_rows)
        if not more.any():
            break
        heavy |= more
        # A heavy value takes its own bin, and may cut one of the others in two.
        bins_left -= 2 * int(more.sum())
    light = np.where(heavy, 0, rows)
    before = np.cumsum(light) - light
    # At most 2^47 rows times 2^16 bins fit an int64.
    numbers = before * bins_left // max(light_rows, 1)
    starts = np.ones(rows.shape[0], bool)
    starts[1:] = (numbers[1:] != numbers[:-1]) | heavy[1:] | heavy[:-1]
    return starts
