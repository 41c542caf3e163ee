"""Narrow columns: booleans and whole numbers of at most 16 bits, told by their distinct values.

Most columns of a survey file are of this kind. Counting the bit patterns of a batch and looking
what stands for each of them up in a table costs a fraction of hashing every row, twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.table.distinct import DistinctBatch

__all__ = ["narrow_batch"]

_LEAST_ROWS = 2048
"""Below it a table of 65,536 places costs more than the rows."""


def narrow_batch(array: Any) -> DistinctBatch | None:
    """Tell an Arrow array by its distinct values, if its type has few.

    Parameters
    ----------
    array : pyarrow.Array, shape (n,)

    Returns
    -------
    DistinctBatch, or None
        None for other types, and for arrays that are too short to gain by it.
    """
    kind = array.type
    is_boolean = pa.types.is_boolean(kind)
    is_narrow = is_boolean or (pa.types.is_integer(kind) and kind.bit_width <= 16)
    if not is_narrow or len(array) < _LEAST_ROWS:
        return None
    plain = array.cast(pa.uint8()) if is_boolean else array
    rows = slice(plain.offset, plain.offset + len(plain))
    patterns = np.frombuffer(plain.buffers()[1], f"u{plain.type.bit_width // 8}")[rows]
    n_patterns = 1 << plain.type.bit_width
    places = patterns.astype(np.intp)
    if plain.null_count:
        bits = np.frombuffer(plain.buffers()[0], np.uint8)
        valid = np.unpackbits(bits, count=rows.stop, bitorder="little")[rows]
        # What lies under a null is anything: each such pattern gets a place of its own.
        places += (valid ^ 1) * np.intp(n_patterns)
    counts = np.bincount(places, minlength=2 * n_patterns)
    used = np.flatnonzero(counts[:n_patterns])
    numbers = used.astype(patterns.dtype).view(plain.type.to_pandas_dtype())

    def spread(by_value: Array) -> Array:
        by_place = np.full(2 * n_patterns, by_value[-1], by_value.dtype)
        by_place[used] = by_value[:-1]
        return np.take(by_place, places, mode="wrap")  # which spares the check; none is outside

    return DistinctBatch(
        arrow_type=kind,
        values=pa.array(numbers).cast(kind),
        counts=counts[used].astype(np.int64),
        n_null=int(plain.null_count),
        spread=spread,
    )
