"""Checks of the kernels that look for splits, each against its plain definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gpusynth_kernels import reference
from gpusynth_kernels.cpu import cuts, lanes, marks, scan, sixteen, subsets, tables
from gpusynth_kernels.reference_splits import Column, Criterion, best_split
from tests.kernels.node_cases import (
    NO_WEIGHT,
    TABLE,
    Node,
    lane_work,
    node_table,
    random_column,
    random_columns,
    random_node,
    wide_columns,
)

N_TABLE = 700
NARROW = {True: (2, 3, 5, 8), False: (2, 3, 4)}
MIDDLING = {True: (9, 20, 32), False: (5, 12, 40, 64)}
CRITERIA: tuple[Criterion, ...] = ("gini", "entropy", "weighted gini", "variance")

Proof = Callable[[np.random.Generator], None]


def _best_lane(node: Node, records: Any, words: Any, ok: Any, work: Any) -> tuple[float, int]:
    counts = node_table(node, records)
    own = (*work["ints"], work["floats"][0])
    n, least = len(node.rows), node.min_leaf
    where = (records, words, ok, node.order, node.begin, node.end)
    if node.target.criterion == "variance":
        return lanes.best_number_lane(counts, *where, least, node.numbers, node.weight, own)
    known = (counts, node.classes)
    if node.target.criterion == "gini":
        return lanes.best_class_lane(*known, node.by_class, words, ok, n, least, own)
    if node.target.criterion == "entropy":
        return lanes.best_entropy_lane(*known, node.by_class, words, ok, n, least, TABLE, own)
    more = (*own, *work["floats"][1:])
    return lanes.best_weighted_class_lane(*known, *where, node.runs, least, node.weight, more)


def prove_lanes(criterion: Criterion) -> Proof:
    """Return a check of narrow columns: the same score, column and codes on the left."""

    def check(rng: np.random.Generator) -> None:
        node = random_node(rng, criterion, N_TABLE, int(rng.choice([20, 600])))
        table, columns = random_columns(rng, NARROW, N_TABLE)
        feature = table.layout.lane_feature
        allowed = rng.random(len(columns)) < 0.8
        ok = (feature >= 0) & allowed[np.maximum(feature, 0)]
        words = np.arange(table.layout.n_words, dtype=np.int32)
        work = lane_work(len(words))
        score, lane = _best_lane(node, table.records, words, ok.astype(np.uint8), work)
        chosen = [column for column in columns if allowed[column[0]]]
        plain = best_split(node.target, node.rows, chosen, node.min_leaf)
        if plain is None:
            assert (score, lane) == (-1.0, -1)
            return
        assert (score, feature[lane]) == (plain.score, plain.column)
        column = dict(columns)[plain.column]
        sides = reference.lanes(column.n_codes, is_ordered=column.is_ordered)
        right = sides[lane - table.layout.first_lane[plain.column]]
        present = {column.codes[row] for row in node.rows}
        assert present - right == plain.left_codes
        assert work["ints"][0][lane] == sum(column.codes[row] in right for row in node.rows)

    return check


def _count_marks(node: Node, table: Any) -> tuple[Any, Any, Any]:
    words = np.arange(table.layout.n_words, dtype=np.int32)
    n = 64 * len(words)
    rows, by_class = np.empty(n, np.int64), np.empty((max(node.target.n_classes, 2), n), np.int64)
    bounds = np.empty(n)
    work, counts = (rows, by_class, bounds), node_table(node, table.records)
    where = (table.records, words, node.order, node.begin)
    if node.target.criterion == "variance":
        marks.mark_number_sums(counts, *where, node.end, node.numbers, node.weight, work)
    else:
        marks.mark_class_counts(counts, node.classes, *where, node.runs, node.weight, work)
    return rows, by_class, bounds


def prove_mark_counts(criterion: Criterion) -> Proof:
    """Return a check of the counts of middling columns."""

    def check(rng: np.random.Generator) -> None:
        node = random_node(rng, criterion, N_TABLE, 600)
        table, columns = random_columns(rng, MIDDLING, N_TABLE)
        rows, by_class, _ = _count_marks(node, table)
        for i, column in columns:
            first = table.layout.first_mark[i]
            here = slice(first, first + column.n_codes)
            n_rows, sums = reference.mark_counts(
                node.target, column.codes, column.n_codes, node.rows
            )
            if criterion != "variance":
                present = np.flatnonzero(node.by_class)
                sums = [[level[k] for k in present] for level in sums]
            assert rows[here].tolist() == n_rows
            assert by_class[: len(sums[0]), here].T.tolist() == sums

    return check


def cut_scratch(n_codes: int, n_classes: int) -> tuple[Any, ...]:
    """Return the work arrays of a cut."""
    return (
        np.empty(n_codes, np.int64),
        np.empty(n_codes, np.int64),
        np.empty(n_codes),
        np.empty(n_classes, np.int64),
        np.empty(n_classes, np.int64),
        np.empty((n_codes, n_classes)),
        np.empty((n_classes, n_classes)),
        np.empty(n_classes),
        np.empty(n_classes),
    )


def prove_cuts(criterion: Criterion) -> Proof:
    """Return a check of the cuts of middling columns, and of the bound on their scores."""

    def check(rng: np.random.Generator) -> None:
        node = random_node(rng, criterion, N_TABLE, int(rng.choice([15, 600])))
        table, columns = random_columns(rng, MIDDLING, N_TABLE)
        rows, by_class, bounds = _count_marks(node, table)
        n = len(node.rows)
        scratch = cut_scratch(64, max(node.target.n_classes, 2))
        for i, column in columns:
            first, ordered = int(table.layout.first_mark[i]), int(column.is_ordered)
            if criterion == "variance":
                score, _, n_left = cuts.best_number_cut(
                    rows, by_class, first, column.n_codes, ordered, n, node.min_leaf, scratch
                )
            else:
                flags = (criterion == "entropy", criterion == "weighted gini")
                own = (
                    *(rows, by_class, first, column.n_codes, node.n_present, ordered),
                    *(*flags, n, node.min_leaf, TABLE, scratch),
                )
                score, _, n_left = cuts.best_class_cut(*own, -1.0)
                if criterion == "gini" and score > 0.0:
                    # It is never given up for a score that it reaches, and is for others.
                    assert cuts.best_class_cut(*own, score)[0] == score
                    assert cuts.best_class_cut(*own, 4.0 * n)[0] in (-1.0, score)
                    cuts.best_class_cut(*own, -1.0)
            best, left = reference.best_cut(node.target, node.rows, column, node.min_leaf)
            assert score == best
            codes, places = scratch[0], scratch[1]
            assert {int(codes[places[s]]) for s in range(n_left)} == left
            if criterion in ("gini", "variance"):
                assert best <= marks.bound_of(bounds, first, column.n_codes) < 2.0**100

    return check


def _scan(node: Node, entries: Any) -> tuple[float, int]:
    where = (entries, node.begin, node.end, node.min_leaf)
    chunk = (
        np.empty(scan.CHUNK_ROWS, np.int64),
        np.empty(scan.CHUNK_ROWS, np.int64),
        np.empty(scan.CHUNK_ROWS, np.int64),
        np.empty(scan.CHUNK_ROWS),
    )
    if node.target.criterion == "variance":
        return scan.scan_numbers(*where, node.numbers, node.weight, chunk)
    right = node.by_class
    left = np.zeros_like(right)
    if node.target.criterion == "weighted gini":
        return scan.scan_weighted_classes(*where, node.weight, left, right)
    if node.target.criterion == "entropy":
        return scan.scan_entropy(*where, left, right, TABLE)
    best = scan.scan_classes(*where, left, right.copy(), chunk)
    few = (*where, np.flatnonzero(right), right, chunk[0])
    assert sixteen.scan_few_classes(*few, -1.0) == best
    if best[1] >= 0:
        # What reaches the least score that matters is found as before, what does not never.
        assert sixteen.scan_few_classes(*few, best[0]) == best
        assert sixteen.scan_few_classes(*few, best[0] * (1.0 - 2.0**-20)) == best
        assert sixteen.scan_few_classes(*few, np.nextafter(best[0], np.inf)) == (-1.0, -1)
    return best


def prove_scan(criterion: Criterion) -> Proof:
    """Return a check of wide ordered columns; nodes of more than one chunk too."""

    def check(rng: np.random.Generator) -> None:
        n_table, n_codes = int(rng.choice([60, 1400])), int(rng.choice([40, 3000]))
        node = random_node(rng, criterion, n_table, n_table)
        codes = random_column(rng, n_codes, n_table)
        entries = np.empty_like(node.order)
        offsets = np.empty(n_codes + 1, np.int64)
        scan.sort_by_code(codes, node.order, node.begin, node.end, offsets, entries)
        here = entries[node.begin : node.end].tolist()
        assert here == reference.sort_by_code(codes.tolist(), node.entries)
        score, position = _scan(node, entries)
        column = Column(codes.tolist(), n_codes, is_ordered=True)
        best, left = reference.best_cut(node.target, node.rows, column, node.min_leaf)
        assert score == best
        if left:
            assert {entry >> 48 for entry in here[: position - node.begin]} == left
        else:
            assert position == -1

    return check


def prove_scan_codes(criterion: Criterion) -> Proof:
    """Return a check of wide ordered columns that are counted by code."""

    def check(rng: np.random.Generator) -> None:
        n_codes = int(rng.choice([33, 40, 900]))
        node = random_node(rng, criterion, N_TABLE, int(rng.choice([15, N_TABLE])))
        codes = random_column(rng, n_codes, N_TABLE)
        other = random_column(rng, 50, N_TABLE)
        table, _ = random_columns(rng, NARROW, N_TABLE)
        first = 64 * table.layout.n_words
        columns = [(other, 50, tables.TABLED), (other, 50, tables.LISTED)]
        wide, wide_tables = wide_columns([*columns, (codes, n_codes, tables.TABLED)], first)
        counts = node_table(node, table.records, wide, wide_tables)
        work = (*np.empty((3, n_codes), np.int64), np.empty(n_codes))
        score, low, high = tables.scan_codes(
            *(counts, node.classes, node.by_class, first + 50, n_codes, len(node.rows)),
            *(node.min_leaf, criterion == "entropy", TABLE, work),
        )
        column = Column(codes.tolist(), n_codes, is_ordered=True)
        best, left = reference.best_cut(node.target, node.rows, column, node.min_leaf)
        assert score == best
        if not left:
            assert (low, high) == (-1, -1)
            return
        present = {int(codes[row]) for row in node.rows}
        assert (low, high) == (max(left), min(present - left))

    return check


def prove_scan_sums(rng: np.random.Generator) -> None:
    """A wide ordered column whose numbers are summed by code."""
    n_codes = int(rng.choice([33, 40, 900]))
    node = random_node(rng, "variance", N_TABLE, int(rng.choice([15, N_TABLE])))
    codes = random_column(rng, n_codes, N_TABLE)
    work = (*np.empty((3, n_codes + 2), np.int64), np.empty(n_codes + 2))
    score, low, high = tables.scan_sums(
        *(codes, node.order, node.begin, node.end, n_codes, node.min_leaf),
        *(node.numbers, node.weight, work),
    )
    column = Column(codes.tolist(), n_codes, is_ordered=True)
    best, left = reference.best_cut(node.target, node.rows, column, node.min_leaf)
    assert score == best
    present = {int(codes[row]) for row in node.rows}
    assert (low, high) == ((max(left), min(present - left)) if left else (-1, -1))


def prove_count_node(rng: np.random.Generator) -> None:
    """A node's table is right, and that of one part is what the other part leaves of it."""
    node = random_node(rng, "gini", N_TABLE, N_TABLE)
    codes = random_column(rng, 50, N_TABLE)
    table, columns = random_columns(rng, MIDDLING, N_TABLE)
    wide, wide_tables = wide_columns([(codes, 50, tables.TABLED)], 64 * table.layout.n_words)
    counts = node_table(node, table.records, wide, wide_tables)
    firsts = [int(table.layout.first_mark[i]) for i, _ in columns]
    columns.append((len(columns), Column(codes.tolist(), 50, is_ordered=True)))
    firsts.append(64 * table.layout.n_words)

    def assert_counts(some: Any, rows: list[int], classes: list[int]) -> None:
        for first, (_, column) in zip(firsts, columns, strict=True):
            _, by_class = reference.mark_counts(node.target, column.codes, column.n_codes, rows)
            here = some[classes, first : first + column.n_codes]
            assert here.T.tolist() == [[level[k] for k in classes] for level in by_class]

    classes = node.classes.tolist()
    assert_counts(counts, node.rows, classes)
    part = sorted(rng.choice(node.rows, int(rng.integers(1, len(node.rows))), replace=False))
    of_part = sorted(part, key=lambda row: (node.target.classes[row], row))
    order = np.array([node.target.classes[row] << 32 | int(row) for row in of_part], np.uint64)
    smaller = replace(node, rows=[int(row) for row in of_part], order=order, begin=0, end=len(part))
    less = node_table(smaller, table.records, wide, wide_tables)
    n_cells = counts.shape[1]
    tables.subtract_node(counts, less, smaller.classes, n_cells)
    assert_counts(counts, sorted(set(node.rows) - set(part)), classes)


def prove_subsets(criterion: Criterion) -> Proof:
    """Return a check of wide unordered columns; the work arrays are left as they were."""

    def check(rng: np.random.Generator) -> None:
        n_codes = int(rng.choice([65, 90, 900]))
        node = random_node(rng, criterion, 300, int(rng.choice([15, 300])))
        codes = random_column(rng, n_codes, 300)
        slot, levels = np.full(n_codes, -1, np.int32), np.empty(n_codes, np.int32)
        where = (codes, node.order, node.begin, node.end)
        if criterion == "variance":
            score, flags = subsets.subset_split_numbers(
                *where, node.min_leaf, node.numbers, node.weight, slot, levels
            )
        else:
            weight = node.weight if criterion == "weighted gini" else NO_WEIGHT
            score, flags = subsets.subset_split_classes(
                *(*where, node.n_present, criterion == "entropy", node.min_leaf, weight),
                *(TABLE, slot, levels),
            )
        column = Column(codes.tolist(), n_codes, is_ordered=False)
        best, left = reference.best_cut(node.target, node.rows, column, node.min_leaf)
        assert score == best
        assert set(np.flatnonzero(flags).tolist()) == left
        assert (slot == -1).all()

    return check
