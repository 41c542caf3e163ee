"""Arrays that growing works in: made once for a block, or for all twigs of a block."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.kinds import CLASSES_BY_ENTROPY, CLASSES_BY_GINI
from gpusynth_kernels.cpu.pages import ask_for_large_pages
from gpusynth_kernels.cpu.scan import CHUNK_ROWS
from gpusynth_kernels.cpu.tables import TABLED

__all__ = ["MOST_TABLE_CELLS", "SUBTRACT_ROWS", "make_nodes", "make_space", "words_used"]

SUBTRACT_ROWS = 400
"""Nodes of at least so many rows hand their tables on to their children. Speed only."""

MOST_TABLE_CELLS = 1 << 23
"""Tables that are kept have at most so many cells of 4 bytes. Speed and memory only."""


@jit
def _workspace(n_lanes: Any, n_marks: Any, n_classes: Any, n_codes: Any) -> Any:
    """Return what `choose_split` works in, for so many lanes, marks, classes and wide codes."""
    classes = max(n_classes, 2)
    work = (
        np.empty((3, n_lanes), np.int64),
        np.empty((3, n_lanes), np.float64),
        (
            np.empty(n_marks, np.int64),
            np.empty((classes if n_marks > 0 else 0, n_marks), np.int64),
            np.empty(n_marks, np.float64),
        ),
        np.empty(n_marks, np.float64),
    )
    own = classes if n_marks > 0 else 0
    cut = (
        np.empty(64, np.int64),
        np.empty(64, np.int64),
        np.empty(64, np.float64),
        np.empty(own, np.int64),
        np.empty(own, np.int64),
        np.empty((64, own), np.float64),
        np.empty((own, own), np.float64),
        np.empty(own, np.float64),
        np.empty(own, np.float64),
    )
    scratch = (
        np.empty((2, classes), np.int64),
        np.empty(n_codes + 1, np.int64),
        np.full(max(n_codes, 1), -1, np.int32),
        np.empty(max(n_codes, 1), np.int32),
        np.zeros(0, np.uint8),
        cut,
        (
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.int64),
            np.empty(CHUNK_ROWS, np.float64),
        ),
        (
            np.empty(n_codes, np.int64),
            np.empty(n_codes, np.int64),
            np.empty(n_codes, np.int64),
            np.empty(n_codes, np.float64),
        ),
    )
    return work, scratch


@jit
def _n_tables(mode: Any, n_rows: Any, n_cells: Any) -> Any:
    """Return how many tables a block may keep: one for the nodes that keep none, and some more.

    A table that waits is that of a large child whose sibling, at most half of their parent, is
    being grown; so as many wait as the rows can be halved.
    """
    n_tables = 1
    if mode in (CLASSES_BY_GINI, CLASSES_BY_ENTROPY):
        while n_rows >= SUBTRACT_ROWS and (n_tables + 1) * n_cells <= MOST_TABLE_CELLS:
            n_tables += 1
            n_rows //= 2
    return n_tables


@jit
def words_used(lanes: Any, marks: Any) -> Any:
    """Return how many words of the records, from the first on, hold lanes or marks in use."""
    n_words = 0
    for word in lanes[0]:
        n_words = max(n_words, word + 1)
    for word in marks[0]:
        n_words = max(n_words, word + 1)
    return n_words


@jit
def make_space(
    mode: Any,
    lanes: Any,
    marks: Any,
    wide_tables: Any,
    n_classes: Any,
    n_rows: Any,
    n_table: Any,
    n_columns: Any,
    max_depth: Any,
) -> Any:
    """Return the arrays that growing works in, for blocks that are not larger in any respect.

    ``n_rows`` is for a block's rows that take part, ``n_table`` for those that it numbers,
    ``n_columns`` for those of the table.
    """
    n_words = words_used(lanes, marks)
    most_codes = 1
    n_cells = 64 * n_words
    for q in range(wide_tables[1].shape[0]):
        most_codes = max(most_codes, wide_tables[1][q])
        if wide_tables[2][q] == TABLED:
            n_cells += wide_tables[1][q]
    classes = max(n_classes, 1)
    n_tables = _n_tables(mode, n_rows, classes * n_cells)
    work, scratch = _workspace(
        64 * lanes[0].shape[0], 64 * marks[0].shape[0], n_classes, most_codes
    )
    moved = np.empty(n_rows, np.uint64)
    ask_for_large_pages(moved)
    spare = (
        np.empty(n_table, np.uint8),
        moved,
        np.empty(2 * (max_depth + 2), np.int32),
        np.zeros(classes, np.int64),
        np.zeros(classes, np.int64),
        np.zeros(classes, np.int64),
        np.zeros(2 * (max_depth + 2), np.int32),
        np.arange(n_tables - 1, 0, -1).astype(np.int32),
        np.empty(128, np.uint64),
        np.empty((n_tables, classes, n_cells), np.int32),
        np.zeros(2 * (max_depth + 2), np.uint64),
        np.ones(n_columns, np.uint8),
        np.empty(n_columns, np.uint64),
        np.empty(64 * lanes[0].shape[0], np.uint8),
        np.empty(n_rows, np.uint8),
    )
    return work, scratch, spare


@jit
def make_nodes(most: Any) -> Any:
    """Return the arrays of so many nodes: left, kind, feature, value, begin, end, depth, gain.

    They are filled as nodes are made: pages that no node reaches are never touched.
    """
    return (
        np.empty(most, np.int32),
        np.empty(most, np.int8),
        np.empty(most, np.int32),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int32),
        np.empty(most, np.float64),
    )
