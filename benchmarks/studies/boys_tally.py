"""Sums over bootstrap samples, which parts of the study are merged from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "Tally"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over bootstrap samples with its Monte Carlo standard error."""

    n: int
    mean: float
    error: float


@dataclass(slots=True)
class Tally:
    """Number of samples, sum and sum of squares of every figure.

    Figures that are not finite are not counted: `Figure.n` says how many were.
    """

    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, found: Mapping[str, float]) -> None:
        """Count the figures of one sample."""
        for name, value in found.items():
            sums = self.sums.setdefault(name, [0, 0.0, 0.0])
            if math.isfinite(value):
                sums[0] += 1
                sums[1] += value
                sums[2] += value * value

    def merge(self, other: Mapping[str, Sequence[float]]) -> None:
        """Add the sums of another part."""
        for name, more in other.items():
            sums = self.sums.setdefault(name, [0, 0.0, 0.0])
            for place, value in enumerate(more):
                sums[place] += value

    def figures(self) -> dict[str, Any]:
        """Return name -> [n, mean, Monte Carlo standard error], as stored in the results."""
        return {name: _figure(*sums) for name, sums in self.sums.items() if sums[0] > 0}


def _figure(n: float, total: float, squares: float) -> list[float]:
    mean = total / n
    spread = max(squares / n - mean * mean, 0.0)
    return [int(n), mean, math.sqrt(spread / (n - 1)) if n > 1 else math.inf]
