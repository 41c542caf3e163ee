"""Weights of rows: read from a column, and made whole numbers so that sums are exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.evaluate.answers import LevelBook, read_numbers
from gpusynth.table.schema import Column

__all__ = ["fixed_point", "read_weights"]

_WEIGHT_BITS = 61


def read_weights(array: pa.Array, name: str, file: str, first_row: int) -> Array:
    """Read a block of weights as float64.

    Parameters
    ----------
    array : pyarrow.Array
    name, file : str
        Of the column and of its file, for messages.
    first_row : int
        Rows of the file before this block; rows in messages count from 1.

    Raises
    ------
    DataError
        If a weight is missing, no finite number, or negative.
    """
    column = Column(name=name, kind="numeric", storage="double", role="weight")
    answers = read_numbers(array, column, LevelBook(), {}, file)
    bad = np.flatnonzero(answers.levels >= 0)
    if len(bad):
        raise DataError(
            f"{file}: weight {name!r} is missing or no finite number in row "
            f"{first_row + int(bad[0]) + 1}. Give every row a weight, or leave the row out."
        )
    negative = np.flatnonzero(answers.values < 0)
    if len(negative):
        raise DataError(
            f"{file}: weight {name!r} is negative in row {first_row + int(negative[0]) + 1}. "
            "Weights must be zero or more."
        )
    return answers.values


def fixed_point(weights: Sequence[Array]) -> list[Array]:
    """Scale weights by one power of two so that sums, also of resampled rows, stay below 2^62.

    With a million rows and a largest weight a thousand times the mean, the mean weight keeps 31
    bits: each share is right to about one part in 10^9.

    Parameters
    ----------
    weights : sequence of array of float64
        One array for each file.

    Raises
    ------
    DataError
        If the weights of a file are all zero.
    """
    if min(float(w.max()) for w in weights) == 0.0:
        raise DataError(
            "all weights are zero in one of the files; there is nothing to count. Name a weight "
            "column that is positive somewhere in every file."
        )
    largest = max(float(w.max()) for w in weights)
    n_rows = max(len(w) for w in weights)
    bits = _WEIGHT_BITS - int(np.ceil(np.log2(largest))) - int(np.ceil(np.log2(max(n_rows, 2))))
    return [np.rint(np.ldexp(w, bits)).astype(np.int64) for w in weights]
