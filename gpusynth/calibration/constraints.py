"""Constraints: margins bound to the rows of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.calibration.margins import Margin, MarginCell, shown
from gpusynth.errors import DataError, PlanError

__all__ = ["CodedColumn", "Constraint", "bind_margin", "coded_margin"]


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A column of levels over the rows of a file.

    Attributes
    ----------
    codes : array of integers, shape (n_rows,)
    levels : sequence of str
        Text of each code; ``""`` for a missing answer.
    """

    codes: Array
    levels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A margin over the rows of a file.

    Attributes
    ----------
    margin : Margin
    cells : array of int32, shape (n_rows,)
        Cell of each row, -1 for none.
    targets : array of float64, shape (n_cells,)
    numbers : array of float64, shape (n_rows,), or None
        What is added up, weighted; None for the weights themselves.
    """

    margin: Margin
    cells: Array
    targets: Array
    numbers: Array | None

    @property
    def n_cells(self) -> int:
        """Number of totals."""
        return len(self.targets)

    def totals(self, weights: Array) -> Array:
        """Return the weighted total of each cell.

        Added up in the order of rows, so that nothing but the rows decides the last bit.

        Parameters
        ----------
        weights : array of float64, shape (n_rows,)

        Returns
        -------
        array of float64, shape (n_cells,)
        """
        terms = weights if self.numbers is None else weights * self.numbers
        # Rows in no cell go to a place of their own at the end.
        cells = np.where(self.cells < 0, self.n_cells, self.cells)
        return np.bincount(cells, weights=terms, minlength=self.n_cells + 1)[: self.n_cells]

    def label(self, cell: int) -> str:
        """Return the levels of a cell for a message; of real data its number only."""
        if self.margin.is_real:
            return f"cell {cell + 1}"
        return shown(self.margin.cells[cell].levels)


def bind_margin(
    margin: Margin,
    columns: Mapping[str, CodedColumn],
    numbers: Mapping[str, Array],
    n_rows: int,
    *,
    file: str,
) -> Constraint:
    """Find the cell of each row.

    Parameters
    ----------
    margin : Margin
    columns : mapping of str to CodedColumn
        The margin's columns over the rows.
    numbers : mapping of str to array of float64
        The margin's column of numbers; missing ones are 0.
    n_rows : int
    file : str
        For messages.

    Returns
    -------
    Constraint

    Raises
    ------
    PlanError
        If the margin names a level that its column does not have.
    DataError
        If the margin is complete, but rows lie in none of its cells.
    """
    key, known = _keys(margin, columns, n_rows)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known[order], key), len(known) - 1)
    cells = np.where(known[order][place] == key, order[place], -1).astype(np.int32)
    outside = np.flatnonzero(cells < 0)
    if margin.complete and len(outside):
        raise DataError(
            f"{file}: {len(outside)} rows lie in no cell of the {margin.place}, the first is row "
            f"{int(outside[0]) + 1}. Add the cells, or set complete = false to leave such rows "
            "free."
        )
    targets = np.array([cell.total for cell in margin.cells], np.float64)
    number = None if margin.number is None else numbers[margin.number]
    return Constraint(margin, cells, targets, number)


def _keys(margin: Margin, columns: Mapping[str, CodedColumn], n_rows: int) -> tuple[Array, Array]:
    """Return the packed levels of each row, -1 where a level has no cell, and of each cell."""
    _check_size(
        margin.place, [len({c.levels[i] for c in margin.cells}) for i in range(len(margin.columns))]
    )
    key = np.zeros(n_rows, np.int64)
    known = np.zeros(len(margin.cells), np.int64)
    for number, name in enumerate(margin.columns):
        column = columns[name]
        code_of = {level: code for code, level in enumerate(column.levels)}
        levels = dict.fromkeys(cell.levels[number] for cell in margin.cells)
        unknown = [level for level in levels if level not in code_of]
        if unknown:
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            listed = ", ".join(repr(level) for level in unknown[:5])
            raise PlanError(
                f"{margin.place}: column {name!r} does not have the level {listed}{more}. "
                "Correct the level, or leave it out."
            )
        position = {level: place for place, level in enumerate(levels)}
        rank = np.full(len(column.levels) or 1, -1, np.int64)
        for level, place in position.items():
            rank[code_of[level]] = place
        own = rank[column.codes] if len(column.levels) else rank[:0]
        key = np.where((key < 0) | (own < 0), -1, key * len(levels) + own)
        own_cell = [position[cell.levels[number]] for cell in margin.cells]
        known = known * len(levels) + np.array(own_cell, np.int64)
    return key, known


def coded_margin(
    columns: Mapping[str, CodedColumn],
    weights: Array,
    *,
    number: tuple[str, Array] | None = None,
) -> Margin:
    """Return the weighted totals of real rows as a margin.

    Parameters
    ----------
    columns : mapping of str to CodedColumn
        In the order of the margin's columns.
    weights : array of float64, shape (n_rows,)
    number : tuple of str and array of float64, optional
        Column of numbers to add up.

    Returns
    -------
    Margin
        Complete, one cell for each combination that has rows, in the order of codes. Combinations
        whose weights are all zero have the total 0.
    """
    sizes = [max(len(column.levels), 1) for column in columns.values()]
    _check_size(f"margin {' x '.join(columns)}", sizes)
    key = np.zeros(len(weights), np.int64)
    for column in columns.values():
        key = key * len(column.levels) + column.codes
    _, first, cell = np.unique(key, return_index=True, return_inverse=True)
    terms = weights if number is None else weights * number[1]
    totals = np.bincount(cell, weights=terms, minlength=len(first))
    cells = tuple(
        MarginCell(
            levels=tuple(column.levels[int(column.codes[row])] for column in columns.values()),
            total=float(total),
        )
        for row, total in zip(first.tolist(), totals, strict=True)
    )
    name = None if number is None else number[0]
    return Margin(columns=tuple(columns), number=name, cells=cells, is_real=True)


def _check_size(place: str, sizes: Sequence[int]) -> None:
    """Refuse crossings whose cells cannot be numbered in 64 bits."""
    cells = 1
    for size in sizes:
        cells *= size
    if cells >= 1 << 62:
        raise PlanError(f"{place}: {cells} combinations are too many. Use fewer columns.")
