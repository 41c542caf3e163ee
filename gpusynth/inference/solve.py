"""Fit one model to one file, leaving out what the file cannot tell, and saying so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.cells import Cells
from gpusynth.inference.design import Design, aliased_columns, dependent_columns
from gpusynth.inference.levels import intercept_played, lay_out_levels
from gpusynth.inference.likelihoods import (
    FITTERS,
    Likelihood,
    NotConvergedError,
    fit_quantile,
)
from gpusynth.inference.response import Response, read_response
from gpusynth.inference.separation import find_separation

__all__ = ["Problem", "Solved", "solve"]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A model and the rows of one file.

    Attributes
    ----------
    kind : str
    quantile : float
    design : Design
    cells : Cells
    name : str
        What messages call the file.
    matrix : array of float64, shape (n, p)
    response : Response
    """

    kind: str
    quantile: float
    design: Design
    cells: Cells
    name: str
    matrix: Array
    response: Response

    @classmethod
    def pose(cls, kind: str, quantile: float, design: Design, cells: Cells, name: str) -> Problem:
        """Compute the design matrix and the response.

        Parameters
        ----------
        kind : str
        quantile : float
        design : Design
        cells : Cells
        name : str

        Returns
        -------
        Problem
        """
        matrix = design.matrix(cells.frame, name)
        response = read_response(design.formula, cells.frame, kind)
        return cls(kind, quantile, design, cells, name, matrix, response)


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Estimates of the terms that the file can tell.

    Attributes
    ----------
    terms : tuple of str
        All terms of the model.
    places : array of int64, shape (q,)
        Of the fitted parameters among them.
    shown : array of bool, shape (q,)
        Fitted parameters that have the term's meaning.
    parameters : array of float64, shape (q,)
    covariance : array of float64, shape (q, q)
        The model's own.
    likelihood : Likelihood or None
        None for a quantile regression.
    rows : array of int64
        Cells that were fitted.
    weight_scale : float
        Factor that brought the weights to a mean of 1.
    residual_df : float
        Rows less parameters of a linear model; infinite for others.
    notes : tuple of str
    """

    terms: tuple[str, ...]
    places: Array
    shown: Array
    parameters: Array
    covariance: Array
    likelihood: Likelihood | None
    rows: Array
    weight_scale: float
    residual_df: float
    notes: tuple[str, ...]

    @property
    def full_parameters(self) -> Array:
        """Estimates of all terms, NaN where there is none."""
        full = np.full(len(self.terms), np.nan)
        full[self.places[self.shown]] = self.parameters[self.shown]
        return full

    @property
    def full_covariance(self) -> Array:
        """The model's own covariance matrix of all terms."""
        return self.scatter(self.covariance)

    def scatter(self, covariance: Array) -> Array:
        """Spread the covariance matrix of the fitted parameters over all terms.

        Parameters
        ----------
        covariance : array of float64, shape (q, q)

        Returns
        -------
        array of float64, shape (p, p)
            NaN where there is no estimate.
        """
        full = np.full((len(self.terms), len(self.terms)), np.nan)
        places = self.places[self.shown]
        full[np.ix_(places, places)] = covariance[np.ix_(self.shown, self.shown)]
        return full


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Which columns are fitted, which of them are shown, on which rows; the fit, if known."""

    fitted: Array
    shown: Array
    rows: Array
    notes: tuple[str, ...]
    likelihood: Likelihood | None = None


def solve(problem: Problem, *, weight: Array | None = None) -> Solved:
    """Fit a model.

    Parameters
    ----------
    problem : Problem
    weight : array of float64, shape (n,), optional
        In place of the cells' weights.

    Returns
    -------
    Solved

    Raises
    ------
    DataError
        If the design is singular, the response does not vary, or the fit does not settle.
    """
    chosen = problem.cells.weight if weight is None else weight
    present = chosen != 0
    if problem.kind in ("logit", "ordered", "multinomial"):
        _check_varies(problem.response, present, problem)
    # Likelihoods take weights of mean 1, for which their own variances count rows.
    scale = float(problem.cells.count[present].sum() / chosen.sum())
    try:
        columns = _columns(problem, chosen * scale)
        return _fitted(problem, chosen * scale, columns, scale)
    except NotConvergedError as error:
        hint = ""
        if problem.kind != "quantile":
            hint = (
                " A term may decide the response (separation), which makes its estimate infinite:"
                " merge rare levels or leave the term out."
            )
        raise DataError(f"{_place(problem)}: {error}{hint}") from None


def _place(problem: Problem) -> str:
    return f"{problem.name}, formula {problem.design.formula.text!r}"


def _check_varies(response: Response, present: Array, problem: Problem) -> None:
    if len(np.unique(response.values[present])) < 2:
        raise DataError(f"{_place(problem)}: the response has the same value in all rows.")


def _columns(problem: Problem, weight: Array) -> _Columns:
    """Find the columns that can be estimated; refuse a singular design."""
    design, matrix = problem.design, problem.matrix
    present = weight != 0
    usable = (matrix[present] != 0).any(axis=0)
    notes = []
    if not usable.all():
        empty = _listed(design, ~usable)
        notes.append(
            f"{problem.name}: no row has the level or combination of {int((~usable).sum())} terms "
            f"of {empty}; they are not estimated there."
        )
    aliased = np.zeros(len(usable), dtype=bool)
    place = design.intercept if design.intercept is not None and usable[design.intercept] else None
    within = None if place is None else int(usable[:place].sum())
    aliased[usable] = aliased_columns(
        matrix[:, usable], np.where(present, 1.0, 0.0), intercept=within
    )
    if aliased.any():
        raise DataError(
            f"{_place(problem)}: the design is singular: {_listed(design, aliased)} cannot be told "
            "apart from other terms. Leave a term out, or, if a factor's first level has no rows "
            'here, choose another one with C(column, Treatment("level")).'
        )
    columns = _Columns(
        usable & ~intercept_played(design, problem.kind),
        np.ones(len(usable), dtype=bool),
        np.flatnonzero(present),
        tuple(notes),
    )
    if problem.kind == "logit":
        return _without_separation(problem, weight, columns)
    return columns


def _without_separation(problem: Problem, weight: Array, columns: _Columns) -> _Columns:
    """Leave out the rows and terms of a logit that separation decides, with a note."""
    matrix, response = problem.matrix, problem.response
    rows, fitted = columns.rows, columns.fitted
    design = _part(matrix, rows, fitted)
    try:
        likelihood = FITTERS["logit"](response.values[rows], design, weight[rows])
        return replace(columns, likelihood=likelihood)
    except NotConvergedError:
        pass  # Separation is one cause; a fit that settles has no separation.
    left = rows
    infinite = np.zeros(len(fitted), dtype=bool)
    # A direction may leave some of the rows undecided that another one decides.
    while separation := find_separation(response.values[left], matrix[np.ix_(left, fitted)]):
        infinite[np.flatnonzero(fitted)[separation.terms]] = True
        left = left[~separation.decided]
    if len(left) == len(rows):
        return columns
    if len(np.unique(response.values[left])) < 2:
        raise DataError(
            f"{_place(problem)}: complete separation: {_listed(problem.design, infinite)} decide "
            "the response in every row, so that no estimate is finite. Leave a term out or merge "
            "levels."
        )
    remaining = fitted.copy()
    remaining[fitted] = (matrix[np.ix_(left, fitted)] != 0).any(axis=0)
    reduced = _part(matrix, left, remaining)
    # Without the decided rows other terms may have become one; none of them has its meaning then.
    unclear = infinite.copy()
    unclear[np.flatnonzero(remaining)[dependent_columns(reduced)]] = True
    aliased = aliased_columns(reduced, np.ones(len(left)), intercept=None)
    remaining[np.flatnonzero(remaining)[aliased]] = False
    note = (
        f"{problem.name}: separation: {int(infinite.sum())} terms of "
        f"{_listed(problem.design, infinite)} decide the response in "
        f"{int(problem.cells.count[rows].sum() - problem.cells.count[left].sum())} rows; "
        "their estimates are infinite and left out, the others are their limits."
    )
    return _Columns(remaining, ~unclear, left, (*columns.notes, note))


def _listed(design: Design, chosen: Array) -> str:
    parts = dict.fromkeys(
        part for part, is_chosen in zip(design.parts, chosen, strict=True) if is_chosen
    )
    shown = [repr(part) if part != "1" else "the intercept" for part in parts]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + more


def _part(matrix: Array, rows: Array, columns: Array) -> Array:
    """Return chosen rows and columns, without a copy where that is all of them."""
    chosen = matrix if len(rows) == len(matrix) else matrix[rows]
    return chosen if columns.all() else chosen[:, columns]


def _fitted(problem: Problem, weight: Array, columns: _Columns, scale: float) -> Solved:
    design, rows, response = problem.design, columns.rows, problem.response
    chosen = _part(problem.matrix, rows, columns.fitted)
    values, scaled = response.values[rows], weight[rows]
    n_rows = problem.cells.count[rows].sum()
    if n_rows <= chosen.shape[1]:
        raise DataError(
            f"{_place(problem)}: {int(n_rows)} rows are too few for {chosen.shape[1]} terms."
        )
    terms, notes = design.names, list(columns.notes)
    places = np.flatnonzero(columns.fitted)
    shown = columns.shown[places]
    likelihood = None
    freedom = np.inf
    if problem.kind == "quantile":
        parameters, covariance = fit_quantile(values, chosen, scaled, quantile=problem.quantile)
    else:
        if response.levels:
            laid = lay_out_levels(design, problem.kind, response, places, rows)
            terms, places, values = laid.terms, laid.places, laid.values
            shown = places >= 0
            notes.extend(f"{problem.name}: {note}" for note in laid.notes)
        likelihood = columns.likelihood or FITTERS[problem.kind](values, chosen, scaled)
        parameters = likelihood.parameters
        covariance = likelihood.scale * likelihood.bread
        if problem.kind == "ols":
            freedom = float(n_rows - chosen.shape[1])
    return Solved(
        terms,
        places,
        shown,
        parameters,
        covariance,
        likelihood,
        rows,
        scale,
        freedom,
        tuple(notes),
    )
