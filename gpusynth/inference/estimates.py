"""One model fitted to several files: the same terms, each with its estimate and covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.cells import Cells, count_cells
from gpusynth.inference.design import Design, describe_design
from gpusynth.inference.formulas import Formula, parse_formula
from gpusynth.inference.model import Model, check_model, wanted_columns
from gpusynth.inference.solve import Problem, Solved, solve
from gpusynth.inference.variables import Variables, read_variables
from gpusynth.inference.variances import (
    Clustered,
    RandomGroups,
    ReplicateWeights,
    Variance,
    clustered_covariance,
    group_weights,
    robust_covariance,
    spread_covariance,
)
from gpusynth.table import Schema
from gpusynth.table.source import Source

__all__ = ["Estimate", "estimate_all"]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A model fitted to one file.

    Attributes
    ----------
    name : str
        What messages call the file.
    terms : tuple of str
        Equal for all files.
    parameters : array of float64, shape (p,)
        NaN where the file says nothing about a term.
    covariance : array of float64, shape (p, p)
        NaN in the rows and columns of those terms.
    degrees_of_freedom : float
        Of the t distribution of one estimate; infinite for the normal one.
    design_df : float
        Degrees of freedom of the covariance matrix as a whole: clusters or random groups less 1,
        or those of replicate weights; infinite where it comes from the rows.
    n_rows : int
        Rows of the file.
    n_used : int
        Rows without missing values in the columns of the model.
    notes : tuple of str
    """

    name: str
    terms: tuple[str, ...]
    parameters: Array
    covariance: Array
    degrees_of_freedom: float
    design_df: float
    n_rows: int
    n_used: int
    notes: tuple[str, ...]

    @property
    def available(self) -> Array:
        """Terms that have an estimate and a variance."""
        variance: Array = np.diagonal(self.covariance)
        return np.isfinite(self.parameters) & np.isfinite(variance)


def estimate_all(
    model: Model, sources: Sequence[Source], names: Sequence[str], *, schema: Schema | None
) -> list[Estimate]:
    """Fit a model to each of several files.

    Parameters
    ----------
    model : Model
    sources : sequence of Source
        What stateful functions such as ``scale(x)`` learn, they learn from the first.
    names : sequence of str
        What messages call the files.
    schema : Schema, optional

    Returns
    -------
    list of Estimate
        In the order of `sources`.

    Raises
    ------
    DataError
        If columns or values do not suit the model, or a design is singular.
    PlanError
        If the model contradicts itself.
    """
    formula = parse_formula(model.formula)
    check_model(model)
    wanted = wanted_columns(model)
    read = read_variables(sources, wanted, names=names, schema=schema)
    _check_comparisons(formula, read[0].frame)
    kept = [*formula.columns, *_cluster(model)]
    design: Design | None = None
    found = []
    for variables in read:
        cells = _cells(variables, model, formula, kept)
        if design is None:
            design = describe_design(formula, cells.frame, thresholds=model.kind == "ordered")
        found.append(_estimate(model, design, variables, cells))
    return found


def _check_comparisons(formula: Formula, frame: Any) -> None:
    """Refuse comparisons that can never hold, such as of levels of text with a number."""
    for column, value in formula.comparisons:
        values = frame[column]
        if not hasattr(values, "cat"):
            if isinstance(value, str):
                raise DataError(
                    f"formula {formula.text!r} compares column {column!r}, which holds numbers, "
                    "with text. Leave out the quotes."
                )
            continue
        levels = values.cat.categories.tolist()
        if value in levels:
            continue
        hint = " Mind that no file has it."
        if str(value) in map(str, levels):
            hint = (
                " Put it into quotes." if isinstance(levels[0], str) else " Leave out the quotes."
            )
        raise DataError(
            f"formula {formula.text!r} compares column {column!r} with a value that is none of its "
            f"levels.{hint}"
        )


def _cluster(model: Model) -> list[str]:
    return [model.variance.column] if isinstance(model.variance, Clustered) else []


def _cells(variables: Variables, model: Model, formula: Formula, kept: list[str]) -> Cells:
    """Count equal rows with their weights, the further weights of the variance included."""
    frame = variables.frame
    weight = None if model.weights is None else _weights(variables, model.weights)
    extra = np.empty((len(frame), 0))
    variance = model.variance
    if isinstance(variance, RandomGroups):
        groups = _group_numbers(variables.frame[variance.column])
        base = np.ones(len(frame)) if weight is None else weight
        extra = group_weights(groups, base, variance, variables.name)
    elif isinstance(variance, ReplicateWeights):
        columns = [_weights(variables, column, signed=True) for column in variance.columns]
        extra = np.stack(columns, axis=1)
    combine = not formula.stateful and model.kind != "quantile"
    return count_cells(
        frame[list(dict.fromkeys(kept))], weight=weight, extra=extra, combine=combine
    )


def _group_numbers(groups: Any) -> Array:
    """Return the number of each row's random group, NaN for level 0 and missing."""
    codes = groups.cat.codes.to_numpy()
    is_none = np.array([str(level) == "0" for level in groups.cat.categories] + [True])
    return np.where(is_none[codes], np.nan, codes.astype(np.float64))


def _number_column(variables: Variables, column: str) -> Array:
    values: Any = variables.frame[column]
    if hasattr(values, "cat"):
        raise DataError(f"{variables.name}: column {column!r} must hold numbers.")
    return np.asarray(values, dtype=np.float64)


def _weights(variables: Variables, column: str, *, signed: bool = False) -> Array:
    weight = _number_column(variables, column)
    wrong = ~np.isfinite(weight) | ((weight < 0) & (not signed))
    if wrong.any():
        raise DataError(
            f"{variables.name}: {int(wrong.sum())} weights in column {column!r} are negative or "
            "infinite. Correct them or leave those rows out."
        )
    if not weight.sum() > 0:
        raise DataError(f"{variables.name}: the weights in column {column!r} are all 0.")
    return weight


def _estimate(model: Model, design: Design, variables: Variables, cells: Cells) -> Estimate:
    problem = Problem.pose(model.kind, model.quantile, design, cells, variables.name)
    solved = solve(problem)
    notes = list(solved.notes)
    if len(variables.frame) < variables.n_rows:
        lost = variables.n_rows - len(variables.frame)
        notes.append(f"{variables.name}: {lost} rows with missing values were left out.")
    covariance, freedom, design_df = _covariance(problem, solved, model.variance)
    full = solved.full_parameters
    unknown = np.isfinite(full) & ~np.isfinite(np.diagonal(covariance))
    if unknown.any():
        notes.append(
            f"{variables.name}: {int(unknown.sum())} terms have no variance, because some random "
            "groups or replicate weights have no estimate of them."
        )
    return Estimate(
        variables.name,
        solved.terms,
        full,
        covariance,
        freedom,
        design_df,
        variables.n_rows,
        len(variables.frame),
        tuple(notes),
    )


def _covariance(problem: Problem, solved: Solved, variance: Variance) -> tuple[Array, float, float]:
    """Return covariance, degrees of freedom of one estimate, and those of the whole matrix."""
    cells, rows, likelihood = problem.cells, solved.rows, solved.likelihood
    if isinstance(variance, (RandomGroups, ReplicateWeights)):
        repeated = [solve(problem, weight=column).full_parameters for column in cells.extra.T]
        return _repeated(variance, np.stack(repeated), solved.full_parameters)
    if likelihood is None or variance == "model":
        return solved.full_covariance, solved.residual_df, np.inf
    if isinstance(variance, Clustered):
        clusters = cells.frame[variance.column].cat.codes.to_numpy()[rows]
        covariance = clustered_covariance(
            likelihood.bread,
            likelihood.scores,
            weight=cells.weight[rows] * solved.weight_scale,
            clusters=clusters,
            n_rows=cells.n_rows,
        )
        freedom = float(len(np.unique(clusters)) - 1)
        return solved.scatter(covariance), freedom, freedom
    covariance = robust_covariance(
        likelihood.bread,
        likelihood.scores,
        squared=cells.squared[rows] * solved.weight_scale**2,
        n_rows=cells.n_rows,
    )
    return solved.scatter(covariance), solved.residual_df, np.inf


def _repeated(
    variance: RandomGroups | ReplicateWeights, repeated: Array, full: Array
) -> tuple[Array, float, float]:
    n_repeats = len(repeated)
    if isinstance(variance, RandomGroups):
        factor = variance.adjustment / (n_repeats * (n_repeats - 1))
        covariance = spread_covariance(repeated, repeated.mean(axis=0), factor)
        return covariance, float(n_repeats - 1), float(n_repeats - 1)
    freedom = variance.degrees_of_freedom
    return spread_covariance(repeated, full, variance.factor), freedom, freedom
