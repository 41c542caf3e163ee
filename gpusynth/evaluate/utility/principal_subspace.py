"""Spans of principal components: eigenvectors, what they explain, angles between two of them.

References
----------
.. [1] Bjorck, A., Golub, G. H. (1973). Numerical methods for computing angles between linear
       subspaces. Mathematics of Computation 27, 579-594.
.. [2] Krzanowski, W. J. (1979). Between-groups comparison of principal components. Journal of the
       American Statistical Association 74, 703-707.
"""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.threads import one_thread

__all__ = ["explained_shares", "leading_directions", "principal_angles", "similarity"]

_SMALL = 1e-10
"""Eigenvalues below this share of the largest are rounding: the file has no such direction."""


def leading_directions(covariance: Array, n_components: int) -> Array:
    """Return the eigenvectors of the largest eigenvalues, the largest entry of each positive.

    Parameters
    ----------
    covariance : array of float64, shape (width, width)
    n_components : int
        Fewer are returned where the file has fewer directions.

    Returns
    -------
    array of float64, shape (width, n_components)
    """
    with one_thread():
        values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values, kind="stable")[:n_components]
    order = order[values[order] > _SMALL * values[order[0]]]
    vectors = vectors[:, order]
    largest = np.argmax(np.abs(vectors), axis=0)
    return vectors * np.sign(vectors[largest, np.arange(len(order))])


def explained_shares(covariance: Array, directions: Array) -> Array:
    """Return the share of the variance along each direction.

    Raises
    ------
    IncomputableMetricError
        If nothing varies.
    """
    total = float(np.trace(covariance))
    if total <= 0.0:
        raise IncomputableMetricError(
            "a synthetic file has a single value in every column; it has no principal components"
        )
    return np.einsum("wk,wv,vk->k", directions, covariance, directions) / total


def principal_angles(directions: Array, covariance: Array) -> Array:
    """Return the principal angles to the components of another file, degrees, ascending."""
    with one_thread():
        own = leading_directions(covariance, directions.shape[1])
        cosines = np.linalg.svd(directions.T @ own, compute_uv=False)
    found = np.full(directions.shape[1], 90.0)  # a file of fewer directions lacks the others
    found[: len(cosines)] = np.degrees(np.arccos(np.clip(cosines, 0.0, 1.0)))
    return found


def similarity(angles: Array) -> float:
    """Return the mean squared cosine of angles in degrees (Krzanowski 1979)."""
    return float(np.mean(np.cos(np.radians(angles)) ** 2))
