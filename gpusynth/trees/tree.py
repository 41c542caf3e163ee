"""Tree: a fitted CART as flat arrays, whatever grew it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array

__all__ = ["Tree"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Tree:
    """A binary tree over coded predictors; nodes are numbered breadth first, the root is 0.

    A subset is stored as a run of 32-bit words of its own length, since one table of bit sets as
    wide as the widest predictor would need kilobytes a split for one column of 65,536 codes.

    Attributes
    ----------
    predictors : tuple of str
    n_codes : array of int32, shape (n_predictors,)
    feature : array of int32, shape (n_nodes,)
        Predictor that the node asks for; -1 in a leaf.
    threshold : array of uint16, shape (n_nodes,)
        A row goes left when its code is at most this.
    subset : array of int64, shape (n_nodes,)
        Place of the node's subset in `subset_words`; -1 when the split is by threshold. A row goes
        left when bit ``code % 32`` of word ``subset + code // 32`` is set.
    subset_words : array of uint32
    left : array of int32, shape (n_nodes,)
        Left child; the right one is ``left + 1``. -1 in a leaf.
    leaf : array of int32, shape (n_nodes,)
        Leaf number, ascending from left to right; -1 inside.
    gain : array of float64, shape (n_nodes,)
        How much the split lowers the risk, in the criterion's own units; 0 in a leaf.
    n_rows : array of int64, shape (n_nodes,)
        Real rows in the node.
    """

    predictors: tuple[str, ...]
    n_codes: Array
    feature: Array
    threshold: Array
    subset: Array
    subset_words: Array
    left: Array
    leaf: Array
    gain: Array
    n_rows: Array

    @property
    def n_nodes(self) -> int:
        """Number of nodes, leaves included."""
        return int(self.left.shape[0])

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return (self.n_nodes + 1) // 2

    @property
    def depth(self) -> int:
        """Depth of the deepest leaf; 0 for a tree that is one leaf."""
        depth = 0
        level = np.zeros(1, np.int64)
        while len(inside := level[self.left[level] >= 0]):
            level = np.concatenate([self.left[inside], self.left[inside] + 1])
            depth += 1
        return depth

    def to_arrays(self) -> Mapping[str, Array]:
        """Return all arrays by name, to be stored or compared."""
        names = ("n_codes", "feature", "threshold", "subset", "subset_words", "left", "leaf")
        return {name: getattr(self, name) for name in (*names, "gain", "n_rows")}

    def importance(self) -> dict[str, float]:
        """Return the share of the total decrease of risk that each used predictor brought.

        Source: Breiman et al. (1984), section 5.3.4, without surrogates.
        """
        inside = self.feature >= 0
        total = float(self.gain[inside].sum())
        if total <= 0.0:
            return {}
        by_column = np.bincount(
            self.feature[inside], weights=self.gain[inside], minlength=len(self.predictors)
        )
        shares: dict[str, Any] = dict(zip(self.predictors, by_column / total, strict=True))
        return {name: float(share) for name, share in shares.items() if share > 0}
