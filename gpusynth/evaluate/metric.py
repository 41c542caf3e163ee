"""Metric: a measure of how a synthetic file relates to the real one, computed block by block.

A metric never holds rows: `partial` reduces a block of each file to a summary, `combine` adds two
summaries, `finalize` turns one into a result. So the same code serves a table in memory, a stream
of row groups and several workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable

__all__ = ["Direction", "Metric", "MetricResult", "measure"]

P = TypeVar("P")

Direction = Literal["higher", "lower", "none"]
"""Which way is better; "none" for figures that only describe."""


@dataclass(frozen=True, slots=True)
class MetricResult:
    """What a metric found.

    Attributes
    ----------
    metric : str
    value : float
    expected : float or None
        The value that a perfect synthesis would have, where that is known or was measured (for
        example on a bootstrap resample of the real file).
    direction : {"higher", "lower", "none"}
        Which way is better.
    breakdown : mapping of str to array
        Parts from which `value` was made, arrays of equal length where they belong together.
    """

    metric: str
    value: float
    expected: float | None
    direction: Direction
    breakdown: Mapping[str, Array] = field(default_factory=dict)


class Metric(Protocol[P]):
    """A measure in three steps; `P` is the summary that crosses between them.

    ``finalize(combine(partial(a, x), partial(b, y)))`` equals ``finalize(partial(a + b, x + y))``.
    """

    @property
    def name(self) -> str:
        """Name in results and reports."""
        ...

    def partial(self, real: CodedTable, synthetic: CodedTable) -> P:
        """Summarise a block of each file; either may have no rows."""
        ...

    def combine(self, a: P, b: P) -> P:
        """Add two summaries."""
        ...

    def finalize(self, p: P) -> MetricResult:
        """Turn the summary of both whole files into the result."""
        ...


def measure(metric: Metric[Any], blocks: Iterable[tuple[CodedTable, CodedTable]]) -> MetricResult:
    """Run a metric over blocks of the real and the synthetic file.

    Parameters
    ----------
    metric : Metric
    blocks : iterable of (CodedTable, CodedTable)
        Blocks of the real and of the synthetic file on common codes; their cuts need not match.

    Raises
    ------
    IncomputableMetricError
        If there are no blocks.
    """
    summary: Any = None
    for real, synthetic in blocks:
        part = metric.partial(real, synthetic)
        summary = part if summary is None else metric.combine(summary, part)
    if summary is None:
        raise IncomputableMetricError(f"{metric.name}: no rows to measure; both files are empty")
    return metric.finalize(summary)
