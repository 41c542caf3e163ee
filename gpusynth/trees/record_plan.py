"""Record plan: how the codes of real rows lie on a CUDA device, and how many of them at a time.

A record holds a byte for each column of at most 256 codes and half a 32-bit word for each wider
one, columns of like width side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array

__all__ = ["FIT_ROW_BYTES", "RecordPlan", "place_columns", "plan_records", "width_of"]

FIT_ROW_BYTES = 96
"""Of each row while a tree grows, besides its codes: entries of the rows and their target twice
(before and after a level), and the tables of a level."""

_SHARE_OF_RECORDS = 0.8
"""Of the memory that is left for codes and the tables of searches together."""

_BYTE_CODES = 256
_WORD_BYTES = 4


def width_of(n_codes: Array) -> Array:
    """Return the width of a column: the next of 4, 16, 64, ... 65,536 codes.

    Columns of one width are counted together, in nodes that are large for that width.

    Parameters
    ----------
    n_codes : array of int

    Returns
    -------
    array of int64
    """
    steps = 4 ** np.arange(1, 9)
    return steps[np.searchsorted(steps, n_codes)]


def place_columns(n_codes: Array) -> tuple[Array, Array, Array, int]:
    """Return where each column lies in a record.

    Parameters
    ----------
    n_codes : array of int, shape (n_columns,)

    Returns
    -------
    word, shift, mask : arrays of int64, shape (n_columns,)
    n_words : int
        At least 1.
    """
    bits = np.where(np.asarray(n_codes) <= _BYTE_CODES, 8, 16).astype(np.int64)
    order = np.lexsort((np.arange(len(bits)), width_of(n_codes)))
    words, shifts = np.zeros(len(bits), np.int64), np.zeros(len(bits), np.int64)
    word, used = 0, 0
    for column in order:
        if used + bits[column] > 8 * _WORD_BYTES:
            word, used = word + 1, 0
        words[column], shifts[column] = word, used
        used += int(bits[column])
    return words, shifts, (np.int64(1) << bits) - 1, word + 1


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """How many words of the records lie on the device at a time.

    Attributes
    ----------
    n_rows, n_words : int
        Of the table.
    words_at_once : int
        All of them, or as many as there is room for; at least 1.
    """

    n_rows: int
    n_words: int
    words_at_once: int

    @property
    def n_groups(self) -> int:
        """Groups of columns; 1 when all lie there."""
        return -(-self.n_words // self.words_at_once)

    @property
    def n_bytes(self) -> int:
        """Memory that they take."""
        return _WORD_BYTES * self.n_rows * self.words_at_once


def plan_records(n_codes: Array, n_rows: int, free: int) -> RecordPlan:
    """Plan how the codes of a table go to the device.

    Parameters
    ----------
    n_codes : array of int, shape (n_columns,)
    n_rows : int
    free : int
        Bytes of the device that they may take, and the tables of searches with them.

    Returns
    -------
    RecordPlan
        Of one word at a time even where there is no room for it.
    """
    *_, n_words = place_columns(n_codes)
    words = int(free * _SHARE_OF_RECORDS) // max(_WORD_BYTES * n_rows, 1)
    return RecordPlan(n_rows, n_words, int(min(max(words, 1), n_words)))
