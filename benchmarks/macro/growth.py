"""How time grows with rows: the exponent between two sizes, as one JSON line.

    python -m benchmarks.macro.growth --rows 200000 2000000 --columns 40 --threads 2

Time is proportional to ``rows ** exponent``; the exponent is ``log(t2 / t1) / log(n2 / n1)`` of fit
and draw. Each size runs in a process of its own (`benchmarks.macro.run`).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.macro.workload import child_environment
from gpusynth.engine import available_threads

__all__ = ["exponent", "main"]

_CLOCKS = ("cpu", "wall")


def exponent(small: float, large: float, ratio: float) -> float:
    """Return the exponent of time when `ratio` times the rows take `large` instead of `small`."""
    return math.log(large / small) / math.log(ratio)


def _run(rows: int, arguments: argparse.Namespace) -> dict[str, Any]:
    options = [
        *("--rows", rows, "--columns", arguments.columns),
        *("--threads", arguments.threads, "--repeat", arguments.repeat),
    ]
    command = [sys.executable, "-m", "benchmarks.macro.run", *map(str, options)]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=child_environment()
    )
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Measure both sizes and print the exponents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs=2, default=[200_000, 2_000_000])
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args(argv)
    low, high = sorted(arguments.rows)
    if low < 1 or low == high:
        parser.error("rows are two different numbers above 0")
    small, large = _run(low, arguments), _run(high, arguments)
    totals = [run["phases"]["total"] for run in (small, large)]
    line = json.dumps(
        {
            "benchmark": "growth",
            "case": {
                "rows": [low, high],
                "columns": arguments.columns,
                "threads": arguments.threads,
            },
            "repeat": arguments.repeat,
            "phases": {"small": totals[0], "large": totals[1]},
            "exponent": {
                clock: round(exponent(totals[0][clock], totals[1][clock], high / low), 3)
                for clock in _CLOCKS
            },
            "peak_memory_bytes": [run["peak_memory_bytes"] for run in (small, large)],
            "machine": small["machine"],
            "versions": small["versions"],
        }
    )
    print(line)
    if arguments.output is not None:
        arguments.output.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
