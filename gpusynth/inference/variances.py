"""Kinds of variances: the model's own, robust, clustered, random groups, replicate weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError

__all__ = [
    "Clustered",
    "RandomGroups",
    "ReplicateWeights",
    "Variance",
    "clustered_covariance",
    "group_weights",
    "robust_covariance",
    "spread_covariance",
]


@dataclass(frozen=True, slots=True)
class Clustered:
    """Robust variance that lets rows of one cluster depend on each other.

    Attributes
    ----------
    column : str
    """

    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomGroups:
    """Variance between random groups of the sample: the recipe of the Survey of Business Owners.

    With G groups the model is fitted within each, with weights
    ``G w sqrt(1 - 1/w)`` (0 for w = 1), and the variance is
    ``adjustment * sum over g (t_g - mean t)**2 / (G (G - 1))``. For the 2007 survey G is 10 and the
    adjustment 1.992065 (2007 SBO PUMS user guide, section on variances).

    Attributes
    ----------
    column : str
        Number of the group; rows where it is 0 or missing belong to none.
    adjustment : float
        Factor on the variance; 1.992065 for the 2007 survey.
    finite_population : bool
        Take ``sqrt(1 - 1/w)`` into the weights, which needs weights of at least 1.
    """

    column: str
    adjustment: float = 1.0
    finite_population: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateWeights:
    """Variance from replicate weights: factor times the sum of squared deviations.

    Attributes
    ----------
    columns : tuple of str
        The R replicate weights.
    method : {"jackknife", "brr", "fay", "bootstrap", "sdr"}
        Factor (R - 1)/R, 1/R, 1/(R (1 - fay)**2), 1/R, 4/R (Wolter 2007; sdr: successive
        differences, as in the American Community Survey).
    fay : float
        Fay's coefficient, with method "fay".
    """

    columns: tuple[str, ...]
    method: Literal["jackknife", "brr", "fay", "bootstrap", "sdr"]
    fay: float = 0.0

    @property
    def factor(self) -> float:
        """Factor on the sum of squared deviations."""
        n_weights = len(self.columns)
        if self.method == "jackknife":
            return (n_weights - 1) / n_weights
        if self.method == "sdr":
            return 4.0 / n_weights
        shrink = (1.0 - self.fay) ** 2 if self.method == "fay" else 1.0
        return 1.0 / (n_weights * shrink)

    @property
    def degrees_of_freedom(self) -> float:
        """Of intervals and tests: R, as SAS takes for given replicate weights.

        R - 1 for the jackknife, whose R deviations add up to about 0. They are at most so many: a
        design of fewer strata or clusters than replicate weights has fewer.
        """
        return float(len(self.columns) - (self.method == "jackknife"))


Variance: TypeAlias = Literal["model", "robust"] | Clustered | RandomGroups | ReplicateWeights
"""What may be asked for as ``vcov``."""


def robust_covariance(bread: Array, scores: Array, *, squared: Array, n_rows: int) -> Array:
    """Return the sandwich estimate (Huber 1967, White 1980) times n / (n - p).

    Parameters
    ----------
    bread : array of float64, shape (p, p)
    scores : array of float64, shape (n, p)
    squared : array of float64, shape (n,)
        Squared weights (their sums over the rows of a cell).
    n_rows : int

    Returns
    -------
    array of float64, shape (p, p)
    """
    meat = (scores * squared[:, None]).T @ scores
    return bread @ meat @ bread * _small_sample(n_rows, len(bread))


def clustered_covariance(
    bread: Array, scores: Array, *, weight: Array, clusters: Array, n_rows: int
) -> Array:
    """Return the cluster-robust estimate times G / (G - 1) (n - 1) / (n - p).

    Parameters
    ----------
    bread : array of float64, shape (p, p)
    scores : array of float64, shape (n, p)
    weight : array of float64, shape (n,)
    clusters : array of int64, shape (n,)
    n_rows : int

    Returns
    -------
    array of float64, shape (p, p)

    Raises
    ------
    DataError
        If there are fewer than two clusters.
    """
    _, number = np.unique(clusters, return_inverse=True)
    n_clusters = int(number.max()) + 1
    if n_clusters < 2:
        raise DataError("clustered variances need at least 2 clusters.")
    sums = np.zeros((n_clusters, scores.shape[1]))
    np.add.at(sums, number, scores * weight[:, None])
    correction = n_clusters / (n_clusters - 1) * (n_rows - 1) / max(n_rows - len(bread), 1)
    return bread @ (sums.T @ sums) @ bread * correction


def group_weights(groups: Array, weight: Array, plan: RandomGroups, name: str) -> Array:
    """Return each group's weights, one column a group.

    Parameters
    ----------
    groups : array of float64, shape (n,)
        Number of the group; NaN for none.
    weight : array of float64, shape (n,)
    plan : RandomGroups
    name : str
        What messages call the file.

    Returns
    -------
    array of float64, shape (n, G)

    Raises
    ------
    DataError
        If there are fewer than two groups, or a weight below 1 with a finite population.
    """
    numbers = np.unique(groups[np.isfinite(groups)])
    n_groups = len(numbers)
    if n_groups < 2:
        raise DataError(f"{name}: column {plan.column!r} must number at least 2 random groups.")
    if n_groups > 1000:
        raise DataError(
            f"{name}: column {plan.column!r} has {n_groups} different values, which are no random "
            "groups. Name the column of the group."
        )
    scaled = n_groups * weight
    if plan.finite_population:
        below = (weight < 1) & (weight > 0)
        if below.any():
            raise DataError(
                f"{name}: {int(below.sum())} weights are below 1, where sqrt(1 - 1/w) has no "
                "value. Use finite_population=False."
            )
        scaled *= np.sqrt(1.0 - 1.0 / np.maximum(weight, 1.0))
    return np.where(groups[:, None] == numbers, scaled[:, None], 0.0)


def spread_covariance(estimates: Array, centre: Array, factor: float) -> Array:
    """Return a factor times the summed squared deviations of replicate estimates.

    Parameters
    ----------
    estimates : array of float64, shape (r, p)
        NaN where a term could not be estimated, which makes its variances NaN.
    centre : array of float64, shape (p,)
    factor : float

    Returns
    -------
    array of float64, shape (p, p)
    """
    deviations = estimates - centre
    return factor * deviations.T @ deviations


def _small_sample(n_rows: int, n_parameters: int) -> float:
    return n_rows / max(n_rows - n_parameters, 1)
