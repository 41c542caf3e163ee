"""bag and forest: donors from the leaf of one tree of several, each grown on a bootstrap sample.

References
----------
.. [1] Breiman, L. (1996). Bagging predictors. Machine Learning 24, 123-140.
.. [2] Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.
.. [3] Doove, L. L., van Buuren, S., Dusseldorp, E. (2014). Recursive partitioning for missing data
   imputation in the presence of interaction effects. Computational Statistics & Data Analysis 72,
   92-104 (donors from the leaves of several trees; there pooled, as in synthpop and mice).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from gpusynth.arrays import Array
from gpusynth.methods.donor_minimums import DonorMethod, hold_in_tree
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    ModelSize,
    StepData,
    TargetColumn,
)
from gpusynth.methods.sample import Sample

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees import DonorPool, LeafDonors, Tree

__all__ = ["Bag", "Forest", "ForestModel"]

_TREE_BITS = 40
"""A tree's bootstrap takes the counters ``tree << 40 | draw`` of the column's stream."""


class Bag(DonorMethod):
    """Draw from the leaf of a random tree; the trees are grown on bootstrap samples of the rows.

    A tree chosen at random, then a donor from its leaf: every tree counts alike, whatever the size
    of its leaf. synthpop's ``syn.bag`` and mice's ``rf`` draw from the leaves of all trees put
    together, where a large leaf counts for more, and count every real row of a leaf as a donor;
    here only those of the tree's bootstrap sample are.

    Parameters
    ----------
    min_distinct_values, min_distinct_units, distinct_in, max_donor_uses
        See `DonorMethod`; in every leaf of every tree.
    n_trees : int
        Trees (synthpop's ``ntree``: 10).
    min_leaf : int
        Fewest rows in a leaf, repeats in the bootstrap sample counted.
    min_split : int, optional
        Fewest rows of a node that may be split; three times `min_leaf` by default.
    max_depth : int
    cp : float
        A split must lower impurity by this share of the root's.
    weighted : bool
        Grow with the survey weight and draw donors in proportion to it.
    seed : int
        Of the bootstrap samples. They belong to the model and not to a replicate: the stream is
        named by this number and the column's name, and neither by the run's seed nor the step.
    """

    name: ClassVar[str] = "bag"

    n_trees: Annotated[int, Field(ge=1, le=1000)] = 10
    min_leaf: Annotated[int, Field(ge=1)] = 5
    min_split: Annotated[int, Field(ge=2)] | None = None
    max_depth: Annotated[int, Field(ge=0, le=1000)] = 30
    cp: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1e-8
    weighted: bool = False
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Grow the trees.

        Parameters
        ----------
        data : StepData
        n_threads : int

        Returns
        -------
        ForestModel, or SampleModel when there are no predictors.
        """
        from gpusynth.trees import fit_tree

        if not data.columns:
            return Sample(weighted=self.weighted, **self.donor_rules()).fit(data)
        key = self._stream(data.target.name)
        weight = data.weight if self.weighted else None
        trees = []
        for number in range(self.n_trees):
            tree, donors = fit_tree(
                data.predictors,
                data.target.goal,
                self._params(len(data.columns)),
                columns=data.columns,
                weight=weight,
                rows=_bootstrap(data, weight, key, number),
                n_threads=n_threads,
                backend=data.backend,
                **self._choice_of_columns(key, number),
            )
            trees.append(hold_in_tree(self, data, tree, donors))
        return ForestModel(tuple(trees), data.target)

    def _stream(self, target: str) -> StreamKey:
        from gpusynth.streams import Purpose, StreamKey

        digest = hashlib.sha256(f"{self.seed} {target}".encode()).digest()
        return StreamKey(int.from_bytes(digest[:8], "little"), purpose=Purpose.BOOTSTRAP)

    def _params(self, n_columns: int) -> Any:
        from gpusynth.trees import CartParams

        return CartParams(
            min_leaf=self.min_leaf,
            min_split=self.min_split,
            max_depth=self.max_depth,
            cp=self.cp,
        )

    def _choice_of_columns(self, key: StreamKey, number: int) -> dict[str, Any]:
        """Return what `grow_tree` needs to choose columns at random: nothing, all are offered."""
        return {}


class Forest(Bag):
    """`Bag` whose nodes are each offered a random subset of the columns.

    Parameters
    ----------
    columns_per_split : int, optional
        Columns that a node is offered; the square root of their number (rounded down) for classes
        and numbers alike by default (R's randomForest, under synthpop, takes a third of them for
        numbers).
    """

    name: ClassVar[str] = "forest"

    columns_per_split: Annotated[int, Field(ge=1)] | None = None

    def _params(self, n_columns: int) -> Any:
        chosen = self.columns_per_split or max(math.isqrt(n_columns), 1)
        return replace(super()._params(n_columns), columns_per_split=min(chosen, n_columns))

    def _choice_of_columns(self, key: StreamKey, number: int) -> dict[str, Any]:
        from gpusynth.streams import Purpose

        return {"key": key.at(step=number + 1, purpose=Purpose.TIEBREAK)}


def _bootstrap(data: StepData, weight: Array | None, key: StreamKey, number: int) -> Array:
    """Return as many of the rows, drawn with replacement, ascending, as take part.

    With weights, a sample without a row of positive weight is filled with the rows themselves.
    """
    from gpusynth.streams import uniform

    n = data.n_part
    picked = (uniform(key, number << _TREE_BITS, n)[:, 0] * n).astype(np.int64)
    picked.sort()
    rows = picked.astype(np.int32) if data.rows is None else data.rows[picked]
    if weight is not None and not weight[rows].any():
        return np.arange(n, dtype=np.int32) if data.rows is None else data.rows
    return rows


@dataclass(frozen=True, slots=True)
class ForestModel:
    """Trees with their donors, and the real column that the donors hand on."""

    trees: tuple[tuple[Tree, LeafDonors], ...]
    target: TargetColumn

    @property
    def size(self) -> ModelSize:
        """Leaves of all trees, and the depth of the deepest."""
        return ModelSize(
            n_leaves=sum(int(tree.n_leaves) for tree, _ in self.trees),
            depth=max(int(tree.depth) for tree, _ in self.trees),
        )

    @property
    def pools(self) -> tuple[DonorPool, ...]:
        """The donors that may stand for each other: those of each tree."""
        from gpusynth.trees import DonorPool

        return tuple(DonorPool(tree, donors) for tree, donors in self.trees)

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a tree, and a donor from each row's leaf; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        return self.target.take(self.draw_donors(drawn, key, block)[0])

    def draw_donors(
        self, drawn: DrawnColumns, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Draw the donors alone; see `DonorModel`.

        A row's second random number names the tree, its first one the donor.

        Returns
        -------
        tuple of (real rows (n_drawn,), trees (n_drawn,))
        """
        from gpusynth.methods.grouped import group_rows
        from gpusynth.trees import draw_rows

        number = (block.uniform(key)[:, 1] * len(self.trees)).astype(np.int64)
        by_tree = group_rows(number, len(self.trees))
        donors = np.empty(block.n_drawn, np.int64)
        for at, (tree, of_tree) in enumerate(self.trees):
            members = by_tree.rows_of(at)
            donors[members] = draw_rows(
                tree,
                of_tree,
                drawn.for_tree(tree.predictors),
                key,
                block.first_counter,
                positions=members if block.positions is None else block.positions[members],
                n_rows=block.n_rows,
            )
        return donors, number
