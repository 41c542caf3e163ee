"""Sketches: all that inference and codecs need to know of a column, from one stream over the file.

A sketch is exact (every row counts, none is sampled), has the size of the column's distinct values
and not of its rows, and merges: however the rows are cut into batches, the finished sketch is the
same. It does not depend on a schema, so that one stream serves `infer_schema` and `fit_codecs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.table.counts import DictionaryOrder, TextCounts, ValueCounts
from gpusynth.table.device_rows import number_rows
from gpusynth.table.distinct import DistinctBatch, distinct_batches
from gpusynth.table.limits import MOST_LEVELS
from gpusynth.table.narrow import narrow_batch
from gpusynth.table.numbers import from_numbers, null_mask, to_numbers
from gpusynth.table.side_by_side import side_by_side
from gpusynth.table.source import BATCH_ROWS, Source
from gpusynth.table.storage import family_of
from gpusynth.table.text_family import TextFamily

__all__ = ["ColumnSketch", "sketch_batch", "sketch_columns", "sketch_distinct"]


@dataclass(frozen=True, slots=True)
class ColumnSketch:
    """Exact summary of one column.

    Attributes
    ----------
    arrow_type : pyarrow.DataType
    n_rows, n_null, n_nan, n_plus_infinity, n_minus_infinity : int
        The last three are of float columns; their numbers are not among `numbers`.
    texts : TextCounts or None
        Text, boolean and dictionary columns (the values of other dictionaries written as text);
        ordered by bytes once finished.
    numbers : ValueCounts or None
        Typed number columns, as `gpusynth.table.numbers.to_numbers` reads them.
    text_numbers, timestamps : TextFamily or None
        Text columns (not dictionaries).
    dictionary : DictionaryOrder or None
        Dictionary columns.
    """

    arrow_type: Any
    n_rows: int
    n_null: int
    n_nan: int = 0
    n_plus_infinity: int = 0
    n_minus_infinity: int = 0
    texts: TextCounts | None = None
    numbers: ValueCounts | None = None
    text_numbers: TextFamily | None = None
    timestamps: TextFamily | None = None
    dictionary: DictionaryOrder | None = None

    def combine(self, other: ColumnSketch) -> ColumnSketch:
        """Return the sketch of both parts."""
        return ColumnSketch(
            self.arrow_type,
            self.n_rows + other.n_rows,
            self.n_null + other.n_null,
            self.n_nan + other.n_nan,
            self.n_plus_infinity + other.n_plus_infinity,
            self.n_minus_infinity + other.n_minus_infinity,
            _both(self.texts, other.texts),
            _both(self.numbers, other.numbers),
            _both(self.text_numbers, other.text_numbers),
            _both(self.timestamps, other.timestamps),
            _both(self.dictionary, other.dictionary),
        )

    def finalize(self) -> ColumnSketch:
        """Return the sketch with its texts in order, so that equal data give equal sketches."""
        return self if self.texts is None else replace(self, texts=self.texts.in_order())

    @property
    def n_answers(self) -> int:
        """Rows that are neither null, NaN nor infinite."""
        odd = self.n_null + self.n_nan + self.n_plus_infinity + self.n_minus_infinity
        return self.n_rows - odd

    def number_texts(self) -> Any:
        """Return the distinct `numbers` written as the column's storage writes them.

        Returns
        -------
        pyarrow.StringArray, ascending by number
        """
        values = self.numbers.values if self.numbers is not None else np.empty(0, np.int64)
        typed = from_numbers(values, np.zeros(values.shape[0], bool), self.arrow_type)
        if pa.types.is_float16(typed.type):
            typed = typed.cast(pa.float32())
        return typed.cast(pa.string())


def _both(one: Any, other: Any) -> Any:
    """Combine two optional parts of a sketch."""
    if one is None or other is None:
        return one if other is None else other
    return one.combine(other)


def sketch_batch(array: Any) -> ColumnSketch:
    """Return the sketch of one batch of a column.

    Parameters
    ----------
    array : pyarrow.Array

    Raises
    ------
    DataError
        If a whole number or decimal does not fit 64 bits.
    """
    if pa.types.is_dictionary(array.type):
        return _sketch_dictionary(array)
    family = family_of(array.type)
    n_null = int(array.null_count)
    if family in ("null", "other"):
        return ColumnSketch(array.type, len(array), n_null)
    plain = array.cast(pa.string()) if family == "text" else array
    present = plain.drop_null() if n_null else plain
    if family == "text":
        counted = pc.value_counts(present)
        counts = np.asarray(counted.field(1), dtype=np.int64)
        return _sketch_texts(array.type, counted.field(0), counts, n_null)
    if family == "boolean":
        texts = present.cast(pa.string())
        ones = np.ones(len(texts), np.int64)
        counts_of = TextCounts.of(texts, ones, limit=MOST_LEVELS)
        return ColumnSketch(array.type, len(array), n_null, texts=counts_of)
    numbers = to_numbers(present)
    if family != "float":
        return ColumnSketch(array.type, len(array), n_null, numbers=ValueCounts.of(numbers))
    finite = numbers[np.isfinite(numbers)]
    return ColumnSketch(
        array.type,
        len(array),
        n_null,
        int(np.isnan(numbers).sum()),
        int((numbers == np.inf).sum()),
        int((numbers == -np.inf).sum()),
        numbers=ValueCounts.of(finite),
    )


def sketch_distinct(batch: DistinctBatch) -> ColumnSketch:
    """Return the sketch of a batch that is told by its distinct values.

    Parameters
    ----------
    batch : DistinctBatch
        Of a dictionary, of text, or of a type that `gpusynth.table.numbers.to_numbers` reads and
        that has no NaN.

    Returns
    -------
    ColumnSketch

    Raises
    ------
    DataError
        If a whole number does not fit 64 bits.
    """
    kind, n_rows, n_null = batch.arrow_type, batch.n_rows, batch.n_null
    if pa.types.is_dictionary(kind):
        return _sketch_levels(kind, batch.values, batch.counts, n_null)
    family = family_of(kind)
    if family == "text":
        return _sketch_texts(kind, batch.values.cast(pa.string()), batch.counts, n_null)
    if family == "boolean":
        texts = TextCounts.of(batch.values.cast(pa.string()), batch.counts, limit=MOST_LEVELS)
        return ColumnSketch(kind, n_rows, n_null, texts=texts)
    numbers = to_numbers(batch.values)
    order = np.argsort(numbers)
    counts = ValueCounts(numbers[order], batch.counts[order])
    return ColumnSketch(kind, n_rows, n_null, numbers=counts)


def _sketch_texts(kind: Any, texts: Any, counts: Array, n_null: int) -> ColumnSketch:
    return ColumnSketch(
        kind,
        int(counts.sum()) + n_null,
        n_null,
        texts=TextCounts.of(texts, counts, limit=MOST_LEVELS),
        text_numbers=TextFamily.of("number", texts, counts),
        timestamps=TextFamily.of("timestamp", texts, counts),
    )


def _sketch_dictionary(array: Any) -> ColumnSketch:
    """Sketch a dictionary column by counting indices; its values are turned into text once."""
    if array.dictionary.null_count:
        array = pc.dictionary_encode(array.dictionary_decode()).cast(array.type)
    missing = null_mask(array)
    indices = np.asarray(pc.fill_null(array.indices, 0), dtype=np.int64)
    counts = np.bincount(indices[~missing], minlength=len(array.dictionary)).astype(np.int64)
    return _sketch_levels(array.type, array.dictionary, counts, int(missing.sum()))


def _sketch_levels(kind: Any, values: Any, counts: Array, n_null: int) -> ColumnSketch:
    n_rows = int(counts.sum()) + n_null
    if family_of(kind) == "other":
        return ColumnSketch(kind, n_rows, n_null)
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    texts = values.cast(pa.string())
    used = counts > 0
    used_texts = pc.filter(texts, pa.array(used))
    too_many = len(texts) > MOST_LEVELS
    # Arrow lets a dictionary hold a value twice.
    levels = () if too_many else tuple(dict.fromkeys(texts.to_pylist()))
    return ColumnSketch(
        kind,
        n_rows,
        n_null,
        texts=TextCounts.of(used_texts, counts[used], limit=MOST_LEVELS),
        dictionary=None if too_many else DictionaryOrder(levels),
    )


class _Reducer:
    """Combines parts pairwise by age, like carrying in binary addition.

    Every part takes part in only log2(batches) merges, so that columns with millions of distinct
    values are not merged anew for each batch.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[int, ColumnSketch]] = []

    def add(self, part: ColumnSketch) -> None:
        level = 0
        while self._parts and self._parts[-1][0] == level:
            part = self._parts.pop()[1].combine(part)
            level += 1
        self._parts.append((level, part))

    def result(self) -> ColumnSketch | None:
        total: ColumnSketch | None = None
        for _, part in reversed(self._parts):
            total = part if total is None else part.combine(total)
        return total


def sketch_columns(
    source: Source,
    columns: Sequence[str] | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
    n_threads: int = 1,
) -> dict[str, ColumnSketch]:
    """Sketch columns of a source in one stream.

    Parameters
    ----------
    source : Source
    columns : sequence of str, optional
        All by default.
    batch_rows : int
        The answer does not depend on it.
    n_threads : int
        Columns that are sketched side by side.

    Returns
    -------
    dict of column name to ColumnSketch

    Raises
    ------
    DataError
        If the source has no columns or no rows, or a number does not fit 64 bits.
    """
    names = list(source.arrow_schema.names if columns is None else columns)
    if not names:
        raise DataError(f"{source.name}: no columns; there is nothing to synthesize")
    reducers = {name: _Reducer() for name in names}
    told = {name for name in names if _sketch_told(source, name, reducers[name])}
    streamed = [name for name in names if name not in told]
    first_row = 0

    def sketch(place: int) -> None:
        name = streamed[place]
        reducers[name].add(_sketch_named(batch.column(place), source, name, first_row))

    if streamed:
        with side_by_side(n_threads) as each:
            for batch in source.batches(streamed, batch_rows=batch_rows):
                each(sketch, range(len(streamed)))
                first_row += batch.num_rows
    if first_row == 0 and not told:
        raise DataError(f"{source.name}: no rows; there is nothing to synthesize")
    return {
        name: part.finalize()
        for name, reducer in reducers.items()
        if (part := reducer.result()) is not None
    }


def _sketch_told(source: Source, name: str, reducer: _Reducer) -> bool:
    """Sketch a column where its rows lie; return False where they must be streamed."""
    batches = distinct_batches(source, name)
    try:
        if batches is not None:
            parts = [sketch_distinct(batch) for batch in batches]
        else:
            parts = [rows.sketch() for rows in number_rows(source, name) or ()]
    except DataError:  # the stream tells the row
        return False
    for part in parts:
        reducer.add(part)
    return bool(parts)


def _sketch_named(array: Array, source: Source, name: str, first_row: int) -> ColumnSketch:
    try:
        told = narrow_batch(array)
        return sketch_batch(array) if told is None else sketch_distinct(told)
    except DataError as error:
        last_row = first_row + len(array)
        raise DataError(
            f"{source.name}, column {name!r}, rows {first_row + 1} to {last_row}: {error}"
        ) from error
