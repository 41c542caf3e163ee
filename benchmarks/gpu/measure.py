"""What is measured on a device: seconds by kernel, copy rates, and the peak of its memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpusynth_kernels.cuda import launch

__all__ = ["KernelTimes", "Peak", "copy_rates", "device_peak", "median_seconds", "timed_kernels"]

_COPIED = 1 << 30
"""Bytes that are copied to measure a rate: far more than a cache holds."""


def _mark() -> Any:
    """Return a point in the order of the device's work (in the simulator: the time)."""
    if launch.SIMULATED:
        return time.perf_counter()
    event = launch.arrays().cuda.Event()
    event.record()
    return event


def _seconds_between(first: Any, last: Any) -> float:
    if launch.SIMULATED:
        return float(last - first)
    return float(launch.arrays().cuda.get_elapsed_time(first, last)) / 1000.0


@dataclass(slots=True)
class KernelTimes:
    """Launches of each kernel within a block of code.

    Attributes
    ----------
    spans : dict of list
        By kernel: the marks before and after each launch.
    first_seconds : dict of float
        By kernel: what the host took for the first launch, compilation included.
    """

    spans: dict[str, list[tuple[Any, Any]]] = field(default_factory=dict)
    first_seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> list[dict[str, Any]]:
        """Return a table by kernel, the one that takes longest first."""
        launch.synchronize()
        table = [
            {
                "kernel": name,
                "launches": len(spans),
                "milliseconds": round(1000.0 * sum(_seconds_between(*span) for span in spans), 4),
                "first_launch_seconds": round(self.first_seconds[name], 4),
            }
            for name, spans in self.spans.items()
        ]
        return sorted(table, key=lambda row: -float(row["milliseconds"]))  # type: ignore[arg-type]


@contextmanager
def timed_kernels() -> Iterator[KernelTimes]:
    """Time each launch by events on the device; the events themselves slow the host down."""
    times = KernelTimes()
    plain = launch.Kernel.__getitem__

    def timed(kernel: launch.Kernel, configuration: tuple[Any, ...]) -> Callable[..., None]:
        start = plain(kernel, configuration)

        def run(*arguments: Any) -> None:
            before, since = _mark(), time.perf_counter()
            start(*arguments)
            times.first_seconds.setdefault(kernel.__name__, time.perf_counter() - since)
            times.spans.setdefault(kernel.__name__, []).append((before, _mark()))

        return run

    launch.Kernel.__getitem__ = timed  # type: ignore[method-assign]
    try:
        yield times
    finally:
        launch.Kernel.__getitem__ = plain  # type: ignore[method-assign]


@dataclass(slots=True)
class Peak:
    """Most bytes of the device that were taken, by whatever program, and its memory in all."""

    taken_bytes: int = 0
    total_bytes: int = 0


@contextmanager
def device_peak(pause: float = 0.02) -> Iterator[Peak]:
    """Look again and again at how much of the device's memory is taken."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            free, peak.total_bytes = launch.arrays().cuda.runtime.memGetInfo()
            peak.taken_bytes = max(peak.taken_bytes, peak.total_bytes - free)
            done.wait(pause)

    thread = threading.Thread(target=watch, daemon=True)
    if not launch.SIMULATED:
        thread.start()
    try:
        yield peak
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()


def median_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median of several timings, after one that is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        launch.synchronize()
        start = time.perf_counter()
        work()
        launch.synchronize()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def copy_rates(n_bytes: int = _COPIED) -> dict[str, float]:
    """Return bytes a second: read and written within the device, and over the bus both ways."""
    host = np.random.default_rng(1).integers(0, 255, n_bytes, np.uint8)
    there = launch.to_device(host)
    other = launch.empty(n_bytes, np.uint8)

    def copy() -> None:
        other[...] = there

    return {
        "device_copy": 2 * n_bytes / median_seconds(copy, 20),
        "to_device": n_bytes / median_seconds(lambda: launch.to_device(host), 3),
        "to_host": n_bytes / median_seconds(lambda: launch.to_host(there), 3),
    }
