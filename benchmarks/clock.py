"""Seconds of a piece of work, by two clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

__all__ = ["Seconds", "Stopwatch", "median_seconds"]


@dataclass(frozen=True, slots=True)
class Seconds:
    """CPU seconds of all threads of the process, and seconds on the wall."""

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.cpu + other.cpu, self.wall + other.wall)

    def to_json(self) -> dict[str, float]:
        return {"cpu": round(self.cpu, 4), "wall": round(self.wall, 4)}


class Stopwatch:
    """Seconds by phase; a phase that comes again adds to itself."""

    def __init__(self) -> None:
        self.phases: dict[str, Seconds] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        spent = Seconds(time.process_time() - cpu, time.perf_counter() - wall)
        self.phases[name] = self.phases.get(name, Seconds()) + spent

    def total(self) -> Seconds:
        return sum(self.phases.values(), Seconds())


def median_seconds(runs: Sequence[Seconds]) -> Seconds:
    """Return the median by each clock."""
    return Seconds(median(run.cpu for run in runs), median(run.wall for run in runs))
