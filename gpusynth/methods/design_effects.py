"""LinearPredictor: fitted effects, added up row by row for synthetic rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.design import Design, Term
from gpusynth.methods.model import Block, DrawnColumns
from gpusynth.table import Read, read_rows

__all__ = ["LinearPredictor"]

_CHUNK_NUMBERS = 1 << 20
"""Numbers that are held at a time; results do not depend on it."""


@dataclass(frozen=True, slots=True)
class LinearPredictor:
    """One or more sums of effects of each row.

    Terms are added one after the other in a fixed order, elementwise: unlike a matrix product, the
    sum of a row does not depend on which rows are computed with it.

    Attributes
    ----------
    intercept : array of float64, shape (n_sums,)
    terms : tuple of (column name, Term, effects (n_places, n_sums), slopes (n_sums,) or None)
    """

    intercept: Array
    terms: tuple[tuple[str, Term, Array, Array | None], ...]

    @classmethod
    def of(cls, design: Design, coefficients: Array) -> LinearPredictor:
        """Sort coefficients by term.

        Parameters
        ----------
        design : Design
        coefficients : array of float64, shape (n_columns, n_sums)
        """
        padded = np.concatenate([coefficients, np.zeros((1, coefficients.shape[1]))])
        terms = tuple(
            (name, term, padded[term.places], padded[term.slope] if term.slope >= 0 else None)
            for name, term in design.terms.items()
        )
        return cls(coefficients[0].copy(), terms)

    @property
    def n_sums(self) -> int:
        """Number of sums a row."""
        return len(self.intercept)

    def sums(self, read: Read, n_rows: int) -> Array:
        """Return the sums of some rows.

        Parameters
        ----------
        read : callable
            Of these rows.
        n_rows : int

        Returns
        -------
        array of float64, shape (n_rows, n_sums)
        """
        total = np.repeat(self.intercept[None, :], n_rows, axis=0)
        for name, term, effects, slopes in self.terms:
            codes, values = read(name)
            total += effects[term.codes_of(codes)]
            if slopes is not None:
                total += term.numbers_of(codes, values)[:, None] * slopes[None, :]
        return total

    def chunks(self, drawn: DrawnColumns, block: Block) -> Iterator[tuple[slice, Array]]:
        """Yield the sums of the rows to draw, some at a time: (slice of them, sums)."""
        size = max(_CHUNK_NUMBERS // self.n_sums, 1)
        for first in range(0, block.n_drawn, size):
            part = slice(first, min(first + size, block.n_drawn))
            chosen = part if block.positions is None else block.positions[part]
            yield part, self.sums(read_rows(drawn.read, chosen), part.stop - part.start)
