"""Coded tables: several files whose columns share the same small integer codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError

__all__ = ["CodedColumn", "CodedTable", "CommonCodes", "TypeDifference"]


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """What the codes of one column mean, in every file.

    Codes are, in order: null (only when it occurs in a file), the schema's missing codes and
    spikes that occur, texts that are no number in a column of numbers, then levels or bins.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Meaning of each code that stands for one answer; null is ``""``. Bins have no label.
    has_null : bool
        Whether code 0 is null.
    n_missing : int
        Codes ``[0, n_missing)`` are null and missing codes.
    cuts : array of float64, shape (n_bins - 1,), or None
        Numbers only: where the bins meet, ascending.
    closed : {"left", "right"}
        The side on which a bin contains its cut point.
    joins_outside : bool
        Whether the first and the last bin are one level (CenSyn's "other").
    numbers : array of float64, shape (n_numbers,), or None
        Numbers only: every number that occurs in a file, spikes included, ascending and distinct;
        dates are days and times microseconds since 1970. See `CodedTable.number_codes`.
    kind : str
        The schema's kind of the column, such as "categorical" or "date".
    """

    name: str
    labels: tuple[str, ...]
    has_null: bool
    n_missing: int
    cuts: Array | None = None
    closed: str = "right"
    joins_outside: bool = False
    numbers: Array | None = None
    kind: str = "categorical"

    @property
    def n_codes(self) -> int:
        """Number of codes: answers and bins."""
        if self.cuts is None:
            return len(self.labels)
        return len(self.labels) + len(self.cuts) + 1 - int(self.joins_outside)


@dataclass(frozen=True, slots=True)
class CodedTable:
    """One file (or a block of it) on common codes.

    Attributes
    ----------
    columns : tuple of CodedColumn
    codes : tuple of array of uint8 or uint16, shape (n_rows,)
        uint8 up to 256 codes: half the memory of the commonest case.
    n_rows : int
    weight : array of int64, shape (n_rows,), or None
        Fixed-point weights on one scale in all files, so that weighted counts add up exactly; only
        shares of them mean anything.
    number_codes : tuple of array of uint8, uint16 or uint32, shape (n_rows,), or None
        Per column: the position of the row's number in `CodedColumn.numbers`, and their count where
        the row has none; None for columns that hold no numbers. So the exact numbers, their counts
        and their ranks take one to four bytes a row. Empty for tables coded without numbers.
    """

    columns: tuple[CodedColumn, ...]
    codes: tuple[Array, ...]
    n_rows: int
    weight: Array | None = None
    number_codes: tuple[Array | None, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(column.name for column in self.columns)

    @property
    def n_codes(self) -> Array:
        """Number of codes of each column, int64."""
        return np.array([column.n_codes for column in self.columns], np.int64)

    @property
    def number_columns(self) -> tuple[int, ...]:
        """Positions of the columns whose exact numbers are known."""
        return tuple(
            position
            for position, column in enumerate(self.columns)
            if column.numbers is not None and len(self.number_codes) > position
        )

    def numbers(self, position: int) -> Array:
        """Return the numbers of a column, float64, shape (n_rows,); NaN where a row has none.

        Raises
        ------
        IncomputableMetricError
            If the column holds no numbers.
        """
        codes = self.number_codes[position] if len(self.number_codes) > position else None
        distinct = self.columns[position].numbers
        if codes is None or distinct is None:
            raise IncomputableMetricError(
                f"column {self.columns[position].name!r} holds no numbers; name one that does"
            )
        return np.append(distinct, np.nan)[codes]

    @property
    def total(self) -> int:
        """Number of rows, or the sum of the weights where there are any."""
        return self.n_rows if self.weight is None else int(self.weight.sum())

    def positions(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return where the named columns stand.

        Raises
        ------
        IncomputableMetricError
            If a name is not among the columns that the files have in common.
        """
        have = {name: position for position, name in enumerate(self.names)}
        unknown = [name for name in names if name not in have]
        if unknown:
            raise IncomputableMetricError(
                f"no column {', '.join(map(repr, unknown))} among the columns compared: "
                f"{', '.join(map(repr, self.names[:12]))}"
                f"{' ...' if len(have) > 12 else ''}. Name columns that every file has."
            )
        return tuple(have[name] for name in names)

    def take(self, rows: Array | slice) -> CodedTable:
        """Return the table of the given rows (positions or a slice), in that order."""
        codes = tuple(column[rows] for column in self.codes)
        weight = None if self.weight is None else self.weight[rows]
        numbers = tuple(None if column is None else column[rows] for column in self.number_codes)
        n_rows = len(range(*rows.indices(self.n_rows))) if isinstance(rows, slice) else len(rows)
        return CodedTable(self.columns, codes, n_rows, weight, numbers)

    def blocks(self, n_rows: int) -> Iterator[CodedTable]:
        """Yield the table in blocks of at most `n_rows` rows."""
        for first in range(0, self.n_rows, n_rows):
            yield self.take(slice(first, first + n_rows))


@dataclass(frozen=True, slots=True)
class TypeDifference:
    """A column that another file stores as another type than the real file does.

    Attributes
    ----------
    column : str
    real_type, other_type : str
        Arrow's names.
    file : str
        Name of the other file.
    """

    column: str
    real_type: str
    other_type: str
    file: str


@dataclass(frozen=True, slots=True)
class CommonCodes:
    """The real file and synthetic ones on common codes.

    Attributes
    ----------
    real : CodedTable
    synthetic : tuple of CodedTable
    only_real : tuple of str
        Columns that a synthetic file lacks; they are not compared.
    only_synthetic : tuple of str
        Columns that the real file lacks.
    holdout : CodedTable or None
        Rows of the population that the synthesizer never saw, where there are any. They decide
        no bin.
    different_types : tuple of TypeDifference
        Columns that the files store in different ways; they are compared by their text or number.
    """

    real: CodedTable
    synthetic: tuple[CodedTable, ...]
    only_real: tuple[str, ...] = ()
    only_synthetic: tuple[str, ...] = ()
    holdout: CodedTable | None = None
    different_types: tuple[TypeDifference, ...] = ()
