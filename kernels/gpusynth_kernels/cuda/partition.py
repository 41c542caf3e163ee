"""Carry out the splits of a level: subsets as words, sides, entries in their new order."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.cuda.runs import row_of

__all__ = ["code_of", "finish_subsets", "mark_present", "mark_sides", "move_entries", "pack_codes"]

_1 = np.uint32(1)


@device
def code_of(word: Any, shift: Any, mask: Any) -> Any:
    """Return a column's code (int64) from its word of the record."""
    return np.int64((word >> np.uint32(shift)) & np.uint32(mask))


@kernel
def pack_codes(codes: Any, word: Any, shift: Any, first_row: Any, records: Any) -> None:
    """Put codes of a column into records that hold zeros there.

    Parameters
    ----------
    codes : array of uint8 or uint16, shape (n,)
    word, shift : int
    first_row : int
    records : array of uint32, shape (n_rows, n_words), changed
    """
    for i in range(cuda.grid(1), codes.shape[0], cuda.gridsize(1)):
        records[first_row + i, word] |= np.uint32(codes[i]) << np.uint32(shift)


@kernel
def mark_present(
    records: Any, order: Any, slot: Any, split_of: Any, splits: Any, present: Any
) -> None:
    """Set the bits of the codes that occur in nodes that are split by subset.

    Parameters
    ----------
    records : array of uint32, shape (n_rows, n_words)
    order : array of uint64 entries, shape (n,)
    slot : array of int32, shape (n,)
    split_of : array of int32, shape (n_nodes,)
        Number of the node's split; -1 for nodes that stay leaves.
    splits : tuple of arrays, shape (n_splits,)
        word, shift, mask (int64) of the column; first word of the subset (int64), -1 for a
        threshold.
    present : array of uint32, changed
    """
    words, shifts, masks, firsts = splits
    for i in range(cuda.grid(1), order.shape[0], cuda.gridsize(1)):
        split = split_of[slot[i]] if slot[i] >= 0 else np.int32(-1)
        if split < 0 or firsts[split] < 0:
            continue
        code = code_of(records[row_of(order[i]), words[split]], shifts[split], masks[split])
        at = firsts[split] + (code >> 5)
        bit = _1 << np.uint32(code & 31)
        if present[at] & bit == 0:
            cuda.atomic.or_(present, at, bit)


@kernel
def finish_subsets(owner: Any, firsts: Any, n_codes: Any, absent_left: Any, masks: Any) -> None:
    """Turn words of left codes into whole subsets: one thread a word.

    Codes that the node lacks go to the larger child, the left one when both are equal.

    Parameters
    ----------
    owner : array of int64, shape (n_words,)
        Split that a word belongs to.
    firsts, n_codes : arrays of int64, shape (n_splits,)
    absent_left : array of uint8, shape (n_splits,)
    masks : tuple of two arrays of uint32, shape (n_words,)
        Left codes (changed: only present ones stay, absent ones come) and present codes.
    """
    left, present = masks
    for at in range(cuda.grid(1), owner.shape[0], cuda.gridsize(1)):
        split = owner[at]
        here = left[at] & present[at]
        if absent_left[split] != 0:
            inside = n_codes[split] - 32 * (at - firsts[split])
            valid = np.uint32(0xFFFFFFFF)
            if inside < 32:
                valid = (_1 << np.uint32(inside)) - _1
            here = here | (valid & ~present[at])
        left[at] = here


@kernel
def mark_sides(
    records: Any,
    order: Any,
    slot: Any,
    split_of: Any,
    splits: Any,
    thresholds: Any,
    left: Any,
    sides: Any,
) -> None:
    """Set ``sides[i]`` (uint8) to 1 for entries of split nodes that go left, 0 for all others.

    As `mark_present`, with `thresholds` (int64) and `left`, the finished words of the subsets.
    """
    words, shifts, masks, firsts = splits
    for i in range(cuda.grid(1), order.shape[0], cuda.gridsize(1)):
        split = split_of[slot[i]] if slot[i] >= 0 else np.int32(-1)
        goes_left = False
        if split >= 0:
            code = code_of(records[row_of(order[i]), words[split]], shifts[split], masks[split])
            if firsts[split] < 0:
                goes_left = code <= thresholds[split]
            else:
                bits = left[firsts[split] + (code >> 5)]
                goes_left = (bits >> np.uint32(code & 31)) & _1 != 0
        sides[i] = 1 if goes_left else 0


@kernel
def move_entries(
    order: Any,
    slot: Any,
    split_of: Any,
    nodes: Any,
    sides: Any,
    running: Any,
    child_slot: Any,
    moved: Any,
) -> None:
    """Move entries to their sides in their old order (a stable partition): one thread an entry.

    Parameters
    ----------
    nodes : tuple of two arrays of int64, shape (n_splits,)
        Where the split's node begins, and how many of its entries go left.
    sides : array of uint8, shape (n,)
    running : array of int32, shape (n,)
        Running sums of `sides`.
    child_slot : array of int32, shape (2 * n_splits,)
        Slot of the left and the right child at the next level; -1 for one that is finished.
    moved : tuple of two arrays
        The entries and slots of the next level, changed.
    """
    begins, lefts = nodes
    new_order, new_slot = moved
    for i in range(cuda.grid(1), order.shape[0], cuda.gridsize(1)):
        split = split_of[slot[i]] if slot[i] >= 0 else np.int32(-1)
        if split < 0:
            new_order[i] = order[i]
            new_slot[i] = -1
            continue
        begin = begins[split]
        before = np.int64(running[begin - 1]) if begin > 0 else np.int64(0)
        rank = np.int64(running[i]) - before - np.int64(sides[i])  # entries before it on the left
        if sides[i] != 0:
            at = begin + rank
            child = child_slot[2 * split]
        else:
            at = begin + lefts[split] + (i - begin - rank)
            child = child_slot[2 * split + 1]
        new_order[at] = order[i]
        new_slot[at] = child
