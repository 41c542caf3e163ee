"""Bands: one figure over several synthetic files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import TypeVar

from gpusynth.errors import IncomputableMetricError

__all__ = ["Band", "band", "band_of"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Band:
    """Mean, smallest and largest value of a figure over replicates.

    Attributes
    ----------
    mean, lowest, highest : float
    n : int
        Replicates that have the figure.
    """

    mean: float
    lowest: float
    highest: float
    n: int


def band(values: Sequence[float | None]) -> Band | None:
    """Return the band of the values that are there, None when none is.

    Raises
    ------
    IncomputableMetricError
        If a value is NaN: a figure that could not be computed must be None.
    """
    known = [float(value) for value in values if value is not None]
    if any(value != value for value in known):
        raise IncomputableMetricError("a figure is NaN; figures that are undefined must be None")
    if not known:
        return None
    # the rounding of fsum does not depend on the order of the files
    return Band(fsum(known) / len(known), min(known), max(known), len(known))


def band_of(results: Sequence[R], figure: Callable[[R], float | None]) -> Band | None:
    """Return the band of one figure of several results, such as ``lambda r: r.score``."""
    return band([figure(result) for result in results])
