"""Blocks: the whole table or a copy of a node's rows, in the form that the kernels grow on.

The trunk is grown until its nodes are small; each small node is grown as a twig, a block of its
own (in parallel when asked for), and twigs take the places of their nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.fit import Fit
from gpusynth.trees.predictors import PredictorTable
from gpusynth_kernels.cpu import finish
from gpusynth_kernels.cpu.grow import grow_block
from gpusynth_kernels.cpu.kinds import DEFERRED, LEAF, WEIGHTED_CLASSES
from gpusynth_kernels.cpu.scan import sort_by_code
from gpusynth_kernels.cpu.tables import LISTED, TABLED, UNORDERED
from gpusynth_kernels.cpu.twig import grow_twigs, put_back, take_twig
from gpusynth_kernels.dtypes import LANES_PER_WORD

__all__ = ["LIST_BYTES", "MOST_TABLED", "SPRIG_ROWS", "Block", "Rules", "grow_blocks"]

MOST_TABLED = 2_048
"""A wide ordered column of at most so many codes is counted by code in blocks larger than a twig,
also one of more codes if its table has at most `TABLED_CELLS` cells for each row of the block's
smallest nodes; others are sorted lists there, as all are in twigs. Speed only."""

TABLED_CELLS = 2
"""See `MOST_TABLED`."""

SPRIG_ROWS = 64
"""Nodes of a twig of at most so many rows, and at most 64, are grown as sets. Speed only."""

LIST_BYTES = 1 << 24
"""Sorted lists of a trunk may take this much; beyond, its nodes are sorted as they come. Speed
and memory only."""


def _lane_tables(table: PredictorTable, columns: Array) -> tuple[Array, ...]:
    """Return `lanes` of `choose.choose_split`: narrow columns."""
    allowed = np.isin(table.layout.lane_feature, columns) & (table.layout.lane_feature >= 0)
    by_word = allowed.reshape(-1, LANES_PER_WORD)
    words = np.flatnonzero(by_word.any(axis=1)).astype(np.int32)
    return words, words, by_word[words].astype(np.uint8).reshape(-1)


def _mark_tables(table: PredictorTable, columns: Array) -> tuple[Array, ...]:
    """Return `marks` of `choose.choose_split`: columns of middling width."""
    layout = table.layout
    marked = columns[layout.first_mark[columns] >= 0]
    first = layout.first_mark[marked]
    words, place = np.unique(first // LANES_PER_WORD, return_inverse=True)
    return (
        words.astype(np.int32),
        marked.astype(np.int32),
        place * LANES_PER_WORD + first % LANES_PER_WORD,
        layout.n_codes[marked].astype(np.int64),
        layout.is_ordered[marked].astype(np.int64),
    )


def _wide_tables_of(
    table: PredictorTable, columns: Array, first_cell: int, most_tabled: int
) -> tuple[Array, ...]:
    """Return `wide_tables` of `choose.choose_split`: columns that stay codes."""
    layout = table.layout
    wide = columns[layout.wide_row[columns] >= 0]
    n_codes, ordered = layout.n_codes[wide], layout.is_ordered[wide]
    tabled = ordered & (n_codes <= most_tabled)
    listed = ordered & ~tabled
    kept = np.where(tabled, TABLED, np.where(listed, LISTED, UNORDERED)).astype(np.int32)
    cells = np.where(tabled, n_codes, 0)
    places = np.where(tabled, first_cell + np.cumsum(cells) - cells, np.cumsum(listed) - listed)
    return wide.astype(np.int32), n_codes, kept, layout.wide_row[wide], places.astype(np.int32)


def _sorted_lists(
    table: PredictorTable, wide_tables: tuple[Array, ...], order: Array
) -> tuple[Array, bool]:
    """Return the trunk's entries sorted by each column that is kept so, if that is not too much.

    Keeping the lists sorted is quicker than sorting each node anew, but takes 8 bytes a row and
    column. Beyond `LIST_BYTES` one row of scratch and False are returned: nodes are then sorted as
    they come.
    """
    _, n_codes, kept, wide_rows, lists = wide_tables
    listed = kept == LISTED
    n_lists = int(listed.sum())
    if not 0 < 8 * n_lists * len(order) <= LIST_BYTES:
        return np.empty((min(n_lists, 1), len(order)), np.uint64), False
    entries = np.empty((n_lists, len(order)), np.uint64)
    for count, row, at in zip(n_codes[listed], wide_rows[listed], lists[listed], strict=True):
        offsets = np.empty(int(count) + 1, np.int64)
        sort_by_code(table.wide[row], order, 0, len(order), offsets, entries[at])
    return entries, True


@dataclass(slots=True)
class Block:
    """Rows to grow on: the whole table, or a copy of a node's rows."""

    records: Array
    lanes: tuple[Array, ...]
    marks: tuple[Array, ...]
    wide: Array
    wide_tables: tuple[Array, ...]
    lists: Array
    order: Array
    target: tuple[int, Array, Array, Array]
    presorted: bool = True

    @classmethod
    def of_table(cls, table: PredictorTable, columns: Array, fit: Fit, stop_rows: int) -> Block:
        """Return the whole table as a block, not copied, to be grown to nodes of so many rows."""
        lanes, marks = _lane_tables(table, columns), _mark_tables(table, columns)
        n_words = 1 + max(int(words.max(initial=-1)) for words in (lanes[0], marks[0]))
        most_tabled = _most_tabled_of(fit.mode, fit.n_classes, stop_rows)
        wide_tables = _wide_tables_of(table, columns, 64 * n_words, most_tabled)
        lists, presorted = _sorted_lists(table, wide_tables, fit.order)
        return cls(
            *(table.records, lanes, marks, table.wide, wide_tables),
            *(lists, fit.order, fit.target),
            presorted=presorted,
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same in all blocks of a tree."""

    mode: int
    columns: tuple[Array, ...]
    limits: tuple[int, int, int]
    offer: tuple[int, Any]
    alpha: float


def _most_tabled_of(mode: int, n_classes: int, stop_rows: int) -> int:
    """Return how many codes a wide ordered column of a large block may have to be counted."""
    if mode == WEIGHTED_CLASSES:
        return 0
    return max(MOST_TABLED, TABLED_CELLS * stop_rows // max(n_classes, 1))


def grow_blocks(
    block: Block,
    rules: Rules,
    root: tuple[int, Any],
    stops: tuple[int, ...],
    n_threads: int,
) -> tuple[list[Array], Array]:
    """Grow a block down to nodes of ``stops[0]`` rows, and each of these as a block of its own.

    `root` is the depth and the path of the block's root.
    """
    nodes, words = grow_block(
        *(rules.mode, block.records, block.lanes, block.marks, rules.columns, block.wide),
        *(block.wide_tables, block.lists, block.presorted, block.order, block.target),
        *((*rules.limits, stops[0], 0), *root, rules.offer, rules.alpha),
    )
    block.lists = np.empty((0, 0), np.uint64)  # a slice of none would hold them all
    deferred = np.flatnonzero(nodes[1] == DEFERRED)
    nodes[1][deferred] = LEAF

    def grow_branch(node: int) -> _Part:
        begin, end = int(nodes[4][node]), int(nodes[5][node])
        branch = Block(
            *take_twig(
                *(rules.mode, block.records, block.lanes, block.marks, block.wide),
                *(block.wide_tables, block.order, begin, end, block.target),
                _most_tabled_of(rules.mode, block.target[0], stops[1]),
            )
        )
        own_root = int(nodes[6][node]), nodes[3][node].view(np.uint64)
        grown, own_words = grow_blocks(branch, rules, own_root, stops[1:], 1)
        put_back(block.order, begin, branch.order)
        return _Part(np.array([node]), tuple(grown), np.array([len(grown[0])]), own_words)

    def grow_some(some: Array) -> _Part:
        twigs, sizes, own_words = grow_twigs(
            *(rules.mode, block.records, block.lanes, block.marks, rules.columns, block.wide),
            *(block.wide_tables, block.order, block.target),
            *(nodes[4][some], nodes[5][some], nodes[6][some], nodes[3][some]),
            *((*rules.limits, 0, SPRIG_ROWS), rules.offer, rules.alpha),
        )
        return _Part(some, twigs, sizes, own_words)

    if len(stops) > 1:
        parts = _each(grow_branch, deferred.tolist(), n_threads)
    else:
        n_pieces = min(len(deferred), 4 * n_threads if n_threads > 1 else 1)
        parts = _each(grow_some, np.array_split(deferred, n_pieces) if n_pieces else [], n_threads)
    return _join(nodes, words, parts)


@dataclass(frozen=True, slots=True)
class _Part:
    """Small trees that take the places of some nodes; see `twig.grow_twigs`."""

    places: Array
    nodes: tuple[Array, ...]
    sizes: Array
    words: Array


def _each(grow: Callable[[Any], _Part], pieces: Sequence[Any], n_threads: int) -> list[_Part]:
    if n_threads > 1 and len(pieces) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(grow, pieces))
    return [grow(piece) for piece in pieces]


def _join(
    trunk: Sequence[Array], words: Array, parts: Sequence[_Part]
) -> tuple[list[Array], Array]:
    first, first_word = len(trunk[0]), len(words)
    total = first + sum(int(part.sizes.sum()) - len(part.sizes) for part in parts)
    joined = []
    for array in trunk:
        longer = np.empty(total, array.dtype)
        longer[:first] = array
        joined.append(longer)
    for part in parts:
        finish.join_twigs(tuple(joined), part.places, first, part.nodes, part.sizes, first_word)
        first += int(part.sizes.sum()) - len(part.sizes)
        first_word += len(part.words)
    return joined, np.concatenate([words, *(part.words for part in parts)])
