"""Distances between records of codes: the rows of one file that are closest to those of another.

The distance of two records is a sum of whole numbers, one a column (Gower 1971, scaled by `unit`
times the number of columns):

- *narrow* and *wide* columns (unordered, uint8 and uint16 codes): 0 where equal, else `unit`;
- *placed* columns (ordered): how far two places lie apart, at most `unit`. Ordered answers have
  places in ``[0, unit]``; missing codes and the like lie at least `unit` apart from all others.

Rows to search in lie in blocks of 64, ordered so that a block's rows agree in many columns
(`cluster_rows`). The sum over columns of the least difference between the query's code and any code
of the block bounds the distances of the whole block from below; blocks are visited by rising bound
until none can hold a closer row. So every row counts and only some are compared.

References
----------
.. [1] Gower, J. C. (1971). A general coefficient of similarity and some of its properties.
.. [2] Friedman, J. H., Bentley, J. L., Finkel, R. A. (1977). An algorithm for finding best matches
       in logarithmic expected time. (bounds of blocks; here columns are sets of codes)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from gpusynth_kernels.compile import jit, parallel_jit

__all__ = ["BLOCK", "FAR", "cluster_rows", "nearest_rows"]

BLOCK = 64
"""Rows a block: one or two lines of the cache for a narrow column, and a constant to unroll by."""

FAR = 2**31 - 1
"""Distance of a neighbour that is not there."""

_SAMPLE = 4096
"""Rows of a node that choose its split: enough for shares right to about a per cent."""

_CHUNK = 64
"""Queries that a thread takes at once."""


@jit
def _best_cut(count: Any, n_codes: Any, ordered: Any, total: Any) -> Any:
    """Return how evenly the best cut of one column parts the rows, and the first code above it.

    Twice the product of both shares: the chance that two rows lie on different sides. Halved for
    ordered columns, where neighbours of the cut differ by less than a unit.
    """
    best, cut = np.float64(0.0), np.int64(-1)
    below = np.int64(0)
    for code in range(n_codes - 1):
        below += count[code]
        share = below / total
        gain = 2.0 * share * (1.0 - share)
        if ordered:
            gain *= 0.5
        if gain > best:
            best, cut = gain, code + 1
    return best, cut


@jit
def _choose_cut(codes: Any, n_codes: Any, ordered: Any, rows: Any, count: Any) -> Any:
    """Return the column and the first code above the cut that parts a node best; column -1: none.

    `count` has room for the codes of any column and is all zero before and after.
    """
    best, best_column, best_cut = np.float64(0.0), np.int64(-1), np.int64(-1)
    step = max(np.int64(1), np.int64(rows.size // _SAMPLE))
    for column in range(codes.shape[0]):
        for i in range(0, rows.size, step):
            count[codes[column, rows[i]]] += 1
        gain, cut = _best_cut(count, n_codes[column], ordered[column], -(-rows.size // step))
        if gain > best:
            best, best_column, best_cut = gain, column, cut
        for i in range(0, rows.size, step):
            count[codes[column, rows[i]]] = 0
    return best_column, best_cut


@jit
def _part(codes: Any, cut: Any, rows: Any, spare: Any) -> Any:
    """Put the rows whose code is below the cut first, stably; return how many they are."""
    left, right = np.int64(0), np.int64(0)
    for i in range(rows.size):
        if codes[rows[i]] < cut:
            rows[left] = rows[i]
            left += 1
        else:
            spare[right] = rows[i]
            right += 1
    rows[left:] = spare[:right]
    return left


@jit
def cluster_rows(codes: Any, n_codes: Any, ordered: Any, rows: Any) -> None:
    """Order rows so that neighbours agree in many columns.

    A node of rows is parted by the column and the cut that do it most evenly, and so on until a
    node has at most 64 rows or all its rows are equal. Large nodes are judged by every so many-th
    row, `_SAMPLE` to twice as many of them. The order steers speed alone, not what is found.

    Parameters
    ----------
    codes : array of uint16, shape (n_columns, n_rows)
    n_codes : array of int64, shape (n_columns,)
    ordered : array of bool, shape (n_columns,)
    rows : array of int32, shape (n_rows,)
        In: row numbers in any order; out: in their new one.
    """
    most = np.int64(1)
    for column in range(n_codes.size):
        most = max(most, n_codes[column])
    count = np.zeros(most, np.int64)
    spare = np.empty(rows.size, rows.dtype)
    # the smaller side is done first, so that the stack stays below log2 of the rows
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, rows.size
    depth = 1
    while depth:
        depth -= 1
        first, last = stack[depth, 0], stack[depth, 1]
        if last - first <= BLOCK:
            continue
        column, cut = _choose_cut(codes, n_codes, ordered, rows[first:last], count)
        if column < 0:
            continue
        middle = first + _part(codes[column], cut, rows[first:last], spare)
        left_is_smaller = middle - first < last - middle
        lower = depth if not left_is_smaller else depth + 1
        stack[lower, 0], stack[lower, 1] = first, middle
        upper = depth + 1 if not left_is_smaller else depth
        stack[upper, 0], stack[upper, 1] = middle, last
        depth += 2


@jit
def _least(values: Any) -> Any:
    """Return the least number of an array."""
    least = values[0]
    for i in range(values.size):
        least = min(least, values[i])
    return least


@jit
def _block_distances(
    narrow_query: Any,
    wide_query: Any,
    placed_query: Any,
    narrow: Any,
    wide: Any,
    placed: Any,
    unit: Any,
    limit: Any,
    differing: Any,
    out: Any,
) -> Any:
    """Fill `out` with the distances of one query to the 64 rows of a block; return the least.

    Returns early, with a number above `limit`, when all distances are above it. The loops over
    rows compile to vectors of 32 or 64 bytes: about 2.5 ns a row with 40 columns.
    """
    out[:] = np.uint16(0)
    differing[:] = np.uint8(0)
    for column in range(narrow_query.size):
        code = narrow_query[column]
        for row in range(BLOCK):
            differing[row] += np.uint8(narrow[column, row] != code)
        if column % 8 == 7:
            for row in range(BLOCK):
                out[row] += np.uint16(differing[row]) * unit
                differing[row] = np.uint8(0)
            least = np.int64(_least(out))
            if least > limit:
                return least
    for row in range(BLOCK):
        out[row] += np.uint16(differing[row]) * unit
    for column in range(wide_query.size):
        wide_code = wide_query[column]
        for row in range(BLOCK):
            if wide[column, row] != wide_code:
                out[row] += unit
    least = np.int64(_least(out))
    if least > limit:
        return least
    for column in range(placed_query.size):
        place = placed_query[column]
        for row in range(BLOCK):
            other = placed[column, row]
            apart = np.uint16(max(place, other) - min(place, other))
            out[row] += min(apart, unit)
    return np.int64(_least(out))


@jit
def _insert(distance: Any, row: Any, distances: Any, neighbours: Any) -> None:
    """Put a row among the nearest so far, in order of (distance, row)."""
    place = distances.size - 1
    if distance > distances[place] or (distance == distances[place] and row > neighbours[place]):
        return
    while place > 0 and (
        distance < distances[place - 1]
        or (distance == distances[place - 1] and row < neighbours[place - 1])
    ):
        distances[place] = distances[place - 1]
        neighbours[place] = neighbours[place - 1]
        place -= 1
    distances[place] = distance
    neighbours[place] = row


@jit
def _add_bounds(bound_rows: Any, lower: Any, bounds: Any) -> None:
    """Set `bounds` to the least distance that each block can hold."""
    bounds[:] = np.uint16(0)
    for column in range(bound_rows.size):
        least = lower[bound_rows[column]]
        for block in range(bounds.size):
            bounds[block] += least[block]


@jit
def _may_hold(bound: Any, worst: Any, ties: Any) -> Any:
    """Return whether a block of this bound can hold a nearer row, or an earlier one as near."""
    return bound < worst or (ties and bound == worst)


@parallel_jit
def nearest_rows(
    narrow_queries: Any,
    wide_queries: Any,
    placed_queries: Any,
    bound_rows: Any,
    left_out: Any,
    narrow: Any,
    wide: Any,
    placed: Any,
    lower: Any,
    rows: Any,
    unit: Any,
    ties: Any,
    distances: Any,
    neighbours: Any,
) -> None:
    """Find the rows nearest to each query, among those found before and those of the blocks.

    Distances are exact whatever the bounds; each query is done by one thread, by itself.

    Parameters
    ----------
    narrow_queries : array of uint8, shape (n_queries, n_narrow)
    wide_queries : array of uint16, shape (n_queries, n_wide)
    placed_queries : array of uint16, shape (n_queries, n_placed)
        Places of the queries' codes.
    bound_rows : array of int32, shape (n_queries, n_bounding)
        Row of `lower` for the query's code, of each column that takes part in the bounds.
    left_out : array of int32, shape (n_queries,)
        A row that does not count as a neighbour (the query itself); -1: none.
    narrow : array of uint8, shape (n_blocks, n_narrow, 64)
    wide : array of uint16, shape (n_blocks, n_wide, 64)
    placed : array of uint16, shape (n_blocks, n_placed, 64)
    lower : array of uint16, shape (any, n_blocks)
        Least difference between a code and the codes of each block.
    rows : array of int32, shape (n_blocks * 64,)
        Numbers of the rows in blocks; -1 where the last block is not full.
    unit : uint16
        Largest difference of one column; times the number of columns at most 65,535.
    ties : bool
        Whether `neighbours` must hold the lowest row numbers among equal distances; without, some
        of the equally near rows, and faster.
    distances : array of int32, shape (n_queries, k)
        In: `FAR`, or what another call found; out: the least distances, ascending.
    neighbours : array of int32, shape (n_queries, k)
        In: -1, or likewise; out: their row numbers.
    """
    n_queries, k = distances.shape
    n_blocks = narrow.shape[0]
    for chunk in prange(-(-n_queries // _CHUNK)):
        bounds = np.empty(n_blocks, np.uint16)
        apart = np.empty(BLOCK, np.uint16)
        differing = np.empty(BLOCK, np.uint8)
        for query in range(chunk * _CHUNK, min(n_queries, (chunk + 1) * _CHUNK)):
            _add_bounds(bound_rows[query], lower, bounds)
            best = distances[query]
            level = np.int64(_least(bounds))
            while level <= best[k - 1] and level < FAR:
                following = np.int64(FAR)
                for block in range(n_blocks):
                    bound = np.int64(bounds[block])
                    if bound >= level + unit:
                        following = min(following, bound)
                        continue
                    if bound < level or not _may_hold(bound, best[k - 1], ties):
                        continue
                    least = _block_distances(
                        narrow_queries[query],
                        wide_queries[query],
                        placed_queries[query],
                        narrow[block],
                        wide[block],
                        placed[block],
                        unit,
                        best[k - 1],
                        differing,
                        apart,
                    )
                    if least > best[k - 1]:
                        continue
                    for i in range(BLOCK):
                        row = rows[block * BLOCK + i]
                        if apart[i] <= best[k - 1] and row >= 0 and row != left_out[query]:
                            _insert(np.int32(apart[i]), row, best, neighbours[query])
                level = following
