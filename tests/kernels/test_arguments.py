"""Arguments are laid out as numba-cuda lays them out, and as compiled kernels declare them."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.arguments import Fixed, fix_slices, pack, types_of
from gpusynth_kernels.cuda.traffic import counted
from tests.kernels.grower_signatures import SIGNATURES
from tests.kernels.test_ptx import needs_compiler

ROOT = Path(__file__).parents[2]


class DeviceArray:
    """What of a CuPy array is read, with an address of our choice."""

    def __init__(self, array, pointer):
        self.dtype, self.shape, self.strides = array.dtype, array.shape, array.strides
        self.size, self.itemsize, self.ndim = array.size, array.itemsize, array.ndim
        self.flags = array.flags
        self.data = type("Memory", (), {"ptr": pointer})()


def test_arrays_numbers_and_tuples_become_words():
    matrix, row = np.zeros((3, 4), np.uint32), np.zeros(5)
    given = (DeviceArray(matrix, 64), 7, (DeviceArray(row, 128), np.int32(-2)), np.uint64(2**63))
    key, words = pack(given)
    plain = [getattr(word, "value", word) for word in words]
    assert plain == [
        *(0, 0, 12, 4, 64, 3, 4, 16, 4, 7),
        *(0, 0, 5, 8, 128, 5, 8, -2, 2**63),
    ]
    assert [str(part) for part in types_of(key)] == [
        "array(uint32, 2d, C)",
        "int64",
        "Tuple(array(float64, 1d, C), int64)",
        "uint64",
    ]
    assert pack((np.bool_(True), 2.5))[1][0] == 1
    assert str(types_of(pack((2.5,))[0])[0]) == "float64"
    with pytest.raises(ValueError, match="C order"):
        pack((DeviceArray(matrix[:, :2], 0),))


def test_fixed_tuples_are_laid_out_once_and_as_others():
    arrays = DeviceArray(np.zeros(5), 128), DeviceArray(np.zeros((2, 3), np.int32), 256)
    fixed = Fixed(arrays)
    for _ in range(2):
        assert pack((3, fixed, 4)) == pack((3, arrays, 4))
    assert fixed.packed == (*pack((arrays,))[0][:1], pack((arrays,))[1])
    assert fixed == arrays  # what the simulator sees


def test_slices_of_a_buffer_are_laid_out_as_by_themselves():
    words = np.zeros(9, np.int64)
    slices = [DeviceArray(words[begin:stop], 64 + 8 * begin) for begin, stop in ((0, 4), (4, 4))]
    slices.append(DeviceArray(words[4:9], 96))
    fixed = fix_slices(DeviceArray(words, 64), [0, 4, 4], slices)
    assert pack((fixed,)) == pack((tuple(slices),))
    assert fixed == tuple(slices)


def test_tuples_of_numbers_are_not_taken_for_arrays():
    keys = {pack((value,))[0] for value in (3, (3,), (3, 4), (3, (4,)), np.uint64(3))}
    assert len(keys) == 5
    assert [str(part) for part in types_of(((("d", 2)),) * 2)] == ["array(float64, 2d, C)"] * 2


def test_a_launch_hands_on_grid_words_and_shared_memory(monkeypatch):
    if launch.SIMULATED:
        pytest.skip("the simulator launches kernels itself")
    seen = []
    core = SimpleNamespace(
        LaunchConfig=lambda **grid: grid, launch=lambda *given: seen.append(given)
    )
    monkeypatch.setattr(launch, "_cuda_core", lambda: core)
    monkeypatch.setattr(launch, "_stream", lambda: "stream")
    monkeypatch.setattr(launch, "enter_context", lambda: None)
    loaded = []

    def load(self, key):
        loaded.append(types_of(key))
        return self._loaded.setdefault(key, "compiled")

    monkeypatch.setattr(launch.Kernel, "_load", load)
    kernel = launch.Kernel(lambda out, n: None, {})
    out = DeviceArray(np.zeros(3), 64)
    launch._configured.cache_clear()
    with counted() as done:
        kernel[np.int64(2), 32, 0, 1024](out, 5)
        kernel[np.int64(2), 32, 0, 1024](out, 6)
    launch._configured.cache_clear()
    assert len(loaded) == 1
    assert done.launches == 2
    grid = {"grid": (2, 1, 1), "block": (32, 1, 1), "shmem_size": 1024}
    assert seen[0] == ("stream", grid, "compiled", 0, 0, 3, 8, 64, 3, 8, 5)
    assert seen[1][-1] == 6


PROGRAM = """
import re
import sys
from importlib import import_module

import numpy as np
from numba import types

from gpusynth_kernels.cuda.arguments import Fixed, fix_slices, pack, types_of
from gpusynth_kernels.cuda.launch import compile_to_ptx
from tests.kernels.grower_signatures import SIGNATURES
from tests.kernels.test_arguments import DeviceArray, shim

def value_of(kind):
    if isinstance(kind, types.Array):
        array = np.zeros((3,) * kind.ndim, str(kind.dtype))
        return DeviceArray(array, array.ctypes.data)
    if isinstance(kind, types.BaseTuple):
        return tuple(value_of(member) for member in kind)
    return np.uint64(5) if kind == types.uint64 else 5

def plain(words):
    return [getattr(word, "value", word) for word in words]

from numba.cuda.dispatcher import _Kernel
for name in sys.argv[1:]:
    module, function = name.split(".")
    kernel = getattr(import_module(f"gpusynth_kernels.cuda.{module}"), function)
    signature = SIGNATURES[name]
    values = tuple(value_of(kind) for kind in signature)
    key, words = pack(values)
    assert types_of(key) == tuple(signature), (types_of(key), signature)
    theirs = []
    stub = type("Stub", (), {"extensions": [], "_prepare_args": _Kernel._prepare_args})()
    for kind, value in zip(signature, values):
        stub._prepare_args(kind, shim(value), 0, [], theirs)
    assert plain(words) == plain(theirs), name
    entry = re.search(r"\\.entry[^(]*\\(([^)]*)\\)", compile_to_ptx(kernel, types_of(key), (9, 0)))
    sizes = re.findall(r"\\.param \\.[a-z](\\d+)", entry.group(1))
    assert sizes == ["64"] * len(words), (name, sizes)
"""


def shim(value):
    """Return an argument as numba-cuda's own arrays: what its adapter takes without a device."""
    if isinstance(value, tuple):
        return tuple(shim(member) for member in value)
    if not isinstance(value, DeviceArray):
        return value

    class View:
        __cuda_memory__ = True
        size, dtype, ptr, shape = value.size, value.dtype, value.data.ptr, value.shape
        _layout = type("Layout", (), {"strides_in_bytes": value.strides})()

    View._strided_memory_view_shim = View
    return View()


@needs_compiler
@pytest.mark.slow
def test_words_are_those_of_numba_cuda_and_of_compiled_kernels():
    names = ["runs.place_runs", "partition.move_entries", "histogram.subtract_siblings"]
    assert set(names) <= set(SIGNATURES)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'kernels'}", "NUMBA_ENABLE_CUDASIM": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
