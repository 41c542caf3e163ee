"""How kernels are compiled, and where compiled code is kept between processes.

Compiled code is cached on disk, so that only the first run on a machine compiles. Numba writes a
cache entry in two steps (index, then code); two processes that compile at once could pair one's
index with the other's code (numba issue 4807). A lock file around every load and save closes that
gap, and an entry counts only for the very sources that it was compiled from. On Windows, which has
no such lock, the cache is off.

`GPUSYNTH_KERNEL_CACHE=0` switches the cache off; `NUMBA_CACHE_DIR` moves it (default: beside the
source file, or the user's cache directory where that is not writable).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from gpusynth_kernels.loading import can_load_alone, load_alone

if sys.platform != "win32":
    import fcntl

__all__ = ["cache_is_on", "jit", "parallel_jit"]


def cache_is_on() -> bool:
    """Return whether compiled kernels are kept on disk."""
    return sys.platform != "win32" and os.environ.get("GPUSYNTH_KERNEL_CACHE", "1") != "0"


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    with (path / "gpusynth.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


@cache
def _fingerprint() -> str:
    """Return the hash of all kernel sources and of the packages that compile them.

    Numba's own stamp is that of one file, but a kernel holds the code of those that it calls. None
    calls what is written for CUDA.
    """
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    root = Path(__file__).parent
    for file in sorted(root.rglob("*.py")):
        if file.parent.name == "cuda":
            continue
        digest.update(str(file.relative_to(root)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _guard(dispatcher: Any) -> Any:
    """Put the lock around the dispatcher's cache (an instance of Numba's FunctionCache).

    The cache also forgets what was compiled from other sources than today's.
    """
    kept = dispatcher._cache
    kept._cache_file._source_stamp = (kept._cache_file._source_stamp, _fingerprint())
    load, save = kept.load_overload, kept.save_overload

    def load_overload(*args: Any) -> Any:
        with _locked(kept.cache_path):
            return load(*args)

    def save_overload(*args: Any) -> Any:
        with _locked(kept.cache_path):
            return save(*args)

    kept.load_overload, kept.save_overload = load_overload, save_overload
    return dispatcher


def jit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a kernel for the CPU: no Python objects, no GIL, division by zero as in IEEE 754.

    ``fastmath`` and contraction stay off: every floating point operation is done as written, so
    that CUDA can repeat it bit for bit.
    """

    def wrap(plain: Callable[..., Any]) -> Any:
        settings = {"nogil": True, "error_model": "numpy", "cache": cache_is_on(), **options}
        dispatcher = numba.njit(plain, **settings)
        caches = settings["cache"] and hasattr(getattr(dispatcher, "_cache", None), "cache_path")
        if caches and can_load_alone():
            load_alone(dispatcher._cache)
        return _guard(dispatcher) if caches else dispatcher

    return wrap if function is None else wrap(function)


def parallel_jit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a kernel whose ``prange`` loops run on several threads."""
    return jit(function, parallel=True, **options)
