"""Count codes of one column: rows, or weight as whole numbers."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array

__all__ = ["count_codes"]


def count_codes(codes: Array, n_codes: int, weight: Array | None) -> Array:
    """Return how many rows (or how much weight) each code has, exactly.

    Parameters
    ----------
    codes : array of int, shape (n_rows,)
        In ``[0, n_codes)``.
    n_codes : int
    weight : array of int64, shape (n_rows,), or None

    Returns
    -------
    array of int64, shape (n_codes,)
    """
    if weight is None:
        return np.bincount(codes, minlength=n_codes).astype(np.int64)
    # bincount adds weights as float64; whole numbers of 61 bits need int64
    counts = np.zeros(n_codes, np.int64)
    np.add.at(counts, codes, weight)
    return counts
