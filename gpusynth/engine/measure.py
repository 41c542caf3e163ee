"""Seconds, bytes and versions of a run."""

from __future__ import annotations

import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

__all__ = ["StepTimes", "Stopwatch", "peak_memory_bytes", "timed", "versions"]


@dataclass(slots=True)
class StepTimes:
    """Seconds that one step took, summed over its blocks and replicates."""

    fit_cpu_seconds: float = 0.0
    fit_wall_seconds: float = 0.0
    draw_cpu_seconds: float = 0.0
    draw_wall_seconds: float = 0.0


@dataclass(slots=True)
class Stopwatch:
    """Seconds of a run by phase and by step.

    CPU seconds are those of the threads that fit and draw (`time.thread_time`), so other threads
    of the process do not count.
    """

    phases: dict[str, float] = field(default_factory=dict)
    steps: dict[int, StepTimes] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the wall seconds of the block to a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - start

    def step(self, number: int) -> StepTimes:
        """Return the times of a step, zero at first.

        Returns
        -------
        StepTimes
        """
        return self.steps.setdefault(number, StepTimes())

    def add_fit(self, number: int, spent: list[float]) -> None:
        """Add the (CPU, wall) seconds of a fit; from any thread."""
        with self._lock:
            times = self.step(number)
            times.fit_cpu_seconds += spent[0]
            times.fit_wall_seconds += spent[1]

    def add_draw(self, number: int, spent: list[float]) -> None:
        """Add the (CPU, wall) seconds of drawing a block; from any thread."""
        with self._lock:
            times = self.step(number)
            times.draw_cpu_seconds += spent[0]
            times.draw_wall_seconds += spent[1]

    @property
    def wall_seconds(self) -> float:
        """Seconds since the stopwatch was made."""
        return time.perf_counter() - self._started


@contextmanager
def timed() -> Iterator[list[float]]:
    """Give a list that holds (CPU seconds of this thread, wall seconds) after the block.

    Yields
    ------
    list of float
        Empty until the block has ended.
    """
    spent: list[float] = []
    cpu, wall = time.thread_time(), time.perf_counter()
    yield spent
    spent += [time.thread_time() - cpu, time.perf_counter() - wall]


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process so far.

    Returns
    -------
    int
    """
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def versions() -> dict[str, str]:
    """Return the versions that the bytes of a run may depend on.

    Returns
    -------
    dict of str to str
    """
    packages = ("gpusynth", "numpy", "numba", "pyarrow")
    return {
        **{name: _version(name) for name in packages},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _version(package: str) -> str:
    if package == "gpusynth":
        from gpusynth import __version__

        return __version__  # also right in a checkout that is not installed
    return version(package)
