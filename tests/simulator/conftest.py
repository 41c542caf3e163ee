"""Tests of the CUDA kernels without a GPU: collected only in a process of their own.

    NUMBA_ENABLE_CUDASIM=1 python -m pytest tests/simulator
    GPUSYNTH_PTX_MACHINE=DIRECTORY python -m pytest tests/simulator
    GPUSYNTH_TEST_DEVICE=1 python -m pytest tests/simulator

In the first kernels run in Numba's simulator; Numba reads the variable at its first import, so
`tests/kernels/test_simulator.py` starts a process. In the second the PTX of the kernels runs
on `tests.ptx_machine`, whose compiled code lies in the directory. In the third they run on a GPU.
"""

import os
import sys
from importlib.util import find_spec

import pytest

_COMPILED = bool(os.environ.get("GPUSYNTH_PTX_MACHINE") or os.environ.get("GPUSYNTH_TEST_DEVICE"))
_OF_THE_SIMULATOR = (
    *("[rows", "test_launch", "without_room", "cannot_fit", "little_room", "short"),
    *("warm_up_reaches", "crosses_once"),
)
"""Tests that change constants of kernels, which compiled ones keep, or that need the simulator's
memory or its way to launch."""

_WITH_STAND_INS = ("test_device_numbers", "test_resident_output", "syntheses_of_a_frame")
"""Tests in which NumPy's arrays stand for cuDF's; `tests/io` compares with cuDF itself."""

collect_ignore_glob = []
if os.environ.get("GPUSYNTH_PTX_MACHINE"):
    from tests.ptx_machine.launching import install

    install()
elif not _COMPILED and (
    os.environ.get("NUMBA_ENABLE_CUDASIM") != "1" or find_spec("numba.cuda") is None
):
    collect_ignore_glob.append("test_*.py")
elif not _COMPILED:
    # The simulator's main thread waits by looking again and again; a shorter turn makes it yield to
    # the threads that work. Kernels with barriers run five times as fast.
    sys.setswitchinterval(1e-5)


def pytest_collection_modifyitems(items):
    """Leave out what makes sense in the simulator alone."""
    left_out = _OF_THE_SIMULATOR if _COMPILED else ()
    if os.environ.get("GPUSYNTH_TEST_DEVICE"):
        left_out += _WITH_STAND_INS
    items[:] = [item for item in items if not any(part in item.nodeid for part in left_out)]


@pytest.fixture(autouse=True, scope="session")
def warm_kernels():
    """Compile first, as a run does, so that no test sees that work among its own."""
    if _COMPILED:
        from gpusynth.backends import choose_backend
        from gpusynth.trees.warm import warm_up

        warm_up(choose_backend("cuda"))


@pytest.fixture
def quick_fits(monkeypatch):
    """Grow on the processor: the grower has tests of its own, and takes seconds a tree here."""

    from gpusynth.trees import PredictorTable, grow_tree

    def grow(table, *given, turn, **options):
        with turn as free_bytes:
            assert free_bytes > 0
            return grow_tree(table, *given, **options)

    monkeypatch.setattr("gpusynth.trees.grow_cuda.grow_tree_on_device", grow)
    monkeypatch.setattr("gpusynth.trees.device_table.DeviceTable.of", lambda table: table)
    monkeypatch.setattr(PredictorTable, "n_pages", 1, raising=False)
