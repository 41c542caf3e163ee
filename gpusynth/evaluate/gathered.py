"""What has been read of one column in several files, and how it becomes common codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array, code_dtype
from gpusynth.evaluate.answers import LevelBook, numbers_apart, read_levels, read_numbers
from gpusynth.evaluate.bins import Binning, Cuts, cut_points
from gpusynth.evaluate.coded import CodedColumn
from gpusynth.evaluate.level_order import LevelOrder, order_levels
from gpusynth.table.schema import Column

__all__ = ["ColumnCodes", "GatheredColumn"]


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of one column of one file.

    Attributes
    ----------
    levels : array of int, shape (n_rows,)
        Number of the row's level in the book; -1 where the answer is a number.
    distinct : array of float64
        The numbers that occur, each once, in no order.
    places : array of uint8, uint16 or uint32, shape (number of -1,)
        Which of them, in row order.
    """

    levels: Array
    distinct: Array
    places: Array


@dataclass(frozen=True, slots=True)
class ColumnCodes:
    """Codes of one column in every file; see `gpusynth.evaluate.coded.CodedTable`.

    Attributes
    ----------
    column : CodedColumn
    codes : list of array of uint8 or uint16
        One for each file.
    number_codes : list of array of uint8, uint16 or uint32, or of None
    """

    column: CodedColumn
    codes: list[Array]
    number_codes: list[Array | None]


@dataclass(slots=True)
class GatheredColumn:
    """What has been read of one column: a list of blocks for each file.

    Attributes
    ----------
    column : Column
    spikes_apart : bool
        Whether spikes are levels.
    """

    column: Column
    spikes_apart: bool
    _apart: Mapping[float, str] = field(init=False)
    _book: LevelBook = field(default_factory=LevelBook)
    _files: list[list[_Block]] = field(default_factory=list)
    _n_compared: int | None = None

    def __post_init__(self) -> None:
        self._apart = numbers_apart(self.column, spikes_apart=self.spikes_apart)

    def begin_file(self, *, is_compared: bool = True) -> None:
        """Begin another file; the first is the real one, one not compared is the holdout."""
        if len(self._files) == 1:
            self._book.n_real = len(self._book.numbers)
        if not is_compared:
            self._n_compared = len(self._book.numbers)
        self._files.append([])

    def read(self, array: pa.Array, file: str) -> None:
        """Read the next block of the file begun last; `file` is its name for messages."""
        if self.column.is_number:
            answers = read_numbers(array, self.column, self._book, self._apart, file)
        else:
            answers = read_levels(array, self.column, self._book, file)
        # one byte a row in the commonest case; blocks of different types are joined as the widest
        narrow = np.min_scalar_type(-max(len(self._book.numbers), 1))
        # Arrow's hash table is five times as fast as sorting, and equal numbers are few
        numbers = pa.array(answers.values).dictionary_encode()
        distinct = numbers.dictionary.to_numpy()
        places = numbers.indices.to_numpy().astype(np.min_scalar_type(max(len(distinct) - 1, 0)))
        self._files[-1].append(_Block(answers.levels.astype(narrow), distinct, places))

    def finish(self, binning: Binning) -> ColumnCodes:
        """Decide the codes of the column and encode every file; what was read is let go."""
        order = order_levels(
            self.column,
            self._book.numbers,
            spikes=tuple(self._apart.values()),
            real_counts=self._real_level_counts(),
            n_compared=len(self._book.numbers) if self._n_compared is None else self._n_compared,
        )
        has_null = None in self._book.numbers
        if not self.column.is_number:
            column = CodedColumn(
                self.column.name, order.labels, has_null, order.n_missing, kind=self.column.kind
            )
            codes = [
                _encoded_levels(blocks, order.code_of_level, code_dtype(column.n_codes))
                for blocks in self._files
            ]
            self._files.clear()
            return ColumnCodes(column, codes, [None] * len(codes))
        return self._finish_numbers(order, binning, has_null=has_null)

    def _real_level_counts(self) -> Array:
        counts = np.zeros(len(self._book.numbers) + 1, np.int64)
        for block in self._files[0]:
            counts += np.bincount(block.levels + np.intp(1), minlength=len(counts))
        return counts[1:]

    def _finish_numbers(
        self, order: LevelOrder, binning: Binning, *, has_null: bool
    ) -> ColumnCodes:
        spikes = {
            self._book.numbers[text]: number
            for number, text in self._apart.items()
            if number in self.column.spikes and text in self._book.numbers
        }
        distinct = [block.distinct for blocks in self._files for block in blocks]
        numbers = np.unique(np.concatenate([*distinct, np.array(list(spikes.values()), float)]))
        number_of_level = np.full(len(self._book.numbers) + 1, len(numbers), np.int64)
        for level, spike in spikes.items():
            number_of_level[level] = np.searchsorted(numbers, spike)
        file_numbers = [
            _encoded_numbers(blocks, numbers, number_of_level) for blocks in self._files
        ]
        file_levels = [np.concatenate([block.levels for block in blocks]) for blocks in self._files]
        cuts = self._cuts(order, binning, numbers, file_levels, file_numbers)
        has_bins = any(len(d) for d in distinct)
        column = CodedColumn(
            name=self.column.name,
            labels=order.labels,
            has_null=has_null,
            n_missing=order.n_missing,
            cuts=cuts.points if has_bins else None,
            closed=cuts.closed,
            joins_outside=cuts.joins_outside and has_bins,
            numbers=numbers,
            kind=self.column.kind,
        )
        self._files.clear()
        code_of_number = np.append(len(order.labels) + cuts.codes(numbers), 0)
        codes = []
        for levels, places in zip(file_levels, file_numbers, strict=True):
            by_level = order.code_of_level.astype(code_dtype(column.n_codes))[levels]
            by_number = code_of_number.astype(code_dtype(column.n_codes))[places]
            codes.append(np.where(levels < 0, by_number, by_level))
        return ColumnCodes(column, codes, list(file_numbers))

    def _cuts(
        self,
        order: LevelOrder,
        binning: Binning,
        numbers: Array,
        file_levels: Sequence[Array],
        file_numbers: Sequence[Array],
    ) -> Cuts:
        """Find the cut points from the numbers that are no level of their own, sorted."""
        n_files = len(file_levels) - int(self._n_compared is not None)
        values = []
        for levels, places in zip(file_levels[:n_files], file_numbers[:n_files], strict=True):
            counts = np.bincount(places[levels < 0], minlength=len(numbers))
            values.append(np.repeat(numbers, counts))
        return cut_points(
            values[0],
            np.concatenate(values[1:]) if n_files > 1 else np.empty(0),
            binning,
            n_missing=order.n_missing_compared,
            is_whole=self.column.kind != "numeric",
        )


def _encoded_levels(blocks: Sequence[_Block], code_of_level: Array, dtype: type) -> Array:
    narrow = code_of_level.astype(dtype)
    return np.concatenate([narrow[block.levels] for block in blocks])


def _encoded_numbers(blocks: Sequence[_Block], numbers: Array, number_of_level: Array) -> Array:
    """Return the position of each row's number in `numbers`, their count where it has none."""
    dtype = np.min_scalar_type(len(numbers))
    parts = []
    for block in blocks:
        codes = number_of_level.astype(dtype)[block.levels]
        codes[block.levels < 0] = np.searchsorted(numbers, block.distinct).astype(dtype)[
            block.places
        ]
        parts.append(codes)
    return np.concatenate(parts)
