"""Columns of codes and numbers on a device: fill records, encode, gather, group by leaf, smooth."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import arrays, cuda, kernel, zeros
from gpusynth_kernels.scalar.philox import philox_pair

__all__ = [
    "clear_lanes",
    "count_leaves",
    "encode_numbers",
    "fill_bits",
    "group_by_leaf",
    "interpolate",
    "pack_lanes",
    "put_wide",
    "take",
    "take_at",
]


@kernel
def fill_bits(seed: Any, stream: Any, first: Any, out: Any) -> None:
    """Fill ``out`` (n, 2) uint64 with the two numbers of each counter; see `cpu.random`."""
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        a, b = philox_pair(seed, stream, first + np.uint64(i))
        out[i, 0] = a
        out[i, 1] = b


@kernel
def pack_lanes(codes: Any, bits: Any, word: Any, first_row: Any, records: Any) -> None:
    """Or ``bits[codes[i]]`` into ``records[first_row + i, word]``; see `cpu.lanes.pack_lanes`."""
    for i in range(cuda.grid(1), codes.shape[0], cuda.gridsize(1)):
        records[first_row + i, word] |= bits[codes[i]]


@kernel
def clear_lanes(word: Any, kept: Any, records: Any) -> None:
    """Keep the bits `kept` (uint64) of one word of all records."""
    for i in range(cuda.grid(1), records.shape[0], cuda.gridsize(1)):
        records[i, word] &= kept


@kernel
def put_wide(codes: Any, wide_row: Any, first_row: Any, wide: Any) -> None:
    """Set ``wide[wide_row, first_row + i]`` (uint16) to ``codes[i]``."""
    for i in range(cuda.grid(1), codes.shape[0], cuda.gridsize(1)):
        wide[wide_row, first_row + i] = codes[i]


@kernel
def take(column: Any, rows: Any, out: Any) -> None:
    """Set ``out[i]`` to ``column[rows[i]]``."""
    for i in range(cuda.grid(1), rows.shape[0], cuda.gridsize(1)):
        out[i] = column[rows[i]]


@kernel
def take_at(column: Any, rows: Any, places: Any, out: Any) -> None:
    """Set ``out[places[i]]`` to ``column[rows[i]]``; places (int64) are distinct."""
    for i in range(cuda.grid(1), rows.shape[0], cuda.gridsize(1)):
        out[places[i]] = column[rows[i]]


@kernel
def encode_numbers(numbers: Any, edges: Any, out: Any) -> None:
    """Set ``out[i]`` to how many edges are at most ``numbers[i]``, less one.

    Parameters
    ----------
    numbers : array of float64 or int64, shape (n,)
        Not below the first edge, and not NaN.
    edges : array of the same dtype, shape (n_codes,)
        Ascending: where the numbers of each code begin.
    out : array of uint8 or uint16, shape (n,), changed
        As ``numpy.searchsorted(edges, numbers, side="right") - 1``.
    """
    for i in range(cuda.grid(1), numbers.shape[0], cuda.gridsize(1)):
        low, high = 0, edges.shape[0]
        while low < high:
            middle = (low + high) >> 1
            if edges[middle] <= numbers[i]:
                low = middle + 1
            else:
                high = middle
        out[i] = low - 1


@kernel
def count_leaves(leaf: Any, counts: Any) -> None:
    """Add 1 to ``counts[leaf[i]]`` (int64) for each row."""
    for i in range(cuda.grid(1), leaf.shape[0], cuda.gridsize(1)):
        cuda.atomic.add(counts, leaf[i], 1)


def group_by_leaf(leaf: Any, n_leaves: int) -> tuple[Any, Any]:
    """Return where the rows of each leaf begin, and the rows leaf by leaf, ascending in each.

    Parameters
    ----------
    leaf : array of int32 on the device, shape (n,)
    n_leaves : int

    Returns
    -------
    offsets : array of int64, shape (n_leaves + 1,)
    rows : array of int64, shape (n,)
    """
    xp = arrays()
    counts = zeros(n_leaves, np.int64)
    count_leaves.over(leaf.shape[0], leaf, counts)
    offsets = zeros(n_leaves + 1, np.int64)
    offsets[1:] = xp.cumsum(counts)
    return offsets, xp.argsort(leaf, kind="stable")


@kernel
def interpolate(numbers: Any, known: Any, smoothed: Any, out: Any) -> None:
    """Set ``out[i]`` to the piecewise linear function through (known, smoothed) at ``numbers[i]``.

    The same operations in the same order as ``numpy.interp``, so the same bits; constant beyond
    the ends.

    Parameters
    ----------
    numbers : array of float64, shape (n,)
        Finite.
    known, smoothed : arrays of float64, shape (n_known,), n_known > 0
    out : array of float64, shape (n,), changed
    """
    last = known.shape[0] - 1
    for i in range(cuda.grid(1), numbers.shape[0], cuda.gridsize(1)):
        x = numbers[i]
        low, high = 0, last + 1
        while low < high:
            middle = (low + high) >> 1
            if known[middle] <= x:
                low = middle + 1
            else:
                high = middle
        at = low - 1
        if at < 0:
            out[i] = smoothed[0]
        elif at == last or known[at] == x:
            out[i] = smoothed[at]
        else:
            slope = (smoothed[at + 1] - smoothed[at]) / (known[at + 1] - known[at])
            out[i] = slope * (x - known[at]) + smoothed[at]
