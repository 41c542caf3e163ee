"""Separation in a logit: terms whose estimates are infinite, found exactly.

Konis (2007): a direction d with (2 y - 1) x d >= 0 for all rows and > 0 for some exists exactly if
the likelihood has no maximum; a linear program finds it. Rows on which d decides the answer say
nothing about the other terms, so leaving them out gives the limit of the other estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.inference.extra import imported

__all__ = ["Separation", "find_separation"]

_LARGEST_PROGRAM = 20_000_000
"""Numbers in the constraints above which the program would take minutes and is not tried."""

_ZERO = 1e-7
"""Of a direction scaled to 1; HiGHS keeps constraints to 1e-7."""


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """What separates.

    Attributes
    ----------
    terms : array of bool, shape (p,)
        Columns whose estimates are infinite.
    decided : array of bool, shape (n,)
        Rows whose answer they decide.
    """

    terms: Array
    decided: Array


def find_separation(response: Array, matrix: Array) -> Separation | None:
    """Find a direction that separates the rows of response 1 from those of 0.

    Parameters
    ----------
    response : array of float64, shape (n,)
        0 or 1.
    matrix : array of float64, shape (n, p)

    Returns
    -------
    Separation or None
        None if there is none, or if the program is too large to be solved.
    """
    if matrix.size == 0 or matrix.size > _LARGEST_PROGRAM:
        return None
    scale = np.abs(matrix).max(axis=0)
    scale[scale == 0.0] = 1.0
    signed = matrix / scale * np.where(response > 0.5, 1.0, -1.0)[:, None]
    constraints = np.unique(signed, axis=0)
    solution = imported("scipy.optimize").linprog(
        -constraints.sum(axis=0),
        A_ub=imported("scipy.sparse").csr_array(-constraints),
        b_ub=np.zeros(len(constraints)),
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if solution.x is None:
        return None
    margin = signed @ solution.x
    decided = margin > _ZERO * max(1.0, matrix.shape[1])
    if not decided.any():
        return None
    return Separation(np.abs(solution.x) > _ZERO, decided)
