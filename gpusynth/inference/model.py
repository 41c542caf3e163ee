"""Regressions: what is asked for, before any data are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from gpusynth.errors import PlanError
from gpusynth.inference.formulas import parse_formula
from gpusynth.inference.variables import Wanted
from gpusynth.inference.variances import Clustered, RandomGroups, ReplicateWeights, Variance

__all__ = ["MODELS", "Model", "ModelName", "NamedModel", "check_model", "wanted_columns"]

ModelName: TypeAlias = Literal["ols", "logit", "poisson", "ordered", "multinomial", "quantile"]
"""Kinds of regression."""

MODELS: tuple[ModelName, ...] = ("ols", "logit", "poisson", "ordered", "multinomial", "quantile")
"""All kinds of regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A regression to fit.

    Attributes
    ----------
    formula : str
    kind : ModelName
    weights : str or None
        Column of weights.
    vcov : Variance or None
        None for "robust" with weights and "model" without.
    quantile : float
        Of a quantile regression.
    """

    formula: str
    kind: ModelName = "ols"
    weights: str | None = None
    vcov: Variance | None = None
    quantile: float = 0.5

    @property
    def variance(self) -> Variance:
        """Kind of variance, chosen or by default."""
        if self.vcov is not None:
            return self.vcov
        # A quantile regression's own variance is robust.
        weighted = self.weights is not None and self.kind != "quantile"
        return "robust" if weighted else "model"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A regression with the name it has in tables and plots.

    Attributes
    ----------
    name : str
    model : Model
    """

    name: str
    model: Model

    def with_weights(self, weights: str | None) -> NamedModel:
        """Return it with a column of weights, unless it has its own.

        Parameters
        ----------
        weights : str or None

        Returns
        -------
        NamedModel
        """
        if weights is None or self.model.weights is not None:
            return self
        return NamedModel(self.name, replace(self.model, weights=weights))


def check_model(model: Model) -> None:
    """Check that a model does not contradict itself.

    Parameters
    ----------
    model : Model

    Raises
    ------
    PlanError
        Naming what does not go together.
    """
    if model.kind not in MODELS:
        raise PlanError(f"no model is called {model.kind!r}. Use one of {', '.join(MODELS)}.")
    variance = model.variance
    if isinstance(variance, str) and variance not in ("model", "robust"):
        raise PlanError(
            f"vcov={variance!r} is not known. Use 'model', 'robust', Clustered, RandomGroups or "
            "ReplicateWeights."
        )
    if isinstance(variance, RandomGroups) and variance.finite_population and model.weights is None:
        raise PlanError("random groups of a finite population need weights=. Name the column.")
    if isinstance(variance, ReplicateWeights) and len(variance.columns) < 2:
        raise PlanError("there must be at least 2 replicate weights.")
    if model.kind != "quantile":
        return
    if not 0.0 < model.quantile < 1.0:
        raise PlanError(f"quantile must lie between 0 and 1, it is {model.quantile}.")
    if variance == "robust" or isinstance(variance, Clustered):
        raise PlanError("a quantile regression's own variance is robust already: vcov='model'.")
    if model.weights is not None and variance == "model":
        raise PlanError(
            "the variance of a weighted quantile regression is not known in closed form. "
            "Use vcov=RandomGroups(...) or ReplicateWeights(...)."
        )


def wanted_columns(model: Model) -> Wanted:
    """Return the columns that a model reads.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Wanted

    Raises
    ------
    RuleSyntaxError
        If the formula does not parse or is refused.
    """
    formula, variance = parse_formula(model.formula), model.variance
    columns = dict.fromkeys(formula.columns)
    if model.weights is not None:
        columns.setdefault(model.weights)
    categorical = set(formula.categorical)
    missing_allowed = set()
    if model.kind in ("ordered", "multinomial") and formula.response_column is not None:
        categorical.add(formula.response_column)
    if isinstance(variance, Clustered):
        columns.setdefault(variance.column)
        categorical.add(variance.column)
    elif isinstance(variance, RandomGroups):
        columns.setdefault(variance.column)
        categorical.add(variance.column)
        missing_allowed.add(variance.column)
    elif isinstance(variance, ReplicateWeights):
        columns.update(dict.fromkeys(variance.columns))
    return Wanted(columns=tuple(columns), categorical=categorical, missing_allowed=missing_allowed)
