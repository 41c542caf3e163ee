"""Fits of logit models: binary by Newton's method, multinomial and ordered by L-BFGS of SciPy.

All are maximum likelihood on the real rows and the pseudo-rows of `ClassRows`, whose sums run over
blocks of fixed size in fixed order.

References
----------
.. [1] McCullagh, P., Nelder, J. A. (1989). Generalized Linear Models, 2nd ed., sections 4.4, 5.2.
.. [2] Venables, W. N., Ripley, B. D. (2002). Modern Applied Statistics with S, 4th ed., sections
   7.2 to 7.4 (``multinom``, ``polr``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.logit_rows import ClassRows
from gpusynth.methods.one_thread import scipy_special

__all__ = ["LogitFit", "OrderedFit", "fit_binary", "fit_multinomial", "fit_ordered"]

_MOST_NEWTON_STEPS = 60
_GRADIENT = 1e-7
"""A fit has converged when no derivative of the mean log-likelihood is larger, in the basis."""

_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class LogitFit:
    """Coefficients of all design columns, shape (n_columns, n_classes - 1); class 0 has zeros."""

    coefficients: Array
    converged: bool


@dataclass(frozen=True, slots=True)
class OrderedFit:
    """Proportional odds: ``P(class <= k) = 1 / (1 + exp(x'b - thresholds[k]))``.

    The thresholds hold the intercept; `coefficients` (n_columns, 1) has 0 there.
    """

    coefficients: Array
    thresholds: Array
    converged: bool


def fit_binary(rows: ClassRows) -> LogitFit:
    """Fit a logistic regression of class 1 against class 0.

    Parameters
    ----------
    rows : ClassRows

    Returns
    -------
    LogitFit
    """
    basis = rows.basis()
    share = float(np.clip(rows.shares[1], 1e-6, 1 - 1e-6))
    step = np.zeros(len(rows.kept))
    step[0] = np.log(share / (1 - share)) / basis[0, 0]
    coefficients, value = np.zeros_like(step), np.inf
    gradient, hessian = step, step
    for _ in range(_MOST_NEWTON_STEPS):
        trial = coefficients + step
        now, trial_gradient, trial_hessian = _binary_sums(rows, basis @ trial)
        if now > value + 1e-12 * abs(value):
            step = step / 2
            continue
        coefficients, value = trial, now
        gradient, hessian = basis.T @ trial_gradient, basis.T @ trial_hessian @ basis
        if np.abs(gradient).max() < _GRADIENT:
            break
        step = -np.linalg.solve(hessian, gradient)
    converged = bool(np.abs(gradient).max() < 1e3 * _GRADIENT)
    return LogitFit(rows.all_columns((basis @ coefficients)[:, None]), converged)


def _binary_sums(rows: ClassRows, coefficients: Array) -> tuple[float, Array, Array]:
    """Return minus the mean log-likelihood, its gradient and its matrix of second derivatives."""
    special = scipy_special()
    value = 0.0
    gradient = np.zeros(len(coefficients))
    hessian = np.zeros((len(coefficients), len(coefficients)))
    pseudo_share = np.full(len(rows.pseudo), 0.5)
    pseudo_weight = np.full(len(rows.pseudo), 2 * rows.pseudo_weight)
    for matrix, share, weight in chain(rows.blocks(), [(rows.pseudo, pseudo_share, pseudo_weight)]):
        sums = matrix @ coefficients
        mean = special.expit(sums)
        value += float(weight @ (np.logaddexp(0.0, sums) - share * sums))
        gradient += matrix.T @ (weight * (mean - share))
        hessian += (matrix * (weight * mean * (1 - mean))[:, None]).T @ matrix
    n = rows.rows.n_rows
    # A hair of curvature keeps the step finite where every fitted share is 0 or 1.
    return value / n, gradient / n, hessian / n + 1e-12 * rows.products / n


def fit_multinomial(rows: ClassRows, *, max_iterations: int) -> LogitFit:
    """Fit a multinomial logit model.

    Parameters
    ----------
    rows : ClassRows
    max_iterations : int

    Returns
    -------
    LogitFit
    """
    basis, shares = rows.basis(), rows.shares
    # The curvature of a class is about its share: rare classes take longer steps.
    stretch = 1 / np.sqrt(np.clip(shares[1:] * (1 - shares[1:]), 1e-6, None))
    n_kept, n_sums = len(rows.kept), rows.n_classes - 1

    def coefficients_of(parameters: Array) -> Array:
        return basis @ (parameters.reshape(n_kept, n_sums) * stretch)

    def objective(parameters: Array) -> tuple[float, Array]:
        value, gradient = _multinomial_sums(rows, coefficients_of(parameters))
        return value, ((basis.T @ gradient) * stretch).reshape(-1)

    start = np.zeros((n_kept, n_sums))
    start[0] = np.log(shares[1:] / shares[0]) / basis[0, 0] / stretch
    result = _minimise(objective, start.reshape(-1), max_iterations)
    return LogitFit(rows.all_columns(coefficients_of(result.x)), _has_converged(result))


def _multinomial_sums(rows: ClassRows, coefficients: Array) -> tuple[float, Array]:
    """Return minus the mean log-likelihood and its gradient (n_kept, n_classes - 1)."""
    value = 0.0
    gradient = np.zeros_like(coefficients)
    for matrix, classes, weight in rows.blocks():
        shares, log_total, sums = _softmax(matrix @ coefficients)
        at = np.arange(len(classes))
        value += float(weight @ (log_total - sums[at, classes]))
        shares[at, classes] -= 1
        gradient += matrix.T @ (shares[:, 1:] * weight[:, None])
    if len(rows.pseudo):
        shares, log_total, sums = _softmax(rows.pseudo @ coefficients)
        value += rows.pseudo_weight * float((log_total[:, None] - sums).sum())
        residual = rows.pseudo_weight * (rows.n_classes * shares[:, 1:] - 1)
        gradient += rows.pseudo.T @ residual
    n = rows.rows.n_rows
    return value / n, gradient / n


def _softmax(sums: Array) -> tuple[Array, Array, Array]:
    """Return shares, logarithms of totals, and the sums with those of class 0 (zeros)."""
    sums = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
    top = sums.max(axis=1)
    shares = np.exp(sums - top[:, None])
    total = shares.sum(axis=1)
    shares /= total[:, None]
    return shares, top + np.log(total), sums


def fit_ordered(rows: ClassRows, *, max_iterations: int) -> OrderedFit:
    """Fit the proportional odds model.

    Parameters
    ----------
    rows : ClassRows
    max_iterations : int

    Returns
    -------
    OrderedFit
        Not converged where the classes' thresholds run together or away.
    """
    basis = rows.basis()[:, 1:]  # orthogonal to the intercept, which the thresholds stand for
    below = np.cumsum(rows.shares)[:-1]
    start = np.zeros(rows.n_classes - 1 + basis.shape[1])
    thresholds = np.log(below / (1 - below))
    start[0] = thresholds[0]
    start[1 : rows.n_classes - 1] = np.log(np.maximum(np.diff(thresholds), 1e-6))

    def objective(parameters: Array) -> tuple[float, Array]:
        value, by_threshold, by_coefficient = _ordered_sums(
            rows, _thresholds(parameters, rows.n_classes), basis @ parameters[rows.n_classes - 1 :]
        )
        by_gap = np.cumsum(by_threshold[::-1])[::-1].copy()
        by_gap[1:] *= np.exp(np.minimum(parameters[1 : rows.n_classes - 1], 30.0))
        return value, np.concatenate([by_gap, basis.T @ by_coefficient])

    result = _minimise(objective, start, max_iterations)
    coefficients = basis @ result.x[rows.n_classes - 1 :]
    thresholds = _thresholds(result.x, rows.n_classes) - coefficients[0]
    coefficients[0] = 0.0
    return OrderedFit(
        rows.all_columns(coefficients[:, None]),
        thresholds,
        _has_converged(result) and bool(np.isfinite(thresholds).all()),
    )


def _thresholds(parameters: Array, n_classes: int) -> Array:
    gaps = np.exp(np.minimum(parameters[1 : n_classes - 1], 30.0))
    return np.cumsum(np.concatenate([parameters[:1], gaps]))


def _ordered_sums(
    rows: ClassRows, thresholds: Array, coefficients: Array
) -> tuple[float, Array, Array]:
    """Return minus the mean log-likelihood, and its gradients by thresholds and coefficients."""
    expit = scipy_special().expit
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    value, by_edge = 0.0, np.zeros(len(edges))
    gradient = np.zeros(len(coefficients))
    every = np.tile(np.arange(rows.n_classes), len(rows.pseudo))
    pseudo = np.repeat(rows.pseudo, rows.n_classes, axis=0)
    pseudo_weight = np.full(len(pseudo), rows.pseudo_weight)
    for matrix, classes, weight in chain(rows.blocks(), [(pseudo, every, pseudo_weight)]):
        sums = matrix @ coefficients
        upper, lower = edges[classes + 1] - sums, edges[classes] - sums
        # On the side where both are small, the difference of shares keeps its digits.
        flip = np.where(lower > 0, -1.0, 1.0)
        share = np.abs(expit(flip * upper) - expit(flip * lower))
        share = np.maximum(share, _SMALLEST)
        at_upper = expit(upper) * expit(-upper) / share
        at_lower = expit(lower) * expit(-lower) / share
        value -= float(weight @ np.log(share))
        gradient += matrix.T @ (weight * (at_upper - at_lower))
        by_edge -= np.bincount(classes + 1, weight * at_upper, minlength=len(edges))
        by_edge += np.bincount(classes, weight * at_lower, minlength=len(edges))
    n = rows.rows.n_rows
    return value / n, by_edge[1:-1] / n, gradient / n


def _minimise(objective: Any, start: Array, max_iterations: int) -> Any:
    from scipy.optimize import minimize

    options = {"maxiter": max_iterations, "maxcor": 20, "gtol": _GRADIENT, "ftol": 1e-13}
    return minimize(objective, start, jac=True, method="L-BFGS-B", options=options)


def _has_converged(result: Any) -> bool:
    """Return whether the derivatives are small, whatever made the search stop."""
    return bool(np.isfinite(result.fun) and np.abs(result.jac).max() < 1e3 * _GRADIENT)
