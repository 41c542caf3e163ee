"""Weighted maximum likelihood: statsmodels' models with row weights, which they lack.

Each fit gives the parameters, the inverse of the weighted information ("bread") and each row's
score, from which every kind of variance is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import BackendUnavailableError, DataError
from gpusynth.inference.design import column_scale
from gpusynth.inference.ordered import fit_ordered

try:
    from statsmodels.discrete.discrete_model import Logit, MNLogit, Poisson
    from statsmodels.regression.linear_model import WLS
    from statsmodels.regression.quantile_regression import QuantReg
except ImportError:
    raise BackendUnavailableError(
        "the package 'statsmodels' is not installed, which inference needs. "
        'Install it with: pip install "gpusynth[inference]"'
    ) from None

__all__ = ["FITTERS", "Likelihood", "NotConvergedError", "fit_quantile"]

_ITERATIONS = 100

_LARGEST_ERROR = 1e4
"""Standard error of a logarithm of odds or rates, over the range of its column. A larger one says
that the estimate is on its way to infinity."""


class NotConvergedError(DataError):
    """The iterations of a maximum likelihood fit did not settle."""


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """A fit with its ingredients of variances.

    Attributes
    ----------
    parameters : array of float64, shape (p,)
        Of a multinomial model, the coefficients of level 1, then those of level 2, and so on.
    bread : array of float64, shape (p, p)
        Inverse of minus the second derivative of the weighted log-likelihood.
    scores : array of float64, shape (n, p)
        First derivative of each row's log-likelihood, unweighted.
    scale : float
        Residual variance of a linear model, 1 otherwise; the model's own covariance matrix is
        ``scale * bread``.
    """

    parameters: Array
    bread: Array
    scores: Array
    scale: float = 1.0


class _WeightedLogit(Logit):  # type: ignore[misc]
    row_weight: Array

    def loglike(self, params: Array) -> Any:
        return self.row_weight @ self.loglikeobs(params)

    def score(self, params: Array) -> Any:
        return (self.row_weight * (self.endog - self.predict(params))) @ self.exog

    def hessian(self, params: Array) -> Any:
        mean = self.predict(params)
        return -((self.row_weight * mean * (1.0 - mean))[:, None] * self.exog).T @ self.exog


class _WeightedPoisson(Poisson):  # type: ignore[misc]
    row_weight: Array

    def loglike(self, params: Array) -> Any:
        return self.row_weight @ self.loglikeobs(params)

    def score(self, params: Array) -> Any:
        return (self.row_weight * (self.endog - self.predict(params))) @ self.exog

    def hessian(self, params: Array) -> Any:
        return -((self.row_weight * self.predict(params))[:, None] * self.exog).T @ self.exog


class _WeightedMultinomial(MNLogit):  # type: ignore[misc]
    row_weight: Array

    def loglike(self, params: Array) -> Any:
        return self.row_weight @ self.loglikeobs(params).sum(axis=1)

    def score(self, params: Array) -> Any:
        return self.row_weight @ self.score_obs(params)

    def hessian(self, params: Array) -> Any:
        n_columns = self.exog.shape[1]
        linear = self.exog @ params.reshape(n_columns, -1, order="F")
        chance = self.cdf(linear)[:, 1:]
        n_levels = chance.shape[1]
        hessian = np.empty((n_levels * n_columns, n_levels * n_columns))
        for row in range(n_levels):
            for column in range(n_levels):
                factor = chance[:, row] * ((row == column) - chance[:, column])
                block = -((self.row_weight * factor)[:, None] * self.exog).T @ self.exog
                rows = slice(row * n_columns, (row + 1) * n_columns)
                columns = slice(column * n_columns, (column + 1) * n_columns)
                hessian[rows, columns] = block
        return hessian


def _fit_discrete(kind: type[Any], response: Array, matrix: Array, weight: Array) -> Likelihood:
    model = kind(response, matrix, check_rank=False)
    model.row_weight = weight
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # What they warn of is checked below, in one place for all models.
        warnings.simplefilter("ignore")
        found = _newton(model, None)
        if found is None:
            # Newton's full steps can overshoot where they start far away; BFGS searches its steps.
            near = model.fit(method="bfgs", maxiter=_ITERATIONS, disp=0, warn_convergence=False)
            found = _newton(model, np.asarray(near.params).ravel(order="F"))
    if found is None:
        raise NotConvergedError(f"the fit did not converge in {_ITERATIONS} iterations.")
    return found


def _newton(model: Any, start: Array | None) -> Likelihood | None:
    """Fit by Newton's method; None where it does not settle on a maximum."""
    try:
        # The last step is below 1e-10; Newton's error after it is about its square.
        result = model.fit(
            start_params=start,
            method="newton",
            maxiter=_ITERATIONS,
            disp=0,
            tol=1e-10,
            warn_convergence=False,
        )
        parameters = np.asarray(result.params).ravel(order="F")
        bread = np.linalg.inv(-model.hessian(parameters))
    except (np.linalg.LinAlgError, ValueError, ArithmeticError):
        return None
    if not (_is_informative(bread) and result.mle_retvals["converged"]):
        return None
    return Likelihood(parameters, bread, np.asarray(model.score_obs(parameters)))


def _is_informative(bread: Array) -> bool:
    """Return False for the flat end of a likelihood that rises for ever."""
    variances = np.diagonal(bread)
    return bool(np.isfinite(bread).all() and (variances < _LARGEST_ERROR**2).all())


def _fit_logit(response: Array, matrix: Array, weight: Array) -> Likelihood:
    return _fit_discrete(_WeightedLogit, response, matrix, weight)


def _fit_poisson(response: Array, matrix: Array, weight: Array) -> Likelihood:
    return _fit_discrete(_WeightedPoisson, response, matrix, weight)


def _fit_multinomial(response: Array, matrix: Array, weight: Array) -> Likelihood:
    return _fit_discrete(_WeightedMultinomial, response, matrix, weight)


def _fit_ols(response: Array, matrix: Array, weight: Array) -> Likelihood:
    if (weight < 0).any():  # as replicate weights may be; their square roots do not exist
        bread = np.linalg.inv((matrix * weight[:, None]).T @ matrix)
        parameters = bread @ (matrix.T @ (weight * response))
    else:
        result = WLS(response, matrix, weights=weight).fit()
        parameters, bread = np.asarray(result.params), np.asarray(result.normalized_cov_params)
    residual = response - matrix @ parameters
    # Divided by the sum of the weights less p: weights of mean 1 make it rows less p.
    freedom = weight.sum() - matrix.shape[1]
    scale = float(weight @ residual**2 / freedom) if freedom > 0 else np.nan
    return Likelihood(parameters, bread, matrix * residual[:, None], scale)


def _fit_ordered(response: Array, matrix: Array, weight: Array) -> Likelihood:
    fitted = fit_ordered(response.astype(np.int64), matrix, weight)
    if fitted is None or not _is_informative(fitted[1]):
        raise NotConvergedError(f"the fit did not converge in {_ITERATIONS} iterations.")
    return Likelihood(*fitted)


def fit_quantile(
    response: Array, matrix: Array, weight: Array, *, quantile: float
) -> tuple[Array, Array]:
    """Fit a quantile regression.

    Parameters
    ----------
    response : array of float64, shape (n,)
    matrix : array of float64, shape (n, p)
    weight : array of float64, shape (n,)
    quantile : float

    Returns
    -------
    tuple of (parameters (p,), covariance (p, p))
        The covariance is statsmodels' (robust, by an Epanechnikov kernel), for equal weights.

    Raises
    ------
    NotConvergedError
        If the iterations do not settle.
    DataError
        If a weight is negative.
    """
    if (weight < 0).any():
        raise DataError("a quantile regression takes no negative weights.")
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        scale = column_scale(matrix)
        # The check function is homogeneous: w rho(e) = rho(w e) for w > 0.
        result = QuantReg(response * weight, matrix / scale * weight[:, None]).fit(q=quantile)
        covariance = np.asarray(result.cov_params()) / scale / scale[:, None]
    if any("Convergence" in warning.category.__name__ for warning in caught):
        raise NotConvergedError("the quantile regression did not converge in 1000 iterations.")
    return np.asarray(result.params) / scale, covariance


def _rescaled(fit: Callable[[Array, Array, Array], Likelihood]) -> Callable[..., Likelihood]:
    """Wrap a fit so that columns of any size, dollars beside indicators, fit equally well.

    Columns are divided by powers of two, which rounds nothing, and the results multiplied back.
    """

    def rescaled(response: Array, matrix: Array, weight: Array) -> Likelihood:
        scale = column_scale(matrix)
        if (scale == 1.0).all():
            return fit(response, matrix, weight)
        found = fit(response, matrix / scale, weight)
        # Thresholds follow the coefficients of an ordered model and have the scale 1; those of a
        # multinomial one come once for each level.
        n_parameters, n_columns = len(found.parameters), len(scale)
        repeats, rest = divmod(n_parameters, n_columns)
        whole = np.tile(scale, repeats)
        if fit is _fit_ordered:
            whole, rest = scale, n_parameters - n_columns
        factor = np.concatenate([whole, np.ones(rest)])
        return Likelihood(
            found.parameters / factor,
            found.bread / factor / factor[:, None],
            found.scores * factor,
            found.scale,
        )

    return rescaled


FITTERS: Mapping[str, Callable[[Array, Array, Array], Likelihood]] = MappingProxyType(
    {
        "ols": _rescaled(_fit_ols),
        "logit": _rescaled(_fit_logit),
        "poisson": _rescaled(_fit_poisson),
        "multinomial": _rescaled(_fit_multinomial),
        "ordered": _rescaled(_fit_ordered),
    }
)
"""Model -> its fit from response, design matrix and weights."""
