"""Pick a donor of a leaf with one random number."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.philox import scaled

__all__ = ["pick_donor"]


@jit(inline="always")
def pick_donor(bits: Any, begin: Any, end: Any, cumulative: Any) -> Any:
    """Return a position in [begin, end), each with equal chance or in proportion to its weight.

    Parameters
    ----------
    bits : uint64
    begin, end : int64
        ``begin < end``.
    cumulative : array of int64
        Empty for equal chances; else running sums of the weights within the leaf.
    """
    if cumulative.shape[0] == 0:
        return begin + np.int64(scaled(bits, np.uint64(end - begin)))
    at = np.int64(scaled(bits, np.uint64(cumulative[end - 1])))
    low, high = begin, end - 1
    while low < high:
        middle = (low + high) >> 1
        if cumulative[middle] > at:
            high = middle
        else:
            low = middle + 1
    return low
