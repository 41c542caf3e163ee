"""Philox4x32-10: a counter and a key in, 128 random bits out.

References
----------
.. [1] Salmon, J. K. et al. (2011). Parallel random numbers: as easy as 1, 2, 3. SC'11.
       Known answers: Random123, `kat_vectors`, philox4x32 10.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit

__all__ = ["philox", "philox_pair", "scaled"]

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@jit(inline="always")
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return four uint64 that each hold one 32-bit word; all arguments likewise."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@jit(inline="always")
def philox_pair(seed: Any, stream: Any, counter: Any) -> Any:
    """Return two random uint64 for one counter (a row number) of one stream.

    Key = seed; counter words = counter low, counter high, stream low, stream high.
    """
    r0, r1, r2, r3 = philox(
        counter & _LOW, counter >> _32, stream & _LOW, stream >> _32, seed & _LOW, seed >> _32
    )
    return r0 | (r1 << _32), r2 | (r3 << _32)


@jit(inline="always")
def scaled(bits: Any, n: Any) -> Any:
    """Return floor(bits * n / 2^64): uniform on [0, n) to within n / 2^64, without a division.

    `bits` and `n` are uint64, n < 2^63; the 128-bit product is built from four 64-bit ones.
    """
    low, high = bits & _LOW, bits >> _32
    n_low, n_high = n & _LOW, n >> _32
    middle = high * n_low + ((low * n_low) >> _32)
    other = low * n_high + (middle & _LOW)
    return high * n_high + (middle >> _32) + (other >> _32)
