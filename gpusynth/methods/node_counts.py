"""Node counts: what a released tree keeps in place of donors, and how few units are passed upwards.

`gpusynth.methods.released` tells what the counts mean, and draws from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import TooFewDonorsError
from gpusynth.table.coarse import count_units

if TYPE_CHECKING:
    from gpusynth.trees import LeafDonors, Tree

__all__ = ["NodeCounts", "parents_of", "release_tree"]


def parents_of(tree: Tree) -> Array:
    """Return the parent of each node, int64; the root is its own."""
    parent = np.zeros(tree.n_nodes, np.int64)
    inside = np.flatnonzero(tree.left >= 0)
    parent[tree.left[inside]] = inside
    parent[tree.left[inside] + 1] = inside
    return parent


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """What `release_tree` counts; see `ReleasedModel`."""

    tree: Tree
    offsets: Array
    codes: Array
    ends: Array
    counts: Array
    marginal: Array
    up: Array


def release_tree(
    tree: Tree,
    donors: LeafDonors,
    codes: Array,
    units: Array | None,
    *,
    min_units: int,
    n_codes: int,
    by_range: bool,
    place: str,
) -> NodeCounts:
    """Count the values of each node that enough of its units have.

    Parameters
    ----------
    tree : Tree
        Over coarse columns, each leaf of at least `min_units` units.
    donors : LeafDonors
    codes : array of uint8 or uint16, shape (n_real,)
        Of the target.
    units : array of int64, shape (n_real,), or None
    min_units : int
    n_codes : int
        Of the target.
    by_range : bool
        For numbers.
    place : str
        Which step, for messages.

    Returns
    -------
    NodeCounts
        Counts are rounded to multiples of half of `min_units`.

    Raises
    ------
    TooFewDonorsError
        If no value of the step is shared by enough units.
    """
    base = max(min_units // 2, 1)
    leaves = np.flatnonzero(tree.leaf >= 0)
    node_of_leaf = np.empty(len(leaves), np.int64)
    node_of_leaf[tree.leaf[leaves]] = leaves
    waiting = _Waiting(
        np.repeat(node_of_leaf, donors.sizes()),
        codes[donors.rows].astype(np.int64),
        None if units is None else units[donors.rows],
        _masses(donors),
    )
    whole = np.bincount(waiting.code, weights=waiting.mass, minlength=n_codes)
    whole[count_units(waiting.code, n_codes, waiting.unit) < min_units] = 0.0
    if not whole.any():
        raise TooFewDonorsError(
            f"{place}: no value is shared by {min_units} units. "
            "Drop the column, or make it coarser."
        )
    waiting.keep(whole[waiting.code] > 0)
    if by_range:
        node, first, last, mass = _ranges(waiting, min_units)
        left_over = np.zeros(tree.n_nodes)
    else:
        node, first, mass, left_over = _shared_values(tree, waiting, n_codes, min_units)
        last = first
    shared = np.flatnonzero(whole)
    outside = node > 0
    # The root answers what others pass on, by the distribution of all rows.
    node = np.concatenate([np.zeros(len(shared), np.int64), node[outside]])
    first, last = (np.concatenate([shared, part[outside]]) for part in (first, last))
    mass = np.concatenate([whole[shared], mass[outside]])
    offsets = np.searchsorted(node, np.arange(tree.n_nodes + 1))
    up = np.rint(left_over / base).astype(np.int64) * base
    up[(np.diff(offsets) == 0) & (up == 0)] = base
    up[0] = 0
    marginal = np.where(whole > 0, _round(whole, base), 0)
    return NodeCounts(
        tree=replace(tree, gain=np.zeros_like(tree.gain), n_rows=np.zeros_like(tree.n_rows)),
        offsets=offsets.astype(np.int64),
        codes=first.astype(np.uint16),
        ends=last.astype(np.uint16),
        counts=_round(mass, base),
        marginal=marginal,
        up=up,
    )


def _round(mass: Array, base: int) -> Array:
    """Return counts as multiples of `base`, at least one."""
    rounded: Array = np.maximum(np.rint(mass / base).astype(np.int64), 1) * base
    return rounded


def _ranges(waiting: _Waiting, min_units: int) -> tuple[Array, Array, Array, Array]:
    """Return node, first code, last code and mass of ranges of enough units, ascending.

    A unit counts once in a node, where its lowest code is: no sum counts it twice. Where a node has
    too few units, as after rare values have left, it has no range.
    """
    order = np.lexsort([waiting.code, waiting.node])
    node, code, mass = waiting.node[order], waiting.code[order], waiting.mass[order]
    counts_once = np.ones(len(node))
    if waiting.unit is not None:
        own = waiting.unit[order]
        n_units = int(own.max(initial=0)) + 1
        counts_once[:] = 0.0
        counts_once[np.unique(node * n_units + own, return_index=True)[1]] = 1.0
    width = int(code.max(initial=0)) + 1
    pairs, starts = np.unique(node * width + code, return_index=True)
    sizes = np.add.reduceat(counts_once, starts).tolist()
    masses = np.add.reduceat(mass, starts).tolist()
    nodes, codes = (pairs // width).tolist(), (pairs % width).tolist()
    found: list[list[float]] = []
    begun: list[float] = []  # node, first, last, mass, units of the range that is growing
    for at, size, of_node, of_code in zip(masses, sizes, nodes, codes, strict=True):
        if begun and begun[0] != of_node:
            _close(found, begun)
            begun = []
        if not begun:
            begun = [of_node, of_code, of_code, 0.0, 0.0]
        begun[2], begun[3], begun[4] = of_code, begun[3] + at, begun[4] + size
        if begun[4] >= min_units:
            found.append(begun)
            begun = []
    _close(found, begun)
    table = np.array(found, np.float64).reshape(-1, 5)
    node, first, last = (table[:, at].astype(np.int64) for at in range(3))
    return node, first, last, table[:, 3]


def _close(found: list[list[float]], begun: list[float]) -> None:
    """Add what is left at the end of a node to its last range."""
    if begun and found and found[-1][0] == begun[0]:
        found[-1][2] = begun[2]
        found[-1][3] += begun[3]


@dataclass(slots=True)
class _Waiting:
    """Donors whose values no node has taken yet: the node that is asked next, and what they are."""

    node: Array
    code: Array
    unit: Array | None
    mass: Array

    def keep(self, rows: Array) -> None:
        """Keep some of them, by a mask."""
        self.node, self.code, self.mass = self.node[rows], self.code[rows], self.mass[rows]
        self.unit = None if self.unit is None else self.unit[rows]


def _shared_values(
    tree: Tree, waiting: _Waiting, n_codes: int, min_units: int
) -> tuple[Array, Array, Array, Array]:
    """Return node, code and mass of shared values, ascending, and what each node passes on.

    From the deepest nodes to the root.
    """
    parent, depth = parents_of(tree), _depths(tree)
    left_over = np.zeros(tree.n_nodes)
    pairs: list[Array] = []
    masses: list[Array] = []
    for level in range(int(depth.max()), -1, -1):
        here = np.flatnonzero(depth[waiting.node] == level)
        pair = waiting.node[here] * n_codes + waiting.code[here]
        distinct, which = np.unique(pair, return_inverse=True)
        which = which.reshape(-1)
        own = None if waiting.unit is None else waiting.unit[here]
        enough = count_units(which, len(distinct), own) >= min_units
        sums = np.bincount(which, weights=waiting.mass[here], minlength=len(distinct))
        pairs.append(distinct[enough])
        masses.append(sums[enough])
        rest = here[~enough[which]]
        passed = waiting.node[rest]
        left_over += np.bincount(passed, weights=waiting.mass[rest], minlength=tree.n_nodes)
        stays = np.ones(len(waiting.node), bool)
        stays[here] = False
        stays[rest] = True
        waiting.node[rest] = parent[passed]
        waiting.keep(stays)
    kept, mass = np.concatenate(pairs), np.concatenate(masses)
    order = np.argsort(kept)
    return kept[order] // n_codes, kept[order] % n_codes, mass[order], left_over


def _masses(donors: LeafDonors) -> Array:
    """Return what each donor counts: 1, or its share of the leaf's weight times the leaf's size."""
    if donors.cumulative is None:
        return np.ones(len(donors.rows))
    sizes = donors.sizes()
    weight = np.diff(donors.cumulative, prepend=0).astype(np.float64)
    weight[donors.offsets[:-1]] = donors.cumulative[donors.offsets[:-1]]
    total = donors.cumulative[donors.offsets[1:] - 1].astype(np.float64)
    return weight * np.repeat(sizes / total, sizes)


def _depths(tree: Tree) -> Array:
    depth = np.zeros(tree.n_nodes, np.int64)
    level = np.zeros(1, np.int64)
    while len(inside := level[tree.left[level] >= 0]):
        level = np.concatenate([tree.left[inside], tree.left[inside] + 1])
        depth[level] = depth[inside[0]] + 1
    return depth
