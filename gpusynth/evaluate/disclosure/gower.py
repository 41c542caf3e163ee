"""Distance of two records of mixed types: Gower's, on the codes that all files share.

A column adds 0 to 1 to the distance of two records; the distance is the mean over columns:

- levels: 0 where equal, 1 where not;
- numbers: the difference of their bins' ranks, divided by the number of bins less one; levels that
  are named as ordered likewise;
- missing answers, spikes and texts are answers of their own: 0 to themselves, 1 to all others.

Distances are counted in whole units, 1/840 of a column (up to 78 columns; 65,535 divided by the
number of columns beyond), and a difference of ranks is rounded to them once. So sums are exact, and
neither order nor threads can change which record is closest. A number with more than 70 answers
that are no numbers counts as levels.

References
----------
.. [1] Gower, J. C. (1971). A general coefficient of similarity and some of its properties.
       Biometrics 27, 857-871.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth_kernels.cpu.distance import BLOCK, FAR, cluster_rows, nearest_rows

__all__ = ["Gower", "Neighbours", "nearest_records"]

_LARGEST = 65_535
_UNIT = 840
"""Divisible by 1 to 8: ranks of up to nine bins are exact, of more within 1/1680 of a column."""
_MOST_SPECIAL = 70
_MOST_BOUNDING = 1024
"""Columns with more codes take no part in the bounds, whose table would outgrow the cache."""
_PIECE = 1 << 19
"""Rows that are searched at once: bounds the memory, by about 1 KB a row with 130 columns."""


@dataclass(frozen=True, slots=True)
class Gower:
    """How the columns of coded tables enter the distance.

    Attributes
    ----------
    columns : tuple of int
        Positions of the columns compared.
    unit : int
        Distance of two records that differ in one column of levels.
    narrow, wide, placed : tuple of int
        Those of `columns` that are levels with at most 256 codes, with more, and ordered answers.
    places : tuple of array of int64
        Places of the codes of each column of `placed`.
    """

    columns: tuple[int, ...]
    unit: int
    narrow: tuple[int, ...]
    wide: tuple[int, ...]
    placed: tuple[int, ...]
    places: tuple[Array, ...]

    @property
    def largest(self) -> int:
        """Distance, in units, of two records that differ as much as possible."""
        return self.unit * len(self.columns)

    @classmethod
    def of(
        cls,
        table: CodedTable,
        columns: Sequence[str] | None = None,
        *,
        ordered: Sequence[str] = (),
    ) -> Gower:
        """Prepare the distance over the named columns, or all of the table.

        Parameters
        ----------
        table : CodedTable
            Any file on the common codes.
        columns : sequence of str, optional
        ordered : sequence of str
            Columns of levels whose order means something; numbers, and columns that the schema
            calls ordered, are so anyway.

        Raises
        ------
        IncomputableMetricError
            If no columns are named, one is unknown or named twice, all have a single answer, or
            there are more than 65,535.
        """
        names = table.names if columns is None else tuple(columns)
        positions = table.positions(names)
        if not names or len(set(names)) < len(names):
            raise IncomputableMetricError("distances need one or more distinct columns")
        varying = [p for p in positions if table.columns[p].n_codes > 1]
        if not varying or len(positions) > _LARGEST:
            raise IncomputableMetricError(
                "distances need columns with more than one answer, at most 65,535 of them; "
                f"of {len(positions)} columns compared {len(varying)} have more than one answer"
            )
        ascending = set(table.positions(ordered))
        unit = min(_UNIT, _LARGEST // len(positions))
        narrow: list[int] = []
        wide: list[int] = []
        placed: list[int] = []
        places: list[Array] = []
        for position in varying:
            column = table.columns[position]
            has_order = position in ascending or column.kind == "ordered"
            of_codes = _places(column, unit, has_order=has_order)
            if of_codes is not None:
                placed.append(position)
                places.append(of_codes)
            else:
                (narrow if column.n_codes <= 256 else wide).append(position)
        # columns that tell rows apart come first: distances then exceed a limit early
        narrow.sort(key=lambda p: _agreement(table.codes[p]))
        return cls(positions, unit, tuple(narrow), tuple(wide), tuple(placed), tuple(places))


def _places(column: CodedColumn, unit: int, *, has_order: bool) -> Array | None:
    """Return the place of each code, None for columns whose answers have no order."""
    if column.cuts is not None:
        n_apart = len(column.labels) + int(column.joins_outside)
    elif has_order:
        n_apart = column.n_missing
    else:
        return None
    n_bins = column.n_codes - n_apart
    if n_apart > _MOST_SPECIAL or n_bins < 1:
        return None
    apart = unit * (2 + np.arange(n_apart, dtype=np.int64))
    # half a unit is never reached by a tie of integers: ranks are rounded half up
    ranks = (2 * unit * np.arange(n_bins, dtype=np.int64) + max(n_bins - 1, 1)) // (
        2 * max(n_bins - 1, 1)
    )
    return np.concatenate((apart, ranks))


def _agreement(codes: Array) -> int:
    """Count the ordered pairs of rows that agree in a column."""
    counts = np.bincount(codes).astype(object)
    return int(np.sum(counts * counts))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The records nearest to each query.

    Attributes
    ----------
    distances : array of int32, shape (n_queries, k)
        Ascending, in units; `largest` of them are a distance of 1.
    rows : array of int32, shape (n_queries, k)
        Row numbers in the table searched.
    largest : int
    """

    distances: Array
    rows: Array
    largest: int

    def shares(self) -> Array:
        """Distances in [0, 1]: the mean over columns, float64."""
        return self.distances / self.largest


def nearest_records(
    gower: Gower,
    table: CodedTable,
    queries: CodedTable,
    *,
    k: int = 1,
    leave_out: Array | None = None,
    lowest_rows: bool = False,
) -> Neighbours:
    """Find the `k` records of a table that are nearest to each record of another.

    Every record of the table is taken into account (see `gpusynth_kernels.cpu.distance`); the time
    grows with the number of queries, and less than in proportion with that of records.

    Parameters
    ----------
    gower : Gower
    table, queries : CodedTable
        On common codes.
    k : int
    leave_out : array of int, shape (n_queries,), optional
        Row of `table` that is no neighbour of the query: itself.
    lowest_rows : bool
        Whether `rows` must name the first of equally near records; distances need it not.

    Raises
    ------
    IncomputableMetricError
        If either table has no rows, or `table` fewer than `k` neighbours for a query.
    """
    needed = k + int(leave_out is not None)
    if queries.n_rows == 0 or table.n_rows < needed:
        raise IncomputableMetricError(
            f"the {k} nearest of {table.n_rows} records were asked for {queries.n_rows} records; "
            "distances need rows in both files, and enough of them"
        )
    distances = np.full((queries.n_rows, k), FAR, np.int32)
    rows = np.full((queries.n_rows, k), -1, np.int32)
    left_out = np.full(queries.n_rows, -1, np.int32)
    if leave_out is not None:
        left_out[:] = leave_out
    for piece in _pieces(gower, table):
        nearest_rows(
            _by_row(queries, gower.narrow, np.uint8),
            _by_row(queries, gower.wide, np.uint16),
            _places_by_row(gower, queries),
            piece.bound_rows(queries),
            left_out,
            piece.narrow,
            piece.wide,
            piece.placed,
            piece.lower,
            piece.rows,
            np.uint16(gower.unit),
            lowest_rows,
            distances,
            rows,
        )
    return Neighbours(distances, rows, gower.largest)


def _by_row(table: CodedTable, columns: Sequence[int], dtype: type) -> Array:
    out: Array = np.empty((table.n_rows, len(columns)), dtype)
    for place, column in enumerate(columns):
        out[:, place] = table.codes[column]
    return out


def _places_by_row(gower: Gower, table: CodedTable) -> Array:
    out = np.empty((table.n_rows, len(gower.placed)), np.uint16)
    for number, column in enumerate(gower.placed):
        out[:, number] = gower.places[number][table.codes[column]]
    return out


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of rows in blocks: the arguments of the kernel `nearest_rows` that hold them."""

    narrow: Array
    wide: Array
    placed: Array
    lower: Array
    rows: Array
    bounding: tuple[tuple[int, int], ...]

    def bound_rows(self, queries: CodedTable) -> Array:
        """Return the row of `lower` for each query and bounding column."""
        out = np.empty((queries.n_rows, len(self.bounding)), np.int32)
        for number, (column, first) in enumerate(self.bounding):
            out[:, number] = queries.codes[column].astype(np.int32) + first
        return out


def _pieces(gower: Gower, table: CodedTable) -> Iterator[_Piece]:
    n_pieces = -(-table.n_rows // _PIECE)
    for number in range(n_pieces):
        first = table.n_rows * number // n_pieces
        last = table.n_rows * (number + 1) // n_pieces
        yield _piece(gower, table.take(slice(first, last)), first)


def _piece(gower: Gower, table: CodedTable, first_row: int) -> _Piece:
    columns = [*gower.narrow, *gower.wide, *gower.placed]
    codes = np.empty((len(columns), table.n_rows), np.uint16)
    for number, column in enumerate(columns):
        codes[number] = table.codes[column]
    ordered = np.arange(len(columns)) >= len(columns) - len(gower.placed)
    order = np.arange(table.n_rows, dtype=np.int32)
    cluster_rows(codes, table.n_codes[columns], ordered, order)
    n_blocks = -(-table.n_rows // BLOCK)
    padded = np.pad(order, (0, n_blocks * BLOCK - table.n_rows), mode="edge")

    def blocks(values: Array, dtype: type) -> Array:
        cut = values[:, padded].reshape(len(values), n_blocks, BLOCK)
        return np.ascontiguousarray(cut.transpose(1, 0, 2).astype(dtype))

    n_narrow, n_levels = len(gower.narrow), len(gower.narrow) + len(gower.wide)
    places = [gower.places[i][codes[n_levels + i]] for i in range(len(gower.placed))]
    numbers = np.where(np.arange(len(padded)) < table.n_rows, padded + np.int32(first_row), -1)
    lower, bounding = _lower_bounds(gower, table, columns, padded, n_blocks)
    return _Piece(
        blocks(codes[:n_narrow], np.uint8),
        blocks(codes[n_narrow:n_levels], np.uint16),
        blocks(np.array(places).reshape(len(places), table.n_rows), np.uint16),
        lower,
        numbers.astype(np.int32),
        bounding,
    )


def _lower_bounds(
    gower: Gower, table: CodedTable, columns: Sequence[int], padded: Array, n_blocks: int
) -> tuple[Array, tuple[tuple[int, int], ...]]:
    """Return the least difference between each code and the codes of each block, by column."""
    block = np.repeat(np.arange(n_blocks), BLOCK)
    tables, bounding, first = [np.zeros((0, n_blocks), np.uint16)], [], 0
    for number, column in enumerate(columns):
        n_codes = table.columns[column].n_codes
        if n_codes > _MOST_BOUNDING:
            continue
        present = np.zeros((n_codes, n_blocks), bool)
        present[table.codes[column][padded], block] = True
        least = np.where(present, 0, gower.unit).astype(np.uint16)
        placed = number - len(gower.narrow) - len(gower.wide)
        if placed >= 0:
            places = gower.places[placed]
            for code in range(n_codes):
                apart = np.minimum(np.abs(places - places[code]), gower.unit).astype(np.uint16)
                reached = np.where(present[code], apart[:, None], np.uint16(gower.unit))
                np.minimum(least, reached, out=least)
        tables.append(least)
        bounding.append((column, first))
        first += n_codes
    return np.concatenate(tables), tuple(bounding)
