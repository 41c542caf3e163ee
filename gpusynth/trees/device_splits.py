"""Splits of a level that were chosen, and what the device is told of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.device_groups import LevelNodes, on_device
from gpusynth.trees.device_search import Search
from gpusynth_kernels.cuda import launch

__all__ = ["Asked", "Splits", "ask"]


@dataclass(frozen=True, slots=True)
class Splits:
    """Splits of a level, by the slots of their nodes; arrays of shape (n_splits,) on the host.

    Attributes
    ----------
    slot, searched : arrays of int64
        Number of the node among those with a slot, and among those that were searched.
    column : array of int32
        By its place among those of the fit.
    value, n_left : arrays of int64
    nodes : LevelNodes
    """

    slot: Array
    searched: Array
    column: Array
    value: Array
    n_left: Array
    nodes: LevelNodes

    def subsets(self, search: Search) -> tuple[Array, Array]:
        """Return which splits go by subset, and the first of its words among the level's, or -1.

        Returns
        -------
        tuple of arrays of bool and int64, shape (n_splits,)
        """
        by_subset = search.ordered[self.column] == 0
        n_words = np.where(by_subset, (search.n_codes[self.column] + 31) // 32, 0)
        return by_subset, np.where(by_subset, np.cumsum(n_words) - n_words, -1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the splits of a level ask, on the device.

    Attributes
    ----------
    split_of : array of int32, shape (n_slots,)
        Number of each slot's split, -1 for none.
    pages : dict of int to array of int32, shape (n_slots,)
        The same, by page of the table: -1 also for splits by columns of other pages.
    columns : tuple of arrays of int64, shape (n_splits,)
        Word, shift and mask of each split's column, and the first word of its subset.
    thresholds : array of int64, shape (n_splits,)
    nodes : tuple of arrays of int64, shape (n_splits,)
        Where each split's node begins, and how many of its entries go left.
    """

    split_of: Array
    pages: dict[int, Array]
    columns: tuple[Array, ...]
    thresholds: Array
    nodes: tuple[Array, ...]


def ask(search: Search, splits: Splits, first_word: Array, *, n_slots: int) -> Asked:
    """Copy to the device what splits ask and where their nodes lie.

    Parameters
    ----------
    search : Search
    splits : Splits
    first_word : array of int64, shape (n_splits,)
    n_slots : int
        Nodes of the level that have rows to move.

    Returns
    -------
    Asked
    """
    split_of = np.full(n_slots, -1, np.int32)
    split_of[splits.slot] = np.arange(len(splits.slot), dtype=np.int32)
    table, column = search.table, search.columns[splits.column]
    places = table.word[column], table.shift[column], table.mask[column], first_word
    of_splits = on_device(*places, splits.value, splits.nodes.begin, splits.n_left)
    there = launch.to_device(split_of)
    page_of = table.page_of[column]
    pages = np.unique(page_of).tolist()
    by_page = {pages[0]: there}
    if len(pages) > 1:
        for page in pages:
            elsewhere = np.append(page_of != page, False)[split_of]
            by_page[page] = launch.to_device(np.where(elsewhere, np.int32(-1), split_of))
    return Asked(there, by_page, of_splits[:4], of_splits[4], of_splits[5:])
