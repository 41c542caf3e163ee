"""Random streams: every random number is a pure function of a key and a counter.

A stream is named by (seed, replicate, stratum, step, purpose); within it the global row number is
the counter of Philox4x32-10. Nothing else enters, so threads, batches, resume, workers and device
never change a byte.

References
----------
.. [1] Salmon, J. K. et al. (2011). Parallel random numbers: as easy as 1, 2, 3. SC'11. (Philox)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from gpusynth.arrays import Array
from gpusynth_kernels.cpu.random import fill_bits

__all__ = ["Purpose", "StreamKey", "random_bits", "uniform"]


class Purpose(IntEnum):
    """What a stream's numbers are used for; two purposes never share numbers."""

    START = 0
    BOOTSTRAP = 1
    DONOR = 2
    SMOOTH = 3
    TIEBREAK = 5
    SIMULATE = 6
    EVALUATE = 7
    REPAIR = 8
    IMPUTE = 16
    """Seeds of imputations and of the syntheses of each (`gpusynth.imputation.seeds`)."""
    SHUFFLE = 20
    TAIL = 21
    DEAL = 22
    REPLACE = 23
    LINK = 32
    """Seeds of the files that are synthesized together (`gpusynth.linked.seeds`)."""


_LIMITS = {"seed": 64, "replicate": 16, "stratum": 24, "step": 16}


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Name of one random stream.

    Parameters
    ----------
    seed : int
        64 bits; the Philox key.
    replicate : int
        16 bits; 0 for anything that is the same in all replicates.
    stratum : int
        24 bits.
    step : int
        16 bits; the step's number in the plan.
    purpose : Purpose
        8 bits.

    Raises
    ------
    ValueError
        If a number does not fit its bits.
    """

    seed: int
    replicate: int = 0
    stratum: int = 0
    step: int = 0
    purpose: Purpose = Purpose.DONOR

    def __post_init__(self) -> None:
        for name, bits in _LIMITS.items():
            number = getattr(self, name)
            if not 0 <= number < 1 << bits:
                raise ValueError(f"{name} must be in [0, 2^{bits}), got {number}")

    def at(
        self,
        *,
        replicate: int | None = None,
        stratum: int | None = None,
        step: int | None = None,
        purpose: Purpose | None = None,
    ) -> StreamKey:
        """Return the key of a neighbouring stream; what is not named stays."""
        return replace(
            self,
            replicate=self.replicate if replicate is None else replicate,
            stratum=self.stratum if stratum is None else stratum,
            step=self.step if step is None else step,
            purpose=self.purpose if purpose is None else purpose,
        )

    @property
    def stream(self) -> int:
        """The 64-bit stream word: replicate 16 | stratum 24 | step 16 | purpose 8 bits."""
        return self.replicate << 48 | self.stratum << 24 | self.step << 8 | int(self.purpose)


def random_bits(key: StreamKey, first_row: int, n_rows: int) -> Array:
    """Return the random numbers of rows ``[first_row, first_row + n_rows)`` of a stream.

    Returns
    -------
    array of uint64, shape (n_rows, 2)
        Two independent 64-bit numbers a row.
    """
    out = np.empty((n_rows, 2), np.uint64)
    fill_bits(np.uint64(key.seed), np.uint64(key.stream), np.uint64(first_row), out)
    return out


def uniform(key: StreamKey, first_row: int, n_rows: int) -> Array:
    """Return uniform numbers in [0, 1): the upper 53 bits of `random_bits`, so exact in float64.

    Returns
    -------
    array of float64, shape (n_rows, 2)
    """
    return (random_bits(key, first_row, n_rows) >> np.uint64(11)) * 2.0**-53
