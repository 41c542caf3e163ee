"""Random nodes and columns in the form that the kernels take, beside their plain form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.trees import Predictor, PredictorTable
from gpusynth_kernels import reference
from gpusynth_kernels.cpu import tables, vertical
from gpusynth_kernels.reference_splits import Column, Criterion, Target
from gpusynth_kernels.scalar.entropy import log_table

TABLE = log_table()
NO_WEIGHT = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Node:
    """Rows of a table that make up a node; its entries stand amid those of other nodes."""

    target: Target
    rows: list[int]
    order: np.ndarray
    begin: int
    end: int
    numbers: np.ndarray
    weight: np.ndarray
    min_leaf: int

    @property
    def entries(self) -> list[int]:
        """Return the node's own entries."""
        return self.order[self.begin : self.end].tolist()

    @property
    def runs(self) -> np.ndarray:
        """Return where each class ends, in places of `order`."""
        return np.array(reference.class_ends(self.entries), np.int64) + self.begin

    @property
    def by_class(self) -> np.ndarray:
        """Return rows (or weight) by class."""
        counts = np.zeros(max(self.target.n_classes, 1), np.int64)
        for row in self.rows:
            counts[self.target.classes[row]] += self.target.amount(row)
        return counts

    @property
    def classes(self) -> np.ndarray:
        """Return the classes that the node has, ascending."""
        return np.flatnonzero(self.by_class)

    @property
    def n_present(self) -> int:
        """Return the number of classes in the node."""
        return int((self.by_class > 0).sum())


def random_node(rng: np.random.Generator, criterion: Criterion, n_table: int, most: int) -> Node:
    """Return a node of up to `most` of `n_table` rows, at least two, of at least two kinds."""
    n = int(rng.integers(2, most + 1))
    rows = np.sort(rng.permutation(n_table)[:n])
    weighted = criterion == "weighted gini" or (criterion == "variance" and rng.random() < 0.5)
    weight = rng.integers(1, 1 << int(rng.choice([2, 26])), n_table) if weighted else None
    if criterion == "variance":
        bits = int(rng.choice([3, 23 if weighted else 30]))
        numbers = rng.integers(-(1 << bits), 1 << bits, n_table)
        numbers[rows[:2]] = [0, 1]
        target = Target(
            criterion,
            numbers=numbers.tolist(),
            weight=None if weight is None else weight.tolist(),
        )
        order = rows.astype(np.uint64)
        times_weight = numbers if weight is None else numbers * weight
    else:
        n_classes = int(rng.choice([2, 3, 7]))
        classes = rng.integers(0, n_classes, n_table)
        classes[rows[:2]] = [0, n_classes - 1]
        target = Target(
            criterion,
            n_classes=n_classes,
            classes=classes.tolist(),
            weight=None if weight is None else weight.tolist(),
        )
        order = np.sort(classes[rows].astype(np.uint64) << np.uint64(32) | rows.astype(np.uint64))
        times_weight = NO_WEIGHT
    begin = int(rng.integers(0, 4))
    amid = np.concatenate([order[:begin], order, order[:2]])
    begin = min(begin, n)
    return Node(
        target,
        rows.tolist(),
        amid,
        begin,
        begin + n,
        times_weight,
        NO_WEIGHT if weight is None else weight,
        int(rng.choice([1, 1, 3, 10])),
    )


def random_column(rng: np.random.Generator, n_codes: int, n_table: int) -> np.ndarray:
    """Return codes, even or skewed."""
    return (n_codes * rng.random(n_table) ** rng.choice([1.0, 4.0])).astype(np.uint16)


def random_columns(
    rng: np.random.Generator, widths: dict[bool, tuple[int, ...]], n_table: int
) -> tuple[PredictorTable, list[tuple[int, Column]]]:
    """Return some columns of these widths (by whether they are ordered), as table and plainly."""
    predictors = []
    for i in range(int(rng.integers(1, 13))):
        ordered = bool(rng.random() < 0.5)
        n_codes = int(rng.choice(widths[ordered]))
        codes = random_column(rng, n_codes, n_table)
        predictors.append(Predictor(f"c{i}", codes, n_codes, ordered))
    plain = [
        (i, Column(p.codes.tolist(), p.n_codes, p.is_ordered)) for i, p in enumerate(predictors)
    ]
    return PredictorTable.of(predictors), plain


def lane_work(n_words: int) -> dict[str, Any]:
    """Return the work arrays of the kernels of narrow and middling columns."""
    n = 64 * n_words
    return {
        "ints": [np.full(n, -7, np.int64) for _ in range(3)],
        "floats": [np.full(n, np.nan) for _ in range(3)],
    }


def wide_columns(
    columns: list[tuple[Any, int, int]], first_cell: int
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return columns (codes, number of codes, how kept) as `wide` and `wide_tables`."""
    n_codes = np.array([count for _, count, _ in columns], np.int32)
    kept = np.array([how for _, _, how in columns], np.int32)
    cells = np.where(kept == tables.TABLED, n_codes, 0)
    places = np.where(kept == tables.TABLED, first_cell + np.cumsum(cells) - cells, 0)
    numbers = np.arange(len(columns), dtype=np.int32)
    wide = np.array([codes for codes, _, _ in columns], np.uint16)
    return wide, (numbers, n_codes, kept, numbers, places.astype(np.int32))


def node_table(node: Node, records: Any, wide: Any = None, wide_tables: Any = None) -> np.ndarray:
    """Return the node's table; classes that it lacks hold -1."""
    if wide is None:
        wide = np.zeros((1, 0), np.uint16)
        wide_tables = tuple(np.zeros(0, np.int32) for _ in range(5))
    n_words = records.shape[1]
    n_cells = 64 * n_words + int(wide_tables[1][wide_tables[2] == tables.TABLED].sum())
    counts = np.full((max(node.target.n_classes, 1), n_cells), -1, np.int32)
    bytes_ = np.empty(128, np.uint64)
    where = (records, n_words)
    if node.target.criterion == "variance":
        vertical.count_bits(*where, node.order, node.begin, node.end, bytes_, counts[0])
    else:
        tables.count_node(
            *(*where, wide, wide_tables, node.order, node.begin, node.runs, node.classes),
            *(bytes_, counts),
        )
    return counts
