"""One piece of work for each family of kernels, on simulated codes of any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.streams import StreamKey
from gpusynth.trees import ClassTarget, NumberTarget, Predictor, PredictorTable, grow_tree
from gpusynth.trees import draw_rows as draw_from_tree
from gpusynth.trees import walk as walk_tree
from gpusynth.trees.target import fixed_point
from gpusynth_kernels.cpu.finish import class_entries
from gpusynth_kernels.cpu.lanes import (
    best_class_lane,
    best_number_lane,
    class_runs,
    pack_lanes,
)
from gpusynth_kernels.cpu.marks import mark_class_counts
from gpusynth_kernels.cpu.partition import partition as partition_kernel
from gpusynth_kernels.cpu.scan import CHUNK_ROWS, scan_classes, scan_numbers, sort_by_code
from gpusynth_kernels.cpu.vertical import count_bits

__all__ = ["CASES", "TWIG_ROWS"]

Work: TypeAlias = Callable[[], Any]

TWIG_ROWS = 10_000
"""Rows of the tree that stands for a twig: small enough for the processor's cache."""

_MIN_LEAF = 5
_CLASSES = 4
_NONE = np.zeros(0, np.int64)
_BYTES = np.empty(128, np.uint64)


@dataclass(frozen=True, slots=True)
class _Survey:
    """Simulated predictors and targets that depend on them.

    Attributes
    ----------
    narrow, middling, wide, mixed : PredictorTable
        16 ordered columns of 5 codes, 3 unordered ones of 20, 2 ordered ones of 2,000, and all.
    classes : array of uint8, shape (n,)
    numbers : array of int64, shape (n,)
        In fixed point.
    order : array of uint64 entries, shape (n,)
        All rows by class.
    runs : array of int64, shape (4,)
    """

    narrow: PredictorTable
    middling: PredictorTable
    wide: PredictorTable
    mixed: PredictorTable
    classes: Array
    numbers: Array
    order: Array
    runs: Array


@lru_cache(maxsize=1)
def _survey(n: int) -> _Survey:
    rng = np.random.default_rng(7)
    columns: dict[str, list[Predictor]] = {"narrow": [], "middling": [], "wide": []}
    for sort, count, n_codes, is_ordered in (
        ("narrow", 16, 5, True),
        ("middling", 3, 20, False),
        ("wide", 2, 2_000, True),
    ):
        for number in range(count):
            # Skewed towards low codes, as answers and money are.
            codes = (n_codes * rng.random(n) ** 2).astype(np.uint16 if n_codes > 256 else np.uint8)
            columns[sort].append(Predictor(f"{sort}{number}", codes, n_codes, is_ordered))
    score = columns["narrow"][0].codes + columns["wide"][0].codes / 500 + rng.normal(size=n)
    classes = np.clip(score / 2, 0, _CLASSES - 1).astype(np.uint8)
    order = np.empty(n, np.uint64)
    class_entries(classes, np.arange(n), _CLASSES, order)
    ends = np.empty(_CLASSES, np.int64)
    return _Survey(
        **{sort: PredictorTable.of(predictors) for sort, predictors in columns.items()},
        mixed=PredictorTable.of([p for predictors in columns.values() for p in predictors]),
        classes=classes,
        numbers=fixed_point(score)[0],
        order=order,
        runs=ends[: class_runs(order, 0, n, ends, np.empty_like(ends))],
    )


def _words(table: PredictorTable) -> Array:
    return np.arange(table.layout.n_words, dtype=np.int32)


def pack(n: int) -> Work:
    """Codes of one column to bits of the row records."""
    layout = _survey(n).narrow.layout
    codes = (np.arange(n) % 5).astype(np.uint8)
    bits, records = layout.bits(0), np.zeros((n, layout.n_words), np.uint64)
    return lambda: pack_lanes(codes, bits, layout.word(0), 0, records)


def _all_counts(n: int, table: PredictorTable, *, by_class: bool) -> Array:
    """Return the table of the root; see `gpusynth_kernels.cpu.tables`."""
    survey, n_words = _survey(n), table.layout.n_words
    counts = np.empty((_CLASSES, 64 * n_words), np.int32)
    begin = 0
    for k, end in enumerate(survey.runs.tolist() if by_class else [n]):
        count_bits(table.records, n_words, survey.order, begin, end, _BYTES, counts[k])
        begin = end
    return counts


def count(n: int) -> Work:
    """Rows by class and candidate or code of 16 narrow and 3 middling columns."""
    table = _survey(n).mixed
    return lambda: _all_counts(n, table, by_class=True)


def lanes_of_classes(n: int) -> Work:
    """All splits of 16 narrow columns for a class target, once counted."""
    survey = _survey(n)
    words = _words(survey.narrow)
    allowed = (survey.narrow.layout.lane_feature >= 0).astype(np.uint8)
    work = (*[np.empty(len(allowed), np.int64) for _ in range(3)], np.empty(len(allowed)))
    counts, classes = _all_counts(n, survey.narrow, by_class=True), np.arange(_CLASSES)
    totals = np.bincount(survey.classes, minlength=_CLASSES)
    return lambda: best_class_lane(counts, classes, totals, words, allowed, n, _MIN_LEAF, work)


def lanes_of_numbers(n: int) -> Work:
    """All splits of 16 narrow columns for a number target, once rows are counted."""
    survey = _survey(n)
    words = _words(survey.narrow)
    allowed = (survey.narrow.layout.lane_feature >= 0).astype(np.uint8)
    work = (*[np.empty(len(allowed), np.int64) for _ in range(3)], np.empty(len(allowed)))
    counts = _all_counts(n, survey.narrow, by_class=False)
    records, order, numbers = survey.narrow.records, survey.order, survey.numbers
    return lambda: best_number_lane(
        counts, records, words, allowed, order, 0, n, _MIN_LEAF, numbers, _NONE, work
    )


def marks(n: int) -> Work:
    """Classes by code of three middling columns, once counted, and bounds on their scores."""
    survey = _survey(n)
    words = _words(survey.middling)
    n_lanes = 64 * len(words)
    work = (
        np.empty(n_lanes, np.int64),
        np.empty((_CLASSES, n_lanes), np.int64),
        np.empty(n_lanes),
    )
    counts, classes = _all_counts(n, survey.middling, by_class=True), np.arange(_CLASSES)
    records, order, runs = survey.middling.records, survey.order, survey.runs
    return lambda: mark_class_counts(counts, classes, records, words, order, 0, runs, _NONE, work)


def _sorted_entries(n: int) -> Array:
    survey, entries = _survey(n), np.empty(n, np.uint64)
    sort_by_code(survey.wide.wide[0], survey.order, 0, n, np.empty(2_001, np.int64), entries)
    return entries


def sort(n: int) -> Work:
    """Rows by code of one wide column."""
    survey, entries, offsets = _survey(n), np.empty(n, np.uint64), np.empty(2_001, np.int64)
    codes, order = survey.wide.wide[0], survey.order
    return lambda: sort_by_code(codes, order, 0, n, offsets, entries)


def _chunk() -> tuple[Array, ...]:
    return (*(np.empty(CHUNK_ROWS, np.int64) for _ in range(3)), np.empty(CHUNK_ROWS))


def scan_of_classes(n: int) -> Work:
    """All thresholds of one wide column for a class target."""
    entries, chunk = _sorted_entries(n), _chunk()
    counts = np.bincount(_survey(n).classes, minlength=_CLASSES).astype(np.int64)
    # The kernel changes both counts, hence new ones (of four classes) each time.
    return lambda: scan_classes(
        entries, 0, n, _MIN_LEAF, np.zeros(_CLASSES, np.int64), counts.copy(), chunk
    )


def scan_of_numbers(n: int) -> Work:
    """All thresholds of one wide column for a number target."""
    entries, chunk, numbers = _sorted_entries(n), _chunk(), _survey(n).numbers
    return lambda: scan_numbers(entries, 0, n, _MIN_LEAF, numbers, _NONE, chunk)


def partition(n: int) -> Work:
    """A node's rows to its two children, both in their old order."""
    order = _survey(n).order.copy()
    flags = np.random.default_rng(11).integers(0, 2, n).astype(np.uint8)
    spare = np.empty(n + 1, np.uint64)
    return lambda: partition_kernel(order, 0, n, flags, spare)


def _tree(n: int) -> tuple[Any, Any, PredictorTable]:
    survey = _survey(n)
    goal = ClassTarget(survey.classes, _CLASSES)
    return *grow_tree(survey.mixed, goal, rows=np.arange(min(n, TWIG_ROWS))), survey.mixed


def grow_twig(n: int) -> Work:
    """A whole tree of a class target on at most 10,000 of the rows, all columns."""
    survey, rows = _survey(n), np.arange(min(n, TWIG_ROWS))
    goal = ClassTarget(survey.classes, _CLASSES)
    return lambda: grow_tree(survey.mixed, goal, rows=rows)


def grow_number_twig(n: int) -> Work:
    """The same of a number target."""
    survey, rows = _survey(n), np.arange(min(n, TWIG_ROWS))
    goal = NumberTarget(survey.numbers)
    return lambda: grow_tree(survey.mixed, goal, rows=rows)


def walk(n: int) -> Work:
    """All rows to their leaves in the tree of `grow_twig`."""
    tree, _, table = _tree(n)
    return lambda: walk_tree(tree, table)


def draw(n: int) -> Work:
    """All rows to their leaves, and a donor for each."""
    tree, donors, table = _tree(n)
    return lambda: draw_from_tree(tree, donors, table, StreamKey(3))


CASES: Mapping[str, Callable[[int], Work]] = {
    case.__name__: case
    for case in (
        pack,
        count,
        lanes_of_classes,
        lanes_of_numbers,
        marks,
        sort,
        scan_of_classes,
        scan_of_numbers,
        partition,
        grow_twig,
        grow_number_twig,
        walk,
        draw,
    )
}
"""Name -> maker of a piece of work for so many rows, which may be done any number of times."""
