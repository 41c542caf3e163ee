"""Treelite: a tree that another program grew, as our `Tree`.

cuML and scikit-learn hand on their trees as Treelite models: arrays of nodes with float thresholds
over float predictors. Here the predictors are codes, in their own order or, for unordered columns,
in an order that was chosen for the fit. Thresholds become codes, and thresholds of unordered
columns become the sets of codes that go left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.trees.tree import Tree

__all__ = ["tree_of_treelite"]

_LESS, _AT_MOST = 2, 3  # Treelite's operators "<" and "<=": left where they hold
_SOME_NODES = 4096  # nodes whose sets of codes are spread out at a time, to bound memory


@dataclass(frozen=True, slots=True)
class _Nodes:
    """A tree's nodes, breadth first, children side by side."""

    feature: Array
    threshold: Array
    left: Array
    gain: Array
    levels: tuple[Array, ...]


def tree_of_treelite(
    model: Any, predictors: tuple[str, ...], n_codes: Array, order: Mapping[int, Array]
) -> Tree:
    """Turn a Treelite model of one tree into a `Tree`.

    Parameters
    ----------
    model : treelite.Model
        Grown on columns of codes; those in `order` on the places of codes.
    predictors : tuple of str
        In the order of the model's columns.
    n_codes : array of int32, shape (n_predictors,)
    order : mapping of int to array of int64, shape (n_codes,)
        Unordered column -> place of each code when the tree was grown.

    Returns
    -------
    Tree
        Its `n_rows` are 0: they are counted when the real rows have walked.

    Raises
    ------
    DataError
        If it is not one binary tree with thresholds that codes can be compared with.
    """
    if int(model.num_tree) != 1:
        raise DataError(f"one tree is expected, and the model has {int(model.num_tree)}")
    nodes = _breadth_first(model.get_tree_accessor(0), len(predictors))
    inside = nodes.left >= 0
    by_subset = inside & np.isin(nodes.feature, np.array(sorted(order), np.int32))
    subset, words = _subsets(nodes, by_subset, n_codes, order)
    return Tree(
        predictors=predictors,
        n_codes=np.asarray(n_codes, np.int32),
        feature=nodes.feature,
        threshold=np.where(inside & ~by_subset, nodes.threshold, 0).astype(np.uint16),
        subset=subset,
        subset_words=words,
        left=nodes.left,
        leaf=_leaf_numbers(nodes),
        gain=nodes.gain,
        n_rows=np.zeros(len(nodes.left), np.int64),
    )


def _field(tree: Any, name: str, dtype: Any) -> Array:
    return np.array(tree.get_field(name)).astype(dtype)


def _breadth_first(tree: Any, n_columns: int) -> _Nodes:
    """Read the nodes and number them breadth first."""
    left, right = _field(tree, "cleft", np.int64), _field(tree, "cright", np.int64)
    n = len(left)
    inside = left >= 0
    if np.array(tree.get_field("has_categorical_split")).any():
        raise DataError("the tree splits by sets of categories; thresholds are expected")
    feature = np.where(inside, _field(tree, "split_index", np.int64), -1)
    if (feature >= n_columns).any():
        raise DataError(f"the tree asks for a column beyond the {n_columns} it was given")
    threshold = _codes_at_most(tree, inside)
    gain = _field(tree, "gain", np.float64)
    gain = gain if len(gain) == n else np.zeros(n)
    levels, sizes, seen = [np.zeros(1, np.int64)], [1], 1
    while len(parents := levels[-1][inside[levels[-1]]]):
        children = np.stack([left[parents], right[parents]], axis=1).reshape(-1)
        seen += len(children)
        if seen > n or (children < 0).any() or (children >= n).any():
            raise DataError("the tree is damaged: a node is reached twice, or is not there")
        levels.append(children)
        sizes.append(len(children))
    old = np.concatenate(levels)
    starts = np.cumsum([0, *sizes])
    new_left = np.full(len(old), -1, np.int32)
    is_inside = inside[old]
    # the children of the k-th inner node, in breadth-first order, are nodes 2k + 1 and 2k + 2
    new_left[is_inside] = 1 + 2 * np.arange(int(is_inside.sum()))
    return _Nodes(
        feature=feature[old].astype(np.int32),
        threshold=threshold[old],
        left=new_left,
        gain=np.where(is_inside, gain[old], 0.0),
        levels=tuple(np.arange(a, b) for a, b in pairwise(starts)),
    )


def _codes_at_most(tree: Any, inside: Array) -> Array:
    """Return the largest code (or place) that goes left at each inner node."""
    threshold = _field(tree, "threshold", np.float64)
    operator = _field(tree, "cmp", np.int64)
    if not np.isin(operator[inside], (_LESS, _AT_MOST)).all():
        raise DataError('the tree compares by another sign than "<" or "<="')
    if not np.isfinite(threshold[inside]).all():
        raise DataError("a threshold of the tree is not finite")
    whole = np.where(operator == _LESS, np.ceil(threshold) - 1, np.floor(threshold))
    if (whole[inside] < 0).any():
        raise DataError("a threshold of the tree is below every code")
    return np.minimum(np.where(inside, whole, 0), 65_535).astype(np.int64)


def _leaf_numbers(nodes: _Nodes) -> Array:
    """Return each leaf's number, from left to right; -1 inside."""
    n_below = (nodes.left < 0).astype(np.int64)
    for level in reversed(nodes.levels):
        inner = level[nodes.left[level] >= 0]
        n_below[inner] = n_below[nodes.left[inner]] + n_below[nodes.left[inner] + 1]
    first = np.zeros(len(nodes.left), np.int64)
    for level in nodes.levels:
        inner = level[nodes.left[level] >= 0]
        first[nodes.left[inner]] = first[inner]
        first[nodes.left[inner] + 1] = first[inner] + n_below[nodes.left[inner]]
    return np.where(nodes.left < 0, first, -1).astype(np.int32)


def _subsets(
    nodes: _Nodes, by_subset: Array, n_codes: Array, order: Mapping[int, Array]
) -> tuple[Array, Array]:
    """Return the place of each node's set of codes that go left, and the words of all sets."""
    subset = np.full(len(nodes.left), -1, np.int64)
    lengths = (np.asarray(n_codes, np.int64)[nodes.feature[by_subset]] + 31) // 32
    subset[by_subset] = np.cumsum(lengths) - lengths
    words = np.zeros(int(lengths.sum()), np.uint32)
    for column, place in order.items():
        asking = np.flatnonzero(by_subset & (nodes.feature == column))
        n_words = (int(n_codes[column]) + 31) // 32
        for some in np.array_split(asking, -(-len(asking) // _SOME_NODES) or 1):
            bits = np.zeros((len(some), 32 * n_words), np.uint8)
            bits[:, : len(place)] = place[None, :] <= nodes.threshold[some][:, None]
            packed = np.packbits(bits, axis=1, bitorder="little").view("<u4")
            words[subset[some][:, None] + np.arange(n_words)] = packed
    return subset, words
