"""ClassRows: the rows of a logit fit, with pseudo-rows that keep its estimates finite.

References
----------
.. [1] White, I. R., Daniel, R., Royston, P. (2010). Avoiding bias due to perfect prediction in
   multiple imputation of incomplete categorical variables. Computational Statistics & Data Analysis
   54, 2267-2275.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.design_rows import DesignRows, independent_columns

__all__ = ["ClassRows"]


@dataclass(frozen=True, slots=True)
class ClassRows:
    """Real rows with their classes, pseudo-rows, and a basis in which fits are well conditioned.

    Attributes
    ----------
    rows : DesignRows
    classes : array of int64, shape (rows.n_rows,)
        In ``[0, n_classes)``, each of them occurring.
    n_classes : int
    kept : array of int64, shape (n_kept,)
        Design columns that do not depend on others; the first is the intercept.
    products : array of float64, shape (n_kept, n_kept)
        ``X' W X`` of the real rows.
    pseudo : array of float64, shape (n_pseudo, n_kept)
        Pseudo-rows: for each column its mean plus and minus half a standard deviation (within the
        range that it has), the others at their means.
    pseudo_weight : float
        Of each pseudo-row in each class; ``n_columns + 1`` in all, as in synthpop's and mice's
        ``augment`` (n_columns without the intercept).
    """

    rows: DesignRows
    classes: Array
    n_classes: int
    kept: Array
    products: Array
    pseudo: Array
    pseudo_weight: float

    @classmethod
    def of(cls, rows: DesignRows, classes: Array, *, augment: bool) -> ClassRows:
        """Prepare a fit.

        Parameters
        ----------
        rows : DesignRows
        classes : array of int64, shape (rows.n_rows,)
        augment : bool
            Add pseudo-rows.
        """
        products = rows.products()
        kept = independent_columns(products)
        products = products[np.ix_(kept, kept)]
        n_classes = int(classes.max()) + 1
        n_columns = len(kept) - 1
        pseudo = np.zeros((0, len(kept)))
        if augment and n_columns:
            pseudo = _pseudo_rows(rows, kept, products)
        weight = (n_columns + 1) / (len(pseudo) * n_classes) if len(pseudo) else 0.0
        return cls(rows, classes, n_classes, kept, products, pseudo, weight)

    @property
    def shares(self) -> Array:
        """Weighted share of each class among the real rows, float64 (n_classes,)."""
        counts = np.bincount(self.classes, self.rows.weight, minlength=self.n_classes)
        return counts / counts.sum()

    def blocks(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield real rows: (matrix (n, n_kept), classes (n,), weights (n,))."""
        everything = len(self.kept) == self.rows.design.n_columns
        for part, matrix in self.rows.blocks(self.n_classes):
            weight = self.rows.weight
            yield (
                matrix if everything else matrix[:, self.kept],
                self.classes[part],
                np.ones(len(matrix)) if weight is None else weight[part],
            )

    def basis(self) -> Array:
        """Return the matrix (n_kept, n_kept) that makes the columns orthonormal.

        Columns of ``X @ basis`` have ``mean(w x y)`` 0 or 1, so that the steps of a fit need not
        learn the scales and correlations of the predictors.
        """
        from scipy import linalg

        size = np.sqrt(np.diag(self.products))
        scaled = self.products / np.outer(size, size)
        upper = linalg.cholesky(scaled, lower=False)
        inverse = linalg.solve_triangular(upper, np.eye(len(size)))
        result: Array = inverse / size[:, None] * np.sqrt(self.products[0, 0])
        return result

    def all_columns(self, coefficients: Array) -> Array:
        """Return coefficients of all design columns: 0 where a column was left out."""
        everything = np.zeros((self.rows.design.n_columns, coefficients.shape[1]))
        everything[self.kept] = coefficients
        return everything


def _pseudo_rows(rows: DesignRows, kept: Array, products: Array) -> Array:
    low = np.full(len(kept), np.inf)
    high = np.full(len(kept), -np.inf)
    for _, matrix in rows.blocks():
        low = np.minimum(low, matrix[:, kept].min(axis=0))
        high = np.maximum(high, matrix[:, kept].max(axis=0))
    mean = products[0] / products[0, 0]
    variance = np.diag(products) / products[0, 0] - mean**2
    n = rows.n_rows
    half = np.sqrt(np.maximum(variance, 0.0) * n / max(n - 1, 1)) / 2
    half[0] = 0.0
    pseudo = np.concatenate([np.diag(half)[1:], -np.diag(half)[1:]]) + mean
    return np.clip(pseudo, low, high)
