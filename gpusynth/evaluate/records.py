"""Compare combinations of many columns: one sortable key for each row, and counts of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable

__all__ = ["KeyCounts", "add_key_counts", "count_keys", "record_keys"]


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """How many rows have each combination of key and target.

    Attributes
    ----------
    keys : array of uint64 or of 16 or more opaque bytes, shape (n,)
        Sorted; equal keys stand together.
    targets : array of int64, shape (n,)
        Code of the target; ascending within a key.
    counts : array of int64, shape (n,)
    """

    keys: Array
    targets: Array
    counts: Array


def record_keys(table: CodedTable, columns: Sequence[int]) -> Array:
    """Return one key for each row; two rows have equal keys exactly when all codes are equal.

    Codes are packed into as many 64-bit words as they need (mixed radix within a word). One word
    is returned as uint64, several as opaque bytes (dtype V16, V24, ...), which sort too. The same
    columns give comparable keys in every file and every block.

    Returns
    -------
    array of uint64 or void, shape (n_rows,)
    """
    words: list[Array] = []
    room = 0
    for column in columns:
        n_codes = table.columns[column].n_codes
        if room < n_codes:
            words.append(np.zeros(table.n_rows, np.uint64))
            room = 2**64
        words[-1] *= np.uint64(n_codes)
        words[-1] += table.codes[column].astype(np.uint64)
        room //= n_codes
    if len(words) == 1:
        return words[0]
    # big-endian bytes compare like the words, the first word first
    stacked = np.ascontiguousarray(np.stack(words, axis=1).astype(">u8"))
    return stacked.view(np.dtype((np.void, 8 * len(words)))).ravel()


def count_keys(keys: Array, targets: Array) -> KeyCounts:
    """Count the rows of each combination of key and target."""
    return _grouped(keys, targets.astype(np.int64), np.ones(len(keys), np.int64))


def add_key_counts(a: KeyCounts, b: KeyCounts) -> KeyCounts:
    """Add the counts of two blocks of one file."""
    return _grouped(
        np.concatenate((a.keys, b.keys)),
        np.concatenate((a.targets, b.targets)),
        np.concatenate((a.counts, b.counts)),
    )


def _grouped(keys: Array, targets: Array, counts: Array) -> KeyCounts:
    distinct, number = np.unique(keys, return_inverse=True)
    width = int(targets.max(initial=0)) + 1
    pairs, group = np.unique(number * width + targets, return_inverse=True)
    sums = np.zeros(len(pairs), np.int64)
    np.add.at(sums, group, counts)
    return KeyCounts(distinct[pairs // width], pairs % width, sums)
