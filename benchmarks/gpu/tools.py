"""What other programs find: the kernels' tests on the device, and NVIDIA's compute-sanitizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "run_suite", "sanitize"]

ROOT = Path(__file__).parents[2]

_TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")


def run_suite() -> dict[str, Any]:
    """Run the tests of the kernels on the device itself, and those with RAPIDS where it is."""
    return {
        "kernels": _tests("tests/simulator"),
        "rapids": _tests("tests/io", "tests/backends", "-m", "rapids"),
    }


def _tests(*options: str) -> dict[str, Any]:
    """Run some tests in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=ROOT,
        env={**os.environ, "GPUSYNTH_TEST_DEVICE": "1", "NUMBA_ENABLE_CUDASIM": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return {"passed": done.returncode == 0, "end": done.stdout.strip().splitlines()[-12:]}


def sanitize(seconds: float = 480.0) -> dict[str, Any]:
    """Run a small growth and draw under each tool of compute-sanitizer."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        return {"ran": False, "why": "compute-sanitizer is not installed"}
    found: dict[str, Any] = {"ran": True}
    for tool in _TOOLS:
        command = [program, "--tool", tool, "--error-exitcode", "9", sys.executable]
        try:
            done = subprocess.run(
                [*command, "-m", "benchmarks.gpu.check", "--small"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds / len(_TOOLS),
            )
        except subprocess.TimeoutExpired:
            found[tool] = {"ran": False, "why": f"not done in {seconds / len(_TOOLS):.0f} seconds"}
            continue
        found[tool] = {"passed": done.returncode == 0, "end": done.stdout.splitlines()[-12:]}
    return found
