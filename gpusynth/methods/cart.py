"""cart: a classification or regression tree whose leaves hold donors.

A synthetic row walks down the tree by its synthetic predictors and takes the exact value of a real
row (a donor) drawn from the leaf that it reaches.

References
----------
.. [1] Reiter, J. P. (2005). Using CART to generate partially synthetic public use microdata.
   Journal of Official Statistics 21(3), 441-462.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

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
    from gpusynth.trees import DeviceDraw, DonorPool, DrawTable, LeafDonors, Tree

__all__ = ["Cart", "CartModel"]


class Cart(DonorMethod):
    """Draw from the leaf of a tree.

    Answers and states are told apart by classes (Gini), numbers by variance. Without predictors
    (the first variable of a visit) it is the same as `Sample`.

    Parameters
    ----------
    min_distinct_values, min_distinct_units, distinct_in, max_donor_uses
        See `DonorMethod`.
    min_leaf : int
        Fewest real rows in a leaf (synthpop's minbucket).
    min_split : int, optional
        Fewest real rows of a node that may be split; three times `min_leaf` by default, as rpart.
    max_depth : int
    max_leaves : int, optional
    cp : float
        A split must lower impurity by this share of the root's.
    criterion : {"auto", "gini", "entropy", "variance"}
        auto: Gini for classes, variance for numbers. A plan may name a criterion of classes for a
        whole file: its numbers go by variance all the same.
    prune : {"impurity", "rpart"}
        rpart: grow, then prune on misclassification as R's rpart does; it removes the splits on
        which rare outcomes depend.
    weighted : bool
        Fit with the survey weight and draw donors in proportion to it. The synthetic file then
        stands for the population and is analysed without weights.
    """

    name: ClassVar[str] = "cart"

    min_leaf: Annotated[int, Field(ge=1)] = 5
    min_split: Annotated[int, Field(ge=2)] | None = None
    max_depth: Annotated[int, Field(ge=0, le=1000)] = 30
    max_leaves: Annotated[int, Field(ge=1)] | None = None
    cp: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1e-8
    criterion: Literal["auto", "gini", "entropy", "variance"] = "auto"
    prune: Literal["impurity", "rpart"] = "impurity"
    weighted: bool = False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Grow the tree on real rows.

        Parameters
        ----------
        data : StepData
        n_threads : int

        Returns
        -------
        CartModel, or SampleModel when there are no predictors.
        """
        from gpusynth.trees import CartParams, fit_tree

        if not data.columns:
            return Sample(weighted=self.weighted, **self.donor_rules()).fit(data)
        tree, donors = fit_tree(
            data.predictors,
            data.target.goal,
            CartParams(**self.model_dump(exclude={"weighted", *self.donor_rules()})),
            columns=data.columns,
            weight=data.weight if self.weighted else None,
            rows=data.rows,
            n_threads=n_threads,
            backend=data.backend,
        )
        tree, donors = hold_in_tree(self, data, tree, donors)
        return CartModel(tree=tree, donors=donors, target=data.target)


@dataclass(frozen=True, slots=True)
class CartModel:
    """A grown tree, its donors, and the real column that the donors hand on."""

    tree: Tree
    donors: LeafDonors
    target: TargetColumn

    @property
    def size(self) -> ModelSize:
        """Leaves and depth of the tree."""
        return ModelSize(n_leaves=int(self.tree.n_leaves), depth=int(self.tree.depth))

    @property
    def pools(self) -> tuple[DonorPool, ...]:
        """The donors that may stand for each other."""
        from gpusynth.trees import DonorPool

        return (DonorPool(self.tree, self.donors),)

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw a donor from each row's leaf; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        from gpusynth.trees import draw_values

        codes, values = draw_values(
            self.tree,
            self.donors,
            drawn.for_tree(self.tree.predictors),
            key,
            block.first_counter,
            columns=(self.target.codes, self.target.values),
            n_rows=block.n_rows,
            positions=block.positions,
        )
        return codes, values

    def draw_on_device(
        self,
        table: DrawTable,
        key: StreamKey,
        block: Block,
        *,
        ordinary: tuple[DeviceDraw, int] | None = None,
    ) -> DeviceDraw:
        """Draw all rows of a block and leave them on the device; see `DeviceModel`.

        Returns
        -------
        DeviceDraw
        """
        from gpusynth.trees.draw_device import draw_codes_on_device

        return draw_codes_on_device(
            self.tree,
            self.donors,
            table,
            key,
            block.first_counter,
            columns=(self.target.codes, self.target.values),
            ordinary=ordinary,
        )

    def draw_donors(
        self, drawn: DrawnColumns, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Draw the donors alone; see `DonorModel`.

        Returns
        -------
        tuple of (real rows (n_drawn,), None)
        """
        from gpusynth.trees import draw_rows

        donors = draw_rows(
            self.tree,
            self.donors,
            drawn.for_tree(self.tree.predictors),
            key,
            block.first_counter,
            n_rows=block.n_rows,
            positions=block.positions,
        )
        return donors, None
