"""Uncastable: which answer keeps a column from being read in a type, said without the answer.

Arrow's own messages quote the answer, which errors must never do.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["first_uncastable"]


def first_uncastable(column: Any, storage: pa.DataType, *, safe: bool = True) -> int | None:
    """Return where the first answer stands that has no value in a type.

    Found by halving: log2(n) casts of parts.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
    storage : pyarrow.DataType
    safe : bool
        As for `pyarrow.Array.cast`.

    Returns
    -------
    int or None
        Position from 0; None where all answers can be cast, or the types have no cast at all.
    """
    if not _is_castable(column.slice(0, 0), storage, safe=safe):
        return None
    good, bad = 0, len(column)
    if _is_castable(column, storage, safe=safe):
        return None
    # The first `good` answers can be cast, the first `bad` ones cannot.
    while bad - good > 1:
        middle = (good + bad) // 2
        if _is_castable(column.slice(good, middle - good), storage, safe=safe):
            good = middle
        else:
            bad = middle
    return good


def _is_castable(column: Any, storage: pa.DataType, *, safe: bool) -> bool:
    try:
        column.cast(storage, safe=safe)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True
