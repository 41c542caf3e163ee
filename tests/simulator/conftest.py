"""Tests of the CUDA kernels in Numba's simulator: collected only in a process that has it.

    NUMBA_ENABLE_CUDASIM=1 python -m pytest tests/simulator

Numba reads the variable at its first import, so `tests/kernels/test_simulator.py` starts a process.
"""

import os
import sys
from importlib.util import find_spec

collect_ignore_glob = []
if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1" or find_spec("numba.cuda") is None:
    collect_ignore_glob.append("test_*.py")
else:
    # The simulator's main thread waits by looking again and again; a shorter turn makes it yield to
    # the threads that work. Kernels with barriers run five times as fast.
    sys.setswitchinterval(1e-5)
