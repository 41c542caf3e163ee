"""How near `gpusynth estimate` comes to the run: predicted over measured, as one JSON line.

    python -m benchmarks.estimate --cases 200000x40 1000000x40 300000x130

Firms are simulated into a file, the estimate is made, and the same command is then run in a process
of its own. A ratio of 1 is right; the goal is 1/1.5 to 1.5 for time and memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, describe_versions
from benchmarks.macro.workload import child_environment
from gpusynth.datasets import write_firms
from gpusynth.operations import estimate

__all__ = ["main", "measure"]


def measure(rows: int, columns: int, directory: Path) -> dict[str, Any]:
    """Estimate and run one case.

    Parameters
    ----------
    rows, columns : int
    directory : pathlib.Path
        For the file and the run.

    Returns
    -------
    dict
        Predicted, measured, and their ratios.
    """
    data, output = directory / "firms.parquet", directory / "run"
    write_firms(data, rows, seed=1, columns=columns)
    began = time.perf_counter()
    expected = estimate(data)
    estimate_seconds = time.perf_counter() - began
    command = [sys.executable, "-m", "gpusynth", "run", "--data", str(data), "--quiet"]
    subprocess.run(
        [*command, "--output", str(output), "--no-utility"], check=True, env=child_environment()
    )
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    predicted = {
        "wall_seconds": expected.wall_seconds,
        "memory_bytes": expected.memory_bytes,
        "output_bytes": expected.output_bytes,
    }
    measured = {
        "wall_seconds": manifest["timings"]["wall_seconds"],
        "memory_bytes": manifest["peak_memory_bytes"],
        "output_bytes": (output / "replicate_001.parquet").stat().st_size,
    }
    return {
        "case": {"rows": rows, "columns": columns},
        "estimate_seconds": round(estimate_seconds, 2),
        "predicted": predicted,
        "measured": measured,
        "ratio": {name: round(predicted[name] / measured[name], 3) for name in predicted},
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure all cases and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=["200000x40", "1000000x40", "300000x130"])
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args(argv)
    machine = describe_machine()
    results = []
    for case in arguments.cases:
        rows, columns = map(int, case.split("x"))
        with tempfile.TemporaryDirectory() as directory:
            results.append(measure(rows, columns, Path(directory)))
    line = json.dumps(
        {
            "benchmark": "estimate",
            "results": results,
            "machine": machine,
            "versions": describe_versions(),
        }
    )
    sys.stdout.write(line + "\n")
    if arguments.output is not None:
        arguments.output.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
