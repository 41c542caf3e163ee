"""Proposal: what inference suggests for one column, and how it says why."""

from __future__ import annotations

from dataclasses import dataclass

from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch

__all__ = ["Proposal", "join_reason", "missing_part", "plural", "share"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed column and the reason for it, which shows no value of the data."""

    column: Column
    reason: str


def share(part: int, whole: int) -> str:
    """Write a share in percent, with "under 0.1 %" for small ones."""
    percent = 100.0 * part / max(whole, 1)
    return "under 0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"


def plural(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def missing_part(sketch: ColumnSketch) -> str:
    """Say how much of a column is null, NaN or infinite; empty when nothing is."""
    parts = (
        (sketch.n_null, "null"),
        (sketch.n_nan, "NaN"),
        (sketch.n_plus_infinity + sketch.n_minus_infinity, "infinite"),
    )
    return ", ".join(f"{share(n, sketch.n_rows)} {word}" for n, word in parts if n)


def join_reason(kind: str, *parts: str) -> str:
    """Join the parts of a reason, leaving out empty ones."""
    return f"{kind}: " + "; ".join(part for part in parts if part)
