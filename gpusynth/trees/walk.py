"""Send synthetic rows down a tree and draw a donor for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from gpusynth_kernels.cpu.walk import draw_rows as draw_kernel
from gpusynth_kernels.cpu.walk import walk_rows

from gpusynth.arrays import Array
from gpusynth.errors import EmptyLeafError
from gpusynth.streams import StreamKey
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.predictors import Layout, Predictor, PredictorTable
from gpusynth.trees.tree import Tree

__all__ = ["draw_rows", "walk"]

_PIECE = 65_536
_RECORD_BIT = np.uint64(1) << np.uint64(32)


def _node_words(tree: Tree, layout: Layout) -> Array:
    """Return the tree as the words that `gpusynth_kernels.cpu.walk` describes."""
    column = np.array([layout.position[name] for name in tree.predictors] or [0], np.int64)
    inside = tree.feature >= 0
    feature = column[np.where(inside, tree.feature, 0)]
    narrow = inside & (layout.first_lane[feature] >= 0)
    by_subset = tree.subset >= 0
    left = np.where(inside, tree.left, np.arange(tree.n_nodes)).astype(np.uint64)
    place = np.zeros(tree.n_nodes, np.uint64)
    argument = tree.threshold.astype(np.uint64)
    flip = np.zeros(tree.n_nodes, np.uint64)
    lane = np.zeros(tree.n_nodes, np.int64)
    lane[narrow] = layout.first_lane[feature[narrow]] % 64 + tree.threshold[narrow]
    subsets = np.flatnonzero(narrow & by_subset)
    goes_left = tree.subset_words[tree.subset[subsets]].astype(np.int64)
    codes = layout.n_codes[feature[subsets]].astype(np.int64)
    everything = (1 << codes) - 1
    turned = goes_left & 1 == 0  # lanes hold the sets without code 0
    to_right = np.where(turned, goes_left, everything & ~goes_left)
    lane[subsets] = layout.first_lane[feature[subsets]] % 64 + (to_right >> 1) - 1
    flip[subsets] = turned
    place[narrow] = layout.first_lane[feature[narrow]] // 64
    argument[narrow] = 8 * (lane[narrow] % 8) + lane[narrow] // 8
    wide = inside & ~narrow
    place[wide] = layout.wide_row[feature[wide]]
    kind = np.where(wide, np.where(by_subset, 2, 1), 0).astype(np.uint64)
    words = left | kind << np.uint64(34) | place << np.uint64(36) | argument << np.uint64(48)
    words |= flip << np.uint64(33)
    return np.where(narrow, words | _RECORD_BIT, words)


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
            else Predictor(tree.predictors[i], np.zeros(n_rows, np.uint8), 1, True)
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
    nodes = _node_words(tree, table.layout)
    out = np.empty(n_rows, np.int32)

    def do(first: int, last: int) -> None:
        ends = out[first:last]
        walk_rows(
            nodes, tree.subset, tree.subset_words, table.records, table.wide, first, last, ends
        )
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
    nodes = _node_words(tree, table.layout)
    cumulative = np.zeros(0, np.int64) if donors.cumulative is None else donors.cumulative
    out = np.empty(n_rows, donors.rows.dtype)

    def do(first: int, last: int) -> None:
        ends = np.empty(last - first, np.int32)
        walk_rows(
            nodes, tree.subset, tree.subset_words, table.records, table.wide, first, last, ends
        )
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
