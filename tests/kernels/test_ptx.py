"""Every CUDA kernel compiles to PTX for three generations of GPUs, without one.

Typing errors that Numba's simulator cannot see fail here. Skipped where numba-cuda and NVIDIA's
compiler libraries are not installed (dependency group ``ptx``).
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.kernels.assembler import check_assembled

ROOT = Path(__file__).parents[2]

WALKED = "u8[::1], u4[::1], i8[::1], i8[::1], i8, u8[:, ::1], u2[:, ::1]"
KERNELS = {
    "walk.walk_rows": f"{WALKED}, i8[::1], i8, i4[::1]",
    "walk.draw_rows": "i8[::1], i4[::1], i8[::1], u8, u8, u8, i8[::1], i8, i4[::1], i4[::1]",
    "walk.walk_and_draw": (
        f"{WALKED}, i8[::1], i8[::1], i4[::1], i8[::1], u8, u8, u8, i8[::1], i4[::1]"
    ),
    "columns.fill_bits": "u8, u8, u8, u8[:, ::1]",
    "columns.pack_lanes": "u1[::1], u8[::1], i8, i8, u8[:, ::1]",
    "columns.clear_lanes": "i8, u8, u8[:, ::1]",
    "columns.put_wide": "u2[::1], i8, i8, u2[:, ::1]",
    "columns.take": "f8[::1], i4[::1], f8[::1]",
    "columns.take_at": "f8[::1], i4[::1], i8[::1], f8[::1]",
    "columns.encode_numbers": "f8[::1], f8[::1], u2[::1]",
    "columns.count_leaves": "i4[::1], i8[::1]",
    "columns.interpolate": "f8[::1], f8[::1], f8[::1], f8[::1]",
    "counts.count_cells": "u2[:, ::1], i4[:, ::1], i8[::1], i8[::1], i8[::1], i8[::1]",
    "counts.count_in_blocks": "u2[:, ::1], i4[:, ::1], i8[::1], i8[::1], i8, i8[::1], i8[::1]",
}
CAPABILITIES = [(8, 0), (9, 0), (12, 0)]

PROGRAM = """
import sys
from importlib import import_module
from numba import types
from gpusynth_kernels.cuda.launch import compile_to_ptx

names = {"u1": types.uint8, "u2": types.uint16, "u4": types.uint32, "u8": types.uint64}
names |= {"i4": types.int32, "i8": types.int64, "f8": types.float64}

def type_of(text):
    scalar = names[text[:2]]
    return {"": scalar, "[::1]": scalar[::1], "[:, ::1]": scalar[:, ::1]}[text[2:]]

module, name = sys.argv[1].split(".")
kernel = getattr(import_module(f"gpusynth_kernels.cuda.{module}"), name)
signature = tuple(type_of(text) for text in sys.argv[2].split("; "))
for capability in sys.argv[3:]:
    print(compile_to_ptx(kernel, signature, tuple(int(part) for part in capability.split("."))))
"""


def compiled(kernel, signature, capabilities):
    types = re.sub(r", (?=[uif])", "; ", signature)
    versions = [f"{major}.{minor}" for major, minor in capabilities]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kernel, types, *versions],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'kernels'}", "NUMBA_ENABLE_CUDASIM": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def parts_of(text):
    """Return the PTX of each capability."""
    return [".version" + part for part in text.split("\n.version")[1:]]


needs_compiler = pytest.mark.skipif(
    find_spec("numba_cuda") is None or find_spec("cuda") is None,
    reason="numba-cuda and its compiler are not installed",
)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_compile_without_a_gpu(kernel, tmp_path):
    text = compiled(kernel, KERNELS[kernel], CAPABILITIES)
    for major, minor in CAPABILITIES:
        assert f".target sm_{major}{minor}" in text
    assert "fma.rn" not in text  # rounds once where the CPU rounds twice
    check_assembled(kernel.split(".")[1], parts_of(text)[1], CAPABILITIES[1], tmp_path)


def test_every_kernel_is_listed():
    source = [
        (file.stem, name)
        for file in (ROOT / "kernels/gpusynth_kernels/cuda").glob("*.py")
        if file.stem in {key.split(".")[0] for key in KERNELS}
        for name in re.findall(r"@kernel(?:\(.*\))?\ndef (\w+)", file.read_text())
    ]
    assert {f"{module}.{name}" for module, name in source} == set(KERNELS)
