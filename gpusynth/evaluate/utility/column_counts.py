"""Counts of every column of a file: codes, and exact numbers."""

from __future__ import annotations

from dataclasses import dataclass

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.counting import count_codes

__all__ = ["ColumnCounts", "ColumnSides", "count_columns"]


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """One column of one file: the summary from which everything here is computed.

    Attributes
    ----------
    codes : array of int64, shape (n_codes,)
    numbers : array of int64, shape (n_numbers,), or None
        Rows (or weight) of each distinct number.
    """

    codes: Array
    numbers: Array | None


@dataclass(frozen=True, slots=True)
class ColumnSides:
    """Counts of one column in every file.

    Attributes
    ----------
    real, synthetic : ColumnCounts
    holdout : ColumnCounts or None
    resampled : tuple of ColumnCounts
        Bootstrap resamples of the real file.
    """

    real: ColumnCounts
    synthetic: ColumnCounts
    holdout: ColumnCounts | None
    resampled: tuple[ColumnCounts, ...]


def count_columns(table: CodedTable) -> tuple[ColumnCounts, ...]:
    """Count the codes and the numbers of every column of a file or of a block of it."""
    found = []
    have_numbers = set(table.number_columns)
    for position, column in enumerate(table.columns):
        counts = count_codes(table.codes[position], column.n_codes, table.weight)
        numbers = None
        if position in have_numbers and column.numbers is not None:
            n_numbers = len(column.numbers)
            places = table.number_codes[position]
            numbers = count_codes(places, n_numbers + 1, table.weight)[:n_numbers]
        found.append(ColumnCounts(counts, numbers))
    return tuple(found)
