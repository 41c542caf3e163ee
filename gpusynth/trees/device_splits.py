"""Splits of a level that were chosen, and what the device is told of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.device_groups import LevelNodes
from gpusynth.trees.device_parcel import Parcel
from gpusynth.trees.device_search import Search
from gpusynth_kernels.cuda.choose import MOST_SEARCHED

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
    words : array of uint32, shape (n_words,)
        Of the subsets: those of columns of at most four codes are there, others are zeros.
    owner : array of int64, shape (n_words,)
        Number of each word's split.
    n_codes : array of int64, shape (n_splits,)
    is_larger : array of uint8, shape (n_splits,)
        1 where the left child has at least half of the rows.
    child_slot : array of int32, shape (2 n_splits,)
        Slot of each child in the next level, -1 for leaves.
    bounds : tuple of arrays of int64
        Begin and end of the children that have a slot.
    """

    split_of: Array
    pages: dict[int, Array]
    columns: tuple[Array, ...]
    thresholds: Array
    nodes: tuple[Array, ...]
    words: Array
    owner: Array
    n_codes: Array
    is_larger: Array
    child_slot: Array
    bounds: tuple[Array, ...]


def ask(
    search: Search,
    splits: Splits,
    first_word: Array,
    *,
    n_slots: int,
    children: tuple[Array, Array],
    slotted: Array,
) -> Asked:
    """Copy to the device what splits ask and where nodes and children lie: one transfer.

    Parameters
    ----------
    search : Search
    splits : Splits
    first_word : array of int64, shape (n_splits,)
    n_slots : int
        Nodes of the level that have rows to move.
    children : tuple of arrays of int64, shape (2 n_splits,)
        Where each child begins and ends.
    slotted : array of int64
        The children that may be split, ascending.

    Returns
    -------
    Asked
    """
    parcel = Parcel()
    split_of = np.full(n_slots, -1, np.int32)
    split_of[splits.slot] = np.arange(len(splits.slot), dtype=np.int32)
    table, column = search.table, search.columns[splits.column]
    page_of = table.page_of[column]
    whole = parcel.add(split_of)
    pages = dict.fromkeys(np.unique(page_of).tolist(), whole)
    if len(pages) > 1:
        for page in pages:
            elsewhere = np.append(page_of != page, False)[split_of]
            pages[page] = parcel.add(np.where(elsewhere, np.int32(-1), split_of))
    nodes, n_codes = splits.nodes, search.n_codes[splits.column]
    places = table.word[column], table.shift[column], table.mask[column], first_word
    told = parcel.add_all(*places, splits.value, nodes.begin, splits.n_left, n_codes)
    n_words = np.where(first_word >= 0, (n_codes + 31) // 32, 0)
    words = np.zeros(int(n_words.sum()), np.uint32)
    few = np.flatnonzero((first_word >= 0) & (n_codes <= MOST_SEARCHED))
    # digit c - 1 of the subset's number m says that code c goes right
    words[first_word[few]] = ~(splits.value[few] << 1).astype(np.uint32)
    (owner,) = parcel.add_all(np.repeat(np.arange(len(n_words)), n_words))
    is_larger = 2 * splits.n_left >= nodes.end - nodes.begin
    child_slot = np.full(2 * len(n_words), -1, np.int32)
    child_slot[slotted] = np.arange(len(slotted), dtype=np.int32)
    of_subsets = parcel.add(words), owner, told[7], parcel.add(is_larger.astype(np.uint8))
    slots = parcel.add(child_slot)
    bounds = parcel.add_all(*(bound[slotted] for bound in children))
    parcel.send()
    return Asked(
        parcel.part(whole),
        {page: parcel.part(number) for page, number in pages.items()},
        parcel.all(told[:4]),
        parcel.part(told[4]),
        parcel.all(told[5:7]),
        words=parcel.part(of_subsets[0]),
        owner=parcel.part(of_subsets[1]),
        n_codes=parcel.part(of_subsets[2]),
        is_larger=parcel.part(of_subsets[3]),
        child_slot=parcel.part(slots),
        bounds=parcel.all(bounds),
    )
