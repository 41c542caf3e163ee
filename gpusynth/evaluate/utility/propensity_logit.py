"""Propensity scores by logistic regression, as synthpop's ``utility.gen(method = "logit")``.

Every column enters: a category by an indicator for each level but the first; numbers by their
value (0 where a row has none) and an indicator for null, for each missing code and for each answer
that is no number. With order 1 the products of the terms of two columns are added.

Under the null, ``E(pMSE) = k (1 - c)^2 c / N`` with k the rank of the design besides the constant
(Snoke et al. 2018: synthetic rows drawn from the right model, real rows given). Of a
sample of the real rows, the share f of them, it is ``k c (1 - c) (1 - f c) / N``. It holds without
weights only.

The likelihood is maximised by iteratively reweighted least squares; directions that do not vary
are left alone (R's aliased coefficients), and likewise those that the data leave undetermined
because a level occurs in one file only: its rows are fitted perfectly in either case.

References
----------
.. [1] Snoke, J., Raab, G. M., Nowok, B., Dibben, C., Slavkovic, A. (2018). General and specific
       utility measures for synthetic data. JRSS A 181, 663-688.
.. [2] synthpop 1.9-2, R/utility.syn.r, `utility.gen`.
.. [3] McCullagh, P., Nelder, J. A. (1989). Generalized linear models, section 2.5.
"""

from __future__ import annotations

from itertools import combinations
from math import erf
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.labels import code_kinds
from gpusynth.evaluate.threads import one_thread
from gpusynth.evaluate.utility.propensity import (
    MOST_ROWS,
    PropensityUtility,
    StackedRows,
    stack_rows,
)
from gpusynth.evaluate.utility.propensity_scores import score_statistics

__all__ = ["fit_logit", "propensity_logit"]

_TOLERANCE = 1e-10
"""Relative change of the deviance; R's glm stops at 1e-8, and golden values need 1e-6 of pMSE."""

_RANK = 1e-11
"""Eigenvalues of the standardised design's Gram matrix below this share of the largest are zero:
columns that are collinear but for rounding stay below 1e-13."""

_MOST_STEPS = 40


def propensity_logit(
    codes: CommonCodes,
    *,
    order: Literal[0, 1] = 0,
    max_levels: int = 20,
    max_parameters: int = 1000,
    max_rows: int | None = MOST_ROWS,
    seed: int = 0,
) -> tuple[PropensityUtility, ...]:
    """Tell each synthetic file from the real one by logistic regression.

    Parameters
    ----------
    codes : CommonCodes
    order : {0, 1}
        0 for main effects, 1 for all two-way interactions besides (synthpop's ``maxorder``).
    max_levels : int
        Levels of a category; rarer ones (in both files) are taken together.
    max_parameters : int
        As synthpop's ``max.params``; a larger design is an error.
    max_rows : int, optional
        Of each file; None for all.
    seed : int
        Of the sample of rows.

    Returns
    -------
    tuple of PropensityUtility
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If no column varies, or the design has too many parameters.
    """
    if max_levels < 2:
        raise ValueError(f"max_levels must be at least 2, got {max_levels}")
    found = []
    for number in range(len(codes.synthetic)):
        rows = stack_rows(codes, number, max_rows=max_rows, seed=seed)
        design = _design(rows, order, max_levels, max_parameters)
        probability, rank = fit_logit(design, rows.is_synthetic.astype(np.float64), rows.weight)
        seen = score_statistics(probability, rows.is_synthetic, rows.weight)
        # variance of the fitted log odds of a right synthesis
        spread = rank * rows.null_share / (len(rows.is_synthetic) * rows.share * (1.0 - rows.share))
        is_known = rows.weight is None
        found.append(
            PropensityUtility.of(
                "logit",
                rows,
                seen,
                expected_pmse=(
                    (rows.share * (1.0 - rows.share)) ** 2 * spread if is_known else None
                ),
                expected_auc=_expected_auc(spread) if is_known else None,
                size=rank,
                note=(
                    ""
                    if is_known
                    else "with weights the expected pMSE and AUC of a logistic model are not known"
                ),
            )
        )
    return tuple(found)


def _expected_auc(spread: float) -> float:
    """Return the AUC that fitting alone gives under the null.

    The fitted log odds of a right synthesis are nearly normal in both files with variance
    ``V = k (1 - f c) / (N c (1 - c))`` (E(pMSE) over ``(c (1 - c))^2``), and fitting to the same
    rows moves the files apart by V: ``AUC = Phi(sqrt(V / 2))``. With few rows a parameter it is
    rough; tests hold it to the AUC of resamples.
    """
    return 0.5 * (1.0 + erf(np.sqrt(spread / 2.0) / np.sqrt(2.0)))


def _design(rows: StackedRows, order: int, max_levels: int, max_parameters: int) -> Array:
    """Return the design matrix with a constant first, float64, shape (n_rows, n_parameters)."""
    terms = [_terms(rows, column, max_levels) for column in rows.columns]
    n_main = sum(len(term) for term in terms)
    n_products = sum(len(a) * len(b) for a, b in combinations(terms, 2)) if order else 0
    if n_main + n_products > max_parameters:
        raise IncomputableMetricError(
            f"the logistic model has {n_main + n_products} parameters, more than max_parameters = "
            f"{max_parameters}; compare fewer columns, lower max_levels or use order 0"
        )
    columns = [np.ones(len(rows.is_synthetic)), *(x for term in terms for x in term)]
    if order:
        columns += [x * y for a, b in combinations(terms, 2) for x in a for y in b]
    return np.stack(columns, axis=1)


def _terms(rows: StackedRows, column: int, max_levels: int) -> list[Array]:
    described = rows.real.columns[column]
    codes = rows.codes(column)
    counts = np.bincount(codes, minlength=described.n_codes)
    if described.numbers is None:
        occur = np.flatnonzero(counts)
        by_count = occur[np.argsort(-counts[occur], kind="stable")]
        # the levels beyond max_levels stand together at the reference level
        kept = np.sort(by_count[:max_levels] if len(occur) > max_levels else occur[1:])
        return [(codes == code).astype(np.float64) for code in kept]
    kinds = code_kinds(described)
    apart = [c for c in np.flatnonzero(counts) if kinds[c] in ("missing", "level")]
    numbers = np.nan_to_num(rows.numbers(column), nan=0.0)
    found = [(codes == code).astype(np.float64) for code in apart]
    return [numbers, *found] if np.ptp(numbers) > 0.0 else found


def fit_logit(design: Array, target: Array, weight: Array | None = None) -> tuple[Array, int]:
    """Fit a logistic regression by maximum likelihood.

    Parameters
    ----------
    design : array of float64, shape (n_rows, n_parameters)
        With a constant among its columns' span.
    target : array of float64, shape (n_rows,)
        0 or 1.
    weight : array of float64, shape (n_rows,), optional

    Returns
    -------
    probability : array of float64, shape (n_rows,)
    rank : int
        Of the design, less one for the constant.
    """
    x = design.copy()
    spread = np.sqrt(np.mean((x - x.mean(axis=0)) ** 2, axis=0))
    varies = spread > 0.0
    x[:, varies] = (x[:, varies] - x[:, varies].mean(axis=0)) / spread[varies]
    w = np.ones(len(x)) if weight is None else weight
    with one_thread():
        values = np.linalg.eigvalsh(x.T @ x)
        rank = int(np.count_nonzero(values > _RANK * values[-1]))
        share = float(np.sum(w * target) / w.sum())
        score = np.full(len(x), np.log(share / (1.0 - share)))
        coefficients = np.zeros(x.shape[1])
        coefficients[~varies] = score[0] / max(np.count_nonzero(~varies), 1)
        deviance = _deviance(score, target, w)
        for _ in range(_MOST_STEPS):
            step = _newton_step(x, score, target, w)
            for _ in range(20):  # halved while it makes things worse
                moved = np.einsum("ij,j->i", x, coefficients + step)
                reached = _deviance(moved, target, w)
                if reached <= deviance * (1.0 + _TOLERANCE):
                    break
                step = step / 2.0
            coefficients, score = coefficients + step, moved
            previous, deviance = deviance, reached
            if abs(previous - deviance) <= _TOLERANCE * (abs(deviance) + 0.1):
                break
    return _probability(score), rank - 1


def _newton_step(x: Array, score: Array, target: Array, weight: Array) -> Array:
    p = _probability(score)
    scaled = x * np.sqrt(weight * p * (1.0 - p))[:, None]
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    gradient = vectors.T @ (x.T @ (weight * (target - p)))
    kept = values > _RANK * values[-1]
    step: Array = vectors[:, kept] @ (gradient[kept] / values[kept])
    return step


def _probability(score: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-np.clip(score, -500.0, 500.0)))


def _deviance(score: Array, target: Array, weight: Array) -> float:
    return float(2.0 * np.sum(weight * (np.logaddexp(0.0, score) - target * score)))
