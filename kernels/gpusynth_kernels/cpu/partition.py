"""Carry out a split: who goes right, the rows in their new order, the subset as words."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.ahead import AHEAD_ROWS, ask_for_words
from gpusynth_kernels.cpu.compress import divide_blocks, keep_left_blocks
from gpusynth_kernels.cpu.kinds import NUMBERS, THRESHOLD

__all__ = [
    "codes_of",
    "flags_of",
    "is_pure",
    "keep_left",
    "keep_right",
    "may_split",
    "partition",
    "put_mask",
    "set_sides",
    "with_absent",
]

FAR_WORDS = 1 << 21
"""Records of more words than these (16 MB) are asked for before they are read. Speed only."""

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_1 = np.uint64(1)
_32 = np.uint64(32)


@jit
def is_pure(mode: Any, order: Any, begin: Any, end: Any, numbers: Any, weight: Any) -> Any:
    """Return whether all rows of a node have one class, or one number."""
    if mode != NUMBERS:
        return (order[begin] >> _32) & _CLASS == (order[end - 1] >> _32) & _CLASS
    row = np.int64(order[begin] & _ROW)
    weighted = weight.shape[0] > 0
    first = numbers[row] // weight[row] if weighted else numbers[row]
    for i in range(begin + 1, end):
        row = np.int64(order[i] & _ROW)
        number = numbers[row] // weight[row] if weighted else numbers[row]
        if number != first:
            return False
    return True


@jit
def _set_far_sides(records: Any, word: Any, bits: Any, here: Any, side: Any, flags: Any) -> Any:
    """Do the work of `set_sides` where records come from memory; return how many go right."""
    n = here.shape[0]
    n_right = 0
    for start in range(0, n, AHEAD_ROWS):
        stop = min(start + AHEAD_ROWS, n)
        ask_for_words(records, word, here, stop, min(stop + AHEAD_ROWS, n))
        for i in range(start, stop):
            row = here[i] & _ROW
            right = np.uint8(records[row, word] & bits != 0)
            if side.shape[0] > 0:
                side[row] = right
            flags[i] = right
            n_right += right
    return n_right


@jit
def set_sides(
    records: Any,
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    split: Any,
    goes_left: Any,
    side: Any,
    flags: Any,
) -> Any:
    """Set ``side[row]`` to 1 for rows that go right; return how many go left.

    ``flags[i]`` is the same for the row of ``order[begin + i]``. A `side` of no rows is left out.
    """
    kind, value, word, bits = split
    n_right = 0
    here = order[begin:end]
    if word >= 0 and records.shape[0] * records.shape[1] > FAR_WORDS:
        n_right = _set_far_sides(records, word, bits, here, side, flags)
    elif word >= 0:
        for i in range(end - begin):
            row = here[i] & _ROW
            right = np.uint8(records[row, word] & bits != 0)
            if side.shape[0] > 0:
                side[row] = right
            flags[i] = right
            n_right += right
    elif kind == THRESHOLD:
        for i in range(end - begin):
            row = here[i] & _ROW
            right = np.uint8(np.uint64(codes[row]) > value)
            if side.shape[0] > 0:
                side[row] = right
            flags[i] = right
            n_right += right
    else:
        for i in range(end - begin):
            row = here[i] & _ROW
            right = np.uint8(1 - goes_left[codes[row]])
            if side.shape[0] > 0:
                side[row] = right
            flags[i] = right
            n_right += right
    return end - begin - n_right


@jit
def flags_of(entries: Any, begin: Any, end: Any, side: Any, flags: Any) -> None:
    """Set ``flags[i]`` to the side of the row of ``entries[begin + i]``."""
    here = entries[begin:end]
    for i in range(end - begin):
        flags[i] = side[here[i] & _ROW]


@jit
def partition(entries: Any, begin: Any, end: Any, flags: Any, spare: Any) -> None:
    """Move the entries that go left to the front, both sides in their old order."""
    here = entries[begin:end]
    n_left, n_right = divide_blocks(entries, begin, end - begin, flags, spare)
    left, right = np.uint64(n_left), np.uint64(n_right)
    for i in range(n_left + n_right, end - begin):
        entry = here[i]
        goes_right = np.uint64(flags[i])
        here[left] = entry
        spare[right] = entry
        left += _1 - goes_right
        right += goes_right
    rest = here[np.int64(left) :]
    for i in range(np.int64(right)):
        rest[i] = spare[i]


@jit
def keep_left(entries: Any, begin: Any, end: Any, flags: Any) -> None:
    """As `partition` where only the left side is needed; what lies on the right is lost."""
    here = entries[begin:end]
    n_left, n_right = keep_left_blocks(entries, begin, end - begin, flags, entries)
    left = np.uint64(n_left)
    for i in range(n_left + n_right, end - begin):
        here[left] = here[i]
        left += _1 - np.uint64(flags[i])


@jit
def keep_right(entries: Any, begin: Any, end: Any, flags: Any) -> None:
    """As `partition` where only the right side is needed; what lies on the left is lost."""
    here = entries[begin:end]
    last = np.uint64(end - begin - 1)
    right = last
    for i in range(end - begin):
        at = last - np.uint64(i)
        here[right] = here[at]
        right -= np.uint64(flags[at])


@jit
def codes_of(feature: Any, word: Any, wide: Any, wide_tables: Any) -> Any:
    """Return the codes of a wide column (of any one when the records tell: not read then)."""
    if word < 0:
        for q in range(wide_tables[0].shape[0]):
            if wide_tables[0][q] == feature:
                return wide[wide_tables[3][q]]
    return wide[0]


@jit
def may_split(
    mode: Any,
    order: Any,
    begin: Any,
    end: Any,
    level: Any,
    limits: Any,
    numbers: Any,
    weight: Any,
) -> Any:
    """Return whether a node has the rows, the depth and the variety that a split needs."""
    min_leaf, min_split, max_depth = limits[:3]
    if end - begin < max(min_split, 2 * min_leaf) or level >= max_depth:
        return False
    return not is_pure(mode, order, begin, end, numbers, weight)


@jit
def with_absent(codes: Any, order: Any, begin: Any, end: Any, goes_left: Any, n_left: Any) -> Any:
    """Send the levels that the node lacks to the larger child (left when equal)."""
    if 2 * n_left < end - begin:
        return goes_left
    present = np.zeros(goes_left.shape[0], np.uint8)
    for i in range(begin, end):
        present[codes[np.int64(order[i] & _ROW)]] = 1
    for code in range(goes_left.shape[0]):
        if present[code] == 0:
            goes_left[code] = 1
    return goes_left


@jit
def put_mask(masks: Any, n_words: Any, n_codes: Any, value: Any, word: Any, goes_left: Any) -> Any:
    """Append a subset as 32-bit words; return the (perhaps larger) array and its fill."""
    need = (n_codes + 31) >> 5
    if n_words + need > masks.shape[0]:
        larger = np.zeros(2 * masks.shape[0] + need, np.uint32)
        larger[:n_words] = masks[:n_words]
        masks = larger
    for w in range(need):
        if word >= 0:
            masks[n_words + w] = np.uint32((value >> np.uint64(32 * w)) & _ROW)
            continue
        packed = np.uint32(0)
        for b in range(min(32, n_codes - 32 * w)):
            if goes_left[32 * w + b]:
                packed |= np.uint32(1) << np.uint32(b)
        masks[n_words + w] = packed
    return masks, n_words + need
