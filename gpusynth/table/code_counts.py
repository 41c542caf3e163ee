"""How often each code of a column occurs."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array

__all__ = ["count_codes"]

_PART_ROWS = 1 << 16
"""NumPy counts a copy of 8 bytes a row: as many rows at a time as a core's own cache holds."""


def count_codes(codes: Array, n_codes: int) -> Array:
    """Count codes.

    Parameters
    ----------
    codes : array of uint8 or uint16, shape (n_rows,)
    n_codes : int
        More than any code.

    Returns
    -------
    array of int64, shape (n_codes,)
    """
    counts = np.zeros(n_codes, np.int64)
    for first in range(0, len(codes), _PART_ROWS):
        counts += np.bincount(codes[first : first + _PART_ROWS], minlength=n_codes)
    return counts
