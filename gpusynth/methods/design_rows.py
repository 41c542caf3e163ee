"""DesignRows: the rows of a fit as blocks of a design matrix, and their sums of products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, DeviceMemoryError
from gpusynth.methods.design import Design
from gpusynth.methods.model import StepData
from gpusynth.table import read_table

__all__ = ["MOST_COLUMNS", "DesignRows", "independent_columns"]

MOST_COLUMNS = 4096
"""Columns of a design at most: their products take 128 MiB, and solving them minutes."""

_BLOCK_NUMBERS = 1 << 22
"""Numbers of one block. Blocks are the same on every machine, since sums of floats depend on their
order."""

_KEPT_BYTES = 1 << 27
"""A matrix up to this size is kept between the passes of a fit; speed only."""

_TOLERANCE = 1e-8
"""A column is left out when less than this share of its sum of squares about the mean is left
beyond the columns before it (its norm: 1e-4, as mice's `remove.lindep`)."""


@dataclass(frozen=True, slots=True)
class DesignRows:
    """Rows that are fitted, with their weights.

    Attributes
    ----------
    design : Design
    data : StepData
    rows : array of int, shape (n,)
        Real rows that take part, repeated ones as often; none of weight 0.
    weight : array of float64, shape (n,), or None
        With mean 1.
    """

    design: Design
    data: StepData
    rows: Array
    weight: Array | None
    _kept: list[Array] = field(default_factory=list)

    @classmethod
    def of(cls, design: Design, data: StepData, *, weighted: bool) -> DesignRows:
        """Choose the rows of a fit.

        Parameters
        ----------
        design : Design
        data : StepData
        weighted : bool
            Weights that are all zero count as none.

        Raises
        ------
        DataError
            If no row takes part.
        DeviceMemoryError
            If the design is too wide.
        """
        if design.n_columns > MOST_COLUMNS:
            raise DeviceMemoryError(
                f"column {data.target.name!r}: its regression has {design.n_columns} columns, "
                f"whose products need {8 * design.n_columns**2} bytes; at most {MOST_COLUMNS} are "
                "fitted. Give it fewer predictors, lower max_levels, or use the method cart."
            )
        rows = np.arange(data.n_real) if data.rows is None else data.rows
        if not len(rows):
            raise DataError(f"column {data.target.name!r} has no rows to learn from")
        if not weighted or data.weight is None or not data.weight[rows].any():
            return cls(design, data, rows, None)
        weight = data.weight[rows]
        rows, weight = rows[weight > 0], weight[weight > 0]
        return cls(design, data, rows, weight / weight.mean())

    @property
    def n_rows(self) -> int:
        """Number of rows, repeats counted."""
        return len(self.rows)

    def blocks(self, width: int = 1) -> Iterator[tuple[slice, Array]]:
        """Cut the matrix into blocks of rows.

        Parameters
        ----------
        width : int
            Numbers that the caller needs for each row besides the matrix.

        Yields
        ------
        tuple of (slice of the rows, matrix of float64)
        """
        n_block = max(_BLOCK_NUMBERS // max(self.design.n_columns, width), 64)
        keep = 8 * self.n_rows * self.design.n_columns <= _KEPT_BYTES
        if keep and not self._kept:
            self._kept.append(self.matrix(slice(0, self.n_rows)))
        for first in range(0, self.n_rows, n_block):
            part = slice(first, min(first + n_block, self.n_rows))
            yield part, self._kept[0][part] if keep else self.matrix(part)

    def matrix(self, part: slice) -> Array:
        """Return the design matrix of some of the rows, float64."""
        rows = self.rows[part]
        return self.design.matrix(read_table(self.data.table, rows), len(rows))

    def products(self) -> Array:
        """Return ``X' W X``, shape (n_columns, n_columns)."""
        total = np.zeros((self.design.n_columns, self.design.n_columns))
        for part, matrix in self.blocks():
            left = matrix if self.weight is None else matrix * self.weight[part, None]
            total += left.T @ matrix
        return total


def independent_columns(products: Array) -> Array:
    """Return the columns that do not depend on those before them.

    Cholesky's algorithm without exchanges: of columns that say the same the first stays.

    Parameters
    ----------
    products : array of float64, shape (n_columns, n_columns)
        ``X' W X``; column 0 is the intercept.

    Returns
    -------
    array of int64
        Ascending, 0 always among them.
    """
    left = products.copy()
    about_mean = np.diag(left) - left[0] ** 2 / left[0, 0]
    # What rounding leaves of a constant column is no spread.
    about_mean = np.where(about_mean > 1e-13 * np.diag(left), about_mean, 0.0)
    about_mean[0] = left[0, 0]
    kept = []
    for column in range(len(left)):
        pivot = left[column, column]
        if about_mean[column] <= 0.0 or pivot <= _TOLERANCE * about_mean[column]:
            continue
        kept.append(column)
        after = slice(column + 1, None)
        row = left[column, after]
        left[after, after] -= np.outer(row, row) / pivot
    return np.array(kept, np.int64)
