"""Workers of a cluster: how much two are faster than one, and what distribution costs.

    python -m benchmarks.cluster --rows 200000 --repeats 3 --overhead 500000x40

Speed-up: 16 numbers are predicted by the same six columns, so that all fits cost the same; one and
two workers take turns, and the seconds of the fit phase are compared. On a machine that others use,
two workers do not get two processors; the busy share tells how much of their time was work: twice
it is the speed-up that two free processors would allow. Overhead: the same run in one process of
one thread and on one worker; scheduling is the part of the fit phase in which the worker had
nothing to do, the whole is everything that the run takes longer. One JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import gpusynth
from benchmarks.machine import describe_machine, describe_versions
from gpusynth import Plan
from gpusynth.datasets import write_firms
from gpusynth.engine.cluster.connect import ClusterChoice, connected

__all__ = ["main"]

N_TARGETS = 16
N_KEPT = 6


def write_equal(path: Path, n_rows: int) -> Plan:
    """Write a file whose 16 targets cost the same to fit, and return its plan."""
    random = np.random.default_rng(1)
    kept = {f"kept{i}": random.integers(0, 20 * (i + 1), n_rows) for i in range(N_KEPT)}
    total = np.sum(list(kept.values()), axis=0)
    targets = {f"target{i:02d}": total + random.integers(0, 50, n_rows) for i in range(N_TARGETS)}
    pq.write_table(pa.table({**kept, **targets}), path)
    return Plan(
        methods=dict.fromkeys(kept, "keep"), predictors={name: list(kept) for name in targets}
    )


def timed_run(data: Path, plan: Plan | None, output: Path, client: Any) -> dict[str, Any]:
    """Run once and return the seconds of its phases and of its fits."""
    began = time.perf_counter()
    run = gpusynth.synthesize(data, None, plan, output=output, threads=1, client=client)
    wall = time.perf_counter() - began
    steps = [step for one in run.manifest["variables"] for step in one["steps"]]
    return {
        "wall_seconds": round(wall, 3),
        "phases": {name: round(s, 3) for name, s in run.manifest["timings"]["phases"].items()},
        "fit_wall_seconds": round(sum(step["fit_wall_seconds"] for step in steps), 3),
        "fit_cpu_seconds": round(sum(step["fit_cpu_seconds"] for step in steps), 3),
        "sha256": [replicate.sha256 for replicate in run.replicates],
    }


def speed_up(directory: Path, n_rows: int, repeats: int) -> dict[str, Any]:
    """Let one and two workers take turns."""
    data = directory / "equal.parquet"
    plan = write_equal(data, n_rows)
    runs: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    with (
        connected(ClusterChoice("local", n_workers=1)) as one,
        connected(ClusterChoice("local", n_workers=2)) as two,
    ):
        for repeat in range(repeats + 1):  # the first one loads the kernels
            for n_workers, client in ((1, one), (2, two)):
                output = directory / f"run_{n_workers}_{repeat}"
                result = timed_run(data, plan, output, client)
                if repeat:
                    runs[n_workers].append(result)
    medians = {n: statistics.median(run["phases"]["fit"] for run in own) for n, own in runs.items()}
    hashes = {run["sha256"][0] for own in runs.values() for run in own}
    return {
        "rows": n_rows,
        "fit_seconds": {str(n): [run["phases"]["fit"] for run in own] for n, own in runs.items()},
        "median_fit_seconds": {str(n): seconds for n, seconds in medians.items()},
        "speed_up": round(medians[1] / medians[2], 3),
        "busy_share_of_two": round(statistics.median(map(_busy_share, runs[2])) / 2, 4),
        "same_bytes": len(hashes) == 1,
    }


def _busy_share(run: dict[str, Any]) -> float:
    """Return the seconds that workers were busy with fits over those of the phase."""
    return float(run["phases"]["fit tasks"] / run["phases"]["fit"])


def overhead(directory: Path, n_rows: int, columns: int) -> dict[str, Any]:
    """Compare a run in one process with one on one worker."""
    data = directory / "firms.parquet"
    write_firms(data, n_rows, seed=1, columns=columns)
    alone = timed_run(data, None, directory / "alone", None)
    with connected(ClusterChoice("local", n_workers=1)) as client:
        many = timed_run(data, None, directory / "worker", client)
    return {
        "rows": n_rows,
        "columns": columns,
        "one_process": alone,
        "one_worker": many,
        "scheduling_share": round(1 - _busy_share(many), 4),
        "whole_share": round(many["wall_seconds"] / alone["wall_seconds"] - 1, 4),
        "same_bytes": alone["sha256"] == many["sha256"],
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--overhead", help="ROWSxCOLUMNS")
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args(argv)
    result: dict[str, Any] = {"benchmark": "cluster", "machine": describe_machine()}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        result["speed_up"] = speed_up(place, arguments.rows, arguments.repeats)
        if arguments.overhead:
            rows, columns = map(int, arguments.overhead.split("x"))
            result["overhead"] = overhead(place, rows, columns)
    result["versions"] = describe_versions("dask", "distributed")
    line = json.dumps(result)
    sys.stdout.write(line + "\n")
    if arguments.output is not None:
        arguments.output.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
