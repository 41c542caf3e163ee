"""PredictorTable: columns in the form that trees are grown on and walked with.

Narrow columns (at most 8 ordered or 4 unordered codes) become candidate splits, one bit each, in
row records; wide columns stay codes. Nothing depends on a target, so one table serves the fits of
all variables, and a table of synthetic rows with the same layout is filled column by column as
they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from gpusynth_kernels.cpu.lanes import pack_lanes
from gpusynth_kernels.dtypes import (
    LANES_PER_WORD,
    MAX_CODES,
    MAX_ORDERED_LANE_CODES,
    MAX_SUBSET_LANE_CODES,
)

from gpusynth.arrays import Array
from gpusynth.errors import CodecError

__all__ = ["Layout", "Predictor", "PredictorTable"]

_BLOCK = 8192


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
    if is_ordered:
        return n_codes - 1 if n_codes <= MAX_ORDERED_LANE_CODES else 0
    return (1 << (n_codes - 1)) - 1 if n_codes <= MAX_SUBSET_LANE_CODES else 0


class Layout:
    """Where each column lies: its lanes, or its row among the wide columns.

    Parameters
    ----------
    names : sequence of str
    n_codes : sequence of int
    is_ordered : sequence of bool

    Attributes
    ----------
    first_lane : array of int32, shape (n_columns,)
        -1 for wide and for constant columns. The lanes of a column never cross a word.
    wide_row : array of int32, shape (n_columns,)
        -1 for narrow and for constant columns.
    lane_feature : array of int32, shape (64 * n_words,)
        Column of each lane, -1 for none.
    """

    def __init__(
        self, names: Sequence[str], n_codes: Sequence[int], is_ordered: Sequence[bool]
    ) -> None:
        self.names = tuple(names)
        self.position = {name: i for i, name in enumerate(self.names)}
        self.n_codes = np.asarray(n_codes, np.int32).reshape(-1)
        self.is_ordered = np.asarray(is_ordered, np.bool_).reshape(-1)
        self.first_lane = np.full(len(self.names), -1, np.int32)
        self.wide_row = np.full(len(self.names), -1, np.int32)
        at = 0
        wide = 0
        for i, (count, ordered) in enumerate(zip(n_codes, is_ordered, strict=True)):
            if not 0 <= count <= MAX_CODES:
                raise CodecError(f"column {names[i]!r} has {count} codes; at most {MAX_CODES}")
            lanes = _n_lanes(count, is_ordered=ordered) if count > 1 else 0
            if lanes:
                if at % LANES_PER_WORD + lanes > LANES_PER_WORD:
                    at += LANES_PER_WORD - at % LANES_PER_WORD
                self.first_lane[i] = at
                at += lanes
            elif count > 1:
                self.wide_row[i] = wide
                wide += 1
        self.n_words = -(-at // LANES_PER_WORD)
        self.n_wide = wide
        self.lane_feature = np.full(self.n_words * LANES_PER_WORD, -1, np.int32)
        for i, first in enumerate(self.first_lane):
            if first >= 0:
                lanes = _n_lanes(int(self.n_codes[i]), is_ordered=bool(self.is_ordered[i]))
                self.lane_feature[first : first + lanes] = i

    def lane_bits(self, column: int) -> Array:
        """Return ``bits`` (n_codes,) uint64: the lanes of the column's word that are 1 by code."""
        count = int(self.n_codes[column])
        codes = np.arange(count)
        lanes = _n_lanes(count, is_ordered=bool(self.is_ordered[column]))
        bits = np.zeros(count, np.uint64)
        for lane in range(lanes):
            if self.is_ordered[column]:
                right = codes > lane
            else:
                right = ((lane + 1) << 1 >> codes) & 1 == 1
            offset = int(self.first_lane[column]) % LANES_PER_WORD + lane
            bit = 8 * (offset % 8) + offset // 8
            bits |= np.where(right, np.uint64(1 << bit), np.uint64(0))
        return bits


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
    """

    def __init__(self, layout: Layout, n_rows: int) -> None:
        self.layout = layout
        self.n_rows = n_rows
        self.records = np.zeros((n_rows, layout.n_words), np.uint64)
        self.wide = np.zeros((max(layout.n_wide, 1), n_rows if layout.n_wide else 0), np.uint16)

    @classmethod
    def of(cls, predictors: Sequence[Predictor], n_rows: int | None = None) -> PredictorTable:
        """Build a table from whole columns; `n_rows` is needed only when there are none."""
        layout = Layout(
            [p.name for p in predictors],
            [p.n_codes for p in predictors],
            [p.is_ordered for p in predictors],
        )
        rows = len(predictors[0].codes) if predictors else int(n_rows or 0)
        table = cls(layout, rows)
        table.fill({p.name: p.codes for p in predictors})
        return table

    def fill(self, columns: dict[str, Array], first_row: int = 0) -> None:
        """Put codes of some columns into rows ``first_row ...`` that hold zeros so far.

        Parameters
        ----------
        columns : dict of array of uint8 or uint16, shape (n,)
        first_row : int

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
            elif self.layout.first_lane[i] >= 0:
                word = int(self.layout.first_lane[i]) // LANES_PER_WORD
                narrow.append((np.ascontiguousarray(codes), self.layout.lane_bits(i), word))
        rows = max((len(codes) for codes, _, _ in narrow), default=0)
        for start in range(0, rows, _BLOCK):
            for codes, bits, word in narrow:
                pack_lanes(
                    codes[start : start + _BLOCK], bits, word, first_row + start, self.records
                )

    def columns(self, names: Iterable[str]) -> Array:
        """Return the positions (int32) of some columns, ascending: the order that breaks ties."""
        return np.array(sorted(self.layout.position[name] for name in names), np.int32)
