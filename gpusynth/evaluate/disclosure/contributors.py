"""Contributors of cells: rows with a value above zero, by combination of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.records import record_keys

__all__ = ["Contributors"]


@dataclass(frozen=True, slots=True)
class Contributors:
    """The contributors of one file, sorted by cell, and within it by value, largest first.

    Sums run in that order, so that they do not depend on the order of the rows.

    Attributes
    ----------
    keys : array
        Key of each cell, ascending.
    first : array of int64, shape (n_cells + 1,)
        Where each cell's contributors begin.
    values, rows : array
        Of the contributors.
    total : array of float64, shape (n_cells,)
    """

    keys: Array
    first: Array
    values: Array
    rows: Array
    total: Array

    @classmethod
    def of(cls, table: CodedTable, positions: Sequence[int], values: Array) -> Contributors:
        """Sort the rows of a table that contribute, by the columns at the given positions."""
        rows = np.flatnonzero(values > 0)
        distinct, number = np.unique(record_keys(table, positions)[rows], return_inverse=True)
        order = np.lexsort((-values[rows], number))
        ordered = values[rows][order]
        first = np.concatenate(([0], np.cumsum(np.bincount(number, minlength=len(distinct)))))
        total = np.add.reduceat(ordered, first[:-1]) if len(ordered) else np.empty(0)
        return cls(distinct, first, ordered, rows[order], total)

    def largest(self, place: int) -> Array:
        """Return the value of each cell's contributor at a place (0: the largest), 0 for none."""
        at = self.first[:-1] + place
        has = at < self.first[1:]
        return np.where(has, self.values[np.minimum(at, len(self.values) - 1)], 0.0)

    def top(self, n: int) -> Array:
        """Return the sum of each cell's n largest contributors."""
        total = np.zeros(len(self.keys))
        for place in range(n):
            total += self.largest(place)
        return total

    def is_sensitive(self, p: float) -> Array:
        """Apply the p % rule."""
        rest = self.total - self.largest(0) - self.largest(1)
        sensitive: Array = rest < p / 100.0 * self.largest(0)
        return sensitive

    def find(self, other: Contributors) -> Array:
        """Return the place of each of these cells among another's, -1 where it has none."""
        if len(other.keys) == 0:
            return np.full(len(self.keys), -1)
        place = np.minimum(np.searchsorted(other.keys, self.keys), len(other.keys) - 1)
        return np.where(other.keys[place] == self.keys, place, -1)

    def nearest(self, cells: Array, sought: Array) -> Array:
        """Return how far the nearest contributor of a cell lies from a value, as a share of it.

        Parameters
        ----------
        cells : array of int64
            Places of cells; -1 finds nothing.
        sought : array of float64
            Values above zero.

        Returns
        -------
        array of float64
            Infinite where there is no contributor.
        """
        found = np.full(len(cells), np.inf)
        for i in np.flatnonzero(cells >= 0):
            inside = self.values[self.first[cells[i]] : self.first[cells[i] + 1]]
            found[i] = np.abs(inside - sought[i]).min() / sought[i]
        return found
