"""Numbers of an encoded column, for trees that predict them."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table import Codec

__all__ = ["numbers"]


def numbers(codec: Codec, codes: Array, values: Array | None) -> Array:
    """Return the number of every row.

    Parameters
    ----------
    codec : Codec
        Of a column of numbers.
    codes : array of uint8 or uint16, shape (n,)
    values : array of float64 or int64, shape (n,), or None
        Exact numbers where codes are bins.

    Returns
    -------
    array of float64, shape (n,)
        A new array; what it holds where the code is special has no meaning.
    """
    if values is not None:
        return values.astype(np.float64)
    known = np.asarray(codec.code_values, dtype=np.float64)
    if known.size == 0:
        return np.zeros(len(codes))
    by_code = np.concatenate([np.zeros(codec.n_special), known])
    return by_code[codes]
