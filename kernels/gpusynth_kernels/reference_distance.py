"""Plain NumPy definitions of the kernels in `cpu/distance.py`: what they mean, not how fast."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cpu import distance

__all__ = ["cluster_rows", "nearest_rows"]


def cluster_rows(codes: Any, n_codes: Any, ordered: Any, rows: Any) -> None:
    """Part the rows by the most even cut of any column, then both parts likewise."""
    if len(rows) <= distance.BLOCK:
        return
    sample = rows[:: max(1, len(rows) // distance._SAMPLE)]
    best, choice = 0.0, (-1, -1)
    for column in range(len(codes)):
        count = np.bincount(codes[column, sample], minlength=n_codes[column])
        for cut in range(1, n_codes[column]):
            share = count[:cut].sum() / len(sample)
            gain = 2.0 * share * (1.0 - share) * (0.5 if ordered[column] else 1.0)
            if gain > best:
                best, choice = gain, (column, cut)
    column, cut = choice
    if column < 0:
        return
    below = codes[column, rows] < cut
    n_below = np.count_nonzero(below)
    rows[:] = np.concatenate((rows[below], rows[~below]))
    cluster_rows(codes, n_codes, ordered, rows[:n_below])
    cluster_rows(codes, n_codes, ordered, rows[n_below:])


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
    """Compare each query with every row, and sort by (distance, row)."""
    k = distances.shape[1]

    def by_row(blocks: Any) -> Any:
        return blocks.transpose(0, 2, 1).reshape(len(rows), blocks.shape[1]).astype(np.int64)

    narrow, wide, placed = by_row(narrow), by_row(wide), by_row(placed)
    for query in range(len(distances)):
        total = int(unit) * (narrow != narrow_queries[query]).sum(axis=1)
        total += int(unit) * (wide != wide_queries[query]).sum(axis=1)
        apart = np.abs(placed - placed_queries[query].astype(np.int64))
        total += np.minimum(apart, int(unit)).sum(axis=1)
        counts = (rows >= 0) & (rows != left_out[query])
        all_distances = np.concatenate((distances[query], total[counts]))
        all_rows = np.concatenate((neighbours[query], rows[counts]))
        order = np.lexsort((all_rows, all_distances))[:k]
        distances[query], neighbours[query] = all_distances[order], all_rows[order]
