"""Unique records: real rows that no other real row equals on some keys, and how they are found.

Everything is compared exactly, by whole numbers: answers are numbered per column, and combinations
are numbered column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.table import Codec, Read, Table, exact_numbers, read_table
from gpusynth.table.special_codes import number_dtype

__all__ = ["UniqueRecords"]


@dataclass(frozen=True, slots=True)
class _Key:
    """One key column.

    Attributes
    ----------
    name : str
    codec : Codec
    numbers : array of float64 or int64, shape (n_distinct,), or None
        Ascending real numbers; None for levels, whose codes say it all.
    combinations : array of int64, shape (n_combinations,)
        Ascending ``prefix * size + answer`` that occur among real rows, up to this column.
    """

    name: str
    codec: Codec
    numbers: Array | None
    combinations: Array

    @property
    def size(self) -> int:
        """Number of answers that real rows may have."""
        return self.codec.n_codes if self.numbers is None else _size(self.codec, self.numbers)

    def number(self, read: Read) -> Array:
        """Return the number of each row's answer, -1 for one that no real row has."""
        return _answers(self.codec, self.numbers, *read(self.name))


@dataclass(frozen=True, slots=True)
class UniqueRecords:
    """The combinations of keys that exactly one real row has.

    Attributes
    ----------
    keys : tuple of _Key
    is_unique : array of bool, shape (n_combinations,)
        Of the combinations of all keys.
    """

    keys: tuple[_Key, ...]
    is_unique: Array

    @property
    def n_unique(self) -> int:
        """Number of unique real rows."""
        return int(self.is_unique.sum())

    @classmethod
    def of(cls, real: Table, columns: Sequence[str]) -> UniqueRecords:
        """Find the unique real rows.

        Parameters
        ----------
        real : Table
        columns : sequence of str

        Returns
        -------
        UniqueRecords
        """
        read = read_table(real)
        place: Array = np.zeros(real.n_rows, np.int64)
        keys = []
        for name in columns:
            codec = real.codecs[name]
            numbers = None
            if codec.column.is_number:
                codes = real.codes[name]
                numbers = np.unique(_numbers(codec, *read(name))[codes >= codec.n_special])
            answers = _answers(codec, numbers, *read(name))
            size = codec.n_codes if numbers is None else _size(codec, numbers)
            # Below 2^62: both factors are at most the rows of a file, or 65,536 codes.
            combinations, place = np.unique(place * size + answers, return_inverse=True)
            place = place.reshape(-1).astype(np.int64)
            keys.append(_Key(name, codec, numbers, combinations))
        counts = np.bincount(place, minlength=len(keys[-1].combinations))
        return cls(tuple(keys), counts == 1)

    def match(self, read: Read, n_rows: int) -> Array:
        """Return which unique real record each row equals.

        Parameters
        ----------
        read : callable
            Column name -> (codes, values or None) of the rows.
        n_rows : int

        Returns
        -------
        array of int64, shape (n_rows,)
            -1 for none.
        """
        place: Array = np.zeros(n_rows, np.int64)
        for key in self.keys:
            answers = key.number(read)
            known = (place >= 0) & (answers >= 0)
            packed = np.where(known, place * key.size + answers, -1)
            place = _find(key.combinations, packed)
        unique: Array = np.where((place >= 0) & self.is_unique[place], place, -1)
        return unique


def _size(codec: Codec, numbers: Array) -> int:
    return codec.n_special + len(numbers)


def _answers(codec: Codec, numbers: Array | None, codes: Array, values: Array | None) -> Array:
    if numbers is None:
        return codes.astype(np.int64)
    found = _find(numbers, _numbers(codec, codes, values))
    found = np.where(found >= 0, found + codec.n_special, -1)
    return np.where(codes < codec.n_special, codes, found)


def _numbers(codec: Codec, codes: Array, values: Array | None) -> Array:
    if values is not None:
        return values
    return exact_numbers(codec, codes, number_dtype(codec.column))


def _find(ascending: Array, wanted: Array) -> Array:
    """Return the place of each among ascending ones; -1 where it is not there."""
    if not len(ascending):
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[place] == wanted, place, -1)
