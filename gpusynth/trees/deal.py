"""Deal: uses of a donor beyond a cap go to other donors of the same leaf, or of the nearest node.

Everything is decided from the whole file: which uses are beyond the cap by row order, and which
donors take them by random numbers of the donors' own. So blocks and threads change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.streams import StreamKey, random_bits
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.tree import Tree

__all__ = ["DonorPool", "deal_surplus"]


@dataclass(frozen=True, slots=True)
class DonorPool:
    """Donors that may stand for each other: those of one tree, or all of a method without one.

    Attributes
    ----------
    tree : Tree or None
        None where all donors are one leaf.
    donors : LeafDonors
    """

    tree: Tree | None
    donors: LeafDonors


def deal_surplus(
    drawn: Array, pool_of: Array, pools: Sequence[DonorPool], most: int, *, key: StreamKey
) -> tuple[Array, int]:
    """Give every use of a donor beyond the cap to another donor.

    A row keeps its donor when fewer than `most` earlier rows have it. The others, in row order,
    take donors of their leaf that are used less, each once in random order, then each once more,
    and so on; what a leaf has no room for goes to its parent, and so on up to the root.

    Parameters
    ----------
    drawn : array of int64, shape (n_rows,)
        Real row that each synthetic row was given; -1 for none.
    pool_of : array of int, shape (n_rows,)
        Which pool it was drawn from.
    pools : sequence of DonorPool
        A real row may be in several; its uses are counted together.
    most : int
        Uses of a donor, from 1.
    key : StreamKey
        The order of donors is that of the random numbers whose counter is the real row.

    Returns
    -------
    tuple of (array of int64 (n_rows,), int)
        Real rows, and how many rows no donor could take: they keep the donor they had.
    """
    result = drawn.copy()
    rows = np.flatnonzero(drawn >= 0)
    by_donor = rows[np.argsort(drawn[rows], kind="stable")]
    donors = drawn[by_donor]
    rank = np.arange(len(donors)) - np.searchsorted(donors, donors)
    surplus = np.sort(by_donor[rank >= most])
    if not len(surplus):
        return result, 0
    n_real = 1 + max(int(pool.donors.rows.max()) for pool in pools)
    room = most - np.minimum(np.bincount(donors, minlength=n_real), most)
    order = random_bits(key, 0, n_real)[:, 0]
    n_left = 0
    for number in np.unique(pool_of[surplus]).tolist():
        own = surplus[pool_of[surplus] == number]
        n_left += _Deal(pools[number], order, room).run(own, result)
    return result, n_left


class _Deal:
    """The surplus of one pool; changes `room`, which counts the uses that each real row has left.

    Nodes are ranges of leaves, and leaves ranges of the pool's real rows, each named once.
    """

    def __init__(self, pool: DonorPool, order: Array, room: Array) -> None:
        leaf = np.repeat(np.arange(pool.donors.n_leaves), pool.donors.sizes())
        self.rows, first = np.unique(pool.donors.rows, return_index=True)
        self.leaf = leaf[first]
        self.order = order[self.rows]
        self.room = room
        self.n_leaves = pool.donors.n_leaves
        self.tree = pool.tree

    def run(self, own: Array, result: Array) -> int:
        """Deal to some rows in `result`; return how many are left."""
        at = self.leaf[np.searchsorted(self.rows, result[own])]
        waiting = self._deal(np.arange(self.n_leaves), own, at, result)
        for level in self._levels():
            if not waiting.any():
                break
            own, at = own[waiting], at[waiting]
            waiting = self._deal(level, own, at, result)
        return int(waiting.sum())

    def _levels(self) -> Iterator[Array]:
        """Yield, for each depth from the deepest, the node at that depth above each leaf.

        A leaf that lies higher has a number of its own there, as it has been dealt with.
        """
        if self.tree is None:
            return
        left, leaf = self.tree.left, self.tree.leaf
        inner = np.flatnonzero(left >= 0)
        parent = np.full(len(left), -1, np.int64)
        parent[left[inner]] = inner
        parent[left[inner] + 1] = inner
        depth = np.zeros(len(left), np.int64)
        for node in inner.tolist():  # breadth first: a parent comes before its children
            depth[left[node] : left[node] + 2] = depth[node] + 1
        above = np.empty(self.n_leaves, np.int64)
        above[leaf[leaf >= 0]] = np.flatnonzero(leaf >= 0)
        for level in range(int(depth.max()) - 1, -1, -1):
            above = np.where(depth[above] > level, parent[above], above)
            yield above

    def _deal(self, node_of_leaf: Array, own: Array, at: Array, result: Array) -> Array:
        """Deal within nodes; return which rows still wait.

        Parameters
        ----------
        node_of_leaf : array of int64, shape (n_leaves,)
        own : array of int64, shape (n,)
            Ascending rows of `result`.
        at : array of int64, shape (n,)
            Leaf of each.
        """
        waiting = np.ones(len(own), np.bool_)
        group = node_of_leaf[at]
        group_of_donor = node_of_leaf[self.leaf]
        while waiting.any():
            asked = np.unique(group[waiting])
            free = np.flatnonzero((self.room[self.rows] > 0) & np.isin(group_of_donor, asked))
            if not len(free):
                break
            free = free[np.lexsort((self.order[free], group_of_donor[free]))]
            have = group_of_donor[free]
            rows = np.flatnonzero(waiting)
            rows = rows[np.argsort(group[rows], kind="stable")]
            want = group[rows]
            rank = np.arange(len(rows)) - np.searchsorted(want, want)
            first = np.searchsorted(have, want, side="left")
            served = rank < np.searchsorted(have, want, side="right") - first
            taken = self.rows[free[(first + rank)[served]]]
            result[own[rows[served]]] = taken
            self.room[taken] -= 1
            waiting[rows[served]] = False
        return waiting
