"""Pieces of the GPU check in processes of their own, so that one that hangs or breaks costs itself.

A kernel that faults takes its process's device along: whatever comes later in that process fails
too. A piece that hangs would take the others' time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["run_apart"]

_LINES = 30


def run_apart(
    names: Sequence[str], options: Sequence[str], output: Path, *, seconds: float
) -> dict[str, Any]:
    """Run pieces one after the other, each by its own `python -m benchmarks.gpu.check`.

    Parameters
    ----------
    names : sequence of str
    options : sequence of str
        For each of them, besides the piece and the file.
    output : Path
        The file that each adds its piece to; what was found of one that ended too soon as well.
    seconds : float
        After which a piece is ended.

    Returns
    -------
    dict
        What the file holds in the end.
    """
    results: dict[str, Any] = {"pieces": {}}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.gpu.check", *options, "--together"]
        trouble = _trouble([*command, "--only", name, "--output", str(output)], seconds)
        if output.exists():
            results = json.loads(output.read_text(encoding="utf-8"))
        if trouble:
            results["pieces"][name] = {"found": {"error": trouble}}
            output.write_text(json.dumps(results, default=str) + "\n", encoding="utf-8")
    return results


def _trouble(command: list[str], seconds: float) -> str:
    """Run a command; return why it ended too soon, nothing where its piece is written."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"not done in {seconds:.0f} seconds"
    sys.stderr.write(said)
    if process.returncode in (0, 1):
        return ""
    end = " | ".join(said.splitlines()[-_LINES:])
    if process.returncode < 0:
        return f"ended by {signal.Signals(-process.returncode).name}: {end}"
    return f"ended with {process.returncode}: {end}"
