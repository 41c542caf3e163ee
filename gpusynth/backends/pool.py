"""One pool of device memory for CuPy and RAPIDS, so that neither holds what the other lacks.

cuML and cuDF take memory from RMM. Whoever set RMM up (dask-cuda, a user) knows best: that stays.
Where nobody did, RMM gets CUDA's own pool of the device, which keeps what was freed for the next
allocation, and tells how much of it is in use.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from gpusynth.backends.choose import Backend

__all__ = ["share_memory", "spare_bytes"]

_KEEP_ALL = (1 << 64) - 1
"""Release threshold of the pool: nothing goes back to the driver at a synchronisation, as RMM's own
pools have it; CUDA's default of 0 would make each level of a tree ask the driver again."""


class _Shared:
    """Whether this process shares memory already, and how much of the pool lies idle."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.spare: Callable[[], int] | None = None


_shared = _Shared()


def share_memory(backend: Backend, *, has_frames: bool = False) -> None:
    """Let CuPy take memory from RMM where RAPIDS works in the same process; once a process.

    To be called before the first allocation: what was allocated before stays where it is.

    Parameters
    ----------
    backend : Backend
    has_frames : bool
        Whether cuDF reads or writes in this run; a process that has loaded RMM counts, too.
    """
    uses_rapids = backend.fitter == "cuml" or has_frames or "rmm" in sys.modules
    if not backend.on_device or not uses_rapids:
        return
    from gpusynth_kernels.cuda.launch import SIMULATED, arrays

    if SIMULATED:
        return
    with _shared.lock:
        if _shared.spare is None:
            _shared.spare = _set_up(arrays())


def spare_bytes() -> int:
    """Return how many bytes the shared pool holds and nobody uses; 0 without one.

    Returns
    -------
    int
    """
    return 0 if _shared.spare is None else max(_shared.spare(), 0)


def _set_up(cupy: Any) -> Callable[[], int]:
    """Set RMM and CuPy up; return what asks for the pool's idle bytes."""
    from rmm import mr
    from rmm.allocators.cupy import rmm_cupy_allocator

    found = mr.get_current_device_resource()
    spare = _nothing
    if isinstance(found, mr.CudaMemoryResource):
        runtime = cupy.cuda.runtime
        pool = runtime.deviceGetDefaultMemPool(cupy.cuda.runtime.getDevice())
        runtime.memPoolSetAttribute(pool, runtime.cudaMemPoolAttrReleaseThreshold, _KEEP_ALL)
        mr.set_current_device_resource(mr.CudaAsyncViewMemoryResource(pool))

        def spare() -> int:
            held = runtime.memPoolGetAttribute(pool, runtime.cudaMemPoolAttrReservedMemCurrent)
            used = runtime.memPoolGetAttribute(pool, runtime.cudaMemPoolAttrUsedMemCurrent)
            return int(held) - int(used)

    elif isinstance(found, mr.PoolMemoryResource):
        counted = mr.StatisticsResourceAdaptor(found)
        mr.set_current_device_resource(counted)

        def spare() -> int:
            return int(found.pool_size()) - int(counted.allocation_counts.current_bytes)

    cupy.cuda.set_allocator(rmm_cupy_allocator)
    return spare


def _nothing() -> int:
    """Stand for a pool that cannot be asked: only what the driver calls free is counted then."""
    return 0
