"""Units: which real rows belong to one firm, household or person."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.table import Source

__all__ = ["read_units"]


def read_units(source: Source, column: str, *, batch_rows: int) -> Array:
    """Read the unit of every real row and number them.

    Parameters
    ----------
    source : Source
    column : str
        Any column of the file, one with the role key or drop too: only which rows agree counts.
    batch_rows : int

    Returns
    -------
    array of int64, shape (n_real,)
        From 0, in order of first occurrence.

    Raises
    ------
    DataError
        If a row has no unit.
    """
    parts: list[pa.Array] = []
    n_rows = 0
    for batch in source.batches([column], batch_rows=batch_rows):
        part = batch.column(0)
        if part.null_count:
            row = n_rows + int(np.flatnonzero(pc.is_null(part).to_numpy(zero_copy_only=False))[0])
            raise DataError(
                f"{source.name}: column {column!r} names the unit of each row, but data row "
                f"{row + 1} has none. Give the row a unit of its own, or name another column."
            )
        parts.append(part.dictionary_decode() if pa.types.is_dictionary(part.type) else part)
        n_rows += batch.num_rows
    whole = pa.chunked_array(parts, type=parts[0].type if parts else pa.null())
    encoded = whole.dictionary_encode().unify_dictionaries()
    numbers = [np.asarray(chunk.indices, np.int64) for chunk in encoded.chunks]
    return np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
