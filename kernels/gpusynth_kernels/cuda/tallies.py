"""Draw from the counts in the leaves of released trees, for each row by itself.

The same operations in the same order as `gpusynth.methods.released` with NumPy, so the same bits:
each is rounded by itself, since kernels are compiled without fused multiply-add.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.scalar.philox import philox_pair

__all__ = ["draw_codes", "draw_numbers", "draw_whole_numbers"]

_11 = np.uint64(11)
_UNIT = 2.0**-53
_BELOW_1 = 1.0 - 2.0**-53
_WHOLE = 2.0**52
"""From here on all floats are whole; to add and subtract it rounds to whole numbers, ties to even,
as `numpy.rint` does."""


@device
def _place_of(running: Any, begin: Any, end: Any, goal: Any) -> Any:
    """Return the last place in [begin, end) where `running` is at most `goal`; else `begin`."""
    low, high = begin, end
    while high - low > 1:
        middle = (low + high) >> 1
        if np.float64(running[middle]) <= goal:
            low = middle
        else:
            high = middle
    return low


@device
def _row_of(places: Any, i: Any) -> Any:
    return np.int64(places[i]) if places.shape[0] > 0 else np.int64(i)


@device
def _rounded(number: Any, scale: Any) -> Any:
    """Return a number with some decimals, `scale` being ten to their power; see `numpy.round`."""
    scaled = number * scale
    size = -scaled if scaled < 0.0 else scaled
    if size < _WHOLE:
        size = (size + _WHOLE) - _WHOLE
    return (-size if scaled < 0.0 else size) / scale


@kernel
def draw_codes(leaf: Any, places: Any, nodes: Any, ranges: Any, numbers: Any, out: Any) -> None:
    """Draw a code for each row from the counts of its leaf, by the row's first random number.

    Parameters
    ----------
    leaf : array of int32, shape (n,)
    places : array of int64, shape (n,) or (0,)
        Rows that are drawn; empty for 0, 1, 2, ...
    nodes : tuple of arrays of int64
        Node of each leaf (n_leaves,); where the counts of a node begin (n_nodes + 1,); counts
        that its parent decides (n_nodes,); its parent (n_nodes,).
    ranges : tuple of arrays
        Running sums of the counts, from 0 (int64, n_ranges + 1); first and last code of each range
        (uint16, n_ranges); running sums of the marginal counts of codes (int64, n_codes + 1).
    numbers : tuple of uint64
        Seed, stream, and the counter of row 0.
    out : array of uint8 or uint16, changed
        At the rows that are drawn.
    """
    node_of_leaf, offsets, up, parent = nodes
    running, firsts, lasts, marginal = ranges
    for i in range(cuda.grid(1), leaf.shape[0], cuda.gridsize(1)):
        row = _row_of(places, i)
        bits, _ = philox_pair(numbers[0], numbers[1], numbers[2] + np.uint64(row))
        share = np.float64(bits >> _11) * _UNIT
        node = node_of_leaf[leaf[i]]
        begin, end = offsets[node], offsets[node + 1]
        own = running[end] - running[begin]
        point = share * np.float64(own + up[node])
        while point >= np.float64(own):  # the root has counts, and hands nothing on
            share = (point - np.float64(own)) / np.float64(max(up[node], 1))
            share = min(share, _BELOW_1)
            node = parent[node]
            begin, end = offsets[node], offsets[node + 1]
            own = running[end] - running[begin]
            point = share * np.float64(own + up[node])
        goal = np.float64(running[begin]) + point
        at = _place_of(running, begin, end, math.floor(goal))
        count = running[at + 1] - running[at]
        inside = (goal - np.float64(running[at])) / np.float64(count)
        first, last = np.int64(firsts[at]), np.int64(lasts[at])
        bottom, top = marginal[first], marginal[last + 1]
        aim = np.float64(bottom) + math.floor(inside * np.float64(top - bottom))
        out[row] = _place_of(marginal, first, last + 1, aim)


@device
def _moved(code: Any, n_special: Any, factors: Any, step: Any, numbers: Any, row: Any) -> Any:
    """Return how far into its bin a row's number lies, by the row's second random number."""
    _, bits = philox_pair(numbers[0], numbers[1], numbers[2] + np.uint64(row))
    inside = np.float64(bits >> _11) * _UNIT * factors[code - n_special]
    return math.floor(inside) * step if step > 0.0 else inside


@kernel
def draw_numbers(
    codes: Any,
    places: Any,
    bins: Any,
    n_special: Any,
    step: Any,
    scale: Any,
    numbers: Any,
    out: Any,
) -> None:
    """Draw a number for each row within the bin of its code; 0 where the code is a state.

    Parameters
    ----------
    codes : array of uint8 or uint16, shape (n_rows,)
    places : array of int64, shape (n,) or (0,)
        As for `draw_codes`.
    bins : tuple of arrays, shape (n_codes - n_special,)
        Where bins begin; their widths (float64), in steps where there are any.
    n_special : int64
    step : float64
        Between numbers; 0 for none.
    scale : float64
        Ten to the power of the decimals; 0 where numbers are not rounded.
    numbers : tuple of uint64
        As for `draw_codes`.
    out : array of float64, shape (n_rows,), changed
    """
    lows, factors = bins
    n = places.shape[0] if places.shape[0] > 0 else codes.shape[0]
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        row = _row_of(places, i)
        code = np.int64(codes[row])
        drawn = 0.0
        if code >= n_special:
            drawn = lows[code - n_special]
            drawn += _moved(code, n_special, factors, step, numbers, row)
            if scale > 0.0:
                drawn = _rounded(drawn, scale)
        out[row] = drawn


@kernel
def draw_whole_numbers(
    codes: Any, places: Any, bins: Any, n_special: Any, step: Any, numbers: Any, out: Any
) -> None:
    """Draw whole numbers (int64) as `draw_numbers` does; bins begin at whole numbers."""
    lows, factors = bins
    n = places.shape[0] if places.shape[0] > 0 else codes.shape[0]
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        row = _row_of(places, i)
        code = np.int64(codes[row])
        drawn = np.int64(0)
        if code >= n_special:
            inside = _moved(code, n_special, factors, step, numbers, row)
            drawn = lows[code - n_special] + np.int64(inside)
        out[row] = drawn
