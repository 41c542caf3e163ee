"""PagedTable: predictors of which a CUDA device holds some words of each record at a time.

For tables that the device has no room for. The records stay on the host, cut into pages of some
words of every row; a search takes the pages one after the other, at every level of a tree. Splits
are the same: what a column offers does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import CodecError
from gpusynth.trees.predictors import PredictorTable
from gpusynth.trees.record_plan import place_columns
from gpusynth_kernels.cuda import launch

__all__ = ["PagedTable"]


class PagedTable:
    """Rows in the form that the CUDA grower reads, some columns at a time.

    Parameters
    ----------
    predictors : PredictorTable
    words_at_once : int
        Words of a record that are on the device together.

    Attributes
    ----------
    layout : Layout
    n_rows : int
    word, shift, mask : arrays of int64, shape (n_columns,)
        Where a column lies in a record of its page, on the host.
    page_of : array of int64, shape (n_columns,)
    """

    def __init__(self, predictors: PredictorTable, words_at_once: int) -> None:
        if predictors.n_rows >= 1 << 31:
            raise CodecError(
                f"{predictors.n_rows} rows are too many for one device: at most {(1 << 31) - 1}"
            )
        self.layout, self.n_rows = predictors.layout, predictors.n_rows
        word, self.shift, self.mask, n_words = place_columns(self.layout.n_codes)
        self.page_of, self.word = word // words_at_once, word % words_at_once
        self._pages = [
            np.zeros((self.n_rows, min(words_at_once, n_words - first)), np.uint32)
            for first in range(0, n_words, words_at_once)
        ]
        for name, column in self.layout.position.items():
            codes = predictors.codes(name).astype(np.uint32) << np.uint32(self.shift[column])
            self._pages[self.page_of[column]][:, self.word[column]] |= codes
        self._room = launch.empty(self.n_rows * words_at_once, np.uint32)
        self._there = -1

    @property
    def n_pages(self) -> int:
        """How many pages there are; only one tree at a time can turn them."""
        return len(self._pages)

    def page(self, number: int) -> Array:
        """Return the records of a page, sent to the device where another is there.

        Parameters
        ----------
        number : int

        Returns
        -------
        array of uint32 on the device, shape (n_rows, n_words)
            Until the next page is asked for.
        """
        own = self._pages[number]
        records = self._room[: own.size].reshape(own.shape)
        if self._there != number:
            launch.send(own, records)
            self._there = number
        return records

    def change(self, name: str, rows: Array, codes: Array) -> None:
        """Give some rows other codes of a column; its page is sent anew when it is asked for.

        Parameters
        ----------
        name : str
        rows : array of int32 or int64 on the host, shape (n,)
            Distinct.
        codes : array of uint8 or uint16 on the host, shape (n,)
            All below the column's number of codes.
        """
        column = self.layout.position[name]
        word, shift = self.word[column], np.uint32(self.shift[column])
        page = self._pages[self.page_of[column]]
        kept = page[rows, word] & ~(np.uint32(self.mask[column]) << shift)
        page[rows, word] = kept | codes.astype(np.uint32) << shift
        if self._there == self.page_of[column]:
            self._there = -1

    def columns(self, names: Iterable[str]) -> Array:
        """Return the positions (int32) of some columns, ascending: the order that breaks ties."""
        return np.array(sorted(self.layout.position[name] for name in names), np.int32)
