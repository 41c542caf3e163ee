"""Entropy of class counts in integer arithmetic: the same bits everywhere, without `log`.

References
----------
.. [1] Breiman, L. et al. (1984). Classification and Regression Trees, section 4.3.1.
.. [2] Knuth, D. E. TAOCP 1, section 1.2.2, exercise 25 (binary logarithm by repeated squaring).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit

__all__ = ["FRACTION_BITS", "LOG_TABLE_SIZE", "c_log_c", "entropy_score", "log2_fixed", "log_table"]

FRACTION_BITS = 24
"""Bits after the point of log2: c log2 c of 2^31 rows stays below 2^60."""

LOG_TABLE_SIZE = 65_536

_1 = np.uint64(1)
_31 = np.uint64(31)
_32 = np.uint64(32)


@jit
def log2_fixed(c: Any) -> Any:
    """Return log2 of an integer c in [1, 2^31] with 24 bits after the point, as int64.

    Squares are cut to 31 bits, so the result is within 2^-23 below the truth.
    """
    x = np.uint64(c)
    whole = np.int64(0)
    while (x >> np.uint64(whole)) > _1:
        whole += 1
    x = x << np.uint64(31 - whole)
    result = whole
    for _ in range(FRACTION_BITS):
        x = (x * x) >> _31
        result <<= 1
        if x >= (_1 << _32):
            x >>= _1
            result += 1
    return result


@jit
def _fill(table: Any) -> None:
    table[0] = 0
    for c in range(1, table.shape[0]):
        table[c] = np.int64(c) * log2_fixed(c)


def log_table() -> Any:
    """Return ``c log2 c`` in fixed point for c below `LOG_TABLE_SIZE`, int64."""
    table = np.empty(LOG_TABLE_SIZE, np.int64)
    _fill(table)
    return table


@jit(inline="always")
def c_log_c(c: Any, table: Any) -> Any:
    """Return ``c log2 c`` in fixed point (int64)."""
    if c < LOG_TABLE_SIZE:
        return table[c]
    return np.int64(c) * log2_fixed(c)


@jit(inline="always")
def entropy_score(
    terms_left: Any, n_left: Any, terms_right: Any, n_right: Any, n: Any, table: Any
) -> Any:
    """Return ``n log2 n`` minus both children's entropy risk, in bits; never negative.

    The entropy risk of a node is ``-sum c_k log2 p_k = n log2 n - sum c_k log2 c_k``. The sum of
    integers is exact; one multiplication by a power of two ends it.
    """
    left = c_log_c(n_left, table) - terms_left
    right = c_log_c(n_right, table) - terms_right
    return np.float64(c_log_c(n, table) - left - right) * 2.0**-24
