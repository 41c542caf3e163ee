"""Draw donors on a CUDA device, and hand on what they have in the target column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import upload, with_room
from gpusynth.errors import DataError
from gpusynth.streams import StreamKey
from gpusynth.trees.draw_table import DrawTable
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.route import route_of
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cuda.traffic import traffic

__all__ = [
    "DeviceDraw",
    "draw_codes_on_device",
    "draw_on_device",
    "leaves_on_device",
    "take_on_device",
    "walk_on_device",
]

_EVERY = np.zeros(0, np.int64)
_EVERY.flags.writeable = False


@dataclass(frozen=True, slots=True)
class DeviceDraw:
    """What a block of a column holds once it was drawn on the device.

    Attributes
    ----------
    codes : array of uint8 or uint16 on the device, shape (n_rows,)
    values : array of float64 or int64 on the device, shape (n_rows,), or None
    """

    codes: Array
    values: Array | None = None

    @property
    def n_bytes(self) -> int:
        """Memory of the device that it takes."""
        return int(self.codes.nbytes) + (0 if self.values is None else int(self.values.nbytes))


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
        One that is read-only is taken to stay as it is: its copy is kept as well.

    Returns
    -------
    array on the device of the dtype of ``donors.rows``, shape (n,) or (n_positions,)

    Raises
    ------
    DataError
        If a position is not a row.
    DeviceMemoryError
    """
    chosen = _checked(table, positions)
    n = table.n_rows if positions is None else len(chosen)

    def draw() -> Array:
        there = _sent(chosen)
        return _draw(tree, donors, table, key, first_row, there=there, n=n)

    return with_room(draw, "a draw", n * donors.rows.itemsize)


def _draw(
    tree: Tree,
    donors: LeafDonors,
    table: DrawTable,
    key: StreamKey,
    first_row: int,
    *,
    there: Array,
    n: int,
) -> Array:
    """Draw for `n` rows, those that `there` names (on the device; empty for all)."""
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.walk import walk_and_draw

    parts = _read_of(tree, table)
    cumulative = _EVERY if donors.cumulative is None else donors.cumulative
    out = launch.empty(n, donors.rows.dtype)
    walk_and_draw.over(
        n,
        *parts,
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
    from gpusynth_kernels.cuda.launch import to_host

    chosen = _checked(table, positions)
    n = table.n_rows if positions is None else len(chosen)

    def walk() -> Array:
        return to_host(leaves_on_device(tree, table, _sent(chosen), n))

    return with_room(walk, "a walk", 4 * n)


def leaves_on_device(tree: Tree, table: DrawTable, there: Array, n: int) -> Array:
    """Return the leaf number of rows of a table, on the device.

    Parameters
    ----------
    tree : Tree
    table : DrawTable
    there : array of int64 on the device, shape (n,) or (0,)
        Rows that walk; empty for all.
    n : int

    Returns
    -------
    array of int32 on the device, shape (n,)
    """
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.walk import walk_rows

    out = launch.empty(n, np.int32)
    walk_rows.over(n, *_read_of(tree, table), table.records, table.wide, there, 0, out)
    return out


def _checked(table: DrawTable, positions: Array | None) -> Array:
    """Return the rows that walk, none for all of them."""
    chosen = _EVERY if positions is None else np.asarray(positions)
    if ((chosen < 0) | (chosen >= table.n_rows)).any():
        raise DataError(f"a position is no row: rows are numbered from 0 to {table.n_rows - 1}")
    return chosen


def _sent(chosen: Array) -> Array:
    """Return rows on the device, int64."""
    there = upload(chosen, keep=not chosen.flags.writeable)
    if chosen.dtype == np.int64:
        return there
    traffic.operations += 1
    return there.astype(np.int64)


def _read_of(tree: Tree, table: DrawTable) -> tuple[Any, ...]:
    """Return what the kernels read of a tree, arrays on the device."""
    route = route_of(tree, table.layout)
    parts = route.nodes, route.subset_words, *route.asked
    return *(upload(part, keep=True) for part in parts), route.n_together


def draw_codes_on_device(
    tree: Tree,
    donors: LeafDonors,
    table: DrawTable,
    key: StreamKey,
    first_row: int,
    *,
    columns: tuple[Array, Array | None],
    ordinary: tuple[DeviceDraw, int] | None = None,
) -> DeviceDraw:
    """Draw a donor for each row and gather what it hands on, all of it on the device.

    Parameters
    ----------
    tree, donors, table, key, first_row
        See `draw_on_device`.
    columns : tuple of (array of uint8 or uint16, array of float64 or int64 or None)
        Codes and numbers of all real rows, on the host. Their copies are kept on the device while
        they are there.
    ordinary : tuple of (DeviceDraw, int), optional
        What was drawn of the same rows before, and the code from which on they are drawn now: the
        others keep it. All are drawn by default.

    Returns
    -------
    DeviceDraw

    Raises
    ------
    DeviceMemoryError
    """

    def draw() -> DeviceDraw:
        if ordinary is None:
            return _draw_all(tree, donors, table, key, first_row, columns=columns)
        return _draw_ordinary(
            tree, donors, table, key, first_row, columns=columns, ordinary=ordinary
        )

    row_bytes = sum(0 if column is None else column.itemsize for column in columns)
    return with_room(draw, "a draw", table.n_rows * (row_bytes + donors.rows.itemsize))


def _draw_all(
    tree: Tree,
    donors: LeafDonors,
    table: DrawTable,
    key: StreamKey,
    first_row: int,
    *,
    columns: tuple[Array, Array | None],
) -> DeviceDraw:
    """Draw all rows."""
    every, n = upload(_EVERY, keep=True), table.n_rows
    rows = _draw(tree, donors, table, key, first_row, there=every, n=n)
    codes, values = columns
    return DeviceDraw(_taken(codes, rows), None if values is None else _taken(values, rows))


def _draw_ordinary(
    tree: Tree,
    donors: LeafDonors,
    table: DrawTable,
    key: StreamKey,
    first_row: int,
    *,
    columns: tuple[Array, Array | None],
    ordinary: tuple[DeviceDraw, int],
) -> DeviceDraw:
    """Draw the rows that hold no state, in the array that holds the states.

    What is drawn is no state either, so that doing it again draws the same rows.
    """
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.columns import take_at

    (before, n_special), (codes, values) = ordinary, columns
    places = launch.places_where(before.codes >= n_special)
    n = int(places.shape[0])
    drawn = None if values is None else launch.zeros(table.n_rows, values.dtype)
    if n:
        rows = _draw(tree, donors, table, key, first_row, there=places, n=n)
        take_at.over(n, upload(codes, keep=True), rows, places, before.codes)
        if values is not None:
            take_at.over(n, upload(values, keep=True), rows, places, drawn)
    return DeviceDraw(before.codes, drawn)


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
    from gpusynth_kernels.cuda.launch import to_host

    def take() -> list[Array | None]:
        return [None if column is None else to_host(_taken(column, rows)) for column in columns]

    return with_room(take, "a draw", 8 * int(rows.shape[0]))


def _taken(column: Array, rows: Array) -> Array:
    """Return what some real rows have in a column of the host, on the device."""
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.columns import take

    out = launch.empty(rows.shape[0], column.dtype)
    take.over(rows.shape[0], upload(column, keep=True), rows, out)
    return out
