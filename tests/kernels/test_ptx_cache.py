"""Compiled CUDA kernels are kept on disk: two processes write, a third compiles nothing.

Without a GPU nothing can be launched, so that what is kept here is the PTX that a launch begins
with; see `test_ptx` for what is needed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernels.test_ptx import needs_compiler

ROOT = Path(__file__).parents[2]

PROGRAM = """
import hashlib, sys, types
from numba import types as of
from gpusynth_kernels.cuda import kept, launch
from gpusynth_kernels.cuda.columns import count_leaves
from numba.cuda import codegen, dispatcher
from numba.cuda.cudadrv import devices, nvvm

if sys.argv[1] == "other sources":
    kept._fingerprint = lambda: "another"
device = types.SimpleNamespace(compute_capability=(9, 0), id=0)
dispatcher.get_current_device = lambda: device
devices.get_context = lambda *number: types.SimpleNamespace(device=device)
codegen.runtime = types.SimpleNamespace(runtime=types.SimpleNamespace(get_version=lambda: (13, 0)))
dispatcher._Kernel.bind = lambda kernel: None
times, compile_ir = [], nvvm.compile_ir
nvvm.compile_ir = lambda *given, **options: (times.append(1), compile_ir(*given, **options))[1]
with launch._as_written():
    made = count_leaves._dispatcher().compile((of.int32[::1], of.int64[::1]))
text = made._codelibrary.get_asm_str((9, 0, "a"))
print(len(times), hashlib.sha256(text.encode()).hexdigest())
"""


def start(place, how="", **switches):
    paths = [str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": ":".join(paths), "NUMBA_CACHE_DIR": str(place), **switches}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "0", **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    times, text = out.split()
    return int(times), text


@needs_compiler
@pytest.mark.slow
def test_a_second_process_compiles_nothing(tmp_path):
    first = [start(tmp_path), start(tmp_path)]  # at once, into the same place
    compiled = [end(process) for process in first]
    assert {times for times, _ in compiled} <= {0, 1}
    assert sum(times for times, _ in compiled) >= 1
    text = compiled[0][1]
    assert compiled[1][1] == text
    assert end(start(tmp_path)) == (0, text)
    # what was compiled from other sources does not count
    assert end(start(tmp_path, "other sources")) == (1, text)
    assert end(start(tmp_path)) == (1, text)
    # damage costs time and nothing else
    for file in tmp_path.rglob("*.nbc"):
        file.write_bytes(b"not what was written")
    assert end(start(tmp_path)) == (1, text)
    assert end(start(tmp_path)) == (0, text)
    assert end(start(tmp_path, GPUSYNTH_KERNEL_CACHE="0")) == (1, text)
