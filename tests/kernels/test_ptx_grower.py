"""The grower's and other CUDA kernels with tuples compile to PTX without a GPU; see `test_ptx`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernels.assembler import check_assembled
from tests.kernels.grower_signatures import SIGNATURES
from tests.kernels.test_ptx import CAPABILITIES, needs_compiler, parts_of

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from importlib import import_module
from gpusynth_kernels.cuda.launch import compile_to_ptx
from tests.kernels.assembler import check_assembled
from tests.kernels.grower_signatures import SIGNATURES

module, name = sys.argv[1].split(".")
kernel = getattr(import_module(f"gpusynth_kernels.cuda.{module}"), name)
for capability in sys.argv[2:]:
    major, minor = capability.split(".")
    print(compile_to_ptx(kernel, SIGNATURES[sys.argv[1]], (int(major), int(minor))))
"""


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kernel", SIGNATURES)
def test_kernels_of_the_grower_compile_without_a_gpu(kernel, tmp_path):
    versions = [f"{major}.{minor}" for major, minor in CAPABILITIES]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kernel, *versions],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'kernels'}", "NUMBA_ENABLE_CUDASIM": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for version in versions:
        assert f".target sm_{version.replace('.', '')}" in done.stdout
    assert "fma.rn" not in done.stdout  # rounds once where the CPU rounds twice
    check_assembled(kernel.split(".")[1], parts_of(done.stdout)[1], CAPABILITIES[1], tmp_path)


def test_every_kernel_of_the_grower_is_listed():
    modules = {name.split(".")[0] for name in SIGNATURES}
    source = {
        f"{module}.{name}"
        for module in modules
        for name in re.findall(
            r"@kernel(?:\(.*\))?\ndef (\w+)",
            (ROOT / f"kernels/gpusynth_kernels/cuda/{module}.py").read_text(encoding="utf-8"),
        )
    }
    assert source == set(SIGNATURES)
