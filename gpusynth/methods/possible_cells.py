"""PossibleCells: how much the possible cells of a table weigh, part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DeviceMemoryError, PlanError
from gpusynth.methods.model import StepData
from gpusynth.table import Read

__all__ = ["PossibleCells", "possible_cells"]

_MOST_CELLS = 50_000_000
"""Cells that are listed at most, when some are impossible: 400 MB while their parts are summed."""

_CELLS_AT_A_TIME = 1 << 20


@dataclass(frozen=True, slots=True)
class PossibleCells:
    """The weight of the possible cells given the earlier columns.

    Attributes
    ----------
    columns : tuple of str
        Earlier columns of the table.
    n_codes : tuple of int
        Of these, then of the target.
    share : float
        Weight of a part without the impossible cells being listed (all parts weigh the same).
    cumulative : array of float64, shape (n_parts * n_target,), or None
        Running weight of (part, code); None where every cell is possible.
    """

    columns: tuple[str, ...]
    n_codes: tuple[int, ...]
    share: float
    cumulative: Array | None

    def part_of(self, read: Callable[[str], Array], n_rows: int) -> Array:
        """Return the part of the table that each row is in, int64; 0 where they weigh alike."""
        part = np.zeros(n_rows, np.int64)
        if self.cumulative is not None:
            for name, n_codes in zip(self.columns, self.n_codes, strict=False):
                part = part * n_codes + read(name)
        return part

    def weight_of(self, part: Array) -> Array:
        """Return the weight of the possible cells of each part, float64."""
        if self.cumulative is None:
            return np.full(len(part), self.share)
        before, after = self._edges(part)
        return after - before

    def pick(self, part: Array, share: Array) -> Array:
        """Return a code of the target for each part, in proportion to weight.

        Parameters
        ----------
        part : array of int64, shape (n,)
            Parts of positive weight.
        share : array of float64, shape (n,)
        """
        n_target = self.n_codes[-1]
        if self.cumulative is None:
            return (share * n_target).astype(np.int64)
        before, after = self._edges(part)
        # Rounding up to the end of a part would pass over its last possible cell.
        goal = np.minimum(before + share * (after - before), np.nextafter(after, -np.inf))
        place = np.searchsorted(self.cumulative, goal, side="right")
        return np.clip(place - part * n_target, 0, n_target - 1)

    def _edges(self, part: Array) -> tuple[Array, Array]:
        padded = np.concatenate([[0.0], self.cumulative if self.cumulative is not None else []])
        n_target = self.n_codes[-1]
        return padded[part * n_target], padded[(part + 1) * n_target]


def possible_cells(
    data: StepData,
    around: tuple[tuple[str, ...], tuple[str, ...]],
    rows: Array,
    *,
    prior: float,
    zeros: tuple[str, ...],
) -> PossibleCells:
    """Weigh the possible cells.

    Parameters
    ----------
    data : StepData
    around : tuple of two tuples of str
        Columns of the table before and after the target.
    rows : array of int
        Real rows that take part.
    prior : float
        Weight of all possible cells together.
    zeros : tuple of str
        Expressions that are true in impossible cells.

    Returns
    -------
    PossibleCells

    Raises
    ------
    PlanError
        If a real row is in an impossible cell.
    DeviceMemoryError
        If cells must be listed and are too many.
    """
    earlier, later = around
    names = (*earlier, data.target.name, *later)
    n_codes = tuple(data.table.codecs[name].n_codes for name in names)
    n_first = n_codes[: len(earlier) + 1]
    if not zeros:
        share = prior / float(np.prod([float(count) for count in n_first[:-1]]))
        return PossibleCells(earlier, n_first, share, None)
    n_cells = int(np.prod([int(count) for count in n_codes], dtype=object))
    if n_cells > _MOST_CELLS:
        raise DeviceMemoryError(
            f"column {data.target.name!r}: the table of {len(names)} columns has {n_cells} cells; "
            f"listing the impossible ones needs {8 * n_cells} bytes, and at most {_MOST_CELLS} "
            "cells are listed. Take fewer columns, or no structural_zeros."
        )
    _check_real_rows(data, names, rows, zeros)
    n_target_parts = int(np.prod(n_first, dtype=np.int64))
    n_later = n_cells // n_target_parts
    n_possible = np.zeros(n_target_parts, np.int64)
    truth = _impossible(data, names, zeros)
    for first in range(0, n_cells, _CELLS_AT_A_TIME):
        cells = np.arange(first, min(first + _CELLS_AT_A_TIME, n_cells))
        read = _cell_reader(names, n_codes, cells, data)
        possible = cells[~truth(read, len(cells))]
        n_possible += np.bincount(possible // n_later, minlength=n_target_parts)
    total = int(n_possible.sum())  # above 0: real rows are in possible cells
    # Integers are summed before they are scaled, so that impossible cells weigh exactly 0.
    cumulative = np.cumsum(n_possible) * (prior / total)
    return PossibleCells(earlier, n_first, 0.0, cumulative)


def _impossible(
    data: StepData, names: tuple[str, ...], zeros: tuple[str, ...]
) -> Callable[[Read, int], Array]:
    """Return a function that says in which rows any of the expressions is true."""
    from gpusynth.table.expression import bind_expression, parse_expression

    bound = []
    for number, text in enumerate(zeros, start=1):
        place = f"structural_zeros {number} of {data.target.name!r}"
        expression = parse_expression(text, place=place)
        outside = [name for name in expression.columns if name not in names]
        if outside:
            raise PlanError(
                f"{place}: column {outside[0]!r} is not in the table. Name it under columns, or "
                "leave it out of the expression."
            )
        bound.append(bind_expression(expression, data.table.codecs, table=data.table))

    def truth(read: Read, n_rows: int) -> Array:
        anywhere = np.zeros(n_rows, bool)
        for expression in bound:
            anywhere |= expression.truth(read, n_rows)
        return anywhere

    return truth


def _cell_reader(
    names: tuple[str, ...], n_codes: tuple[int, ...], cells: Array, data: StepData
) -> Read:
    """Return a function that reads the codes of numbered cells; the last column counts fastest."""
    codes = dict(zip(names, np.unravel_index(cells, n_codes), strict=True))

    def read(name: str) -> tuple[Array, Array | None]:
        return codes[name].astype(data.table.codes[name].dtype), None

    return read


def _check_real_rows(
    data: StepData, names: tuple[str, ...], rows: Array, zeros: tuple[str, ...]
) -> None:
    table = data.table

    def read(name: str) -> tuple[Array, Array | None]:
        return table.codes[name][rows], None

    wrong = _impossible(data, names, zeros)(read, len(rows))
    if wrong.any():
        raise PlanError(
            f"column {data.target.name!r}: {int(wrong.sum())} real rows are in cells that "
            f"structural_zeros call impossible (data row {int(rows[np.argmax(wrong)]) + 1} is the "
            "first). Correct the expressions or the data."
        )
