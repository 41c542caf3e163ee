"""Distances between weights before and after: what calibrated weights are nearest by.

Calibrated weights are ``w = d F(x'lambda)``; the distance decides the function F, with F(0) = 1 and
F'(0) = 1 [1]_.

======== ============== ==========================================================
linear                  case 1: ``F(u) = 1 + u``, the generalised regression (GREG) estimator
raking                  case 2: ``F(u) = exp(u)``, the raking ratio [2]_
logit    bounds (L, U)  case 6: S-shaped between L and U
linear   bounds (L, U)  case 7: ``1 + u``, cut off at L and U
raking   bounds (L, U)  ``exp(u)``, cut off at L and U
======== ============== ==========================================================

References
----------
.. [1] Deville, J.-C. and Sarndal, C.-E. (1992). Calibration estimators in survey sampling. Journal
   of the American Statistical Association 87(418), 376-382. Sections 2 and 3, table 1.
.. [2] Deming, W. E. and Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency
   table when the expected marginal totals are known. Annals of Mathematical Statistics 11(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError

__all__ = ["CalibrationMethod", "Distance", "check_method"]

CalibrationMethod: TypeAlias = Literal["raking", "linear", "logit"]
"""Which distance; see the module."""


def check_method(method: CalibrationMethod, bounds: tuple[float, float] | None) -> None:
    """Check that bounds fit a method.

    Parameters
    ----------
    method : {"raking", "linear", "logit"}
    bounds : tuple of float, optional

    Raises
    ------
    PlanError
        If they are not 0 <= low < 1 < high, or logit has none.
    """
    if bounds is None:
        if method == "logit":
            raise PlanError("calibrate: the method logit needs bounds, such as [0.2, 5].")
        return
    low, high = bounds
    if not 0 <= low < 1 < high < np.inf:
        raise PlanError(
            f"calibrate: the bounds [{low:g}, {high:g}] are no factors around 1. "
            "Give 0 <= low < 1 < high."
        )


@dataclass(frozen=True, slots=True)
class Distance:
    """The function F of a method.

    Attributes
    ----------
    method : {"raking", "linear", "logit"}
    bounds : tuple of float, or None
    """

    method: CalibrationMethod
    bounds: tuple[float, float] | None = None

    def factors(self, u: Array) -> Array:
        """Return F(u), the factor of each weight.

        Parameters
        ----------
        u : array of float64

        Returns
        -------
        array of float64
        """
        if self.method == "logit" and self.bounds is not None:
            low, high = self.bounds
            return low + (high - low) * self._share(u)
        with np.errstate(over="ignore"):  # infinity: the solver takes a shorter step
            free = 1.0 + u if self.method == "linear" else np.exp(u)
        return free if self.bounds is None else np.clip(free, *self.bounds)

    def slopes(self, u: Array) -> Array:
        """Return F'(u).

        Parameters
        ----------
        u : array of float64

        Returns
        -------
        array of float64
            Zero where a bound holds.
        """
        if self.method == "logit" and self.bounds is not None:
            low, high = self.bounds
            share = self._share(u)
            steepness = (high - low) / ((1.0 - low) * (high - 1.0))
            return (high - low) * steepness * share * (1.0 - share)
        with np.errstate(over="ignore"):
            slopes = np.ones_like(u) if self.method == "linear" else np.exp(u)
            free = 1.0 + u if self.method == "linear" else slopes
        if self.bounds is not None:
            slopes = np.where((free <= self.bounds[0]) | (free >= self.bounds[1]), 0.0, slopes)
        return slopes

    def _share(self, u: Array) -> Array:
        """Return how far between its bounds the logit factor lies.

        Case 6 as printed, ``(L(U-1) + U(1-L)e) / ((U-1) + (1-L)e)`` with ``e = exp(A u)``, is
        ``L + (U-L) / (1 + (U-1)/(1-L) exp(-A u))``, which does not overflow into 0/0.
        """
        low, high = self.bounds or (0.0, 1.0)
        steepness = (high - low) / ((1.0 - low) * (high - 1.0))
        with np.errstate(over="ignore"):
            return 1.0 / (1.0 + (high - 1.0) / (1.0 - low) * np.exp(-steepness * u))
