"""Memory of the simulated device: arrays are counted while they live, so plans can be tried."""

from __future__ import annotations

import threading
import weakref
from typing import Any

__all__ = ["SimulatedMemory"]


class SimulatedMemory:
    """Bytes of the arrays that the simulator stands for a device with.

    Attributes
    ----------
    held, peak : int
        Bytes now, and at most so far. Temporary arrays of NumPy's own operations are not counted.
    """

    def __init__(self) -> None:
        self.held = 0
        self.peak = 0
        self._lock = threading.RLock()  # an array may go while the lock is held

    def check(self, n_bytes: int, limit: int) -> None:
        """Raise the error of a full device.

        Raises
        ------
        MemoryError
        """
        if self.held + n_bytes > limit:
            raise MemoryError(f"{n_bytes} bytes of {limit - self.held} that are free")

    def count(self, array: Any) -> Any:
        """Count an array until it goes; return it."""
        n_bytes = int(array.nbytes)
        with self._lock:
            self.held += n_bytes
            self.peak = max(self.peak, self.held)
        weakref.finalize(array, self._gone, n_bytes).atexit = False
        return array

    def _gone(self, n_bytes: int) -> None:
        with self._lock:
            self.held -= n_bytes
