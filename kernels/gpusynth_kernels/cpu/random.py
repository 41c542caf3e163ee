"""Blocks of random numbers for code that works on whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.philox import philox_pair

__all__ = ["fill_bits"]


@jit
def fill_bits(seed: Any, stream: Any, first: Any, out: Any) -> None:
    """Fill ``out`` (n, 2) uint64: row i holds the two numbers of counter ``first + i``.

    One thread: callers run several of these side by side, which Numba's workqueue layer answers to
    a parallel kernel by ending the process.
    """
    for i in range(out.shape[0]):
        a, b = philox_pair(seed, stream, first + np.uint64(i))
        out[i, 0] = a
        out[i, 1] = b
