"""Resampled rows for proper synthesis: every replicate is fitted on a sample of its own.

References
----------
.. [1] Raghunathan, T. E., Reiter, J. P., Rubin, D. B. (2003). Multiple imputation for statistical
   disclosure limitation. Journal of Official Statistics 19(1), 1-16.
.. [2] Rubin, D. B. (1981). The Bayesian bootstrap. Annals of Statistics 9(1), 130-134.
"""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.streams import Purpose, StreamKey, uniform

__all__ = ["bayesian_weights", "bootstrap_rows"]


def bootstrap_rows(rows: Array, key: StreamKey) -> Array:
    """Draw as many rows as there are, with replacement.

    Parameters
    ----------
    rows : array of int32, shape (n,)
        Ascending.
    key : StreamKey

    Returns
    -------
    array of int32, shape (n,)
        Ascending; a row as often as it was drawn.
    """
    stream = key.at(purpose=Purpose.BOOTSTRAP)
    picked = (uniform(stream, 0, len(rows))[:, 0] * len(rows)).astype(np.int64)
    return np.repeat(rows, np.bincount(picked, minlength=len(rows)))


def bayesian_weights(n_real: int, key: StreamKey) -> Array:
    """Return independent exponential weights, which are Dirichlet(1, ..., 1) once they sum to 1.

    Parameters
    ----------
    n_real : int
    key : StreamKey

    Returns
    -------
    array of float64, shape (n_real,)
        Above 0: the uniform number is raised by half of its unit.
    """
    stream = key.at(purpose=Purpose.BOOTSTRAP)
    return -np.log(uniform(stream, 0, n_real)[:, 0] + 2.0**-54)
