"""A holdout and synthetic files of one length: what makes baselines of disclosure fair.

Most figures of disclosure change with the length of a file: of twice as many rows more meet the key
of a unique real row or the amount of a large one, and fewer keys determine a target. So a holdout
of a tenth of the rows shows something else than a synthetic file without any leak. With h(n) and
s(n) a figure of n rows of the holdout and of a synthetic file,

- a holdout that is longer is cut to a random sample of the synthetic files' length;
- of one of n_h rows, fewer than the n_s of the synthetic files, the baseline is
  ``h(n_h) s(n_s) / s(n_h)``: s(n_h) is the mean over random samples of rows of the synthetic files.
  Figure and baseline then stand in the proportion in which they stand at the holdout's length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.intervals import sample_rows

__all__ = ["EqualLengths", "brought_to_length"]

_FIRST_STEP = 151
_SAMPLES = 5
"""Samples of each synthetic file; one of a tenth of the rows varies as the holdout itself does."""


@dataclass(frozen=True, slots=True)
class EqualLengths:
    """What to measure for a baseline.

    Attributes
    ----------
    codes : CommonCodes
        With the holdout, cut where it is longer than a synthetic file.
    samples : CommonCodes or None
        Samples of the synthetic files that are as long as the holdout, in their place; None where
        the holdout is not shorter, or there is none.
    """

    codes: CommonCodes
    samples: CommonCodes | None

    @classmethod
    def of(cls, codes: CommonCodes, *, seed: int) -> EqualLengths:
        """Draw the samples.

        Parameters
        ----------
        codes : CommonCodes
        seed : int
        """
        if codes.holdout is None:
            return cls(codes, None)
        shortest = min(table.n_rows for table in codes.synthetic)
        holdout = _sampled(codes.holdout, shortest, seed, 0)
        whole = CommonCodes(codes.real, codes.synthetic, holdout=holdout)
        if holdout.n_rows == shortest:
            return cls(whole, None)
        samples = tuple(
            _sampled(table, holdout.n_rows, seed, number)
            for table in codes.synthetic
            for number in range(1, _SAMPLES + 1)
        )
        return cls(whole, CommonCodes(codes.real, samples))


def brought_to_length(held: float, *, whole: float, sample: float) -> float | None:
    """Return a holdout's figure as if it were as long as the synthetic files.

    Parameters
    ----------
    held : float
        Of the holdout.
    whole, sample : float
        Means of the figure of synthetic files and of their samples.

    Returns
    -------
    float or None
        None where a figure is not defined, or the synthetic files show it whole but not in samples.
    """
    if np.isnan(held) or np.isnan(whole) or np.isnan(sample):
        return None
    if whole == 0.0 or held == 0.0:
        return float(held)
    return float(held * whole / sample) if sample > 0.0 else None


def _sampled(table: CodedTable, n_rows: int, seed: int, number: int) -> CodedTable:
    if table.n_rows <= n_rows:
        return table
    return table.take(sample_rows(table.n_rows, n_rows, seed=seed, step=_FIRST_STEP + number))
