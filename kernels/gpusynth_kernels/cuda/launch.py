"""The only module that imports `numba.cuda`: how CUDA kernels are compiled, launched and fed.

Two worlds look alike from outside:

- a GPU: kernels are compiled by numba-cuda, arrays are CuPy's;
- Numba's simulator (``NUMBA_ENABLE_CUDASIM=1`` before the first import of Numba): kernels run as
  plain Python, one Python thread a CUDA thread, and arrays are NumPy's. The CPU's kernels stay
  compiled, so one process can compare both.

A kernel calls the shared scalar functions (`gpusynth_kernels.scalar`) as they are: numba-cuda makes
device functions of them. In the simulator they are taken back to Python, with their callees.

numba-cuda is in maintenance: 0.30 is its last series, and it needs `np.row_stack`, which NumPy 2.5
dropped (NVIDIA/numba-cuda issues 902 and 907). `docs/gpu.md` says what a move from it would take.
"""

from __future__ import annotations

import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

import numpy as np

if not hasattr(np, "row_stack"):
    np.row_stack = np.vstack  # noqa: NPY201

with warnings.catch_warnings():
    # numba-cuda's own use of what NumPy 2.5 deprecates must not stop who turns warnings into errors
    warnings.simplefilter("ignore", DeprecationWarning)
    from numba import config, cuda

from gpusynth_kernels.cuda.arguments import pack, types_of
from gpusynth_kernels.cuda.kept import keep_on_disk
from gpusynth_kernels.cuda.simulated_kernels import quiet, share_once, simulated
from gpusynth_kernels.cuda.simulated_memory import SimulatedMemory
from gpusynth_kernels.cuda.traffic import traffic

__all__ = [
    "SIMULATED",
    "Kernel",
    "arrays",
    "compile_to_ptx",
    "cuda",
    "device",
    "empty",
    "enter_context",
    "fetch",
    "free_bytes",
    "kernel",
    "multiprocessors",
    "places_where",
    "running_sum",
    "send",
    "simulated_memory",
    "synchronize",
    "to_device",
    "to_host",
    "zeros",
]

_settings: Any = config

SIMULATED = bool(_settings.ENABLE_CUDASIM)
"""Whether kernels run in Numba's simulator."""

_ours = threading.local()


def _never_fuse() -> None:
    """Compile our kernels without fused multiply-add, which rounds once where the CPU rounds twice.

    numba-cuda has no option for it (issue 118); libNVVM has one, and its PTX then names the
    rounding of each operation, which the assembler keeps.
    """
    from numba.cuda.cudadrv import nvvm

    compile_ir = nvvm.compile_ir

    def without(*arguments: Any, **options: Any) -> Any:
        if getattr(_ours, "compiling", False):
            options["fma"] = False
        return compile_ir(*arguments, **options)

    nvvm.compile_ir = without


if SIMULATED:
    share_once()
else:
    # CuPy and Numba both work on the default stream, in order: no need to wait at every launch
    _settings.CUDA_ARRAY_INTERFACE_SYNC = 0
    _never_fuse()


@contextmanager
def _as_written() -> Iterator[None]:
    _ours.compiling = True
    try:
        yield
    finally:
        _ours.compiling = False


_THREADS = 256
"""Threads a block of kernels over rows: eight warps, so that any register count leaves several
blocks on a multiprocessor."""

_WAVES = 8
"""Blocks a multiprocessor: enough that the last ones to finish are a small part."""

_SIMULATED_GRID = (2, 4)
"""Blocks and threads in the simulator: more than one of each, and few, since each is a thread."""

_SIMULATED_BYTES = 2**32

simulated_memory = SimulatedMemory()
"""Of the simulator's device."""

_turn = threading.Lock()
_compiling = threading.RLock()


class Kernel:
    """One CUDA kernel, compiled at its first launch, or loaded where that was done before.

    ``kernel[blocks, threads](*arguments)`` launches it as in Numba (with a stream and bytes of
    shared memory as third and fourth), and `over` chooses the grid for a kernel whose threads each
    take every so many-th row.

    Parameters
    ----------
    function : function
        Its globals `cuda` (from this module), scalar functions and `device` functions are found.
    options : mapping
        For `numba.cuda.jit`.
    """

    def __init__(self, function: Callable[..., None], options: dict[str, Any]) -> None:
        self.function = function
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self._options = options
        self._compiled: Any = None
        self._loaded: dict[Any, Any] = {}

    def _dispatcher(self) -> Any:
        with _turn:
            if self._compiled is None:
                if SIMULATED:
                    plain = quiet(simulated(self.function, cuda))
                    self._compiled = cuda.jit(plain, **self._options)
                else:
                    self._compiled = keep_on_disk(cuda.jit(self.function, **self._options))
        return self._compiled

    def _load(self, key: tuple[Any, ...]) -> Any:
        """Compile the kernel for the types of its arguments, and load it."""
        with _compiling:
            if key not in self._loaded:
                with _as_written():
                    compiled = self._dispatcher().compile(types_of(key))
                self._loaded[key] = compiled.library.get_cufunc().kernel
        return self._loaded[key]

    def __getitem__(self, configuration: tuple[Any, ...]) -> Callable[..., None]:
        """Return the kernel for a grid: blocks, threads[, stream[, bytes of shared memory]].

        A GPU works on CuPy's current stream, whatever stream is named, so that kernels and CuPy's
        own operations follow each other.
        """
        if SIMULATED:
            dispatcher = self._dispatcher()

            def simulate(*arguments: Any) -> None:
                traffic.launches += 1
                with _turn:  # one launch at a time
                    dispatcher[configuration](*arguments)

            return simulate

        def launch(*arguments: Any) -> None:
            traffic.launches += 1
            enter_context()
            key, words = pack(arguments)
            loaded = self._loaded.get(key)
            if loaded is None:
                loaded = self._load(key)
            _cuda_core().launch(_stream(), _configured(configuration), loaded, *words)

        return launch

    def over(self, n: int, *arguments: Any) -> None:
        """Launch a kernel that strides over `n` rows (or cells); nothing for 0."""
        if n > 0:
            self[_grid(n)](*arguments)


def _grid(n: int) -> tuple[int, int]:
    if SIMULATED:
        return _SIMULATED_GRID
    return min(_WAVES * multiprocessors(), -(-n // _THREADS)), _THREADS


@cache
def multiprocessors() -> int:
    """Return how many multiprocessors the device has; 1 in the simulator."""
    return 1 if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def enter_context() -> None:
    """Make the device's context this thread's own, once a thread."""
    if not getattr(_ours, "has_context", False):
        cuda.current_context()
        _ours.has_context = True


@cache
def _cuda_core() -> Any:
    """Return the package that numba-cuda launches with itself; it is there where a GPU is used."""
    return import_module("cuda.core")


@lru_cache(4096)
def _configured(configuration: tuple[int, ...]) -> Any:
    """Return a launch's grid: a few sizes come again and again."""
    blocks, threads, *others = map(int, configuration)
    shared = others[1] if len(others) > 1 else 0
    return _cuda_core().LaunchConfig(grid=(blocks, 1, 1), block=(threads, 1, 1), shmem_size=shared)


_streams: dict[int, Any] = {}


def _stream() -> Any:
    """Return CuPy's current stream as a stream of cuda.core."""
    pointer = arrays().cuda.get_current_stream().ptr
    if pointer not in _streams:
        _streams[pointer] = _cuda_core().Stream.from_handle(pointer)
    return _streams[pointer]


def kernel(function: Callable[..., None] | None = None, **options: Any) -> Any:
    """Make a `Kernel` of a function: ``@kernel`` or ``@kernel(max_registers=64)``.

    Each floating point operation is done as written, as on the CPU: no ``fastmath``, no fused
    multiply-add, and no second compilation at link time that could bring it back.
    """

    def wrap(plain: Callable[..., None]) -> Kernel:
        return Kernel(plain, {} if SIMULATED else {"lto": False, **options})

    return wrap if function is None else wrap(function)


def device(function: Callable[..., Any]) -> Any:
    """Make a function that kernels may call; for what only CUDA has (shared memory, barriers).

    Functions of scalars that the CPU calls too belong to `gpusynth_kernels.scalar` and need no
    decorator of this module.
    """
    return function if SIMULATED else cuda.jit(function, device=True)


def compile_to_ptx(target: Kernel, signature: Any, capability: tuple[int, int]) -> str:
    """Return a kernel as PTX; works without a GPU, but not in the simulator.

    Parameters
    ----------
    target : Kernel
    signature : numba signature or tuple of numba types
    capability : tuple of int
        Of the device compiled for, such as (9, 0).
    """
    from numba.cuda import dispatcher

    asked = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=capability)
    try:
        with _as_written():
            text, _ = cuda.compile_ptx(
                target.function, signature, cc=capability, device=False, abi="numba"
            )
    finally:
        dispatcher.get_current_device = asked
    return str(text)


def arrays() -> Any:
    """Return the module of device arrays: CuPy, or NumPy in the simulator."""
    if SIMULATED:
        return np
    import cupy

    return cupy


def to_device(host: Any) -> Any:
    """Copy a NumPy array to the device (in the simulator: copy it, so that it can be changed)."""
    traffic.sent(host.nbytes)
    if SIMULATED:
        simulated_memory.check(host.nbytes, _SIMULATED_BYTES)
        return simulated_memory.count(np.array(host, copy=True, order="C"))
    return arrays().asarray(np.ascontiguousarray(host))


def send(host: Any, room: Any) -> None:
    """Copy a NumPy array into room of its dtype and shape on the device, both in C order."""
    traffic.sent(host.nbytes)
    if SIMULATED:
        room[...] = host
    else:
        room.set(host)


def to_host(array: Any) -> np.ndarray[Any, Any]:
    """Copy an array of the device to the host, after all kernels before."""
    traffic.fetched(array.nbytes)
    if SIMULATED:
        return np.array(array, copy=True)
    return np.asarray(arrays().asnumpy(array))


def fetch(array: Any, room: np.ndarray[Any, Any]) -> None:
    """Copy an array of the device into contiguous room of its dtype and shape on the host."""
    traffic.fetched(array.nbytes)
    if SIMULATED:
        room[...] = array
    else:
        array.get(out=room)


def running_sum(array: Any, dtype: Any, out: Any = None) -> Any:
    """Return the running sums of an array of integers on the device."""
    traffic.operations += 1
    return arrays().cumsum(array, dtype=dtype, out=out)


def places_where(holds: Any) -> Any:
    """Return where a device array of bool holds, int64, ascending; the host learns how many."""
    traffic.operations += 1
    traffic.waits += 1
    return arrays().flatnonzero(holds)


def empty(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """Return an array on the device, not initialised (in the simulator: filled with ones' bits).

    In the simulator every bit is set, so that a cell that no kernel wrote is seen.
    """
    if SIMULATED:
        return _simulated_array(shape, dtype, bits=255)
    return arrays().empty(shape, dtype)


def zeros(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """Return an array of zeros on the device."""
    if SIMULATED:
        return _simulated_array(shape, dtype, bits=0)
    return arrays().zeros(shape, dtype)


def _simulated_array(shape: int | tuple[int, ...], dtype: Any, *, bits: int) -> Any:
    """Return an array that the simulator's device has room for, each byte set to `bits`."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    simulated_memory.check(n_bytes, _SIMULATED_BYTES)
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8).fill(bits)
    return simulated_memory.count(array)


def free_bytes() -> int:
    """Return how many bytes of the device can still be allocated, CuPy's own spare blocks counted.

    In the simulator: 4 GiB less the arrays that are there.
    """
    if SIMULATED:
        return max(_SIMULATED_BYTES - simulated_memory.held, 0)
    cupy = arrays()
    free, _ = cupy.cuda.runtime.memGetInfo()
    return int(free) + int(cupy.get_default_memory_pool().free_bytes())


def synchronize() -> None:
    """Wait until all kernels launched so far are done."""
    cuda.synchronize()
