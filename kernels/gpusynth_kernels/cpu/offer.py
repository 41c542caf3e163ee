"""Columns that a node is offered when each split may look at some only, as in a random forest.

What is drawn depends on the stream, the path from the root to the node and the column's place among
those of the fit, and on nothing else: not on the order in which nodes are grown, nor on where
twigs begin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.scalar.philox import philox_pair

__all__ = ["offer_columns", "offer_lanes", "path_of_child"]

_CHILDREN = np.uint64(1 << 63)


@jit
def path_of_child(seed: Any, path: Any, side: Any) -> Any:
    """Return the path (uint64) of a node's left (side 0) or right (1) child.

    The first random number of stream `path`, counter ``2^63 + side``; columns have lower counters.
    """
    bits, _ = philox_pair(seed, path, _CHILDREN + np.uint64(side))
    return bits


@jit
def offer_columns(
    seed: Any, path: Any, columns: Any, n_offered: Any, lowest: Any, is_offered: Any
) -> None:
    """Choose a node's columns: those with the lowest random numbers, equal ones by place.

    Parameters
    ----------
    seed, path : uint64
        Column ``columns[i]`` has the first random number of stream `path`, counter i.
    columns : array of int32, shape (n,)
        Columns of the fit, by their place in the table.
    n_offered : int
        Fewer than n.
    lowest : array of uint64, shape (>= n_offered,), work
    is_offered : array of uint8, changed
        By place in the table: 1 for the chosen columns of `columns`, 0 for the others.
    """
    chosen = 0
    for i in range(columns.shape[0]):
        is_offered[columns[i]] = 0
        bits, _ = philox_pair(seed, path, np.uint64(i))
        if chosen == n_offered and bits >= lowest[chosen - 1]:
            continue
        at = chosen if chosen < n_offered else chosen - 1
        while at > 0 and lowest[at - 1] > bits:
            lowest[at] = lowest[at - 1]
            at -= 1
        lowest[at] = bits
        chosen = min(chosen + 1, n_offered)
    ties = 0
    for i in range(chosen):
        ties += lowest[i] == lowest[chosen - 1]
    for i in range(columns.shape[0]):
        bits, _ = philox_pair(seed, path, np.uint64(i))
        if bits < lowest[chosen - 1]:
            is_offered[columns[i]] = 1
        elif bits == lowest[chosen - 1] and ties > 0:
            is_offered[columns[i]] = 1
            ties -= 1


@jit
def offer_lanes(lanes: Any, lane_feature: Any, is_offered: Any, lane_ok: Any) -> None:
    """Set ``lane_ok`` to the lanes (of `choose.choose_split`) whose column is offered."""
    _, lane_word, ok = lanes
    for w in range(lane_word.shape[0]):
        for j in range(64):
            feature = lane_feature[lane_word[w] * 64 + j]
            allowed = ok[w * 64 + j] if feature >= 0 else np.uint8(0)
            lane_ok[w * 64 + j] = allowed & is_offered[max(feature, 0)]
