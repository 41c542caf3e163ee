"""What a run imports: nothing that it does without, for each takes memory and time to start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpusynth.datasets import write_firms
from gpusynth_kernels.loading import can_load_alone

ROOT = Path(__file__).parents[2]

NOT_FOR_RUNS = {
    *("dask", "distributed", "formulaic", "jinja2", "matplotlib", "narwhals", "pandas", "polars"),
    *("sklearn", "statsmodels", "treelite", "cudf", "cuml", "cupy"),
    *("pyarrow.dataset", "pyarrow.flight", "pyarrow.orc"),
    *("gpusynth.evaluate", "gpusynth.inference", "gpusynth.imputation", "gpusynth.linked"),
    *("gpusynth.report", "gpusynth.engine.cluster.workers"),
}
"""Numba imports SciPy where it is installed, to look at its version."""

COMPILER = "numba.np.polynomial"
"""A module that Numba imports before it compiles anything."""

PROGRAM = """
import atexit, json, sys

@atexit.register
def tell():
    try:
        import pandas
    except ImportError:
        pandas = None
    print(json.dumps([sorted(loaded), pandas is not None]))

from gpusynth.cli.main import main, run
import gpusynth.cli.main as commands

def listed(*given):
    code = main(*given)
    loaded.extend(sys.modules)
    return code

loaded = []
commands.main = listed
run()
"""


def loaded_by(arguments):
    """Run a command in a process of its own; return its modules and whether it has pandas."""
    paths = [str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules, pandas_is_there = json.loads(done.stdout)
    return set(modules), pandas_is_there


@pytest.mark.slow
def test_a_run_imports_nothing_that_it_does_without(tmp_path):
    write_firms(tmp_path / "firms.parquet", 400, seed=1, columns=20)
    arguments = ["run", "--data", tmp_path / "firms.parquet", "--output", tmp_path / "synthetic"]
    arguments += ["--quiet", "--threads", 1, "--overwrite"]
    modules, pandas_is_there = loaded_by(arguments)
    if COMPILER in modules:  # the first run on this machine
        modules, pandas_is_there = loaded_by(arguments)
    assert COMPILER not in modules or not can_load_alone()
    assert {"gpusynth.engine", "numba", "pyarrow"} <= modules
    assert not NOT_FOR_RUNS & modules
    # Arrow does without, and whatever else asks for pandas still gets it.
    try:
        import pandas as pd  # noqa: F401
    except ImportError:
        return
    assert pandas_is_there
