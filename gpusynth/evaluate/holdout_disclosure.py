"""What a holdout discloses in the place of the synthetic files, as if it had their length.

Most figures on keys and targets change with the length of a file: of twice as many rows more meet
the key of a unique real row, and fewer keys determine a target. So a holdout of a tenth of the
rows shows something else than a synthetic file without any leak. With h(n) and s(n) a figure of n
rows of the holdout and of a synthetic file,

- a holdout that is longer is cut to a random sample of the synthetic files' length;
- of one of n_h rows, fewer than the n_s of the synthetic files, the baseline is
  ``h(n_h) s(n_s) / s(n_h)``: s(n_h) is the mean over random samples of rows of the synthetic files.
  Figure and baseline then stand in the proportion in which they stand at the holdout's length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.disclosure.intervals import sample_rows
from gpusynth.evaluate.metric import MetricResult

__all__ = ["disclosure_of_holdout"]

_FIRST_STEP = 151
_SAMPLES = 5
"""Samples of each synthetic file; one of a tenth of the rows varies as the holdout itself does."""


def disclosure_of_holdout(
    codes: CommonCodes,
    keys: Sequence[str],
    targets: Sequence[str],
    found: Sequence[Sequence[MetricResult]],
    *,
    seed: int,
) -> tuple[Mapping[str, float | None], ...] | None:
    """Measure the holdout as `attribute_disclosure` measures synthetic files.

    Parameters
    ----------
    codes : CommonCodes
    keys, targets : sequence of str
    found : sequence of sequences of MetricResult
        Of the synthetic files, by file and target.
    seed : int
        Of the samples of rows.

    Returns
    -------
    tuple of mapping of str to (float or None), or None
        Measure -> per cent, one mapping a target; None for a measure that is not defined, or that
        a synthetic file shows in all its rows but not in samples of them. None in all without a
        holdout.
    """
    if codes.holdout is None:
        return None
    lengths = [table.n_rows for table in codes.synthetic]
    holdout = _sampled(codes.holdout, min(lengths), seed, 0)
    (held,) = attribute_disclosure(CommonCodes(codes.real, (holdout,)), keys, targets)
    if holdout.n_rows == min(lengths):
        return tuple(
            {name: _defined(values[0]) for name, values in one.breakdown.items()} for one in held
        )
    samples = tuple(
        _sampled(table, holdout.n_rows, seed, number)
        for table in codes.synthetic
        for number in range(1, _SAMPLES + 1)
    )
    shorter = attribute_disclosure(CommonCodes(codes.real, samples), keys, targets)
    return tuple(
        {
            name: _brought_to_length(
                float(values[0]),
                whole=np.mean([file[place].breakdown[name][0] for file in found]),
                sample=np.mean([file[place].breakdown[name][0] for file in shorter]),
            )
            for name, values in one.breakdown.items()
        }
        for place, one in enumerate(held)
    )


def _sampled(table: CodedTable, n_rows: int, seed: int, number: int) -> CodedTable:
    if table.n_rows <= n_rows:
        return table
    return table.take(sample_rows(table.n_rows, n_rows, seed=seed, step=_FIRST_STEP + number))


def _brought_to_length(held: float, *, whole: float, sample: float) -> float | None:
    if whole == 0.0 or held == 0.0:
        return _defined(held)
    if not sample > 0.0:
        return None
    return _defined(min(held * float(whole) / float(sample), 100.0))


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
