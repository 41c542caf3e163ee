"""Set a regression on synthetic replicates beside the same regression on the real file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.inference.comparison import Comparison, LackOfFit, TermComparison
from gpusynth.inference.estimates import Estimate, estimate_all
from gpusynth.inference.extra import imported
from gpusynth.inference.fitting import PooledFit, pool_estimates
from gpusynth.inference.inputs import open_real, open_replicates
from gpusynth.inference.model import Model, NamedModel, wanted_columns
from gpusynth.inference.overlap import interval_overlap
from gpusynth.inference.pool_terms import Pooling
from gpusynth.inference.rules import Inference, Release, RuleName, check_rule
from gpusynth.inference.variables import LoadedSource
from gpusynth.inference.wald import f_test, hotelling
from gpusynth.table import InferredSchema, Schema
from gpusynth.table.source import Source

__all__ = ["compare", "compared"]


def compare(
    real: Any,
    replicates: Any,
    formulas: str | Model | NamedModel | Iterable[str | Model | NamedModel],
    *,
    rule: RuleName = "raab_simple",
    proper: bool = False,
    inference: Inference = "population",
    confidence: float = 0.95,
    weights: str | None = None,
    schema: Schema | InferredSchema | str | Path | None = None,
) -> list[Comparison]:
    """Fit regressions to the real file and to every replicate, and compare the coefficients.

    Parameters
    ----------
    real : path or table
    replicates : path, table, or sequence of these
        As for `fit`.
    formulas : str, Model, NamedModel, or iterable of these
        A plain formula is fitted by ordinary least squares; `read_models` reads a file of them.
    rule : {"raab_simple", "reiter_partial", "raghunathan_full"}
    proper : bool
    inference : {"population", "sample"}
    confidence : float
    weights : str, optional
        Column of weights for the models that name none.
    schema : Schema, InferredSchema or path, optional
        As for `fit`.

    Returns
    -------
    list of Comparison
        In the order of `formulas`.

    Raises
    ------
    DataError
        As `fit`; or if the rule is not one for synthetic files.
    RuleSyntaxError
        If a formula does not parse or is refused.
    PlanError
        If a model contradicts itself, or there is none.
    """
    if rule in ("rubin", "reiter_two_stage"):
        raise DataError(
            f"rule={rule!r} does not hold here: the real file has one estimate, without imputed "
            "values. Use rule='raab_simple' or 'reiter_partial'."
        )
    models = _named(formulas, weights)
    opened = open_replicates(replicates, schema)
    check_rule(rule, Release(n_replicates=len(opened.sources), proper=proper, inference=inference))
    source, name = open_real(real)
    if name in opened.names:
        name = f"real {name}"
    sources = _read_once((source, *opened.sources), models)
    comparisons = []
    for named in models:
        estimates = estimate_all(named.model, sources, (name, *opened.names), schema=opened.schema)
        sizes = {one.n_rows for one in estimates[1:]}
        if len(sizes) > 1:
            raise DataError(
                f"replicates differ in their number of rows, from {min(sizes)} to {max(sizes)}. "
                "Compare replicates of one run."
            )
        pooling = Pooling(
            rule=rule,
            n_real=estimates[0].n_rows,
            n_synthetic=sizes.pop(),
            proper=proper,
            inference=inference,
            confidence=confidence,
        )
        pooled = pool_estimates(named.model, estimates[1:], opened.shape, pooling)
        comparisons.append(compared(named, estimates[0], pooled, pooling))
    return comparisons


def _read_once(sources: Sequence[Source], models: Sequence[NamedModel]) -> Sequence[Source]:
    """Read the columns of several models at once; one model reads its own."""
    if len(models) == 1:
        return sources
    columns = {column for one in models for column in wanted_columns(one.model).columns}
    # A file that has none of them is refused when the first model asks for them.
    return [
        LoadedSource(source, columns) if columns & set(source.arrow_schema.names) else source
        for source in sources
    ]


def _named(
    formulas: str | Model | NamedModel | Iterable[str | Model | NamedModel], weights: str | None
) -> list[NamedModel]:
    given: Sequence[str | Model | NamedModel]
    given = [formulas] if isinstance(formulas, (str, Model, NamedModel)) else list(formulas)
    if not given:
        raise PlanError("there is no model to compare. Give at least one formula.")
    named = []
    for one in given:
        if isinstance(one, str):
            one = Model(formula=one)
        if isinstance(one, Model):
            one = NamedModel(one.formula, one)
        named.append(one.with_weights(weights))
    return named


def compared(
    named: NamedModel, real: Estimate, synthetic: PooledFit, pooling: Pooling
) -> Comparison:
    """Compare a fit to the real file with one to the replicates.

    Parameters
    ----------
    named : NamedModel
    real : Estimate
    synthetic : PooledFit
    pooling : Pooling

    Returns
    -------
    Comparison
    """
    terms = _terms(real, synthetic, pooling)

    def mean(values: Iterable[float | bool | None]) -> float:
        known = [float(v) for v in values if v is not None and np.isfinite(v)]
        return float(np.mean(known)) if known else float("nan")

    return Comparison(
        name=named.name,
        model=named.model,
        rule=pooling.rule,
        n_replicates=len(synthetic.replicates),
        n_real=real.n_rows,
        n_synthetic=synthetic.replicates[0].n_rows,
        terms=terms,
        lack_of_fit=_lack_of_fit(real, synthetic),
        mean_overlap=mean(term.overlap for term in terms),
        mean_overlap_synthpop=mean(term.overlap_synthpop for term in terms),
        mean_absolute_difference=mean(abs(term.difference) for term in terms),
        sign_agreement=mean(term.same_sign for term in terms),
        significance_agreement=mean(term.same_significance for term in terms),
        notes=(*real.notes, *synthetic.notes),
        real=real,
        synthetic=synthetic,
    )


def _terms(real: Estimate, synthetic: PooledFit, pooling: Pooling) -> tuple[TermComparison, ...]:
    pooled = synthetic.pooled
    error = np.sqrt(np.diagonal(real.covariance))
    known = np.isfinite(real.parameters) & np.isfinite(error)
    estimate = np.where(known, real.parameters, np.nan)
    distribution = imported("scipy.stats").t
    half = distribution.ppf(0.5 + pooling.confidence / 2.0, real.degrees_of_freedom) * error
    interval = (estimate - half, estimate + half)
    overlap = interval_overlap(interval, (pooled.lower, pooled.upper))
    both = np.isfinite(estimate) & np.isfinite(pooled.estimate)
    signs = np.sign(estimate) == np.sign(pooled.estimate)
    significant = (interval[0] > 0) | (interval[1] < 0)
    synthetic_significant = (pooled.lower > 0) | (pooled.upper < 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = (pooled.estimate - estimate) / error
    columns = {
        "real": estimate,
        "real_error": error,
        "real_lower": interval[0],
        "real_upper": interval[1],
        "synthetic": pooled.estimate,
        "synthetic_error": pooled.standard_error,
        "synthetic_lower": pooled.lower,
        "synthetic_upper": pooled.upper,
        "difference": difference,
        "overlap": overlap,
        "overlap_synthpop": _overlap_synthpop(estimate, error, pooled.estimate, pooling, synthetic),
    }
    return tuple(
        TermComparison(
            term=term,
            same_sign=bool(signs[i]) if both[i] else None,
            same_significance=bool(significant[i] == synthetic_significant[i]) if both[i] else None,
            **{name: float(values[i]) for name, values in columns.items()},
        )
        for i, term in enumerate(real.terms)
    )


def _row_factor(synthetic: PooledFit) -> float:
    """Return n / (k m), or (n / k + 1) / m of a proper synthesis.

    Times the real variance, it is the variance of pooled about real estimates (Raab, Nowok and
    Dibben 2016).
    """
    release = synthetic.pooled.release
    extra = 1.0 if release.proper else 0.0
    return (1.0 / release.row_ratio + extra) / len(synthetic.replicates)


def _overlap_synthpop(
    estimate: Array, error: Array, pooled: Array, pooling: Pooling, synthetic: PooledFit
) -> Array:
    """Return the overlap of synthpop's compare.fit.synds: both intervals from the real variance."""
    normal = imported("scipy.stats").norm.ppf(0.5 + pooling.confidence / 2.0)
    widening = np.sqrt(1.0 + _row_factor(synthetic)) if pooling.inference == "population" else 1.0
    half, wide = normal * error, normal * error * widening
    return interval_overlap((estimate - half, estimate + half), (pooled - wide, pooled + wide))


def _lack_of_fit(real: Estimate, synthetic: PooledFit) -> LackOfFit | None:
    pooled = synthetic.pooled.estimate
    known = real.available & np.isfinite(pooled)
    p = int(known.sum())
    if not 0 < p <= real.design_df:
        return None
    difference = (pooled - real.parameters)[known]
    covariance = real.covariance[np.ix_(known, known)] * _row_factor(synthetic)
    scale = np.sqrt(np.diagonal(covariance))
    if not (scale > 0).all():
        return None
    correlation = covariance / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return None
    standardized = difference / scale
    statistic = float(standardized @ np.linalg.solve(correlation, standardized))
    tested = hotelling(f_test(statistic / p, p, np.inf), real.design_df)
    return LackOfFit(statistic, p, tested.p_value)
