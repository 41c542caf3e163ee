"""Ordered logit by Newton's method with exact derivatives.

statsmodels' OrderedModel has neither row weights nor exact derivatives, so that its standard errors
carry the error of differencing. The model is that of McCullagh (1980), as in R's MASS::polr:
P(y <= j) = F(t_j - x b), F logistic, with thresholds t_1 < t_2 < ...
"""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array

__all__ = ["fit_ordered"]

_ITERATIONS = 100
_HALVINGS = 30
_TOLERANCE = 1e-10
"""Of the Newton decrement over the number of rows: parameters are then right to about 1e-10 of
their standard error."""


def fit_ordered(response: Array, matrix: Array, weight: Array) -> tuple[Array, Array, Array] | None:
    """Fit an ordered logit.

    Parameters
    ----------
    response : array of int64, shape (n,)
        Level of each row; every level in ``[0, response.max()]`` occurs.
    matrix : array of float64, shape (n, p)
        Without a column of ones, whose part the thresholds play.
    weight : array of float64, shape (n,)

    Returns
    -------
    tuple of (parameters (p + J - 1,), bread, scores (n, p + J - 1)) or None
        Coefficients, then thresholds; None where Newton's method does not settle.
    """
    shares = np.bincount(response, weight) / weight.sum()
    cumulative = np.clip(np.cumsum(shares)[:-1], 1e-12, 1.0 - 1e-12)
    start = np.log(cumulative / (1.0 - cumulative))
    parameters = np.concatenate([np.zeros(matrix.shape[1]), start])
    upper, lower = _sides(response, matrix)
    likelihood = _log_likelihood(parameters, upper, lower, weight)
    for _ in range(_ITERATIONS):
        scores, information = _derivatives(parameters, upper, lower, weight)
        gradient = weight @ scores
        try:
            bread = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        step = bread @ gradient
        if not np.isfinite(step).all():
            return None
        if gradient @ step <= _TOLERANCE * _TOLERANCE * weight.sum():
            return parameters, bread, scores
        for _ in range(_HALVINGS):
            trial = parameters + step
            found = _log_likelihood(trial, upper, lower, weight)
            if found >= likelihood - 1e-12 * abs(likelihood):
                break
            step = step / 2.0
        else:
            return None
        parameters, likelihood = trial, found
    return None


class _Side:
    """One bound of each row's interval: coefficients of the parameters in it, and whether it is."""

    def __init__(self, rows: Array, finite: Array, *, infinite: float) -> None:
        self.rows = rows
        self.finite = finite
        self.infinite = infinite

    def bound(self, parameters: Array) -> Array:
        return np.where(self.finite, self.rows @ parameters, self.infinite)


def _sides(response: Array, matrix: Array) -> tuple[_Side, _Side]:
    n_rows, n_thresholds = len(response), int(response.max())
    number = np.arange(n_rows)

    def side(threshold: Array, infinite: float) -> _Side:
        finite = (threshold >= 0) & (threshold < n_thresholds)
        chosen = np.zeros((n_rows, n_thresholds))
        chosen[number[finite], threshold[finite]] = 1.0
        rows = np.hstack([-matrix, chosen]) * finite[:, None]
        return _Side(rows, finite, infinite=infinite)

    return side(response, np.inf), side(response - 1, -np.inf)


def _distribution(bound: Array) -> Array:
    # Of both signs without overflow.
    small = np.exp(-np.abs(bound))
    return np.where(bound >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def _log_likelihood(parameters: Array, upper: _Side, lower: _Side, weight: Array) -> float:
    chance = _chance(upper.bound(parameters), lower.bound(parameters))
    if (chance <= 0.0).any():
        return -np.inf  # thresholds out of order
    return float(weight @ np.log(chance))


def _chance(high: Array, low: Array) -> Array:
    # In the upper tail 1 - F is exact where F is not.
    return np.where(
        low > 0,
        _distribution(-low) - _distribution(-high),
        _distribution(high) - _distribution(low),
    )


def _derivatives(
    parameters: Array, upper: _Side, lower: _Side, weight: Array
) -> tuple[Array, Array]:
    """Return each row's score and the weighted information."""
    high, low = upper.bound(parameters), lower.bound(parameters)
    chance = _chance(high, low)
    density = [_distribution(bound) * _distribution(-bound) for bound in (high, low)]
    slope = [
        dense * (_distribution(-bound) - _distribution(bound))
        for dense, bound in zip(density, (high, low), strict=True)
    ]
    scores = (
        upper.rows * (density[0] / chance)[:, None] - lower.rows * (density[1] / chance)[:, None]
    )
    curvature = (upper.rows * (weight * slope[0] / chance)[:, None]).T @ upper.rows
    curvature -= (lower.rows * (weight * slope[1] / chance)[:, None]).T @ lower.rows
    return scores, (scores * weight[:, None]).T @ scores - curvature
