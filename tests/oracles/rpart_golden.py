"""Read rpart's recorded trees and compare leaves and deviances."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpusynth.trees import CartParams, ClassTarget, NumberTarget, Predictor, grow_tree

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class GoldenTree:
    """Data, settings and leaves of one recorded tree."""

    predictors: list[Predictor]
    target: ClassTarget | NumberTarget
    weight: Any
    leaf: np.ndarray
    min_leaf: int
    cp: float
    max_depth: int = 30

    def grow(self, prune: str = "rpart") -> np.ndarray:
        """Return the leaf of each row, grown as rpart was asked to."""
        params = CartParams(
            min_leaf=self.min_leaf, cp=self.cp, max_depth=self.max_depth, prune=prune
        )
        tree, donors = grow_tree(self.predictors, self.target, params, weight=self.weight)
        leaf = np.empty(len(self.leaf), np.int64)
        leaf[donors.rows] = np.repeat(np.arange(tree.n_leaves), donors.sizes())
        return leaf

    def deviance(self, leaf: np.ndarray) -> float:
        """Return rpart's deviance: misclassified weight, or squares about the leaf's mean."""
        weight = np.ones(len(leaf)) if self.weight is None else self.weight
        total = 0.0
        for rows in parts(leaf):
            w = weight[list(rows)]
            if isinstance(self.target, ClassTarget):
                total += w.sum() - np.bincount(self.target.codes[list(rows)], w).max()
            else:
                y = self.target.values[list(rows)]
                total += (w * (y - np.average(y, weights=w)) ** 2).sum()
        return float(total)


def parts(leaf: np.ndarray) -> set[frozenset[int]]:
    """Return the sets of rows that share a leaf."""
    return {frozenset(np.flatnonzero(leaf == number).tolist()) for number in np.unique(leaf)}


def coded(values: list[str], name: str, *, is_ordered: bool) -> Predictor:
    """Return a column of numbers (ordered) or labels as exact codes."""
    key = float if is_ordered else str
    levels = sorted({key(v) for v in values})
    place = {level: i for i, level in enumerate(levels)}
    codes = np.array([place[key(v)] for v in values], np.uint16)
    return Predictor(name, codes, len(levels), is_ordered)


def classes(values: list[str]) -> ClassTarget:
    """Return labels as classes."""
    predictor = coded(values, "y", is_ordered=False)
    return ClassTarget(predictor.codes, predictor.n_codes)


def read_columns(path: Path) -> dict[str, list[str]]:
    """Return the columns of a CSV file as text."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def settings() -> dict[str, dict[str, str]]:
    """Return settings and results of the recorded trees by name."""
    with (GOLDEN / "trees.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def read_tree(name: str) -> GoldenTree:
    """Return one recorded tree."""
    chosen = settings()[name]
    columns = read_columns(GOLDEN / f"{name}.csv")
    y = columns["y"]
    return GoldenTree(
        predictors=[
            coded(values, column, is_ordered=column.startswith("o_"))
            for column, values in columns.items()
            if column.startswith(("o_", "u_"))
        ],
        target=classes(y) if chosen["method"] == "class" else NumberTarget(np.array(y, float)),
        weight=np.array(columns["w"], float) if chosen["weighted"] == "TRUE" else None,
        leaf=np.array(columns["leaf"], int),
        min_leaf=int(chosen["minbucket"]),
        cp=float(chosen["cp"]),
        max_depth=int(chosen["maxdepth"]),
    )
