"""Least squares by normal equations, in blocks of rows of fixed size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.design_rows import DesignRows, independent_columns

__all__ = ["LeastSquares", "fit_least_squares"]


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """A fitted regression.

    Attributes
    ----------
    coefficients : array of float64, shape (n_columns,)
        0 for columns that were left out.
    sigma : float
        Standard deviation of the residuals.
    """

    coefficients: Array
    sigma: float


def fit_least_squares(rows: DesignRows, response: Array) -> LeastSquares:
    """Regress a response on the design.

    ``sigma^2 = sum(w r^2) / (n - rank)`` with weights of mean 1. Sums are float64 over blocks of
    fixed size in fixed order; coefficients agree with those of an orthogonal decomposition to
    about 1e-8 of their size (columns are scaled, those nearly dependent are left out).

    Parameters
    ----------
    rows : DesignRows
    response : array of float64, shape (rows.n_rows,)

    Returns
    -------
    LeastSquares
    """
    from scipy import linalg

    products = rows.products()
    kept = independent_columns(products)
    size = np.sqrt(np.diag(products)[kept])
    scaled = products[np.ix_(kept, kept)] / np.outer(size, size)
    factor = linalg.cho_factor(scaled)
    coefficients = np.zeros(rows.design.n_columns)
    coefficients[0] = _mean(response, rows.weight)
    # The second pass regresses what rounding left in the residuals of the first.
    for _ in range(2):
        right = np.zeros(len(coefficients))
        for part, matrix in rows.blocks():
            residual = response[part] - matrix @ coefficients
            right += matrix.T @ (residual if rows.weight is None else residual * rows.weight[part])
        coefficients[kept] += linalg.cho_solve(factor, right[kept] / size) / size
    squares = 0.0
    for part, matrix in rows.blocks():
        residual = response[part] - matrix @ coefficients
        squares += float(
            residual @ (residual if rows.weight is None else residual * rows.weight[part])
        )
    freedom = max(rows.n_rows - len(kept), 1)
    return LeastSquares(coefficients, float(np.sqrt(squares / freedom)))


def _mean(response: Array, weight: Array | None) -> float:
    low = float(response.min())
    above = response - low
    return low + float(np.mean(above if weight is None else above * weight))
