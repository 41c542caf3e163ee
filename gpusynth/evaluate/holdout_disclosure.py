"""What a holdout discloses by keys in the place of the synthetic files, as if it had their length.

See `gpusynth.evaluate.holdout_lengths` for how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.holdout_lengths import EqualLengths, brought_to_length
from gpusynth.evaluate.metric import MetricResult

__all__ = ["disclosure_of_holdout"]

_ROWS = ("max_denom", "mean_denom")
"""Measures that are rows; all others are per cent."""


def disclosure_of_holdout(
    lengths: EqualLengths,
    keys: Sequence[str],
    targets: Sequence[str],
    found: Sequence[Sequence[MetricResult]],
) -> tuple[Mapping[str, float | None], ...] | None:
    """Measure the holdout as `attribute_disclosure` measures synthetic files.

    Parameters
    ----------
    lengths : EqualLengths
    keys, targets : sequence of str
    found : sequence of sequences of MetricResult
        Of the synthetic files, by file and target.

    Returns
    -------
    tuple of mapping of str to (float or None), or None
        Measure -> per cent (or rows), one mapping a target; None for a measure that is not defined,
        or that a synthetic file shows in all its rows but not in samples of them. None in all
        without a holdout.
    """
    codes, samples = lengths.codes, lengths.samples
    if codes.holdout is None:
        return None
    (held,) = attribute_disclosure(CommonCodes(codes.real, (codes.holdout,)), keys, targets)
    shorter = None if samples is None else attribute_disclosure(samples, keys, targets)

    def mean(files: Sequence[Sequence[MetricResult]], place: int, name: str) -> float:
        return float(np.mean([file[place].breakdown[name][0] for file in files]))

    def baseline(place: int, name: str, value: float) -> float | None:
        if shorter is None:
            return None if np.isnan(value) else value
        scaled = brought_to_length(
            value, whole=mean(found, place, name), sample=mean(shorter, place, name)
        )
        return scaled if scaled is None or name in _ROWS else min(scaled, 100.0)

    return tuple(
        {name: baseline(place, name, float(values[0])) for name, values in one.breakdown.items()}
        for place, one in enumerate(held)
    )
