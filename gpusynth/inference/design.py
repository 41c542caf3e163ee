"""Design matrices: the same columns, in the same order, with the same meaning, for every file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.extra import imported
from gpusynth.inference.formulas import NUMBER_FUNCTIONS, Formula

__all__ = [
    "Design",
    "aliased_columns",
    "column_scale",
    "dependent_columns",
    "describe_design",
]

_ALIASED = 1e-12
"""Share of a column's variation left by the columns before it, below which it is a combination of
them. Rounding in the cross products leaves about 1e-14 of columns that are."""

_DEPENDENT = 1e-11
"""Eigenvalue of the correlations of dependent columns; rounding leaves about 1e-15 times p."""

_MOST_LEVELS = 2000
"""Of one categorical predictor. More are numbers read as text, or a design beyond memory."""

_BLOCK = 1 << 16
"""Rows centred at a time, so that no second matrix is needed."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """How a formula's right side becomes columns.

    Attributes
    ----------
    formula : Formula
    names : tuple of str
        Of the columns.
    parts : tuple of str
        For each column the term it belongs to, which names no level.
    intercept : int or None
        Position of the column of ones.
    model_spec : object
        formulaic's, with what stateful functions learned from the first file.
    """

    formula: Formula
    names: tuple[str, ...]
    parts: tuple[str, ...]
    intercept: int | None
    model_spec: Any

    def matrix(self, frame: Any, name: str) -> Array:
        """Return the columns for the rows of a file.

        Parameters
        ----------
        frame : pandas.DataFrame
        name : str
            What messages call the file.

        Returns
        -------
        array of float64, shape (n, p)

        Raises
        ------
        DataError
            If a term is not finite somewhere.
        """
        matrix = np.asarray(_materialized(self.model_spec, frame, self.formula), dtype=np.float64)
        finite = np.isfinite(matrix)
        if not finite.all():
            column = int(np.flatnonzero(~finite.all(axis=0))[0])
            raise DataError(
                f"{name}: term {self.parts[column]!r} is not finite in "
                f"{int((~finite[:, column]).sum())} rows, such as the logarithm of 0. "
                "Use log1p() or leave those rows out."
            )
        return matrix


def describe_design(formula: Formula, frame: Any, *, thresholds: bool) -> Design:
    """Lay down the columns, from the first file.

    Parameters
    ----------
    formula : Formula
    frame : pandas.DataFrame
        Categorical columns have all levels of all files.
    thresholds : bool
        The model's thresholds take the part of the intercept.

    Returns
    -------
    Design

    Raises
    ------
    DataError
        If formulaic cannot compute a term.
    """
    for column in formula.columns:
        n_levels = len(frame[column].cat.categories) if hasattr(frame[column], "cat") else 0
        if n_levels == 1 and column != formula.response_column:
            raise DataError(
                f"formula {formula.text!r}: column {column!r} has one level in all files, so it "
                "explains nothing. Leave it out."
            )
        if n_levels > _MOST_LEVELS and column != formula.response_column:
            raise DataError(
                f"formula {formula.text!r}: column {column!r} has {n_levels} levels. If it is a "
                "number with codes for missing answers, list these in a schema; else group them."
            )
    spec = _materialized(formula.terms, frame, formula).model_spec
    names = tuple(spec.column_names)
    if not names:
        raise DataError(f"formula {formula.text!r} has no term on the right side.")
    parts: list[str] = [""] * len(names)
    for term, positions in spec.term_indices.items():
        for position in positions:
            parts[position] = str(term)
    intercept = names.index("Intercept") if "Intercept" in names else None
    if thresholds and intercept is None:
        raise DataError(
            f"formula {formula.text!r}: an ordered model always has thresholds. Leave out - 1."
        )
    return Design(formula, names, tuple(parts), intercept, spec)


def aliased_columns(matrix: Array, weight: Array, *, intercept: int | None) -> Array:
    """Find columns that are combinations of columns before them.

    Parameters
    ----------
    matrix : array of float64, shape (n, p)
    weight : array of float64, shape (n,)
        Rows of weight 0 do not count.
    intercept : int or None
        With a column of ones the others are centred, which keeps columns such as years apart from
        their squares.

    Returns
    -------
    array of bool, shape (p,)
    """
    n_columns = matrix.shape[1]
    first = [] if intercept is None else [intercept]
    order = first + [column for column in range(n_columns) if column not in first]
    present = weight > 0
    scale = column_scale(matrix)
    shift = np.zeros(n_columns)
    if intercept is not None:
        shift = (present / present.sum()) @ matrix / scale
        shift[intercept] = 0.0
    gram, squares = np.zeros((n_columns, n_columns)), np.zeros(n_columns)
    for begin in range(0, len(matrix), _BLOCK):
        rows = matrix[begin : begin + _BLOCK][present[begin : begin + _BLOCK]] / scale
        squares += (rows**2).sum(axis=0)
        rows = rows - shift
        gram += rows.T @ rows
    length = np.sqrt(np.diagonal(gram))
    # A constant column beside an intercept has no length left but rounding.
    constant = length <= 1e-10 * np.sqrt(squares)
    length[constant] = np.inf
    return _swept(gram / np.outer(length, length), order)


def dependent_columns(matrix: Array) -> Array:
    """Find all columns that take part in some linear dependence.

    Parameters
    ----------
    matrix : array of float64, shape (n, p)

    Returns
    -------
    array of bool, shape (p,)
    """
    scaled = matrix / column_scale(matrix)
    length = np.sqrt((scaled**2).sum(axis=0))
    length[length == 0.0] = 1.0
    values, vectors = np.linalg.eigh((scaled / length).T @ (scaled / length))
    # Vectors of the null space, found to about 1e-8: the root of rounding in the cross products.
    null = vectors[:, values <= _DEPENDENT]
    return (np.abs(null) > 1e-4).any(axis=1)


def column_scale(matrix: Array) -> Array:
    """Return a power of two near each column's largest number; 1 for columns of zeros.

    Parameters
    ----------
    matrix : array of float64, shape (n, p)

    Returns
    -------
    array of float64, shape (p,)
    """
    if matrix.shape[1] == 0:
        return np.ones(0)
    largest = np.maximum(matrix.max(axis=0), -matrix.min(axis=0))
    largest[largest == 0.0] = 1.0
    return np.exp2(np.rint(np.log2(largest)))


def _swept(gram: Array, order: list[int]) -> Array:
    """Sweep the cross products column by column; what leaves no variation is aliased."""
    gram = gram.copy()
    aliased = np.zeros(len(gram), dtype=bool)
    for column in order:
        left = gram[column, column]
        if left <= _ALIASED:
            aliased[column] = True
            continue
        gram -= np.outer(gram[:, column], gram[column]) / left
    return aliased


def _materialized(source: Any, frame: Any, formula: Formula) -> Any:
    errors = imported("formulaic.errors")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of levels without rows and logarithms of 0: checked later
        try:
            return source.get_model_matrix(
                frame, context=dict(NUMBER_FUNCTIONS), output="numpy", na_action="ignore"
            )
        except (errors.FormulaicError, ValueError, TypeError, KeyError, ArithmeticError):
            raise DataError(
                f"formula {formula.text!r}: a term cannot be computed. Functions of numbers need "
                "columns of numbers, and a level named in Treatment() or == must occur."
            ) from None
