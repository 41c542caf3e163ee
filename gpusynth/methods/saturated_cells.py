"""Cells: the combinations of codes that real rows have, found again from the first column on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array

__all__ = ["Cells", "make_cells"]


@dataclass(frozen=True, slots=True)
class Cells:
    """Real rows in the order of their codes, column by column.

    The rows that agree in the first d columns are neighbours, for every d: a cell of depth d is a
    range of rows. Depth 0 is all rows.

    Attributes
    ----------
    columns : tuple of str
    n_codes : tuple of int
    keys : tuple of array of int64
        At each depth from 1: ``cell of the depth before * n_codes + code`` of each, ascending.
    offsets : tuple of array of int64
        At each depth from 0: rows of cell c are ``rows[offsets[c]:offsets[c + 1]]``.
    rows : array of int, shape (n,)
    cumulative : array of float64, shape (n,), or None
        Running sum of the rows' weights.
    """

    columns: tuple[str, ...]
    n_codes: tuple[int, ...]
    keys: tuple[Array, ...]
    offsets: tuple[Array, ...]
    rows: Array
    cumulative: Array | None

    def find(self, read: Callable[[str], Array], n_rows: int) -> tuple[Array, Array]:
        """Return the deepest cell of each synthetic row that real rows have.

        Parameters
        ----------
        read : callable
            Column name -> codes (n_rows,).
        n_rows : int

        Returns
        -------
        tuple of (cell (n_rows,) int64, depth (n_rows,) int64)
        """
        cell, depth = np.zeros(n_rows, np.int64), np.zeros(n_rows, np.int64)
        found = np.ones(n_rows, bool)
        for at, (name, n_codes, keys) in enumerate(
            zip(self.columns, self.n_codes, self.keys, strict=True)
        ):
            wanted = cell * n_codes + read(name)
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            found &= keys[place] == wanted
            cell[found] = place[found]
            depth[found] = at + 1
        return cell, depth

    def ranges(self, cell: Array, depth: Array) -> tuple[Array, Array]:
        """Return the first row of each cell, and the one after its last."""
        first, end = np.empty_like(cell), np.empty_like(cell)
        for at in np.unique(depth).tolist():
            here = depth == at
            first[here] = self.offsets[at][cell[here]]
            end[here] = self.offsets[at][cell[here] + 1]
        return first, end

    def weight_of(self, first: Array, end: Array) -> Array:
        """Return the weight of ranges of rows: their number where there are no weights."""
        if self.cumulative is None:
            return (end - first).astype(np.float64)
        padded = np.concatenate([[0.0], self.cumulative])
        return padded[end] - padded[first]

    def pick(self, first: Array, end: Array, share: Array) -> Array:
        """Return one real row of each range, in proportion to weight.

        Parameters
        ----------
        first, end : array of int64, shape (n,)
        share : array of float64, shape (n,)
            In [0, 1).
        """
        if self.cumulative is None:
            place = first + (share * (end - first)).astype(np.int64)
        else:
            padded = np.concatenate([[0.0], self.cumulative])
            goal = padded[first] + share * (padded[end] - padded[first])
            place = np.searchsorted(self.cumulative, goal, side="right")
        return self.rows[np.clip(place, first, end - 1)]


def make_cells(
    columns: Sequence[tuple[str, Array, int]], rows: Array, weight: Array | None
) -> Cells:
    """Sort rows into cells.

    Parameters
    ----------
    columns : sequence of (name, codes (n_real,), number of codes)
    rows : array of int, shape (n,)
        Rows that take part, at least one.
    weight : array of float64, shape (n,), or None
        Of these rows.

    Returns
    -------
    Cells
    """
    order = np.lexsort([codes[rows] for _, codes, _ in reversed(columns)]) if columns else None
    if order is not None:
        rows, weight = rows[order], None if weight is None else weight[order]
    cell = np.zeros(len(rows), np.int64)
    keys, offsets = [], [np.array([0, len(rows)], np.int64)]
    for _, codes, n_codes in columns:
        distinct, first, cell = np.unique(
            cell * n_codes + codes[rows], return_index=True, return_inverse=True
        )
        cell = cell.reshape(-1).astype(np.int64)
        keys.append(distinct)
        offsets.append(np.append(first, len(rows)).astype(np.int64))
    return Cells(
        columns=tuple(name for name, _, _ in columns),
        n_codes=tuple(n_codes for _, _, n_codes in columns),
        keys=tuple(keys),
        offsets=tuple(offsets),
        rows=rows,
        cumulative=None if weight is None else np.cumsum(weight),
    )
