"""Minimums: every leaf holds enough different things, or its split is undone.

A leaf of five rows may hold one number only, or the five establishments of one firm. What counts
for confidentiality are different donor values and different units.

A split that has a side with too few is undone: the rows of that side go down the other one, whose
own splits stay; where both sides have too few, the node becomes a leaf. A node holds everything
that its descendants hold, so each split is judged by its two sides alone, and a leaf that is left
holds at least what it held before.

References
----------
.. [1] Sweeney, L. (2002). k-anonymity: a model for protecting privacy. International Journal of
   Uncertainty, Fuzziness and Knowledge-Based Systems 10(5), 557-570. (units)
.. [2] Machanavajjhala, A. et al. (2007). l-diversity: privacy beyond k-anonymity. ACM TKDD 1(1).
   (distinct l-diversity: different values)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.trees.changing_table import ChangingTable
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.predictors import PredictorTable
from gpusynth.trees.target import ClassTarget, Target
from gpusynth.trees.tree import Tree
from gpusynth.trees.walk import walk

__all__ = ["LeafMinimum", "count_distinct", "hold_minimums"]

_NONE = np.iinfo(np.int64).max
"""Stands for "no further thing"; numbers of things are below 2^31."""


@dataclass(frozen=True, slots=True)
class LeafMinimum:
    """How many different things every leaf must hold.

    Attributes
    ----------
    least : int
        From 1.
    of_row : array of int64, shape (n_real,)
        Number of the thing that each real row has, from 0; a negative one is not counted.
    """

    least: int
    of_row: Array


def count_distinct(things: Array, groups: Array, n_groups: int) -> Array:
    """Count the different things of each group.

    Parameters
    ----------
    things : array of int64, shape (n,)
        Negative ones are not counted.
    groups : array of int, shape (n,)
        In ``[0, n_groups)``.
    n_groups : int

    Returns
    -------
    array of int64, shape (n_groups,)
    """
    _, groups = _distinct(things, groups)
    return np.bincount(groups, minlength=n_groups)


def hold_minimums(
    tree: Tree,
    donors: LeafDonors,
    predictors: PredictorTable | ChangingTable,
    target: Target,
    minimums: Sequence[LeafMinimum],
) -> tuple[Tree, LeafDonors] | None:
    """Undo splits until every leaf holds each minimum.

    Parameters
    ----------
    tree : Tree
    donors : LeafDonors
    predictors : PredictorTable or ChangingTable
        Real rows that the tree was grown on.
    target : ClassTarget or NumberTarget
    minimums : sequence of LeafMinimum

    Returns
    -------
    tuple of Tree and LeafDonors, or None
        Within a leaf donors are in order of class, then row. None when all donors together hold
        too few.
    """
    levels = list(_levels(tree))
    thin = np.zeros(tree.n_nodes, np.bool_)
    for minimum in minimums:
        thin |= _thin_nodes(tree, donors, minimum, levels)
    if thin[0]:
        return None
    if not thin.any():
        return tree, donors
    kept = _without_thin(tree, thin, levels)
    moved = _donors_of(kept, donors, predictors, target)
    return replace(kept, n_rows=_node_rows(kept, moved)), moved


def _levels(tree: Tree) -> Iterator[Array]:
    """Yield the inner nodes of each depth, from the root."""
    level = np.zeros(1, np.int64)
    while len(inside := level[tree.left[level] >= 0]):
        yield inside
        level = np.concatenate([tree.left[inside], tree.left[inside] + 1]).astype(np.int64)


def _distinct(things: Array, groups: Array) -> tuple[Array, Array]:
    """Return the things and groups of all pairs, each once, in order of (group, thing)."""
    counted = things >= 0
    things, groups = things[counted], groups[counted]
    order = np.lexsort((things, groups))
    things, groups = things[order], groups[order]
    first = np.ones(len(things), np.bool_)
    first[1:] = (things[1:] != things[:-1]) | (groups[1:] != groups[:-1])
    return things[first], groups[first]


def _thin_nodes(
    tree: Tree, donors: LeafDonors, minimum: LeafMinimum, levels: Sequence[Array]
) -> Array:
    """Return which nodes hold too few different things.

    Each node keeps its `least` smallest things: those of its two sides together, without repeats.
    """
    least = minimum.least
    leaf_of = np.repeat(np.arange(donors.n_leaves), donors.sizes())
    things, groups = _distinct(np.asarray(minimum.of_row, np.int64)[donors.rows], leaf_of)
    rank = np.arange(len(groups)) - np.searchsorted(groups, groups)
    few = rank < least
    node_of = np.empty(donors.n_leaves, np.int64)
    leaves = np.flatnonzero(tree.leaf >= 0)
    node_of[tree.leaf[leaves]] = leaves
    smallest = np.full((tree.n_nodes, least), _NONE, np.int64)
    smallest[node_of[groups[few]], rank[few]] = things[few]
    for inside in reversed(levels):
        left = tree.left[inside]
        both = np.sort(np.concatenate([smallest[left], smallest[left + 1]], axis=1), axis=1)
        both[:, 1:][both[:, 1:] == both[:, :-1]] = _NONE
        smallest[inside] = np.sort(both, axis=1)[:, :least]
    thin: Array = smallest[:, least - 1] == _NONE
    return thin


def _without_thin(tree: Tree, thin: Array, levels: Sequence[Array]) -> Tree:
    """Return the tree without the splits that have a thin side; rows of nodes are to be counted."""
    first_leaf = tree.leaf.astype(np.int64)
    stands = np.arange(tree.n_nodes)  # the node that takes a node's place
    splits = np.zeros(tree.n_nodes, np.bool_)
    for inside in reversed(levels):
        left = tree.left[inside].astype(np.int64)
        right = left + 1
        first_leaf[inside] = first_leaf[left]
        splits[inside] = ~thin[left] & ~thin[right]
        one = thin[left] != thin[right]
        stands[inside[one]] = stands[np.where(thin[left], right, left)[one]]
    old: list[Array] = []
    lefts: list[Array] = []
    level, n_nodes = stands[:1], 1
    while len(level):
        inner = splits[level]
        left = np.full(len(level), -1, np.int64)
        left[inner] = n_nodes + 2 * np.arange(int(inner.sum()))
        old.append(level)
        lefts.append(left)
        children = tree.left[level[inner]].astype(np.int64)
        level = stands[np.column_stack([children, children + 1]).ravel()]
        n_nodes += len(level)
    nodes, left = np.concatenate(old), np.concatenate(lefts)
    inside = left >= 0
    leaf = np.full(len(nodes), -1, np.int32)
    leaves = np.flatnonzero(~inside)
    in_order = leaves[np.argsort(first_leaf[nodes[leaves]], kind="stable")]
    leaf[in_order] = np.arange(len(leaves), dtype=np.int32)
    return replace(
        tree,
        feature=np.where(inside, tree.feature[nodes], -1).astype(np.int32),
        threshold=np.where(inside, tree.threshold[nodes], 0).astype(np.uint16),
        subset=np.where(inside, tree.subset[nodes], -1),
        left=left.astype(np.int32),
        leaf=leaf,
        gain=np.where(inside, tree.gain[nodes], 0.0),
        n_rows=tree.n_rows[nodes],
    )


def _donors_of(
    tree: Tree,
    donors: LeafDonors,
    predictors: PredictorTable | ChangingTable,
    target: Target,
) -> LeafDonors:
    """Send all donors down the tree and group them anew."""
    rows = donors.rows
    leaf = walk(tree, predictors, positions=rows)
    classes = target.codes[rows] if isinstance(target, ClassTarget) else np.zeros(1, np.uint8)
    order = np.lexsort((rows, np.broadcast_to(classes, rows.shape), leaf))
    sizes = np.bincount(leaf, minlength=tree.n_leaves)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
    if donors.cumulative is None:
        return LeafDonors(offsets, rows[order], None)
    weight = np.diff(donors.cumulative, prepend=0)
    weight[donors.offsets[:-1]] = donors.cumulative[donors.offsets[:-1]]
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(weight[order])])
    return LeafDonors(offsets, rows[order], running[1:] - np.repeat(running[offsets[:-1]], sizes))


def _node_rows(tree: Tree, donors: LeafDonors) -> Array:
    """Return the donors of each node, int64."""
    n_rows = np.zeros(tree.n_nodes, np.int64)
    leaves = tree.leaf >= 0
    n_rows[leaves] = donors.sizes()[tree.leaf[leaves]]
    for inside in reversed(list(_levels(tree))):
        n_rows[inside] = n_rows[tree.left[inside]] + n_rows[tree.left[inside] + 1]
    return n_rows
