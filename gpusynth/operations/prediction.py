"""Prediction: seconds and bytes of a large run from those of two small ones.

A phase that reads, codes, draws or writes takes ``a + b n`` for n rows: two sizes give both. A fit
takes ``c n^1.08``: a tree has about log n levels, of which the deep ones lie in the cache; the
exponent is measured by ``benchmarks/macro/growth.py`` from 200,000 to 2,000,000 rows. Memory that
the larger run needed stays, and each further row takes `BYTES_PER_ENCODED` bytes for a byte of its
codes and exact numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BYTES_PER_ENCODED", "FIT_EXPONENT", "Timed", "predict_bytes", "predict_phases"]

FIT_EXPONENT = 1.08
"""Of the time of fits in the number of rows; see `benchmarks/results/growth.json`."""

BYTES_PER_ENCODED = 5
"""Bytes of memory for each byte of codes and exact numbers: the real columns, those of a replicate,
both in the layout of trees, and rows that trees move about. Measured by `benchmarks/estimate.py`:
3.3 to 5.4 from 150,000 to 1,000,000 rows of 40 and 130 columns."""

_PER_OUTPUT = ("write", "hash output")  # phases that grow with the rows that are put out
_FIT_AND_DRAW = "fit and draw"


@dataclass(frozen=True, slots=True)
class Timed:
    """What a small run left in its manifest.

    Attributes
    ----------
    n_rows : int
    phases : mapping of str to float
        Wall seconds.
    fit_share : float
        Of the seconds of "fit and draw".
    peak_bytes : int
    encoded_bytes : int
    file_bytes : int
        Of the replicate.
    """

    n_rows: int
    phases: Mapping[str, float]
    fit_share: float
    peak_bytes: int
    encoded_bytes: int
    file_bytes: int

    @classmethod
    def of(cls, manifest: Mapping[str, Any], file_bytes: int) -> Timed:
        """Read a manifest.

        Parameters
        ----------
        manifest : mapping
        file_bytes : int
            Of the replicate.

        Returns
        -------
        Timed
        """
        times = manifest["timings"]
        fit, draw = times["fit_cpu_seconds"], times["draw_cpu_seconds"]
        return cls(
            n_rows=manifest["input"]["n_rows"],
            phases=times["phases"],
            fit_share=fit / (fit + draw) if fit + draw > 0 else 0.5,
            peak_bytes=manifest["peak_memory_bytes"],
            encoded_bytes=manifest["encoded_bytes"],
            file_bytes=file_bytes,
        )


def predict_phases(
    small: Timed, large: Timed, *, n_rows: int, n_out: int, n_replicates: int, fits: int = 1
) -> dict[str, float]:
    """Predict the wall seconds of each phase.

    Parameters
    ----------
    small, large : Timed
        Runs of two sizes with one replicate each.
    n_rows : int
        Real rows of the run.
    n_out : int
        Rows of each replicate.
    n_replicates : int
    fits : int
        How often each step is fitted; the number of replicates for a proper synthesis.

    Returns
    -------
    dict of str to float
    """
    outputs = n_out * n_replicates
    seconds = {}
    for phase, spent in large.phases.items():
        rows = outputs if phase in _PER_OUTPUT else n_rows
        if phase == _FIT_AND_DRAW:
            growth = (n_rows / large.n_rows) ** FIT_EXPONENT
            seconds["fit"] = fits * spent * large.fit_share * growth
            seconds["draw"] = spent * (1 - large.fit_share) * outputs / large.n_rows
        elif phase == "load kernels":
            seconds[phase] = spent
        else:
            seconds[phase] = _line(small, large, small.phases.get(phase, spent), spent, rows)
    return seconds


def predict_bytes(
    small: Timed, large: Timed, *, n_rows: int, n_out: int, n_replicates: int
) -> dict[str, int]:
    """Predict memory and disk.

    Parameters
    ----------
    small, large, n_rows, n_out, n_replicates : as for `predict_phases`

    Returns
    -------
    dict of str to int
        By name: "memory" is the largest resident size where everything is held in memory; "encoded"
        the real codes and exact numbers; "output" all replicate files; "drawing" the replicates
        while they are drawn, on disk where memory is short.
    """
    encoded = large.encoded_bytes * n_rows / large.n_rows
    drawing = large.encoded_bytes * n_out * n_replicates / large.n_rows
    more = BYTES_PER_ENCODED * max(0.0, encoded - large.encoded_bytes)
    others = max(0.0, drawing - encoded)  # one replicate of as many rows is in the factor
    return {
        "memory": round(large.peak_bytes + more + 2 * others),
        "encoded": round(encoded),
        "output": round(_line(small, large, small.file_bytes, large.file_bytes, n_out))
        * n_replicates,
        "drawing": round(drawing),
    }


def _line(small: Timed, large: Timed, low: float, high: float, n_rows: int) -> float:
    """Extend the line through two sizes; in proportion where it would fall or begin below 0."""
    slope = (high - low) / (large.n_rows - small.n_rows)
    start = low - slope * small.n_rows
    if slope <= 0 or start < 0:
        return high * n_rows / large.n_rows
    return start + slope * n_rows
