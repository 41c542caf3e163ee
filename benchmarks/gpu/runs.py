"""Whole runs on a GPU at size: simulated firms from codes to codes and from Parquet to Parquet."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import gpusynth
from benchmarks.clock import Stopwatch
from benchmarks.gpu.measure import device_peak, timed_kernels
from benchmarks.macro.workload import synthesize_in_memory
from gpusynth import engine
from gpusynth.backends import Backend
from gpusynth.datasets import write_firms
from gpusynth.engine.real.prepare import prepare
from gpusynth.table import BATCH_ROWS
from gpusynth_kernels.cuda.traffic import counted

__all__ = [
    "TABLES",
    "RunSizes",
    "check_codes",
    "check_files",
    "check_table",
    "firms_file",
    "real_rows",
]

TABLES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "proper": {"proper": "bayesian"},
    "forest": {"default": {"method": "forest", "n_trees": 2}},
    "smoothed": {"smoothing": {"EMPLOYMENT_NOISY": "rmean"}},
}
"""Plans whose files must be the same from both devices."""

_NEEDED = ("EMPLOYMENT_NOISY",)
"""Columns that the plans name."""


@dataclass(frozen=True, slots=True)
class RunSizes:
    """How large the runs are."""

    rows: int
    columns: int
    identity_rows: int
    threads: int


def _write_part(part: tuple[Path, int, int, int]) -> Path:
    path, rows, seed, columns = part
    write_firms(path, rows, seed, columns)
    return path


def firms_file(directory: Path, sizes: RunSizes) -> Path:
    """Return a file of simulated firms, made by as many processes as there are threads."""
    path = directory / f"firms_{sizes.rows}x{sizes.columns}.parquet"
    if path.exists():
        return path
    n_parts = max(1, min(sizes.threads, sizes.rows // 10))
    bounds = [part * sizes.rows // n_parts for part in range(n_parts + 1)]
    parts = [
        (directory / f"part_{seed}.parquet", bounds[seed + 1] - bounds[seed], seed, sizes.columns)
        for seed in range(n_parts)
    ]
    unfinished = path.with_suffix(".unfinished")
    with ProcessPoolExecutor(n_parts, mp_context=get_context("spawn")) as pool:
        writer = None
        for part in pool.map(_write_part, parts):
            table = pq.read_table(part)
            writer = writer or pq.ParquetWriter(unfinished, table.schema)
            writer.write_table(table)
            part.unlink()
        if writer is not None:
            writer.close()
    unfinished.rename(path)
    return path


def check_codes(backend: Backend, sizes: RunSizes, path: Path) -> dict[str, Any]:
    """Fit and draw coded firms in memory: seconds of each phase, of each kernel, and the bus."""
    silent = engine.SilentListener()
    own = engine.Stopwatch()
    start = time.perf_counter()
    resolved = engine.resolve_input(
        path, None, None, batch_rows=BATCH_ROWS, listener=silent, stopwatch=own
    )
    prepared = prepare(resolved, batch_rows=BATCH_ROWS, listener=silent, stopwatch=own)
    result: dict[str, Any] = {"prepare_seconds": time.perf_counter() - start}
    prepared = replace(prepared, backend=backend)
    for name in ("first", "second"):  # the first compiles
        stopwatch = Stopwatch()
        with device_peak() as peak, counted() as traffic:
            leaves = synthesize_in_memory(
                prepared, threads=sizes.threads, replicates=2, stopwatch=stopwatch
            )
        phases = {phase: spent.to_json() for phase, spent in stopwatch.phases.items()}
        result[name] = {"phases": phases, "traffic": asdict(traffic), "leaves": leaves}
        result[name]["peak"] = asdict(peak)
    with timed_kernels() as times:
        synthesize_in_memory(prepared, threads=1, replicates=2, stopwatch=Stopwatch())
    return result | {"kernels": times.to_json()}


def _synthesize(
    real: Path | pa.Table,
    output: Path,
    backend: Backend | None,
    plan: gpusynth.Plan,
    replicates: int,
) -> tuple[dict[str, Any], list[str]]:
    start = time.perf_counter()
    with device_peak() as peak:
        run = gpusynth.synthesize(
            real,
            plan=plan,
            seed=5,
            n_replicates=replicates,
            output=output,
            overwrite=True,
            device="cpu" if backend is None else "cuda",
            fitter="histogram" if backend is None else backend.fitter,
        )
    spent = {"seconds": time.perf_counter() - start, "timings": run.manifest["timings"]}
    if backend is not None:
        spent["device_peak"] = asdict(peak)
    return spent, [replicate.sha256 for replicate in run.replicates]


def check_files(backend: Backend, sizes: RunSizes, path: Path, output: Path) -> dict[str, Any]:
    """Synthesize a Parquet file into Parquet files, one replicate and then two."""
    result: dict[str, Any] = {"rows": sizes.rows, "columns": sizes.columns}
    for replicates in (1, 2):
        spent, _ = _synthesize(path, output, backend, gpusynth.Plan(), replicates)
        result[f"{replicates} replicates"] = spent
    return result


def real_rows(path: Path, sizes: RunSizes) -> pa.Table:
    """Return the first rows of the firms, as many as are synthesized on both devices."""
    file = pq.ParquetFile(path)
    names = [*dict.fromkeys([*file.schema_arrow.names[: sizes.columns], *_NEEDED])]
    batches = file.iter_batches(min(sizes.identity_rows, BATCH_ROWS), columns=names)
    tables, rows = [], 0
    while rows < min(sizes.identity_rows, sizes.rows):
        tables.append(next(batches))
        rows += tables[-1].num_rows
    return pa.Table.from_batches(tables).slice(0, sizes.identity_rows)


def check_table(
    backend: Backend, sizes: RunSizes, path: Path, output: Path, name: str
) -> dict[str, Any]:
    """Synthesize one table on both devices and compare the files' hashes.

    With cuML's trees, which are others, the k-marginal score stands beside that of our own trees.
    """
    real = real_rows(path, sizes)
    plan = gpusynth.Plan(**TABLES[name])
    there, hashes_there = _synthesize(real, output / "there", backend, plan, 1)
    here, hashes_here = _synthesize(real, output / "here", None, plan, 1)
    result = {"table": name, "rows": real.num_rows, "device": there, "cpu": here}
    if backend.fitter == "histogram":
        return result | {"same_files": hashes_there == hashes_here}
    scores = {
        name: {
            k: gpusynth.evaluate(real, output / place, k=3, quick=True).kmarginals[k].score.mean
            for k in (1, 2, 3)
        }
        for name, place in (("kmarginal_cuml", "there"), ("kmarginal_histogram", "here"))
    }
    return result | scores
