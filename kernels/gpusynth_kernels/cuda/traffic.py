"""Traffic: what crosses between host and device, and how often a kernel is launched.

Plain counters of this process, so that a test (or `benchmarks/gpu/check.py`) sees a step that goes
over the bus again. Threads add without a lock: the numbers are exact where one thread works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

__all__ = ["Traffic", "counted", "traffic"]


@dataclass(slots=True)
class Traffic:
    """What was done since the counters were made.

    Attributes
    ----------
    launches : int
        Kernels of gpusynth.
    operations : int
        Operations of the array library on the device, such as running sums; one to three kernels
        each.
    copies_to_device, copies_to_host, bytes_to_device, bytes_to_host : int
        A copy to the host waits for all work before it.
    waits : int
        Other times that the host waits for the device.
    """

    launches: int = 0
    operations: int = 0
    copies_to_device: int = 0
    copies_to_host: int = 0
    bytes_to_device: int = 0
    bytes_to_host: int = 0
    waits: int = 0

    def sent(self, n_bytes: int) -> None:
        """Count a copy to the device."""
        self.copies_to_device += 1
        self.bytes_to_device += n_bytes

    def fetched(self, n_bytes: int) -> None:
        """Count a copy to the host."""
        self.copies_to_host += 1
        self.bytes_to_host += n_bytes

    @property
    def synchronisations(self) -> int:
        """How often the host waited."""
        return self.copies_to_host + self.waits


traffic = Traffic()
"""The counters of this process."""


@contextmanager
def counted() -> Iterator[Traffic]:
    """Give what is counted within the block; read it after the block.

    Yields
    ------
    Traffic
    """
    before = {part.name: getattr(traffic, part.name) for part in fields(Traffic)}
    own = Traffic()
    try:
        yield own
    finally:
        for name, count in before.items():
            setattr(own, name, getattr(traffic, name) - count)
