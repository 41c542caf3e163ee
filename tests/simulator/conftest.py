"""Tests of the CUDA kernels in Numba's simulator: collected only in a process that has it.

    NUMBA_ENABLE_CUDASIM=1 python -m pytest tests/simulator

Numba reads the variable at its first import, so `tests/kernels/test_simulator.py` starts a process.
"""

import os
import sys
from importlib.util import find_spec

import pytest

collect_ignore_glob = []
if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1" or find_spec("numba.cuda") is None:
    collect_ignore_glob.append("test_*.py")
else:
    # The simulator's main thread waits by looking again and again; a shorter turn makes it yield to
    # the threads that work. Kernels with barriers run five times as fast.
    sys.setswitchinterval(1e-5)


@pytest.fixture
def quick_fits(monkeypatch):
    """Grow on the processor: the grower has tests of its own, and takes seconds a tree here."""

    from gpusynth.trees import grow_tree

    def grow(table, *given, free_bytes, turn, **options):
        assert free_bytes() > 0
        assert not turn.locked()
        return grow_tree(table, *given, **options)

    monkeypatch.setattr("gpusynth.trees.grow_cuda.grow_tree_on_device", grow)
    monkeypatch.setattr("gpusynth.trees.device_table.DeviceTable.of", lambda table: table)
