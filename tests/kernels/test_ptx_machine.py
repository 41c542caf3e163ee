"""The compiled CUDA kernels on the machine of `tests.ptx_machine`, in a process of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernels.test_ptx import needs_compiler

ROOT = Path(__file__).parents[2]
CHOSEN = (
    "test_walk or test_columns or test_grow or test_run or test_impute or test_released or "
    "test_faults or (test_marginals and not evaluation)"
)


@needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_what_the_compiler_made_gives_the_bits_of_the_cpu(tmp_path):
    environment = {**os.environ, "GPUSYNTH_PTX_MACHINE": str(tmp_path), "NUMBA_ENABLE_CUDASIM": "0"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *("tests/simulator", "tests/ptx_machine", "-k", CHOSEN),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
