"""Send synthetic rows down a tree and draw a donor for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, EmptyLeafError
from gpusynth.streams import StreamKey
from gpusynth.trees.changing_table import ChangingTable
from gpusynth.trees.draw_device import draw_on_device, take_on_device, walk_on_device
from gpusynth.trees.draw_table import DrawTable
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.predictors import Predictor, PredictorTable
from gpusynth.trees.route import route_of
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cpu import walk as kernels

__all__ = ["Rows", "draw_rows", "draw_values", "walk"]

_PIECE = 65_536

Rows: TypeAlias = PredictorTable | DrawTable | ChangingTable | Sequence[Array]
"""What is sent down a tree: rows in the layout of trees, or the codes of its predictors."""


def _in_pieces(n_rows: int, n_threads: int, do: Callable[[int, int], None]) -> None:
    pieces = [(at, min(at + _PIECE, n_rows)) for at in range(0, n_rows, _PIECE)]
    if n_threads > 1 and len(pieces) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(lambda piece: do(*piece), pieces))
    else:
        for piece in pieces:
            do(*piece)


def _as_table(
    tree: Tree, columns: Sequence[Array], positions: Array | None, n_rows: int
) -> PredictorTable:
    """Return the columns that the tree asks for as a table of the rows that walk."""
    used = np.unique(tree.feature[tree.feature >= 0])
    ordered = np.ones(len(tree.predictors), np.bool_)
    ordered[tree.feature[tree.subset >= 0]] = False
    none = np.zeros(n_rows, np.uint8)
    predictors = []
    for i, name in enumerate(tree.predictors):
        if i in used:
            codes = columns[i] if positions is None else np.asarray(columns[i])[positions]
            predictors.append(Predictor(name, codes, int(tree.n_codes[i]), bool(ordered[i])))
        else:
            predictors.append(Predictor(name, none, 1, is_ordered=True))
    return PredictorTable.of(predictors, n_rows)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Rows that are sent down a tree.

    `places` are the rows of `table` that walk, empty for all of them; `counters` their numbers
    among the rows that were given, empty when these are 0, 1, 2, ...
    """

    table: PredictorTable
    n_walks: int
    places: Array
    counters: Array

    @classmethod
    def of(
        cls,
        tree: Tree,
        rows: PredictorTable | Sequence[Array],
        positions: Array | None,
        n_rows: int,
    ) -> _Walk:
        if isinstance(rows, PredictorTable):
            n_rows = rows.n_rows
        elif rows:
            n_rows = len(rows[0])
        every = np.zeros(0, np.int64)
        chosen = None if positions is None else np.asarray(positions, np.int64)
        outside = chosen is not None and ((chosen < 0) | (chosen >= n_rows)).any()
        if outside:
            raise DataError(f"a position is no row: rows are numbered from 0 to {n_rows - 1}")
        n_walks = n_rows if chosen is None else len(chosen)
        numbers = every if chosen is None else chosen
        if isinstance(rows, PredictorTable):
            return cls(rows, n_walks, numbers, numbers)
        return cls(_as_table(tree, rows, chosen, n_walks), n_walks, every, numbers)


def walk(
    tree: Tree,
    rows: Rows,
    *,
    positions: Array | None = None,
    n_rows: int = 0,
    n_threads: int = 1,
) -> Array:
    """Return the leaf number (int32) of each row.

    Parameters
    ----------
    tree : Tree
    rows : PredictorTable, DrawTable, ChangingTable or sequence of arrays
        Arrays are the codes of ``tree.predictors``.
    positions : array of int32 or int64, ascending, optional
        Rows that walk; default all.
    n_rows : int
        Needed only for a sequence without arrays.
    n_threads : int

    Returns
    -------
    array of int32, shape (n,) or (n_positions,)

    Raises
    ------
    DataError
        If a position is not a row.
    """
    rows = rows.walked if isinstance(rows, ChangingTable) else rows
    if isinstance(rows, DrawTable):
        return walk_on_device(tree, rows, positions=positions)
    walks = _Walk.of(tree, rows, positions, n_rows)
    arrays = route_of(tree, walks.table.layout).arrays(walks.table)
    out = np.empty(walks.n_walks, np.int32)

    def do(first: int, last: int) -> None:
        kernels.walk_rows(*arrays, walks.places, first, last, out[first:last])

    _in_pieces(walks.n_walks, n_threads, do)
    return out


def draw_rows(
    tree: Tree,
    donors: LeafDonors,
    rows: Rows,
    key: StreamKey,
    first_row: int = 0,
    *,
    positions: Array | None = None,
    n_rows: int = 0,
    n_threads: int = 1,
) -> Array:
    """Draw one donor for each synthetic row from its leaf.

    Row ``i`` uses random number ``(key, first_row + i)`` and nothing else, so the draw does not
    depend on batching, threads, device or on which rows were drawn before.

    Parameters
    ----------
    tree : Tree
    donors : LeafDonors
        With `cumulative`, donors are drawn in proportion to their weight.
    rows : PredictorTable, DrawTable, ChangingTable or sequence of arrays
        The synthetic rows' predictors; arrays are the codes of ``tree.predictors``.
    key : StreamKey
    first_row : int
        Global number of row 0, below 2^63.
    positions : array of int32 or int64, ascending, optional
        Rows to draw for; default all. What is drawn for a row is the same in both cases.
    n_rows : int
        Needed only for a sequence without arrays.
    n_threads : int

    Returns
    -------
    array of the dtype of ``donors.rows``, shape (n,) or (n_positions,)
        Real row numbers.

    Raises
    ------
    EmptyLeafError
        If a leaf of the tree holds no donors.
    DataError
        If a position is not a row.

    References
    ----------
    .. [1] Reiter, J. P. (2005). Using CART to generate partially synthetic public use microdata.
    .. [2] Salmon et al. (2011). Parallel random numbers: as easy as 1, 2, 3. (Philox)
    """
    _check_leaves(tree, donors)
    rows = rows.walked if isinstance(rows, ChangingTable) else rows
    if isinstance(rows, DrawTable):
        from gpusynth_kernels.cuda.launch import to_host

        return to_host(draw_on_device(tree, donors, rows, key, first_row, positions=positions))
    walks = _Walk.of(tree, rows, positions, n_rows)
    return _draw(tree, donors, walks, (key, first_row), n_threads=n_threads)


def _draw(
    tree: Tree,
    donors: LeafDonors,
    walks: _Walk,
    numbers: tuple[StreamKey, int],
    *,
    column: Array | None = None,
    n_threads: int = 1,
) -> Array:
    """Draw a donor for each row that walks; return donors, or what they have in a column."""
    key, first_row = numbers
    arrays = route_of(tree, walks.table.layout).arrays(walks.table)
    cumulative = np.zeros(0, np.int64) if donors.cumulative is None else donors.cumulative
    of_leaves = donors.offsets, donors.rows, cumulative
    name = np.uint64(key.seed), np.uint64(key.stream), np.uint64(first_row)
    out = np.empty(walks.n_walks, (donors.rows if column is None else column).dtype)

    def do(first: int, last: int) -> None:
        ends = np.empty(last - first, np.int32)
        kernels.walk_rows(*arrays, walks.places, first, last, ends)
        given = *of_leaves, *name, walks.counters, first, ends
        if column is None:
            kernels.draw_rows(*given, out[first:last])
        else:
            kernels.draw_answers(*given, column, out[first:last])

    _in_pieces(walks.n_walks, n_threads, do)
    return out


def draw_values(
    tree: Tree,
    donors: LeafDonors,
    rows: Rows,
    key: StreamKey,
    first_row: int = 0,
    *,
    columns: Sequence[Array | None],
    positions: Array | None = None,
    n_rows: int = 0,
) -> list[Array | None]:
    """Draw one donor for each synthetic row, and return what it has in some columns.

    Parameters
    ----------
    tree, donors, rows, key, first_row
        See `draw_rows`.
    columns : sequence of array, shape (n_real,), or None
    positions, n_rows
        See `draw_rows`.

    Returns
    -------
    list of array, shape (n,) or (n_positions,), or None
        On the host, one for each of `columns`.

    Raises
    ------
    EmptyLeafError, DataError, DeviceMemoryError
    """
    _check_leaves(tree, donors)
    rows = rows.walked if isinstance(rows, ChangingTable) else rows
    if isinstance(rows, DrawTable):
        drawn = draw_on_device(tree, donors, rows, key, first_row, positions=positions)
        return take_on_device(drawn, columns)
    walks, numbers = _Walk.of(tree, rows, positions, n_rows), (key, first_row)
    asked = [column for column in columns if column is not None]
    if len(asked) == 1 and _is_warm(asked[0]):
        answers = _draw(tree, donors, walks, numbers, column=asked[0])
        return [None if column is None else answers for column in columns]
    drawn = _draw(tree, donors, walks, numbers)
    return [None if column is None else column.take(drawn) for column in columns]


def _is_warm(column: Array) -> bool:
    """Return whether `gpusynth.trees.warm` has compiled draws of a column like this one."""
    flags = column.flags
    return column.dtype in (np.uint8, np.uint16) and flags.c_contiguous and flags.writeable


def _check_leaves(tree: Tree, donors: LeafDonors) -> None:
    if donors.n_leaves != tree.n_leaves or donors.fewest <= 0:
        raise EmptyLeafError("a leaf of the tree holds no donors")
