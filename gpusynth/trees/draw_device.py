"""Draw donors on a CUDA device, and hand on what they have in the target column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import upload
from gpusynth.errors import DataError
from gpusynth.streams import StreamKey
from gpusynth.trees.draw_table import DrawTable
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.route import route_of
from gpusynth.trees.tree import Tree

__all__ = ["draw_on_device", "take_on_device", "walk_on_device"]

_EVERY = np.zeros(0, np.int64)


def draw_on_device(
    tree: Tree,
    donors: LeafDonors,
    table: DrawTable,
    key: StreamKey,
    first_row: int = 0,
    *,
    positions: Array | None = None,
) -> Array:
    """Draw one donor for each row of a table on the device; see `gpusynth.trees.draw_rows`.

    Parameters
    ----------
    tree : Tree
    donors : LeafDonors
        No leaf is empty. The copies of tree and donors are kept on the device while both are there.
    table : DrawTable
    key : StreamKey
    first_row : int
    positions : array of int32 or int64, ascending, optional

    Returns
    -------
    array on the device of the dtype of ``donors.rows``, shape (n,) or (n_positions,)

    Raises
    ------
    DataError
        If a position is not a row.
    DeviceMemoryError
    """
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.walk import walk_and_draw

    chosen, parts = _asked(tree, table, positions)
    cumulative = _EVERY if donors.cumulative is None else donors.cumulative
    n = table.n_rows if positions is None else len(chosen)
    out = launch.empty(n, donors.rows.dtype)
    there = upload(chosen, keep=positions is None)
    walk_and_draw.over(
        n,
        *(upload(part, keep=True) for part in parts),
        *(table.records, table.wide, there),
        *(upload(part, keep=True) for part in (donors.offsets, donors.rows, cumulative)),
        *(np.uint64(key.seed), np.uint64(key.stream), np.uint64(first_row)),
        *(there, out),
    )
    return out


def walk_on_device(tree: Tree, table: DrawTable, *, positions: Array | None = None) -> Array:
    """Return the leaf number of each row of a table on the device; see `gpusynth.trees.walk`.

    Parameters
    ----------
    tree : Tree
    table : DrawTable
    positions : array of int32 or int64, ascending, optional

    Returns
    -------
    array of int32 on the host, shape (n,) or (n_positions,)

    Raises
    ------
    DataError
        If a position is not a row.
    DeviceMemoryError
    """
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.walk import walk_rows

    chosen, parts = _asked(tree, table, positions)
    n = table.n_rows if positions is None else len(chosen)
    out = launch.empty(n, np.int32)
    copies = [upload(part, keep=True) for part in parts]
    walk_rows.over(n, *copies, table.records, table.wide, upload(chosen), 0, out)
    return launch.to_host(out)


def _asked(tree: Tree, table: DrawTable, positions: Array | None) -> tuple[Array, tuple[Any, ...]]:
    """Return the rows that walk, and what the kernels read of the tree."""
    chosen = _EVERY if positions is None else np.asarray(positions, np.int64)
    if ((chosen < 0) | (chosen >= table.n_rows)).any():
        raise DataError(f"a position is no row: rows are numbered from 0 to {table.n_rows - 1}")
    route = route_of(tree, table.layout)
    return chosen, (route.nodes, route.leaves, route.subset_words, *route.asked)


def take_on_device(rows: Array, columns: Sequence[Array | None]) -> list[Array | None]:
    """Return what some real rows have in columns of the host, taken on the device.

    Parameters
    ----------
    rows : array of int32 or int64 on the device, shape (n,)
    columns : sequence of array, shape (n_real,), or None
        Their copies are kept on the device while they are there.

    Returns
    -------
    list of array on the host, shape (n,), or None
    """
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.columns import take

    taken: list[Array | None] = []
    for column in columns:
        if column is None:
            taken.append(None)
            continue
        out = launch.empty(rows.shape[0], column.dtype)
        take.over(rows.shape[0], upload(column, keep=True), rows, out)
        taken.append(launch.to_host(out))
    return taken
