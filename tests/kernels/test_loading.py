"""Kernels that are loaded do what compiled ones do, and start no compiler until one is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpusynth_kernels.loading import can_load_alone

ROOT = Path(__file__).parents[2]

KERNELS = """
import numpy as np
from gpusynth_kernels.compile import jit

@jit
def halves(numbers):
    if len(numbers) == 0:
        raise ValueError("nothing to halve")
    made = np.empty(len(numbers), np.float64)
    for i in range(len(numbers)):
        made[i] = numbers[i] / 2
    return made

@jit
def sum_of_halves(numbers):
    total = 0.0
    for half in halves(numbers):
        total += half
    return total
"""

PROGRAM = """
import json, sys
import numpy as np
import gpusynth_kernels.loading as loading
if sys.argv[1] == "as Numba does":
    loading._LAST = (0, 0)
import small_kernels as kernels

def known():
    return "numba.np.polynomial" in sys.modules

said = {"halves": kernels.halves(np.arange(5)).tolist(), "compiler": [known()]}
try:
    kernels.halves(np.arange(0))
except ValueError as error:
    said["error"] = str(error)
said["compiler"].append(known())
said["sum"] = kernels.sum_of_halves(np.arange(5))
said["compiler"].append(known())
said["loaded"] = [
    sum(kernel.stats.cache_hits.values()) for kernel in (kernels.halves, kernels.sum_of_halves)
]
print(json.dumps(said))
"""


def run(place, how):
    paths = [str(place), str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "NUMBA_CACHE_DIR": str(place / "cache"),
        "GPUSYNTH_KERNEL_CACHE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="there the cache is off")
@pytest.mark.slow
@pytest.mark.parametrize("how", ["alone", "as Numba does"])
def test_a_kernel_is_loaded_and_another_is_compiled_against_it(tmp_path, how):
    (tmp_path / "small_kernels.py").write_text(KERNELS)
    is_alone = how == "alone" and can_load_alone()
    compiled = run(tmp_path, how)
    assert compiled["halves"] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert compiled["error"] == "nothing to halve"
    assert compiled["sum"] == 5.0
    assert compiled["loaded"] == [0, 0]
    for file in (tmp_path / "cache").rglob("*sum_of_halves*"):
        file.unlink()
    loaded = run(tmp_path, how)
    assert loaded["loaded"] == [1, 0]
    assert loaded["compiler"] == ([False, False, True] if is_alone else [True] * 3)
    again = run(tmp_path, how)
    assert again["loaded"] == [1, 1]
    assert again["compiler"] == [not is_alone] * 3
    told = ("halves", "error", "sum")
    assert [loaded[name] for name in told] == [again[name] for name in told]
    assert [loaded[name] for name in told] == [compiled[name] for name in told]
