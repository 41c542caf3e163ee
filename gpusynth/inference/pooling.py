"""Pool estimates from several replicates into one with an honest standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.combining import Combined, Moments, combine, moments
from gpusynth.inference.extra import imported
from gpusynth.inference.rules import Inference, Release, RuleName, check_rule
from gpusynth.inference.wald import WaldTest, wald_test

__all__ = ["Pooled", "pool", "term_positions"]


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Estimates pooled over replicates. Arrays have the shape of one estimate: () or (p,).

    Attributes
    ----------
    rule : RuleName
    names : tuple of str
        Of the p components; empty for a single number.
    n_replicates : int
        m, or m times r with two stages.
    confidence : float
        Of the intervals.
    estimate : array of float64
        Mean over replicates.
    standard_error : array of float64
        Square root of the rule's total variance.
    degrees_of_freedom : array of float64
        Infinite for the normal distribution.
    lower, upper : array of float64
        Confidence interval.
    statistic, p_value : array of float64
        Of the hypothesis that the estimated value is 0.
    within, between : array of float64
        Mean of the variances, and variance of the estimates, over replicates.
    fraction_synthesis : array of float64
        Share of the total variance that more replicates would remove.
    fraction_missing : array of float64
        Share of the total variance that is due to missing values (0 with rules that know none).
    adjusted : array of bool
        True where the rule's variance was negative (or, with two stages, of less than one degree of
        freedom) and replaced.
    release : Release
    complete_df : float or None
        As given.
    estimates, covariances : array of float64
        As given; `covariances` is None where only variances were.
    """

    rule: RuleName
    names: tuple[str, ...]
    n_replicates: int
    confidence: float
    estimate: Array
    standard_error: Array
    degrees_of_freedom: Array
    lower: Array
    upper: Array
    statistic: Array
    p_value: Array
    within: Array
    between: Array
    fraction_synthesis: Array
    fraction_missing: Array
    adjusted: Array
    release: Release
    complete_df: float | None
    estimates: Array
    covariances: Array | None

    def wald(self, terms: Sequence[str] | None = None, *, value: Any = 0.0) -> WaldTest:
        """Test several components at once.

        Parameters
        ----------
        terms : sequence of str, optional
            Names of the components; all by default.
        value : array-like, shape (len(terms),) or ()
            Their values under the hypothesis.

        Returns
        -------
        WaldTest

        Raises
        ------
        DataError
            If a name is unknown, or covariance matrices were not given.
        """
        if self.covariances is None:
            raise DataError(
                "a joint test needs the covariance matrix of each replicate. "
                "Give variances of shape (m, p, p)."
            )
        return wald_test(
            self.rule,
            self.estimates,
            self.covariances,
            positions=term_positions(self.names, terms),
            value=value,
            release=self.release,
            complete_df=self.complete_df,
        )


def pool(
    estimates: Any,
    variances: Any,
    *,
    rule: RuleName = "raab_simple",
    n_real: int | None = None,
    n_synthetic: int | None = None,
    proper: bool = False,
    inference: Inference = "population",
    confidence: float = 0.95,
    complete_df: float | None = None,
    names: Sequence[str] | None = None,
) -> Pooled:
    """Pool estimates from several replicates.

    Parameters
    ----------
    estimates : array-like, shape (m,) or (m, p)
        One estimate, or p of them, from each replicate; (m, r) or (m, r, p) with
        ``rule="reiter_two_stage"``, where m counts imputations and r syntheses of each.
    variances : array-like
        Their squared standard errors, in the shape of `estimates`, or covariance matrices with one
        axis more.
    rule : {"raab_simple", "reiter_partial", "raghunathan_full", "reiter_two_stage", "rubin"}
        See `gpusynth.inference.RULES` and `recommend_rule`.
    n_real, n_synthetic : int, optional
        Rows of the real file and of a replicate; taken for equal where not given.
    proper : bool
        Parameters were drawn, by a bootstrap or from a posterior, afresh for each replicate.
    inference : {"population", "sample"}
        "sample" gives the standard error that the real rows would have given (raab_simple only).
    confidence : float
        Of the intervals, between 0 and 1.
    complete_df : float, optional
        Degrees of freedom of the variances: of the estimate on complete data.
    names : sequence of str, optional
        Of the p components.

    Returns
    -------
    Pooled
        With the shape of one replicate's estimates.

    Raises
    ------
    DataError
        If the rule does not hold here (the message names the one that does), shapes do not fit, or
        a value is not finite or a variance negative.
    """
    two_stage = rule == "reiter_two_stage"
    values, squares, covariances = _checked_arrays(estimates, variances, two_stage=two_stage)
    release = Release(
        n_replicates=values.shape[0],
        n_real=n_real,
        n_synthetic=n_synthetic,
        proper=proper,
        inference=inference,
    )
    check_rule(rule, release)
    if two_stage and values.shape[1] < 2:
        raise DataError("rule='reiter_two_stage' needs at least 2 syntheses of each imputation.")
    if not 0.0 < confidence < 1.0:
        raise DataError(f"confidence must lie between 0 and 1, it is {confidence}.")
    found = moments(values, squares, two_stage=two_stage)
    combined = combine(rule, found, release, complete_df=complete_df)
    given = {
        "rule": rule,
        "names": _checked_names(names, found.estimate.shape),
        "n_replicates": values.shape[0] * found.n_inner,
        "confidence": confidence,
        "release": release,
        "complete_df": complete_df,
        "estimates": values,
        "covariances": covariances,
    }
    return Pooled(**given, **_inferences(found, combined, confidence))


def _inferences(found: Moments, combined: Combined, confidence: float) -> dict[str, Any]:
    distribution = imported("scipy.stats").t
    error = np.sqrt(combined.variance)
    half = distribution.ppf(0.5 + confidence / 2.0, combined.degrees_of_freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        # An estimate without variance is certain: its statistic is infinite, or 0 when it is 0.
        statistic = np.where(found.estimate == 0.0, 0.0, found.estimate / error)
        synthesis = np.where(combined.variance > 0, combined.synthesis / combined.variance, 0.0)
        missing = np.where(combined.variance > 0, combined.missing / combined.variance, 0.0)
    return {
        "estimate": found.estimate,
        "standard_error": error,
        "degrees_of_freedom": combined.degrees_of_freedom,
        "lower": found.estimate - half,
        "upper": found.estimate + half,
        "statistic": statistic,
        "p_value": 2.0 * distribution.sf(np.abs(statistic), combined.degrees_of_freedom),
        "within": found.within,
        "between": found.between,
        "fraction_synthesis": synthesis,
        "fraction_missing": missing,
        "adjusted": combined.adjusted,
    }


def _checked_arrays(
    estimates: Any, variances: Any, *, two_stage: bool
) -> tuple[Array, Array, Array | None]:
    """Return estimates, their variances and, where given, covariance matrices."""
    values, squares = _numbers(estimates, "estimates"), _numbers(variances, "variances")
    stages = 2 if two_stage else 1
    if not stages <= values.ndim <= stages + 1:
        shapes = "(m, r) or (m, r, p)" if two_stage else "(m,) or (m, p)"
        raise DataError(f"estimates must have the shape {shapes}, it is {values.shape}.")
    if 0 in values.shape:
        raise DataError("there are no estimates to pool.")
    covariances = None
    if values.ndim == stages + 1 and squares.shape == (*values.shape, values.shape[-1]):
        covariances = squares
        squares = np.diagonal(squares, axis1=-2, axis2=-1)
    if squares.shape != values.shape:
        raise DataError(
            f"variances of shape {squares.shape} do not belong to estimates of shape "
            f"{values.shape}. Every replicate must have the same terms, and each its variance."
        )
    if (squares < 0).any():
        raise DataError("a variance is negative. Give squared standard errors.")
    return values, squares, covariances


def _numbers(given: Any, what: str) -> Array:
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"{what} are not one array of numbers: replicates may differ in their number of "
            "terms. Give the same terms for every replicate."
        ) from None
    if not np.isfinite(array).all():
        raise DataError(f"{what} hold values that are not finite. Leave those terms out.")
    return array


def _checked_names(names: Sequence[str] | None, shape: tuple[int, ...]) -> tuple[str, ...]:
    if not shape:
        if names:
            raise DataError("names are for estimates of shape (m, p).")
        return ()
    if names is None:
        return tuple(f"x{number}" for number in range(1, shape[0] + 1))
    if len(names) != shape[0] or len(set(names)) != len(names):
        raise DataError(f"there are {shape[0]} terms; give as many different names.")
    return tuple(names)


def term_positions(names: Sequence[str], terms: Sequence[str] | None) -> list[int]:
    """Find terms by their names.

    Parameters
    ----------
    names : sequence of str
        All terms.
    terms : sequence of str, optional
        All by default.

    Returns
    -------
    list of int

    Raises
    ------
    DataError
        If a name is unknown, or none is given.
    """
    if terms is None:
        return list(range(len(names)))
    unknown = [term for term in terms if term not in names]
    if unknown or not terms:
        shown = ", ".join(map(repr, unknown)) or "none given"
        raise DataError(f"unknown terms: {shown}. The terms are {', '.join(map(repr, names))}.")
    return [names.index(term) for term in terms]
