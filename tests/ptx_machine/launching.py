"""Launch kernels on the machine in place of a GPU: what `launch.Kernel` does with numba-cuda."""

import ctypes
import hashlib
import os
import subprocess
import threading
import types
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from gpusynth.backends import DeviceFacts, choose_backend
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.arguments import pack, types_of
from gpusynth_kernels.cuda.traffic import traffic
from tests.ptx_machine.translate import translate

_CAPABILITY = (9, 0)
_MULTIPROCESSORS = 1
_POISON = 0xA5
_MEMORY = 1 << 32
_MONOTONE = {"mark_present"}
"""Kernels that look at a cell while others set bits in it: what they see may be old, and does not
change what they leave behind."""

_FLAGS = ("-O1", "-w", "-fPIC", "-shared", "-ffp-contract=off", "-fno-strict-aliasing", "-fwrapv")

signatures: dict[str, set[Any]] = {}
"""Every set of types that a kernel was launched with: a GPU compiles once for each."""

launches: list[str] = []
"""Names of the kernels launched, in order."""

_turn = threading.Lock()
_directory = Path(os.environ.get("GPUSYNTH_PTX_MACHINE", "."))


class KernelFaultError(AssertionError):
    """A kernel did what a GPU would not forgive."""


class DeviceArray(np.ndarray):
    """An array of the machine's device: NumPy's, with CuPy's way to tell where it lies."""

    @property
    def data(self) -> Any:
        """Return what holds the address."""
        return types.SimpleNamespace(ptr=self.ctypes.data)

    def get(self, out: np.ndarray) -> np.ndarray:
        """Copy to the host."""
        assert out.flags.c_contiguous and out.dtype == self.dtype and out.shape == self.shape
        out[...] = self
        return out

    def set(self, host: np.ndarray) -> None:
        """Copy from the host."""
        assert self.flags.c_contiguous and host.flags.c_contiguous
        assert host.dtype == self.dtype and host.shape == self.shape
        self[...] = host


class _Arrays:
    """NumPy in the place of CuPy: what its functions return lies on the device."""

    cuda = types.SimpleNamespace(
        runtime=types.SimpleNamespace(memGetInfo=lambda: (_MEMORY, 2 * _MEMORY))
    )

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)

        def call(*arguments: Any, **options: Any) -> Any:
            found = function(*arguments, **options)
            return found.view(DeviceArray) if isinstance(found, np.ndarray) else found

        return call if callable(function) and not isinstance(function, type) else function

    def asarray(self, host: np.ndarray) -> DeviceArray:
        """Copy to the device."""
        return np.array(host, copy=True, order="C").view(DeviceArray)

    def asnumpy(self, array: DeviceArray) -> np.ndarray:
        """Copy to the host."""
        return np.array(array, copy=True, subok=False)

    def empty(self, shape: Any, dtype: Any) -> DeviceArray:
        """Return memory that nothing was written to."""
        array = np.empty(shape, dtype).view(DeviceArray)
        array.reshape(-1).view(np.uint8).fill(_POISON)
        return array

    def get_default_memory_pool(self) -> Any:
        """Return a pool that keeps nothing."""
        return types.SimpleNamespace(free_bytes=lambda: 0)


def _arrays_among(arguments: Any) -> Iterator[np.ndarray]:
    for argument in arguments:
        if isinstance(argument, tuple):
            yield from _arrays_among(argument)
        elif isinstance(argument, np.ndarray):
            assert isinstance(argument, DeviceArray), "an array of the host went to a kernel"
            yield argument


def _compiled(kernel: launch.Kernel, signature: tuple[Any, ...]) -> tuple[Any, int]:
    """Return the function that runs a kernel, and the bytes of its static shared memory."""
    from gpusynth_kernels.cuda import choose

    return _compiled_for(kernel, signature, choose.PAIRS_PER_CELL)


@cache
def _compiled_for(kernel: launch.Kernel, signature: tuple[Any, ...], _pairs: int) -> Any:
    """Compile for a signature and for the one constant that tests change."""
    text, static_bytes = translate(launch.compile_to_ptx(kernel, signature, _CAPABILITY))
    place = Path(__file__).parent
    digest = hashlib.sha256(text.encode() + (place / "machine.c").read_bytes()).hexdigest()[:20]
    library = _directory / f"{kernel.__name__}_{digest}.so"
    if not library.exists():
        source = library.with_suffix(f".{os.getpid()}.c")
        source.write_text(text, encoding="utf-8")
        made = library.with_suffix(f".{os.getpid()}.so")
        command = ["gcc", *_FLAGS, "-U_FORTIFY_SOURCE", f"-I{place}", str(source), "-o", str(made)]
        subprocess.run([*command, "-lm"], check=True)
        made.rename(library)
    return ctypes.CDLL(str(library)).run, static_bytes


def _bits(number: float) -> int:
    """Return the 64 bits of a parameter."""
    if isinstance(number, float):
        return int(np.float64(number).view(np.uint64))
    return int(number) % (1 << 64)


def _run(kernel: launch.Kernel, configuration: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
    blocks, threads, _, shared = (*configuration, 0, 0)[:4]
    if blocks < 1 or threads < 1 or threads > 1024 or blocks >= 1 << 31:
        raise KernelFaultError(f"{kernel.__name__} was launched with a grid of {blocks}x{threads}")
    traffic.launches += 1
    key, words = pack(arguments)
    signature = types_of(key)
    signatures.setdefault(kernel.__name__, set()).add(signature)
    launches.append(kernel.__name__)
    run, static_bytes = _compiled(kernel, signature)
    if static_bytes + shared > 48 << 10:
        raise KernelFaultError(f"{kernel.__name__} asks for {static_bytes + shared} shared bytes")
    numbers = [_bits(getattr(word, "value", word)) for word in words]
    values = (ctypes.c_uint64 * len(numbers))(*numbers)
    pointers = (ctypes.c_void_p * len(numbers))(
        *(ctypes.addressof(values) + 8 * i for i in range(len(numbers)))
    )
    arrays = list(_arrays_among(arguments))
    sizes = {(a.ctypes.data, a.ctypes.data + a.nbytes, a.itemsize) for a in arrays if a.size}
    flat = [number for size in sorted(sizes) for number in size]
    message = ctypes.create_string_buffer(256)
    with _turn:  # a kernel's machine has one state, and ctypes lets other threads go on
        run(
            *(pointers, blocks, threads, static_bytes, shared, ctypes.c_uint64(len(launches))),
            *(len(sizes), (ctypes.c_uint64 * len(flat))(*flat), int(kernel.__name__ in _MONOTONE)),
            message,
        )
    if message.value:
        raise KernelFaultError(f"{kernel.__name__}: {message.value.decode()}")


def _launcher(kernel: launch.Kernel, configuration: tuple[Any, ...]) -> Callable[..., None]:
    return lambda *arguments: _run(kernel, configuration, arguments)


def install() -> None:
    """Put the machine in the place of a GPU; before any module of kernels is imported."""
    attributes = types.SimpleNamespace(
        MULTIPROCESSOR_COUNT=_MULTIPROCESSORS, compute_capability=_CAPABILITY
    )
    device, module = _Arrays(), cast("Any", launch)
    module.cuda.get_current_device = lambda: attributes
    module.Kernel.__getitem__ = _launcher
    module.arrays = lambda: device
    module.synchronize = lambda: None
    choose_backend.__kwdefaults__["probe"] = lambda: DeviceFacts(simulated=True)
