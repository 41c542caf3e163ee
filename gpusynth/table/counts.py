"""Counts: how often each distinct value occurs, exactly, mergeable in any order.

`ValueCounts` counts numbers without limit, `TextCounts` counts texts up to a limit of distinct
ones. For both, combining parts gives the same answer however the rows were cut into parts: the
limit depends only on the number of distinct texts in the union.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpusynth.arrays import Array

__all__ = ["DictionaryOrder", "TextCounts", "ValueCounts"]


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """Distinct numbers, ascending, and how often each occurs.

    Attributes
    ----------
    values : array of int64 or float64, shape (n_distinct,)
        Strictly ascending.
    counts : array of int64, shape (n_distinct,)
    """

    values: Array
    counts: Array

    @classmethod
    def of(cls, numbers: Array) -> ValueCounts:
        """Count the numbers (no NaN) of one batch."""
        # Hashing beats sorting where values repeat, which they do in most survey columns.
        counted = pc.value_counts(pa.array(numbers))
        values = np.asarray(counted.field(0))
        order = np.argsort(values)
        return cls(values[order], np.asarray(counted.field(1), dtype=np.int64)[order])

    @classmethod
    def empty(cls, dtype: type) -> ValueCounts:
        """Return counts of no rows."""
        return cls(np.empty(0, dtype), np.empty(0, np.int64))

    def combine(self, other: ValueCounts) -> ValueCounts:
        """Return the counts of both parts; float64 when either part is."""
        if not other.values.size and other.values.dtype == self.values.dtype:
            return self
        joined = np.concatenate([self.values, other.values])
        counts = np.concatenate([self.counts, other.counts])
        order = np.argsort(joined, kind="stable")
        joined = joined[order]
        first = np.ones(joined.shape[0], bool)
        first[1:] = joined[1:] != joined[:-1]
        starts = np.flatnonzero(first)
        if not starts.size:
            return ValueCounts(joined, counts)
        return ValueCounts(joined[starts], np.add.reduceat(counts[order], starts))

    def without(self, numbers: Array) -> ValueCounts:
        """Return the counts of the values that are not among `numbers`."""
        keep = ~np.isin(self.values, numbers)
        return ValueCounts(self.values[keep], self.counts[keep])

    @property
    def n_distinct(self) -> int:
        """Number of distinct values."""
        return int(self.values.shape[0])

    @property
    def n_rows(self) -> int:
        """Number of rows counted."""
        return int(self.counts.sum())


@dataclass(frozen=True, slots=True)
class TextCounts:
    """Distinct texts and how often each occurs, or the fact that there are too many.

    Attributes
    ----------
    texts : pyarrow.StringArray, shape (n_distinct,)
        In no particular order; empty when `stopped`.
    counts : array of int64, shape (n_distinct,)
    limit : int
        More distinct texts than this are not collected.
    stopped : bool
    """

    texts: Any
    counts: Array
    limit: int
    stopped: bool = False

    @classmethod
    def of(cls, texts: Any, counts: Array, *, limit: int) -> TextCounts:
        """Collect texts (no nulls, repeats allowed) that occur `counts` times."""
        # Not by a table's group_by, which imports pyarrow.dataset: 6 MB.
        encoded = texts.dictionary_encode()
        if len(encoded.dictionary) > limit:
            return cls(pa.array([], pa.string()), np.empty(0, np.int64), limit, stopped=True)
        sums = np.zeros(len(encoded.dictionary), np.int64)
        np.add.at(sums, np.asarray(encoded.indices), counts)
        return cls(encoded.dictionary, sums, limit)

    def combine(self, other: TextCounts) -> TextCounts:
        """Return the counts of both parts; stopped when they exceed the limit together."""
        if self.stopped or (not other.stopped and not len(other.texts)):
            return self
        if other.stopped or not len(self.texts):
            return other
        texts = pa.concat_arrays([self.texts, other.texts])
        return TextCounts.of(texts, np.concatenate([self.counts, other.counts]), limit=self.limit)

    def in_order(self) -> TextCounts:
        """Return the same counts with texts ascending by their UTF-8 bytes."""
        order = pc.array_sort_indices(self.texts)
        return TextCounts(
            self.texts.take(order), self.counts[np.asarray(order)], self.limit, self.stopped
        )

    @property
    def n_distinct(self) -> int:
        """Number of distinct texts collected."""
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class DictionaryOrder:
    """The levels of a dictionary column in the order of its dictionary, used or not.

    Parts whose dictionaries continue each other give the longest; otherwise the parts disagree,
    and the levels are ordered as text.
    """

    levels: tuple[str, ...]
    agrees: bool = True

    def combine(self, other: DictionaryOrder) -> DictionaryOrder:
        """Return the order of both parts."""
        if self == other:
            return self
        short, long = sorted((self, other), key=lambda order: len(order.levels))
        if self.agrees and other.agrees and long.levels[: len(short.levels)] == short.levels:
            return long
        union = tuple(sorted({*self.levels, *other.levels}, key=str.encode))
        return DictionaryOrder(union, agrees=False)
