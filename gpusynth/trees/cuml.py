"""Trees that cuML grows on a GPU, as an option: faster for some shapes, and coarser.

What differs from the histogram fitter (`docs/gpu.md` has the figures):

- thresholds come from a sample of four times `n_bins` rows, so rare codes may never be split off;
- unordered columns are put in one order for the whole tree, by the first principal component of
  their class proportions (or by their mean), instead of anew in every node;
- `cp` is a share of the node's own impurity, not of the root's;
- numbers are summed in the order in which threads arrive: the last bits, and with them a tree, may
  differ from one fit to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import device_memory
from gpusynth.errors import DataError, DeviceMemoryError, PlanError
from gpusynth.trees.grow import grow_tree
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import PredictorTable
from gpusynth.trees.target import ClassTarget, Target, fixed_point, fixed_weight
from gpusynth.trees.tree import Tree
from gpusynth.trees.treelite import tree_of_treelite
from gpusynth.trees.walk import walk

__all__ = ["fit_with_cuml"]

_MOST_BINS = 1024
"""cuML takes no more; fewer would only make the thresholds coarser."""

_MOST_NODES = 4096
"""cuML's own number of nodes a batch; lowered where their histograms would not fit."""

_COLUMNS_AT_A_TIME = 10
"""Columns whose histograms cuML holds at a time."""

_SHARE = 0.25  # of the free memory that histograms may take
_ROW_LIMIT = 1 << 31  # cuML counts rows in an int


def fit_with_cuml(
    table: PredictorTable,
    target: Target,
    params: CartParams,
    *,
    columns: Iterable[str] | None = None,
    weight: Array | None = None,
    rows: Array | None = None,
) -> tuple[Tree, LeafDonors]:
    """Grow one tree with cuML, and collect the donors of its leaves.

    Parameters
    ----------
    table, target, params, columns, weight, rows
        See `gpusynth.trees.grow_tree`.

    Returns
    -------
    tree : Tree
    donors : LeafDonors

    Raises
    ------
    PlanError
        For what cuML cannot do: rpart's pruning, columns drawn for each split.
    DataError
        If no row takes part, or there are 2^31 or more.
    DeviceMemoryError
        If the codes do not fit on the device.
    """
    _check(params)
    n_real = target.n_rows
    taking_part = np.arange(n_real) if rows is None else np.asarray(rows, np.int64)
    units = None
    if weight is not None:
        units = fixed_weight(np.asarray(weight)[taking_part])
        taking_part, units = taking_part[units > 0], units[units > 0]
    if not len(taking_part):
        raise DataError("a tree needs at least one row")
    if len(taking_part) >= _ROW_LIMIT:
        raise DataError(f"cuML takes fewer than 2^31 rows, got {len(taking_part)}")
    chosen = table.columns(table.layout.names if columns is None else columns)
    names = tuple(table.layout.names[place] for place in chosen)
    if params.max_depth == 0 or not names:
        return grow_tree(table, target, params, columns=names, weight=weight, rows=rows)
    codes = [table.codes(name)[taking_part] for name in names]
    goal = _goal(target, taking_part)
    n_classes = target.n_classes if isinstance(target, ClassTarget) else 0
    orders = {
        at: _places(codes[at], int(table.layout.n_codes[place]), goal, n_classes, units)
        for at, place in enumerate(chosen)
        if not table.layout.is_ordered[place]
    }
    ranked = [orders[at][column] if at in orders else column for at, column in enumerate(codes)]
    model = _grow(ranked, goal, units, params, n_classes)
    tree = tree_of_treelite(model, names, table.layout.n_codes[chosen], orders)
    leaf = walk(tree, table, positions=taking_part)
    return _counted(tree, leaf), _donors(tree, leaf, taking_part, goal, n_classes, units)


def _check(params: CartParams) -> None:
    if params.prune == "rpart":
        raise PlanError('cuML cannot prune as rpart does: use the fitter "histogram"')
    if params.columns_per_split is not None:
        raise PlanError('cuML draws no columns from our streams: use the fitter "histogram"')


def _goal(target: Target, rows: Array) -> Array:
    """Return classes (int32), or numbers as float64 within [-1, 1]."""
    if isinstance(target, ClassTarget):
        return np.asarray(target.codes)[rows].astype(np.int32)
    return fixed_point(np.asarray(target.values)[rows])[0] * 2.0**-31


def _places(codes: Array, n_codes: int, goal: Array, n_classes: int, units: Array | None) -> Array:
    """Return the place of each code of an unordered column in the order of its mean outcome.

    For several classes: the score on the first principal component of the codes' class
    proportions, weighted by their rows (Coppersmith, Hong & Hosking 1999).
    """
    amount = np.ones(len(codes)) if units is None else units / units.mean()
    total = np.bincount(codes, amount, n_codes)
    rows = np.maximum(total, np.finfo(float).tiny)
    if not n_classes:
        score = np.bincount(codes, amount * goal, n_codes) / rows
    else:
        cell = codes.astype(np.int64) * n_classes + goal
        shares = np.bincount(cell, amount, n_codes * n_classes).reshape(n_codes, n_classes)
        overall = shares.sum(axis=0) / total.sum()
        apart = np.where(total[:, None] > 0, shares / rows[:, None] - overall, 0.0)
        _, directions = np.linalg.eigh(apart.T @ (total[:, None] * apart))
        score = apart @ directions[:, -1]
    places = np.empty(n_codes, np.int64)
    places[np.argsort(score, kind="stable")] = np.arange(n_codes)
    return places


def _batch_nodes(n_classes: int, n_bins: int, *, weighted: bool) -> int:
    """Return how many nodes cuML may search at a time.

    Histograms take nodes * bins * columns * classes * 8 bytes, with weights or numbers twice.
    """
    cells = n_bins * _COLUMNS_AT_A_TIME * max(n_classes, 2)
    a_node = cells * (16 if weighted or not n_classes else 8)
    return int(min(max(_SHARE * device_memory() // a_node, 1), _MOST_NODES))


def _grow(
    columns: list[Array], goal: Array, units: Array | None, params: CartParams, n_classes: int
) -> Any:
    """Let cuML grow; return the Treelite model."""
    from cuml.ensemble import RandomForestClassifier, RandomForestRegressor

    from gpusynth_kernels.cuda.launch import to_device

    n_bins = min(_MOST_BINS, len(goal))
    needed = 4 * len(goal) * (len(columns) + 4)
    if needed > device_memory():
        raise DeviceMemoryError.needs("a fit with cuML", needed, device_memory())
    settings: dict[str, Any] = {
        "n_estimators": 1,
        "bootstrap": False,
        "max_features": 1.0,  # the float: all columns; the int 1 would be one column
        "n_streams": 1,
        "n_bins": n_bins,
        "max_depth": params.max_depth,
        "max_leaves": params.max_leaves or -1,
        "min_samples_leaf": params.min_leaf,
        "min_samples_split": params.split_rows,
        "min_impurity_decrease": params.cp,
        "max_batch_size": _batch_nodes(n_classes, n_bins, weighted=units is not None),
        "random_state": 0,
    }
    if n_classes:
        settings["split_criterion"] = "entropy" if params.criterion == "entropy" else "gini"
        forest = RandomForestClassifier(**settings)
        # cuML wants classes 0, 1, 2, ... without gaps
        goal = np.unique(goal, return_inverse=True)[1].astype(np.int32)
    else:
        forest = RandomForestRegressor(**settings)
        goal = goal.astype(np.float32)
    codes = np.empty((len(goal), len(columns)), np.float32, order="F")
    for at, column in enumerate(columns):
        codes[:, at] = column
    given = (to_device(codes), to_device(goal))
    if units is None:
        forest.fit(*given)
    else:
        forest.fit(*given, sample_weight=to_device(units / units.mean()))
    return forest.as_treelite()


def _counted(tree: Tree, leaf: Array) -> Tree:
    """Return the tree with the rows of each node, and gains in rows as well."""
    n_rows = np.zeros(tree.n_nodes, np.int64)
    is_leaf = tree.leaf >= 0
    n_rows[is_leaf] = np.bincount(leaf, minlength=tree.n_leaves)[tree.leaf[is_leaf]]
    for node in np.flatnonzero(~is_leaf)[::-1].tolist():
        n_rows[node] = n_rows[tree.left[node]] + n_rows[tree.left[node] + 1]
    return replace(tree, n_rows=n_rows, gain=tree.gain * n_rows)


def _donors(
    tree: Tree, leaf: Array, rows: Array, goal: Array, n_classes: int, units: Array | None
) -> LeafDonors:
    """Return the rows leaf by leaf, in each by class and row, as the histogram fitter has them."""
    order = np.lexsort((rows, goal, leaf)) if n_classes else np.lexsort((rows, leaf))
    offsets = np.zeros(tree.n_leaves + 1, np.int64)
    np.cumsum(np.bincount(leaf, minlength=tree.n_leaves), out=offsets[1:])
    cumulative = None
    if units is not None:
        running = np.cumsum(units[order])
        before = np.concatenate([[0], running])[offsets[:-1]]
        cumulative = running - np.repeat(before, np.diff(offsets))
    kept = np.int32 if rows.max() < _ROW_LIMIT else np.int64
    return LeafDonors(offsets, rows[order].astype(kept), cumulative)
