"""What a kill at half time costs: seconds of the resumed run over those of an unbroken one.

    python -m benchmarks.resume --rows 500000 --columns 40 --repeat 3

Each repetition makes an unbroken run, one that is killed after half of its wall time, and the run
that resumes it, all in processes of their own; the files must have the same bytes. The goal is a
resumed run below 55 % of the unbroken one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clock import Seconds
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.macro.workload import child_environment
from gpusynth.datasets import write_firms

__all__ = ["main", "measure"]


def measure(rows: int, columns: int, repeat: int, directory: Path) -> dict[str, Any]:
    """Kill and resume some runs.

    Parameters
    ----------
    rows, columns, repeat : int
    directory : pathlib.Path
        For the file and the runs.

    Returns
    -------
    dict
        Seconds of each run, and the medians of resumed over unbroken.
    """
    data = directory / "firms.parquet"
    write_firms(data, rows, seed=1, columns=columns)
    _command(["run", "--data", str(data), "--output", str(directory / "warm"), "--no-utility"])
    trials = []
    for number in range(repeat):
        whole, cut = directory / f"whole_{number}", directory / f"cut_{number}"
        begin = ["run", "--data", str(data), "--no-utility", "--output"]
        unbroken = _command([*begin, str(whole)])
        killed = _command([*begin, str(cut)], kill_after=unbroken.wall / 2)
        if (cut / "manifest.json").exists():
            raise RuntimeError("the run ended before it was killed; give it more rows")
        resumed = _command(["resume", str(cut)])
        if _sha256(whole) != _sha256(cut):
            raise RuntimeError("a resumed run gave other bytes")
        trials.append(
            {
                "unbroken": unbroken.to_json(),
                "killed": killed.to_json(),
                "resumed": resumed.to_json(),
                "cpu_share": round(resumed.cpu / unbroken.cpu, 3),
                "wall_share": round(resumed.wall / unbroken.wall, 3),
            }
        )
    return {
        "rows": rows,
        "columns": columns,
        "cpu_share": median(trial["cpu_share"] for trial in trials),
        "wall_share": median(trial["wall_share"] for trial in trials),
        "same_bytes": True,
        "trials": trials,
    }


def _command(arguments: list[str], *, kill_after: float | None = None) -> Seconds:
    """Run gpusynth in a process of its own and return its seconds; kill it where that is asked."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "gpusynth", *arguments, "--quiet"], env=child_environment()
    )
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if kill_after is None and process.returncode != 0:
        raise RuntimeError(f"gpusynth {arguments[0]} ended with status {process.returncode}")
    return Seconds(usage.ru_utime + usage.ru_stime, wall)


def _sha256(output: Path) -> str:
    return hashlib.sha256((output / "replicate_001.parquet").read_bytes()).hexdigest()


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args(argv)
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as directory:
        found = measure(arguments.rows, arguments.columns, arguments.repeat, Path(directory))
    about = {"machine": machine, "versions": describe_versions()}
    line = json.dumps({"benchmark": "resume", **found, **about})
    sys.stdout.write(line + "\n")
    if arguments.output is not None:
        arguments.output.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
