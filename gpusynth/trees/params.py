"""What a user may set of a tree, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpusynth.errors import PlanError

__all__ = ["CartParams", "Criterion", "Prune"]

Criterion: TypeAlias = Literal["auto", "gini", "entropy", "variance"]
Prune: TypeAlias = Literal["impurity", "rpart"]


_LOWEST = {"min_leaf": 1, "min_split": 2, "max_depth": 0, "max_leaves": 1, "columns_per_split": 1}


@dataclass(frozen=True, slots=True)
class CartParams:
    """How far a tree grows.

    Parameters
    ----------
    min_leaf : int
        Rows (unweighted) that each leaf keeps; rpart's and synthpop's ``minbucket``, default 5.
    min_split : int, optional
        Rows that a node needs to be split; default ``3 * min_leaf``, as in rpart.
    max_depth : int
        Depth of the deepest leaf, the root being 0; rpart's default 30.
    max_leaves : int, optional
        The splits that lower the impurity least are undone, from the leaves up, until no more
        leaves are left than this.
    cp : float
        Complexity, relative to the root's risk; synthpop's default 1e-8.
    criterion : {"auto", "gini", "entropy", "variance"}
        "auto" is Gini for classes and variance for numbers.
    prune : {"impurity", "rpart"}
        "impurity" keeps a split when it lowers the impurity (the criterion's own) by more than
        `cp` times the root's, so that a rare outcome keeps its structure. "rpart" grows without
        `cp` and then undoes splits bottom-up whose complexity is at most `cp` times the root's
        risk, which is the misclassification count for classes: what rpart, synthpop and mice do.
    columns_per_split : int, optional
        Columns that each node may be split by, drawn anew for each, as in a random forest
        (Breiman 2001); default all. A node whose columns offer no split stays a leaf.

    Raises
    ------
    PlanError
        If a number is out of range.
    """

    min_leaf: int = 5
    min_split: int | None = None
    max_depth: int = 30
    max_leaves: int | None = None
    cp: float = 1e-8
    criterion: Criterion = "auto"
    prune: Prune = "impurity"
    columns_per_split: int | None = None

    def __post_init__(self) -> None:
        for name, low in _LOWEST.items():
            number = getattr(self, name)
            if number is not None and number < low:
                raise PlanError(f"{name} must be at least {low}, got {number}")
        if self.max_depth > 1000:
            raise PlanError(f"max_depth must be at most 1000, got {self.max_depth}")
        if not 0 <= self.cp <= 1:
            raise PlanError(f"cp must be between 0 and 1, got {self.cp}")
        if self.criterion not in ("auto", "gini", "entropy", "variance"):
            raise PlanError(f"criterion must be auto, gini, entropy or variance: {self.criterion}")
        if self.prune not in ("impurity", "rpart"):
            raise PlanError(f"prune must be impurity or rpart, got {self.prune}")

    @property
    def split_rows(self) -> int:
        """Rows that a node needs to be split."""
        least = 3 * self.min_leaf if self.min_split is None else self.min_split
        return max(least, 2 * self.min_leaf)
