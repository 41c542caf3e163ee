"""Sequential CART synthesis with scikit-learn's trees, as a competent user of it writes it.

The steps are those of gpusynth's plan (`state`, then `value` for numbers with missing codes or
spikes), and both sides begin with the same codes in memory. Choices that make the loop fast:

- codes as float32, which scikit-learn's trees read without a copy, one column after the other in
  memory, so that the predictors of a step (the columns visited before) are a slice;
- donors by `apply`: one stable argsort of the real rows' leaves, then one draw for all rows.

scikit-learn grows one tree in one thread and knows no subsets of categories: a categorical
predictor is split by the order of its codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.clock import Stopwatch
from gpusynth.arrays import Array
from gpusynth.plan import Step, SynthesisPlan
from gpusynth.table import Table
from gpusynth.table.as_numbers import as_numbers

__all__ = ["MIN_SPLITS", "SyntheticCodes", "synthesize"]

MIN_SPLITS = (2, 15)
"""Rows that a node needs to be split: scikit-learn's default, and gpusynth's (rpart's), which is
three times the smallest leaf."""


@dataclass(frozen=True, slots=True)
class SyntheticCodes:
    """One synthetic replicate: codes, and exact numbers where codes are bins."""

    codes: dict[str, Array]
    values: dict[str, Array]


@dataclass(frozen=True, slots=True)
class _Donors:
    """Real rows grouped by the node in which they end, in compressed sparse row form."""

    rows: Array
    first: Array
    counts: Array

    @classmethod
    def of(cls, nodes: Array, n_nodes: int, rows: Array) -> _Donors:
        counts = np.bincount(nodes, minlength=n_nodes)
        return cls(rows[np.argsort(nodes, kind="stable")], np.cumsum(counts) - counts, counts)

    def draw(self, nodes: Array, rng: np.random.Generator) -> Array:
        within = (rng.random(len(nodes)) * self.counts[nodes]).astype(np.int64)
        return self.rows[self.first[nodes] + within]


class _Loop:
    """The matrices of one synthesis and what was drawn so far."""

    def __init__(
        self, table: Table, plan: SynthesisPlan, *, min_leaf: int, min_split: int, seed: int
    ) -> None:
        used = {name for step in plan.steps for name in step.predictors}
        names = [name for name in plan.visit if name in used]
        self.table = table
        self.position = {name: i for i, name in enumerate(names)}
        self.real = np.empty((table.n_rows, len(names)), np.float32, order="F")
        for name, i in self.position.items():
            self.real[:, i] = table.codes[name]
        self.synthetic = np.zeros_like(self.real)
        self.drawn = SyntheticCodes({}, {})
        self.limits = {
            "min_samples_leaf": min_leaf,
            "min_samples_split": min_split,
            "random_state": seed,
        }
        self.rng = np.random.default_rng(seed)

    def fit(self, step: Step) -> tuple[Any, _Donors]:
        """Fit the tree of a step (None without predictors) and collect the donors."""
        rows, target, is_number = self._target(step)
        if not step.predictors:
            return None, _Donors.of(np.zeros(len(rows), np.int64), 1, rows)
        tree = (DecisionTreeRegressor if is_number else DecisionTreeClassifier)(**self.limits)
        predictors = self._predictors(self.real, step, rows)
        tree.fit(predictors, target)
        return tree, _Donors.of(tree.apply(predictors), tree.tree_.node_count, rows)

    def _target(self, step: Step) -> tuple[Array, Array, bool]:
        """Return the rows that take part, their target, and whether it is a number."""
        codec, codes = self.table.codecs[step.target], self.table.codes[step.target]
        rows = np.arange(self.table.n_rows)
        if step.part == "state":
            return rows, np.minimum(codes, codec.n_special), False
        if step.part == "value":
            rows = np.flatnonzero(codes >= codec.n_special)
        elif not codec.column.is_number or codec.n_special:
            return rows, codes, False
        values = self.table.values.get(step.target)
        exact = as_numbers(codec, codes[rows], None if values is None else values[rows])
        return rows, exact, True

    def _predictors(self, matrix: Array, step: Step, rows: Array) -> Array:
        columns = [self.position[name] for name in step.predictors]
        is_run = columns == list(range(len(columns)))
        part = matrix[:, : len(columns)] if is_run else matrix[:, columns]
        return part if len(rows) == len(matrix) else part[rows]

    def draw(self, step: Step, tree: Any, donors: _Donors) -> None:
        """Draw the column of a step for all synthetic rows concerned."""
        name, table = step.target, self.table
        n_special = table.codecs[name].n_special
        codes = self.drawn.codes.setdefault(name, np.empty_like(table.codes[name]))
        is_value = step.part == "value"
        rows = np.flatnonzero(codes >= n_special) if is_value else np.arange(table.n_rows)
        if len(rows):
            nodes = np.zeros(len(rows), np.int64)
            if tree is not None:
                nodes = tree.apply(self._predictors(self.synthetic, step, rows))
            real_rows = donors.draw(nodes, self.rng)
            codes[rows] = table.codes[name][real_rows]
            if name in table.values and step.part != "state":
                exact = self.drawn.values.setdefault(name, np.zeros_like(table.values[name]))
                exact[rows] = table.values[name][real_rows]
        if step.part == "state":
            np.minimum(codes, n_special, out=codes)
        elif name in self.position:
            self.synthetic[:, self.position[name]] = codes


def synthesize(
    table: Table,
    plan: SynthesisPlan,
    stopwatch: Stopwatch,
    *,
    min_leaf: int = 5,
    min_split: int = 2,
    seed: int = 0,
) -> SyntheticCodes:
    """Fit and draw every step once; the phases are "pack", "fit" and "draw".

    Parameters
    ----------
    table : Table
        Real codes.
    plan : SynthesisPlan
        Its order, targets and predictors; steps with predictors take a tree, all others a draw from
        all rows concerned.
    stopwatch : Stopwatch
    min_leaf, min_split : int
        scikit-learn's ``min_samples_leaf`` and ``min_samples_split``.
    seed : int

    Returns
    -------
    SyntheticCodes
        As many rows as `table`.
    """
    with stopwatch.phase("pack"):
        loop = _Loop(table, plan, min_leaf=min_leaf, min_split=min_split, seed=seed)
    for step in plan.steps:
        with stopwatch.phase("fit"):
            tree, donors = loop.fit(step)
        with stopwatch.phase("draw"):
            loop.draw(step, tree, donors)
    return loop.drawn
