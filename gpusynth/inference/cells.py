"""Rows that agree in all columns of an analysis, counted once.

Maximum likelihood and its variances depend on rows only through sums, so a million firms that
differ in a few categorical columns are some thousands of cells with exactly the same estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array

__all__ = ["Cells", "count_cells"]

_FEW = 1 << 9
"""Distinct numbers in a first look below which a column is worth coding."""

_LOOK = 1 << 12
"""Rows of that first look."""

_LARGEST_KEY = 1 << 62
"""Cells are numbered in int64."""

_WORTHWHILE = 2
"""Rows for each cell, from which on counting pays."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows, or cells of equal rows, with their weights.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a cell.
    count : array of float64, shape (n,)
        Rows of each cell.
    weight : array of float64, shape (n,)
        Sum of their weights; equal to `count` without weights.
    squared : array of float64, shape (n,)
        Sum of their squared weights.
    extra : array of float64, shape (n, r)
        Sums of r further weights.
    """

    frame: Any
    count: Array
    weight: Array
    squared: Array
    extra: Array

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.count.sum())


def count_cells(frame: Any, *, weight: Array | None, extra: Array, combine: bool) -> Cells:
    """Count equal rows, where that makes them fewer.

    Parameters
    ----------
    frame : pandas.DataFrame
    weight : array of float64, shape (n,), optional
        1 for every row by default.
    extra : array of float64, shape (n, r)
    combine : bool
        False to keep every row.

    Returns
    -------
    Cells
        Cells are in the order of their columns' codes.
    """
    n_rows = len(frame)
    ones = np.ones(n_rows)
    given = ones if weight is None else weight
    keys = _keys(frame) if combine else None
    if keys is not None:
        _, first, cell = np.unique(keys, return_index=True, return_inverse=True)
        if len(first) * _WORTHWHILE <= n_rows:

            def total(values: Array) -> Array:
                return np.bincount(cell, values, minlength=len(first))

            sums = [total(column) for column in extra.T]
            return Cells(
                frame.iloc[first].reset_index(drop=True),
                total(ones),
                total(given),
                total(given**2),
                np.stack(sums, axis=1) if sums else np.empty((len(first), 0)),
            )
    return Cells(frame, ones, given, given**2, extra)


def _keys(frame: Any) -> Array | None:
    """Return a number for each combination of values; None where a column has too many."""
    keys = np.zeros(len(frame), dtype=np.int64)
    size = 1
    for name in frame.columns:
        coded = _codes(frame[name])
        if coded is None:
            return None
        codes, n_codes = coded
        size *= n_codes
        if size > _LARGEST_KEY:
            return None
        keys = keys * n_codes + codes
    return keys


def _codes(column: Any) -> tuple[Array, int] | None:
    if hasattr(column, "cat"):
        # One more, for the -1 of a missing value.
        return column.cat.codes.to_numpy().astype(np.int64) + 1, len(column.cat.categories) + 1
    values = column.to_numpy()
    if len(np.unique(values[:_LOOK])) > _FEW:
        return None
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), len(distinct)
