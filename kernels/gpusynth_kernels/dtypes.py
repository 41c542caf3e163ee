"""Every dtype of the tree kernels, with its reason."""

from __future__ import annotations

import numpy as np

__all__ = [
    "ENTRY",
    "LANES_PER_WORD",
    "MAX_CODES",
    "MAX_ORDERED_LANE_CODES",
    "MAX_ORDERED_MARK_CODES",
    "MAX_SUBSET_LANE_CODES",
    "MAX_SUBSET_MARK_CODES",
    "NUMBER_BITS",
    "RECORD",
]

RECORD = np.uint64
"""A word of a row record: 64 candidate splits of one row, one bit each ("goes right")."""

LANES_PER_WORD = 64

ENTRY = np.uint64
"""One row in a list: code 16 bits | class 16 bits | row 32 bits. Sorting entries sorts by code,
then class, then row; one load gives all that a scan needs."""

MAX_CODES = 65_536
"""Codes and classes fit 16 bits."""

MAX_ORDERED_LANE_CODES = 8
"""Ordered columns up to this many codes have a lane for each threshold (at most 7)."""

MAX_SUBSET_LANE_CODES = 4
"""Unordered columns up to this many codes have a lane for each subset (2^3 - 1 = 7): all that
rpart would search, so nothing is lost; beyond, levels are ordered first."""

MAX_ORDERED_MARK_CODES = 32
MAX_SUBSET_MARK_CODES = 64
"""Columns up to this many codes have a lane a code. Above, an ordered column is cheaper as a sorted
list, and an unordered one no longer fits a word."""

NUMBER_BITS = 31
"""Numbers become integers of at most 31 bits and a sign, so that a sum over 2^31 rows stays below
2^62 and cannot overflow int64."""
