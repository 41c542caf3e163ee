"""Terms of a response with levels, of which one file may lack some."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.design import Design
from gpusynth.inference.response import Response

__all__ = ["LevelTerms", "intercept_played", "lay_out_levels"]


@dataclass(frozen=True, slots=True, eq=False)
class LevelTerms:
    """Terms of an ordered or multinomial model, and what one file can tell of them.

    Attributes
    ----------
    terms : tuple of str
        Of all files: coefficients of each level but the first ("level: term"), or coefficients and
        then thresholds ("level|next").
    places : array of int64, shape (q,)
        Of the file's parameters among them; -1 for a threshold between levels that are no
        neighbours, because those between have no rows.
    values : array of float64, shape (n,)
        Response, renumbered without gaps.
    notes : tuple of str
    """

    terms: tuple[str, ...]
    places: Array
    values: Array
    notes: tuple[str, ...]


def intercept_played(design: Design, kind: str) -> Array:
    """Return which columns are left out because an ordered model's thresholds play their part.

    Parameters
    ----------
    design : Design
    kind : str

    Returns
    -------
    array of bool, shape (p,)
    """
    played = np.zeros(len(design.names), dtype=bool)
    if kind == "ordered":
        played[design.intercept] = True
    return played


def lay_out_levels(
    design: Design, kind: str, response: Response, fitted: Array, rows: Array
) -> LevelTerms:
    """Lay out the terms of an ordered or multinomial model for one file.

    Parameters
    ----------
    design : Design
    kind : str
    response : Response
    fitted : array of int64
        Columns of the design that are fitted.
    rows : array of int64
        Rows that are fitted.

    Returns
    -------
    LevelTerms

    Raises
    ------
    DataError
        If the first level of a multinomial response has no rows.
    """
    levels, names = response.levels, design.names
    present, values = np.unique(response.values[rows].astype(np.int64), return_inverse=True)
    notes: tuple[str, ...] = ()
    if len(present) < len(levels):
        notes = (
            f"{len(levels) - len(present)} levels of the response have no rows; their terms are "
            "not estimated there.",
        )
    if kind == "multinomial":
        if present[0] != 0:
            raise DataError(
                f"formula {design.formula.text!r}: the first level of the response, with which the "
                "others are compared, has no rows in one of the files."
            )
        terms = tuple(f"{level}: {name}" for level in levels[1:] for name in names)
        places = np.concatenate([(level - 1) * len(names) + fitted for level in present[1:]])
        return LevelTerms(terms, places, values.astype(np.float64), notes)
    slopes = [name for place, name in enumerate(names) if place != design.intercept]
    thresholds = [f"{low}|{high}" for low, high in pairwise(levels)]
    position = np.cumsum(~intercept_played(design, kind)) - 1
    lower = present[:-1]
    between = np.where(present[1:] == lower + 1, len(slopes) + lower, -1)
    places = np.concatenate([position[fitted], between])
    return LevelTerms((*slopes, *thresholds), places, values.astype(np.float64), notes)
