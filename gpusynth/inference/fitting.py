"""Fit a regression to every replicate and pool it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.errors import DataError
from gpusynth.inference.estimates import Estimate, estimate_all
from gpusynth.inference.inputs import open_replicates
from gpusynth.inference.model import Model, ModelName
from gpusynth.inference.pool_terms import Pooling, pool_available
from gpusynth.inference.pooling import Pooled, term_positions
from gpusynth.inference.rules import RULES, Inference, Release, RuleName, check_rule
from gpusynth.inference.variances import Variance
from gpusynth.inference.wald import WaldTest, hotelling
from gpusynth.table import InferredSchema, Schema

__all__ = ["PooledFit", "fit", "pool_estimates"]


@dataclass(frozen=True, slots=True, eq=False)
class PooledFit:
    """A regression on several replicates.

    Attributes
    ----------
    model : Model
    terms : tuple of str
    pooled : Pooled
        One entry a term; NaN where too few replicates have an estimate.
    replicates : tuple of Estimate
        Each replicate's own fit.
    notes : tuple of str
        Absent levels, separation, rows with missing values.
    """

    model: Model
    terms: tuple[str, ...]
    pooled: Pooled
    replicates: tuple[Estimate, ...]
    notes: tuple[str, ...]

    @property
    def odds_ratios(self) -> bool:
        """True for models whose coefficients are logarithms of ratios."""
        return self.model.kind in ("logit", "poisson", "ordered", "multinomial")

    def table(self) -> pa.Table:
        """Return the pooled coefficients, one row a term.

        Returns
        -------
        pyarrow.Table
            term, estimate, standard_error, statistic, degrees_of_freedom, p_value, lower, upper,
            fraction_synthesis, n_replicates; and ratio, ratio_lower, ratio_upper, the exponential
            of estimate and interval, for logit (odds ratio), ordered, multinomial and Poisson
            models (rate ratio), null for the thresholds of an ordered one.
        """
        pooled = self.pooled
        columns: dict[str, Any] = {"term": list(self.terms)}
        for name in (
            "estimate",
            "standard_error",
            "statistic",
            "degrees_of_freedom",
            "p_value",
            "lower",
            "upper",
            "fraction_synthesis",
        ):
            columns[name] = getattr(pooled, name)
        available = np.stack([one.available for one in self.replicates])
        columns["n_replicates"] = available.sum(axis=0)
        if self.odds_ratios:
            slopes = np.array([not _is_threshold(self.model, term) for term in self.terms])
            for name, source in (
                ("ratio", pooled.estimate),
                ("ratio_lower", pooled.lower),
                ("ratio_upper", pooled.upper),
            ):
                with np.errstate(over="ignore"):
                    columns[name] = pa.array(np.exp(source), mask=~slopes)
        return pa.table(columns)

    def wald(self, terms: Sequence[str] | None = None, *, value: Any = 0.0) -> WaldTest:
        """Test several coefficients at once, over the replicates that have them all.

        Parameters
        ----------
        terms : sequence of str, optional
            All but the intercept and thresholds by default.
        value : array-like, shape (len(terms),) or ()
            Their values under the hypothesis.

        Returns
        -------
        WaldTest

        Raises
        ------
        DataError
            If a name is unknown, or too few replicates have all of the terms.
        """
        chosen = list(terms) if terms is not None else self._slopes()
        design_df = min(one.design_df for one in self.replicates)
        if len(chosen) > design_df:
            raise DataError(
                f"{len(chosen)} terms cannot be tested together with a variance of "
                f"{design_df:.0f} degrees of freedom. Test fewer of them."
            )
        return hotelling(_wald_over_available(self.pooled, chosen, value), design_df)

    def _slopes(self) -> list[str]:
        finite = np.isfinite(self.pooled.estimate)
        return [
            term
            for term, known in zip(self.terms, finite, strict=True)
            if known and not term.endswith("Intercept") and not _is_threshold(self.model, term)
        ]


def fit(
    formula: str,
    replicates: Any,
    *,
    model: ModelName = "ols",
    weights: str | None = None,
    vcov: Variance | None = None,
    quantile: float = 0.5,
    rule: RuleName = "raab_simple",
    n_real: int | None = None,
    proper: bool = False,
    inference: Inference = "population",
    confidence: float = 0.95,
    schema: Schema | InferredSchema | str | Path | None = None,
) -> PooledFit:
    """Fit a regression to every replicate and pool the coefficients.

    Parameters
    ----------
    formula : str
        Such as ``"exports ~ immigrant * abroad + C(sector)"``. Functions: see
        `gpusynth.inference.FUNCTIONS`.
    replicates : path, table, or sequence of these
        Files or tables; the directory of a run stands for all its replicates. Only the columns
        that are used are read. A sequence of sequences with ``rule="reiter_two_stage"``.
    model : {"ols", "logit", "poisson", "ordered", "multinomial", "quantile"}
    weights : str, optional
        Column of survey weights.
    vcov : {"model", "robust"}, Clustered, RandomGroups or ReplicateWeights, optional
        "robust" with weights and "model" without by default.
    quantile : float
        Of a quantile regression.
    rule : {"raab_simple", "reiter_partial", "raghunathan_full", "reiter_two_stage", "rubin"}
        See `gpusynth.inference.pool`.
    n_real : int, optional
        Rows of the real file; as many as a replicate's by default.
    proper : bool
        The replicates are of a proper synthesis.
    inference : {"population", "sample"}
    confidence : float
        Of the intervals.
    schema : Schema, InferredSchema or path, optional
        Says which columns are categorical and which values stand for missing; by default the
        ``schema.toml`` of a run's directory.

    Returns
    -------
    PooledFit
        Pooled coefficients, each replicate's own fit, and notes.

    Raises
    ------
    DataError
        If the rule does not hold, columns do not suit the model, or a design is singular.
    RuleSyntaxError
        If the formula does not parse or is refused.
    PlanError
        If the model contradicts itself.
    """
    wanted = Model(formula=formula, kind=model, weights=weights, vcov=vcov, quantile=quantile)
    opened = open_replicates(replicates, schema)
    _check_shape(rule, opened.shape)
    check_rule(rule, Release(n_replicates=opened.shape[0], proper=proper, inference=inference))
    estimates = estimate_all(wanted, opened.sources, opened.names, schema=opened.schema)
    sizes = {one.n_rows for one in estimates}
    if len(sizes) > 1:
        raise DataError(
            f"replicates differ in their number of rows, from {min(sizes)} to {max(sizes)}. "
            "Pool replicates of one run."
        )
    size = sizes.pop()
    pooling = Pooling(
        rule=rule,
        n_real=n_real,
        n_synthetic=None if rule == "rubin" else size,
        proper=proper,
        inference=inference,
        confidence=confidence,
    )
    return pool_estimates(wanted, estimates, opened.shape, pooling)


def pool_estimates(
    model: Model, estimates: Sequence[Estimate], shape: tuple[int, ...], pooling: Pooling
) -> PooledFit:
    """Pool the fits of several replicates.

    Parameters
    ----------
    model : Model
    estimates : sequence of Estimate
    shape : tuple of int
        (m,) or (m, r).
    pooling : Pooling
        Its `complete_df` is taken from the fits.

    Returns
    -------
    PooledFit

    Raises
    ------
    DataError
        If the rule does not hold.
    """
    _check_shape(pooling.rule, shape)
    terms = estimates[0].terms
    parameters = np.stack([one.parameters for one in estimates])
    covariances = np.stack([one.covariance for one in estimates])
    freedom = min(one.degrees_of_freedom for one in estimates)
    pooled, notes = pool_available(
        parameters.reshape(*shape, len(terms)),
        covariances.reshape(*shape, len(terms), len(terms)),
        terms,
        replace(pooling, complete_df=freedom if np.isfinite(freedom) else None),
    )
    own = dict.fromkeys(note for one in estimates for note in one.notes)
    return PooledFit(model, terms, pooled, tuple(estimates), (*own, *notes))


def _check_shape(rule: RuleName, shape: tuple[int, ...]) -> None:
    if (rule == "reiter_two_stage") != (len(shape) == 2):
        raise DataError(
            "rule='reiter_two_stage' takes a list of lists, the syntheses of each imputation; "
            "other rules take a list of replicates."
        )


def _is_threshold(model: Model, term: str) -> bool:
    return model.kind == "ordered" and "|" in term


def _wald_over_available(pooled: Pooled, terms: list[str], value: Any) -> WaldTest:
    positions = term_positions(pooled.names, terms)
    estimates, covariances = pooled.estimates, pooled.covariances
    if covariances is not None:
        variances = np.diagonal(covariances, axis1=-2, axis2=-1)
        known = (np.isfinite(estimates) & np.isfinite(variances))[..., positions].all(axis=-1)
        if pooled.rule == "reiter_two_stage":
            # Its nests must keep their size.
            known = known.all(axis=-1)
        if known.sum() < RULES[pooled.rule].minimum:
            raise DataError("too few replicates have all of these terms. Test fewer of them.")
        pooled = replace(pooled, estimates=estimates[known], covariances=covariances[known])
    return pooled.wald(terms, value=value)
