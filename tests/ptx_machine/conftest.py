"""Tests of the machine itself, collected where it stands in for a GPU; see `tests/simulator`."""

import os

collect_ignore_glob = []
if os.environ.get("GPUSYNTH_PTX_MACHINE"):
    from tests.ptx_machine.launching import install

    install()
else:
    collect_ignore_glob.append("test_*.py")
