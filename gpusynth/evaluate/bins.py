"""Bins of numbers, by the rules of the evaluators whose figures gpusynth reproduces.

Bins are given by the points where they meet; what lies outside the outermost points belongs to the
outermost bins, unless a rule makes it a level of its own.

References
----------
.. [1] SDNist 2.5, sdnist/report/dataset/binning.py, `bin_continuous_feature`.
.. [2] CenSyn 0.8.1, censyn/encoder/binner.py, `Binner.clean_bin_mapping` (percentile).
.. [3] synthpop 1.9-2, R/utility.syn.r, `group_num` (classIntervals, style "quantile").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpusynth.arrays import Array

__all__ = ["Binning", "Cuts", "cut_points"]

_BESIDE_LAST = 1e-6
"""CenSyn's `SMALL_SIZE`: what it adds to the last edge to close the last bin."""


@dataclass(frozen=True, slots=True)
class Binning:
    """How numbers become levels.

    Attributes
    ----------
    rule : {"sdnist", "censyn", "synthpop"}
        sdnist
            Bins ``(a, b]`` between percentiles of the real values (each an actual value); one bin
            less for each missing code, and one more edge where synthetic values go beyond the real
            ones. Whole numbers whose range is at most `n_bins` are not binned.
        censyn
            Bins ``[a, b)`` between interpolated percentiles of the real values; values outside
            them are one level of their own.
        synthpop
            Bins ``[a, b)`` between quantiles (R's type 7) of the pooled values of both files;
            bins of equal width where fewer than three groups result.
    n_bins : int
        20 is SDNist's number; synthpop's is 5.
    spikes_apart : bool
        Whether the spikes of the schema (0 of receipts) are levels of their own, so that a wrong
        share of them shows. None of the three originals does that.
    """

    rule: Literal["sdnist", "censyn", "synthpop"] = "sdnist"
    n_bins: int = 20
    spikes_apart: bool = True

    def __post_init__(self) -> None:
        if self.n_bins < 1:
            raise ValueError(f"n_bins must be at least 1, got {self.n_bins}")


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where bins meet, and on which side they are closed.

    Attributes
    ----------
    points : array of float64
        Ascending, distinct; one bin more than points.
    closed : {"left", "right"}
    joins_outside : bool
        Whether the first and the last bin are the same level.
    """

    points: Array
    closed: Literal["left", "right"]
    joins_outside: bool = False

    def codes(self, values: Array) -> Array:
        """Return the bin of each value, int64; with `joins_outside` the last bin is bin 0."""
        side: Literal["left", "right"] = "left" if self.closed == "right" else "right"
        codes: Array = np.searchsorted(self.points, values, side=side)
        if self.joins_outside:
            codes[codes == len(self.points)] = 0
        return codes


def cut_points(
    real: Array, synthetic: Array, binning: Binning, *, n_missing: int, is_whole: bool
) -> Cuts:
    """Find the cut points of one column.

    Parameters
    ----------
    real, synthetic : array of float64
        Ordinary, finite values of the real file and of all synthetic ones.
    binning : Binning
    n_missing : int
        Missing codes of the column; SDNist gives each of them one of its bins.
    is_whole : bool
        Whether the column holds whole numbers.
    """
    if len(real) == 0:
        return Cuts(np.empty(0), "right")
    if binning.rule == "synthpop":
        return _synthpop(np.concatenate((real, synthetic)), binning.n_bins)
    if binning.rule == "censyn":
        edges = np.quantile(real, np.linspace(0.0, 1.0, binning.n_bins + 1))
        edges[-1] += _BESIDE_LAST
        return Cuts(np.unique(edges), "left", joins_outside=True)
    return _sdnist(real, synthetic, binning.n_bins, n_missing, is_whole)


def _sdnist(real: Array, synthetic: Array, n_bins: int, n_missing: int, is_whole: bool) -> Cuts:  # noqa: FBT001
    low, high = real.min(), real.max()
    if is_whole and high - low <= n_bins:
        return Cuts(np.unique(np.concatenate((real, synthetic)))[1:], "left")
    edges = [high]
    n_bins -= n_missing
    if len(synthetic) and synthetic.max() > high:
        edges.append(synthetic.max())
        n_bins -= 1
    if len(synthetic) and synthetic.min() < low:
        edges.append(synthetic.min())
        n_bins -= 1
    n_bins = max(n_bins, 1)
    shares = [i * (100 / n_bins) for i in range(n_bins)]
    inner = np.percentile(real, shares, method="higher")
    return Cuts(np.unique(np.concatenate((inner, edges)))[1:-1], "right")


def _synthpop(pooled: Array, n_bins: int) -> Cuts:
    edges = np.unique(np.quantile(pooled, np.linspace(0.0, 1.0, n_bins + 1)))
    if len(edges) < 4:
        edges = np.linspace(pooled.min(), pooled.max(), n_bins + 1)
    return Cuts(np.unique(edges)[1:-1], "left")
