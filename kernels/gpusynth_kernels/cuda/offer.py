"""Columns that a node is offered, as in a random forest; see `gpusynth_kernels.cpu.offer`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cuda.launch import cuda, kernel
from gpusynth_kernels.scalar.philox import philox_pair

__all__ = ["draw_columns", "offer_columns", "paths_of_children"]

_CHILDREN = np.uint64(1 << 63)


@kernel
def draw_columns(seed: Any, paths: Any, n_columns: Any, drawn: Any) -> None:
    """Set ``drawn[node * n_columns + i]`` (uint64) to the random number of column i at a node.

    Parameters
    ----------
    seed : uint64
    paths : array of uint64, shape (n_nodes,)
    """
    for at in range(cuda.grid(1), drawn.shape[0], cuda.gridsize(1)):
        bits, _ = philox_pair(seed, paths[at // n_columns], np.uint64(at % n_columns))
        drawn[at] = bits


@kernel
def offer_columns(drawn: Any, n_columns: Any, n_offered: Any, offered: Any) -> None:
    """Set ``offered`` (uint8, as `drawn`) to 1 for the columns of the lowest numbers of each node.

    Equal ones by place: a column is offered when fewer than `n_offered` come before it.
    """
    for at in range(cuda.grid(1), drawn.shape[0], cuda.gridsize(1)):
        first = at - at % n_columns
        own = drawn[at]
        before = 0
        for other in range(first, first + n_columns):
            if drawn[other] < own or (drawn[other] == own and other < at):
                before += 1
        offered[at] = 1 if before < n_offered else 0


@kernel
def paths_of_children(seed: Any, paths: Any, out: Any) -> None:
    """Set ``out[2 i + side]`` (uint64) to the path of a child; see `cpu.offer.path_of_child`."""
    for at in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        bits, _ = philox_pair(seed, paths[at // 2], _CHILDREN + np.uint64(at % 2))
        out[at] = bits
