"""Baselines: what a measure would show if the synthetic file were rows of the real one.

A bootstrap resample of the synthetic file's size has the real file's distribution and nothing but
sampling error: rows drawn independently from a right model come no closer. Subsamples give a
ladder, so that a score can be read as "as far off as an x % sample" (SDNist's "equivalent sampling
error").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.streams import Purpose, StreamKey, random_bits, uniform

__all__ = ["LADDER", "bootstrap_rows", "subsample_rows"]

LADDER = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of SDNist's subsample ladder."""

_BOOTSTRAP_STEP = 1
_SUBSAMPLE_STEP = 2


def bootstrap_rows(n_real: int, n_rows: int, *, seed: int, replicate: int = 0) -> Array:
    """Draw rows of the real file with replacement.

    Row i is ``floor(u_i * n_real)`` with ``u_i`` the uniform number of counter i, so the draw is
    the same on every machine; its bias, below ``n_real / 2^53``, is of no account.

    Returns
    -------
    array of int64, shape (n_rows,)
    """
    key = StreamKey(seed, replicate=replicate, step=_BOOTSTRAP_STEP, purpose=Purpose.EVALUATE)
    return np.floor(uniform(key, 0, n_rows)[:, 0] * n_real).astype(np.int64)


def subsample_rows(n_real: int, shares: Sequence[float], *, seed: int) -> tuple[Array, ...]:
    """Draw rows of the real file without replacement, one subsample for each share.

    The subsamples are nested: each takes the rows with the smallest random numbers, in file order.

    Parameters
    ----------
    n_real : int
    shares : sequence of float
        In (0, 1]; each subsample has at least one row.
    seed : int

    Returns
    -------
    tuple of array of int64

    Raises
    ------
    ValueError
        If a share is not in (0, 1].
    """
    for share in shares:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"a share must be in (0, 1], got {share}")
    key = StreamKey(seed, step=_SUBSAMPLE_STEP, purpose=Purpose.EVALUATE)
    order = np.argsort(random_bits(key, 0, n_real)[:, 0], kind="stable")
    return tuple(np.sort(order[: max(round(share * n_real), 1)]) for share in shares)
