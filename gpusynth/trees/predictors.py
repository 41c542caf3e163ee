"""PredictorTable: columns in the form that trees are grown on and walked with.

Narrow columns (at most 8 ordered or 4 unordered codes) become candidate splits, middling ones (up
to 32 ordered or 64 unordered codes) marks of their codes: one bit each, in row records. Wide
columns stay codes. Nothing depends on a target, so one table serves the fits of all variables, and
a table of synthetic rows with the same layout is filled column by column as they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import CodecError
from gpusynth.table.side_by_side import side_by_side
from gpusynth_kernels.cpu.lanes import pack_lanes
from gpusynth_kernels.dtypes import (
    LANES_PER_WORD,
    MAX_CODES,
    MAX_ORDERED_LANE_CODES,
    MAX_ORDERED_MARK_CODES,
    MAX_SUBSET_LANE_CODES,
    MAX_SUBSET_MARK_CODES,
)

__all__ = ["Layout", "Predictor", "PredictorTable", "lane_bits"]

_BLOCK = 8192
_PART = 16 * _BLOCK
"""Rows that one thread packs at a time."""

_MOST_PLACES = 4096
"""Of words, and of wide columns: a node of `gpusynth_kernels.cpu.walk` has 16 bits for a place."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """One column as a predictor.

    Parameters
    ----------
    name : str
    codes : array of uint8 or uint16, shape (n,)
    n_codes : int
    is_ordered : bool
        Split by threshold; else by subsets.
    """

    name: str
    codes: Array
    n_codes: int
    is_ordered: bool


def _n_lanes(n_codes: int, *, is_ordered: bool) -> int:
    """Return the number of candidate splits of a narrow column, 0 for others."""
    if is_ordered:
        return n_codes - 1 if n_codes <= MAX_ORDERED_LANE_CODES else 0
    return (1 << (n_codes - 1)) - 1 if n_codes <= MAX_SUBSET_LANE_CODES else 0


class Layout:
    """Where each column lies in the records, or among the wide columns.

    Narrow columns have a lane for each candidate split, middling ones a lane for each code (see
    `gpusynth_kernels.cpu.lanes` and `marks`); words of the two sorts alternate as columns come, and
    the lanes of a column never cross a word.

    Parameters
    ----------
    names : sequence of str
    n_codes : sequence of int
    is_ordered : sequence of bool

    Attributes
    ----------
    first_lane : array of int32, shape (n_columns,)
        ``64 * word + lane``; -1 for columns that are not narrow, and for constant ones.
    first_mark : array of int32, shape (n_columns,)
        The same for middling columns.
    wide_row : array of int32, shape (n_columns,)
        -1 for columns that are not wide.
    lane_feature : array of int32, shape (64 * n_words,)
        Column of each candidate split, -1 elsewhere.
    """

    def __init__(
        self, names: Sequence[str], n_codes: Sequence[int], is_ordered: Sequence[bool]
    ) -> None:
        self.names = tuple(names)
        self.position = {name: i for i, name in enumerate(self.names)}
        self.n_codes = np.asarray(n_codes, np.int32).reshape(-1)
        self.is_ordered = np.asarray(is_ordered, np.bool_).reshape(-1)
        none = np.full(len(self.names), -1, np.int32)
        self.first_lane, self.first_mark, self.wide_row = none, none.copy(), none.copy()
        self.n_words = 0
        self.n_wide = 0
        self._bits: dict[int, Array] = {}
        free: dict[str, int] = {"lanes": 0, "marks": 0}
        for i, (count, ordered) in enumerate(zip(n_codes, is_ordered, strict=True)):
            if not 0 <= count <= MAX_CODES:
                raise CodecError(f"column {names[i]!r} has {count} codes; at most {MAX_CODES}")
            lanes = _n_lanes(count, is_ordered=ordered) if count > 1 else 0
            if lanes:
                self.first_lane[i] = self._place(free, "lanes", lanes)
            elif 1 < count <= (MAX_ORDERED_MARK_CODES if ordered else MAX_SUBSET_MARK_CODES):
                self.first_mark[i] = self._place(free, "marks", count)
            elif count > 1:
                self.wide_row[i] = self.n_wide
                self.n_wide += 1
        if max(self.n_words, self.n_wide) > _MOST_PLACES:
            raise CodecError(
                f"{len(self.names)} predictors are too many: at most {_MOST_PLACES} wide ones fit"
            )
        self.lane_feature = np.full(self.n_words * LANES_PER_WORD, -1, np.int32)
        for i, first in enumerate(self.first_lane):
            if first >= 0:
                lanes = _n_lanes(int(self.n_codes[i]), is_ordered=bool(self.is_ordered[i]))
                self.lane_feature[first : first + lanes] = i

    def _place(self, free: dict[str, int], sort: str, lanes: int) -> int:
        """Return the first of so many lanes in a word of this sort; open a word when full."""
        if free[sort] % LANES_PER_WORD == 0 or free[sort] % LANES_PER_WORD + lanes > LANES_PER_WORD:
            free[sort] = self.n_words * LANES_PER_WORD
            self.n_words += 1
        first = free[sort]
        free[sort] += lanes
        return first

    def word(self, column: int) -> int:
        """Return the word of the records that holds a column, -1 for wide and constant ones."""
        first = max(int(self.first_lane[column]), int(self.first_mark[column]))
        return first // LANES_PER_WORD if first >= 0 else -1

    def used_bits(self, column: int) -> Array:
        """Return the bits (uint64) of a column's word that any of its codes sets."""
        return np.bitwise_or.reduce(self.bits(column))

    def bits(self, column: int) -> Array:
        """Return ``bits`` (n_codes,) uint64: what a code sets in the column's word."""
        known = self._bits.get(column)
        if known is None:
            known = self._bits[column] = self._make_bits(column)
        return known

    def _make_bits(self, column: int) -> Array:
        codes = np.arange(int(self.n_codes[column]))
        bits = np.zeros(len(codes), np.uint64)
        marked = self.first_mark[column] >= 0
        first = int(self.first_mark[column] if marked else self.first_lane[column])
        lanes = _n_lanes(len(codes), is_ordered=bool(self.is_ordered[column]))
        for lane in range(len(codes) if marked else lanes):
            if marked:
                is_set = codes == lane
            elif self.is_ordered[column]:
                is_set = codes > lane
            else:
                is_set = ((lane + 1) << 1 >> codes) & 1 == 1
            bits |= np.where(is_set, lane_bits(np.array(first + lane)), np.uint64(0))
        return bits


def lane_bits(lane: Array) -> Array:
    """Return the bit (uint64) of each lane within its word; see `gpusynth_kernels.cpu.lanes`."""
    offset = np.asarray(lane) % LANES_PER_WORD
    return np.uint64(1) << (8 * (offset % 8) + offset // 8).astype(np.uint64)


class PredictorTable:
    """Rows in the layout that trees use.

    Parameters
    ----------
    layout : Layout
    n_rows : int

    Attributes
    ----------
    records : array of uint64, shape (n_rows, n_words)
    wide : array of uint16, shape (n_wide, n_rows)
    lent : mapping of str to array
        Columns that the table was made of, as long as their owner has them; nobody changes them.
    """

    def __init__(self, layout: Layout, n_rows: int) -> None:
        self.layout = layout
        self.n_rows = n_rows
        self.records = np.zeros((n_rows, layout.n_words), np.uint64)
        self.wide = np.zeros((max(layout.n_wide, 1), n_rows if layout.n_wide else 0), np.uint16)
        self.lent: Mapping[str, Array] = {}

    @classmethod
    def of(
        cls, predictors: Sequence[Predictor], n_rows: int | None = None, *, n_threads: int = 1
    ) -> PredictorTable:
        """Build a table from whole columns; `n_rows` is needed only when there are none."""
        layout = Layout(
            [p.name for p in predictors],
            [p.n_codes for p in predictors],
            [p.is_ordered for p in predictors],
        )
        rows = len(predictors[0].codes) if predictors else int(n_rows or 0)
        table = cls(layout, rows)
        table.fill({p.name: p.codes for p in predictors}, n_threads=n_threads)
        return table

    def fill(self, columns: dict[str, Array], first_row: int = 0, *, n_threads: int = 1) -> None:
        """Put codes of some columns into rows ``first_row ...`` that hold zeros so far.

        Parameters
        ----------
        columns : dict of array of uint8 or uint16, shape (n,)
        first_row : int
        n_threads : int

        Raises
        ------
        CodecError
            If a code is not below the column's number of codes.
        """
        for name, codes in columns.items():
            count = int(self.layout.n_codes[self.layout.position[name]])
            if len(codes) and int(codes.max()) >= count:
                raise CodecError(f"column {name!r} holds a code that is not below {count}")
        narrow = []
        for name, codes in columns.items():
            i = self.layout.position[name]
            if self.layout.wide_row[i] >= 0:
                self.wide[self.layout.wide_row[i], first_row : first_row + len(codes)] = codes
            elif self.layout.word(i) >= 0:
                column = np.ascontiguousarray(codes)
                narrow.append((column, self.layout.bits(i), self.layout.word(i)))
        rows = max((len(codes) for codes, _, _ in narrow), default=0)

        def pack(part: int) -> None:
            for start in range(part, min(part + _PART, rows), _BLOCK):
                for codes, bits, word in narrow:
                    pack_lanes(
                        codes[start : start + _BLOCK], bits, word, first_row + start, self.records
                    )

        with side_by_side(n_threads if rows > _PART else 1) as each:
            each(pack, range(0, rows, _PART))

    def take_out(self, name: str) -> None:
        """Set a column's bits to zero in all rows, so that it can be filled again."""
        place = self.layout.position[name]
        word = self.layout.word(place)
        if word >= 0:
            self.records[:, word] &= ~self.layout.used_bits(place)

    def change(self, name: str, rows: Array, codes: Array) -> None:
        """Give some rows other codes of a column.

        Parameters
        ----------
        name : str
        rows : array of int32 or int64, shape (n,)
            Distinct.
        codes : array of uint8 or uint16, shape (n,)

        Raises
        ------
        CodecError
            If a code is not below the column's number of codes.
        """
        place = self.layout.position[name]
        count = int(self.layout.n_codes[place])
        if len(codes) and int(codes.max()) >= count:
            raise CodecError(f"column {name!r} holds a code that is not below {count}")
        word = self.layout.word(place)
        if self.layout.wide_row[place] >= 0:
            self.wide[self.layout.wide_row[place], rows] = codes
        elif word >= 0:
            kept = self.records[rows, word] & ~self.layout.used_bits(place)
            self.records[rows, word] = kept | self.layout.bits(place)[codes]

    def codes(self, name: str) -> Array:
        """Return the codes of a column, uint8 or uint16, shape (n_rows,).

        Those of a column that has only one code are 0.
        """
        if name in self.lent:
            return self.lent[name]
        place = self.layout.position[name]
        if self.layout.wide_row[place] >= 0:
            return self.wide[self.layout.wide_row[place], : self.n_rows]
        word = self.layout.word(place)
        if word < 0:
            return np.zeros(self.n_rows, np.uint8)
        bits = self.layout.bits(place)
        order = np.argsort(bits)
        found = self.records[:, word] & np.bitwise_or.reduce(bits)
        return order[np.searchsorted(bits[order], found)].astype(np.uint8)

    def columns(self, names: Iterable[str]) -> Array:
        """Return the positions (int32) of some columns, ascending: the order that breaks ties."""
        return np.array(sorted(self.layout.position[name] for name in names), np.int32)
