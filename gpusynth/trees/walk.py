"""Send synthetic rows down a tree and draw a donor for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import EmptyLeafError
from gpusynth.streams import StreamKey
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.predictors import Layout, Predictor, PredictorTable, lane_bits
from gpusynth.trees.tree import Tree
from gpusynth_kernels.cpu.walk import draw_rows as draw_kernel
from gpusynth_kernels.cpu.walk import walk_rows

__all__ = ["draw_rows", "walk"]

_PIECE = 65_536


def _node_words(tree: Tree, layout: Layout) -> Array:
    """Return the tree as the two words a node that `gpusynth_kernels.cpu.walk` describes."""
    inside = tree.feature >= 0
    if not inside.any():
        return np.zeros((1, 2), np.uint64)
    column = np.array([layout.position[name] for name in tree.predictors], np.int64)
    feature = column[np.where(inside, tree.feature, 0)]
    by_subset = tree.subset >= 0
    wide = inside & (layout.wide_row[feature] >= 0)
    bits = np.zeros(tree.n_nodes, np.uint64)
    turned = np.zeros(tree.n_nodes, np.bool_)
    place = np.zeros(tree.n_nodes, np.int64)
    place[wide] = layout.wide_row[feature[wide]]
    for i in np.unique(feature[inside & ~wide]):
        here = np.flatnonzero(inside & (feature == i))
        place[here] = layout.word(i)
        bits[here], turned[here] = _record_bits(tree, layout, int(i), here)
    kind = np.where(wide, np.where(by_subset, 2, 1), 0).astype(np.uint64)
    left = np.where(inside, tree.left, np.arange(tree.n_nodes)).astype(np.uint64)
    nodes = left | kind << np.uint64(34) | place.astype(np.uint64) << np.uint64(36)
    nodes |= turned.astype(np.uint64) << np.uint64(33)
    nodes |= tree.threshold.astype(np.uint64) << np.uint64(48)
    return np.stack([nodes, bits], axis=1)


def _record_bits(tree: Tree, layout: Layout, column: int, nodes: Array) -> tuple[Array, Array]:
    """Return, for nodes that ask for one narrow or middling column, the bits that send a row right.

    The lanes of a narrow unordered column are the sets without code 0; a set that holds it is
    asked for by its complement, and the answer turned around.
    """
    count = int(layout.n_codes[column])
    codes = np.arange(count)
    by_subset = tree.subset[nodes] >= 0
    goes_right = codes[None, :] > tree.threshold[nodes][:, None]
    words = tree.subset_words[tree.subset[nodes[by_subset]][:, None] + codes // 32]
    goes_right[by_subset] = words >> (codes % 32).astype(np.uint32) & 1 == 0
    if layout.first_mark[column] >= 0:
        each = lane_bits(layout.first_mark[column] + codes)
        bits = np.bitwise_or.reduce(np.where(goes_right, each, np.uint64(0)), axis=1)
        return bits, np.zeros(len(nodes), np.bool_)
    if layout.is_ordered[column]:
        return lane_bits(layout.first_lane[column] + tree.threshold[nodes].astype(np.int64)), False
    turned = goes_right[:, 0]
    sets = np.where(turned[:, None], ~goes_right, goes_right)
    lane = (sets * (1 << codes)).sum(axis=1) // 2 - 1
    return lane_bits(layout.first_lane[column] + lane), turned


def _arrays(tree: Tree, table: PredictorTable) -> tuple[Array, ...]:
    """Return what `walk_rows` reads; without wide columns when the tree asks for none."""
    nodes = _node_words(tree, table.layout)
    records, wide = table.records, table.wide
    if not records.shape[1]:
        records = np.zeros((table.n_rows, 1), np.uint64)
    if not ((nodes[:, 0] >> np.uint64(34)) & np.uint64(3)).any():
        wide = np.zeros((1, 0), np.uint16)
    return nodes, tree.subset, tree.subset_words, records, wide


def _in_pieces(n_rows: int, n_threads: int, do: Callable[[int, int], None]) -> None:
    pieces = [(at, min(at + _PIECE, n_rows)) for at in range(0, n_rows, _PIECE)]
    if n_threads > 1 and len(pieces) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(lambda piece: do(*piece), pieces))
    else:
        for piece in pieces:
            do(*piece)


def _as_table(tree: Tree, rows: PredictorTable | Sequence[Array], n_rows: int) -> PredictorTable:
    if isinstance(rows, PredictorTable):
        return rows
    used = np.unique(tree.feature[tree.feature >= 0])
    ordered = np.ones(len(tree.predictors), np.bool_)
    ordered[tree.feature[tree.subset >= 0]] = False
    return PredictorTable.of(
        [
            Predictor(tree.predictors[i], rows[i], int(tree.n_codes[i]), bool(ordered[i]))
            if i in used
            else Predictor(tree.predictors[i], np.zeros(n_rows, np.uint8), 1, is_ordered=True)
            for i in range(len(tree.predictors))
        ],
        n_rows,
    )


def walk(
    tree: Tree, rows: PredictorTable | Sequence[Array], *, n_rows: int = 0, n_threads: int = 1
) -> Array:
    """Return the leaf number (int32) of each row.

    Parameters
    ----------
    tree : Tree
    rows : PredictorTable, or sequence of arrays of codes in the order of ``tree.predictors``
    n_rows : int
        Needed only for a sequence without arrays.
    n_threads : int
    """
    n_rows = rows.n_rows if isinstance(rows, PredictorTable) else len(rows[0]) if rows else n_rows
    table = _as_table(tree, rows, n_rows)
    arrays = _arrays(tree, table)
    out = np.empty(n_rows, np.int32)

    def do(first: int, last: int) -> None:
        ends = out[first:last]
        walk_rows(*arrays, first, last, ends)
        ends[:] = tree.leaf[ends]

    _in_pieces(n_rows, n_threads, do)
    return out


def draw_rows(
    tree: Tree,
    donors: LeafDonors,
    rows: PredictorTable | Sequence[Array],
    key: StreamKey,
    first_row: int = 0,
    *,
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
    rows : PredictorTable, or sequence of arrays of codes in the order of ``tree.predictors``
        The synthetic rows' predictors.
    key : StreamKey
    first_row : int
        Global number of row 0.
    n_rows : int
        Needed only for a sequence without arrays.
    n_threads : int

    Returns
    -------
    array of the dtype of ``donors.rows``, shape (n,)
        Real row numbers.

    Raises
    ------
    EmptyLeafError
        If a leaf of the tree holds no donors.

    References
    ----------
    .. [1] Reiter, J. P. (2005). Using CART to generate partially synthetic public use microdata.
    .. [2] Salmon et al. (2011). Parallel random numbers: as easy as 1, 2, 3. (Philox)
    """
    sizes = donors.sizes()
    if len(sizes) != tree.n_leaves or (sizes <= 0).any():
        raise EmptyLeafError("a leaf of the tree holds no donors")
    n_rows = rows.n_rows if isinstance(rows, PredictorTable) else len(rows[0]) if rows else n_rows
    table = _as_table(tree, rows, n_rows)
    arrays = _arrays(tree, table)
    cumulative = np.zeros(0, np.int64) if donors.cumulative is None else donors.cumulative
    out = np.empty(n_rows, donors.rows.dtype)

    def do(first: int, last: int) -> None:
        ends = np.empty(last - first, np.int32)
        walk_rows(*arrays, first, last, ends)
        draw_kernel(
            tree.leaf,
            donors.offsets,
            donors.rows,
            cumulative,
            np.uint64(key.seed),
            np.uint64(key.stream),
            np.uint64(first_row + first),
            ends,
            out[first:last],
        )

    _in_pieces(n_rows, n_threads, do)
    return out
