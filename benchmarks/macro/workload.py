"""Work to be timed: simulated firms, coded and planned, synthesized in memory or file to file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.clock import Seconds, Stopwatch
from gpusynth import engine
from gpusynth.datasets import firms, firms_schema
from gpusynth.engine.fitting import real_predictors
from gpusynth.engine.real.prepare import prepare
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.synthesis import Synthesis
from gpusynth.table import BATCH_ROWS
from gpusynth.trees import warm_up

__all__ = [
    "FileRun",
    "child_environment",
    "load_kernels",
    "prepare_firms",
    "run_files",
    "synthesize_in_memory",
]

_WARM_ROWS = 2_000


def prepare_firms(rows: int, columns: int, *, seed: int, given_schema: bool) -> Prepared:
    """Simulate firms and code them; the schema is inferred as for a user, unless it is given."""
    silent, stopwatch = engine.SilentListener(), engine.Stopwatch()
    resolved = engine.resolve_input(
        firms(rows, seed=seed, columns=columns),
        firms_schema(columns) if given_schema else None,
        None,
        batch_rows=BATCH_ROWS,
        listener=silent,
        stopwatch=stopwatch,
    )
    return prepare(resolved, batch_rows=BATCH_ROWS, listener=silent, stopwatch=stopwatch)


def load_kernels(columns: int, *, given_schema: bool) -> None:
    """Compile or load every kernel that a timed run calls: the engine's list, then a small run."""
    warm_up()
    small = prepare_firms(_WARM_ROWS, columns, seed=1, given_schema=given_schema)
    synthesize_in_memory(small, threads=1, replicates=1, stopwatch=Stopwatch())


def synthesize_in_memory(
    prepared: Prepared, *, threads: int, replicates: int, stopwatch: Stopwatch
) -> int:
    """Fit every step, draw a replicate, then all further ones; return the leaves of all trees.

    The phases are "pack" (codes to the records that trees read), "fit", "draw" (the first
    replicate) and "further replicates".
    """
    resolved = prepared.resolved
    with stopwatch.phase("pack"):
        packed = real_predictors(resolved.plan, prepared.table)
    synthesis = Synthesis(
        replace(prepared, predictors=packed), engine.SilentListener(), engine.Stopwatch()
    )
    with stopwatch.phase("fit"):
        models = synthesis.fit(threads)
    for number in range(replicates):
        with stopwatch.phase("further replicates" if number else "draw"):
            settings = engine.RunSettings(seed=number, threads=threads)
            drawn = synthesis.draw(settings, models=models)
        for rows in drawn:
            rows.clear()
    return sum(size.n_leaves for size in synthesis.sizes.values())


@dataclass(frozen=True, slots=True)
class FileRun:
    """One run of the command line in a process of its own.

    Attributes
    ----------
    total : Seconds
        Of the whole process, from its start to its end.
    peak_memory_bytes : int
        The largest resident size of the process.
    manifest : mapping
        What the run says of itself.
    """

    total: Seconds
    peak_memory_bytes: int
    manifest: Mapping[str, Any]

    @property
    def phases(self) -> dict[str, float]:
        """Wall seconds by phase; "start and end" is what no phase of the run holds."""
        own: dict[str, float] = dict(self.manifest["timings"]["phases"])
        return {**own, "start and end": self.total.wall - sum(own.values())}

    @property
    def before_first_fit(self) -> float:
        """Wall seconds until the first fit begins; a little less, as the end counts as well."""
        after = ("fit and draw", "write", "hash output")
        return sum(wall for name, wall in self.phases.items() if name not in after)


def child_environment() -> dict[str, str]:
    """Return the environment of a Python process that finds its packages where this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def run_files(data: Path, output: Path, *, threads: int, replicates: int) -> FileRun:
    """Synthesize one file into a directory with the command line, Parquet to Parquet."""
    options: Sequence[object] = (
        *("--data", data, "--output", output, "--overwrite", "--quiet"),
        *("--threads", threads, "--replicates", replicates, "--seed", 1),
    )
    command = [sys.executable, "-m", "gpusynth", "run", *map(str, options)]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=child_environment())
    # wait4 tells the seconds and the peak memory of this one process, not of all children so far.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run failed with exit code {process.returncode}")
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    peak = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return FileRun(Seconds(usage.ru_utime + usage.ru_stime, wall), peak, manifest)
