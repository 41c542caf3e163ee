"""Memory of the device: how much is free, and which arrays of the host lie there already."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

from gpusynth.arrays import Array
from gpusynth.backends.pool import spare_bytes
from gpusynth.errors import DeviceMemoryError

__all__ = [
    "Holder",
    "device_memory",
    "holds_memory",
    "keep_copy",
    "make_room",
    "memory_errors",
    "need",
    "upload",
    "with_room",
]

Result = TypeVar("Result")

_SPARE = 1 << 28
"""Bytes left alone: for the driver, for code, and for what CuPy rounds up."""


def device_memory() -> int:
    """Return how many bytes of the device a run may still take.

    Returns
    -------
    int
        A quarter of a GiB less than what is free, idle bytes of a pool counted.
    """
    from gpusynth_kernels.cuda.launch import free_bytes

    return max(free_bytes() + spare_bytes() - _SPARE, 0)


class Holder(Protocol):
    """What holds memory of the device that can be had where it is short."""

    def let_go(self) -> bool:
        """Give some of it back; return whether there was any."""
        ...


_holders: weakref.WeakSet[Any] = weakref.WeakSet()


def holds_memory(holder: Holder) -> None:
    """Let a holder, while it is there, be asked for memory where it is short.

    Parameters
    ----------
    holder : Holder
    """
    _holders.add(holder)


def make_room() -> None:
    """Let go of all copies that can be made again, and bring to the host what waits for it."""
    _copies.clear()
    for holder in list(_holders):
        while holder.let_go():
            pass


def need(n_bytes: int, purpose: str) -> None:
    """Check that so many bytes can still be had.

    Parameters
    ----------
    n_bytes : int
    purpose : str
        What they are for, as a message says it.

    Raises
    ------
    DeviceMemoryError
        With the bytes needed and free, after all copies that can be made again were let go and
        what waits for the host was brought there.
    """
    if n_bytes <= device_memory():
        return
    _copies.clear()
    for holder in list(_holders):
        while n_bytes > device_memory() and holder.let_go():
            pass
    free = device_memory()
    if n_bytes > free:
        raise DeviceMemoryError.needs(purpose, n_bytes, free)


def with_room(work: Callable[[], Result], purpose: str, n_bytes: int) -> Result:
    """Do work on the device; where memory is short, once more after room was made.

    Parameters
    ----------
    work : callable
        May be done twice.
    purpose : str
        What the memory is for, as a message says it.
    n_bytes : int
        How much of it is wanted, as far as it is known.

    Returns
    -------
    object
        What the work returns.

    Raises
    ------
    DeviceMemoryError
    """
    with suppress(MemoryError):  # the device's own, or ours
        return work()
    make_room()
    with memory_errors(purpose, n_bytes):
        return work()


@contextmanager
def memory_errors(purpose: str, n_bytes: int) -> Iterator[None]:
    """Turn the device's own error of memory into ours.

    Parameters
    ----------
    purpose : str
        What the memory is for.
    n_bytes : int
        How much of it is wanted, as far as it is known.

    Raises
    ------
    DeviceMemoryError
    """
    try:
        yield
    except DeviceMemoryError:
        raise
    except MemoryError:
        _copies.clear()
        raise DeviceMemoryError.needs(purpose, n_bytes, device_memory()) from None


class _Copies:
    """Copies on the device of arrays of the host that do not change, while those are there."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[Array], Any]] = {}
        self._lock = threading.RLock()  # a host array may go while the lock is held

    def get(self, host: Array) -> Any:
        found = self._kept.get(id(host))
        # The number of an array that is gone may be another's by now.
        return found[1] if found and found[0]() is host else None

    def put(self, host: Array, copy: Any) -> None:
        key = id(host)

        def gone(reference: weakref.ref[Array]) -> None:
            with self._lock:
                if key in self._kept and self._kept[key][0] is reference:
                    del self._kept[key]

        with self._lock:
            self._kept[key] = (weakref.ref(host, gone), copy)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


_copies = _Copies()

_sending = threading.Lock()
"""Threads that begin blocks of one step side by side send its model once, not once each."""


def upload(host: Array, *, keep: bool = False) -> Any:
    """Copy an array to the device.

    Parameters
    ----------
    host : array
    keep : bool
        The array does not change while it lives: its copy is kept and used again, as long as there
        is room.

    Returns
    -------
    array on the device

    Raises
    ------
    DeviceMemoryError
        If there is no room for it.
    """
    if not keep:
        return _send(host)
    if (found := _copies.get(host)) is not None:
        return found
    with _sending:
        found = _copies.get(host)
        if found is None:
            found = _send(host)
            _copies.put(host, found)
        return found


def _send(host: Array) -> Any:
    from gpusynth_kernels.cuda.launch import to_device

    need(int(host.nbytes), "a column or a tree")
    with memory_errors("a column or a tree", int(host.nbytes)):
        return to_device(host)


def keep_copy(host: Array, copy: Any) -> None:
    """Remember that an array of the device holds what an array of the host holds.

    Parameters
    ----------
    host : array
        It does not change while it lives.
    copy : array on the device
        What `upload` then returns for it, as long as there is room.
    """
    _copies.put(host, copy)
