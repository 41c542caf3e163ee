"""Imputations and released models on a GPU: the processor's bytes, and the seconds of both."""

from __future__ import annotations

import time
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import gpusynth
from benchmarks.gpu.measure import device_peak
from benchmarks.gpu.runs import RunSizes, real_rows
from gpusynth.backends import DeviceName
from gpusynth.engine import fit_released
from gpusynth_kernels.cuda.traffic import counted

__all__ = ["check_imputations"]

_IMPUTATIONS = 2
_ITERATIONS = 2
_SHARE = 0.2
"""Of the answers that are missing, in every column but the first."""


def _with_gaps(table: pa.Table) -> pa.Table:
    random = np.random.default_rng(1)
    columns = [table.column(0)]
    for column in table.columns[1:]:
        gaps = pa.array(random.random(len(table)) < _SHARE)
        columns.append(pc.if_else(gaps, pa.scalar(None, column.type), column.combine_chunks()))
    return pa.table(columns, table.column_names)


def _impute(real: pa.Table, device: DeviceName, threads: int) -> tuple[dict[str, Any], Any]:
    start = time.perf_counter()
    with device_peak() as peak, counted() as traffic:
        made = gpusynth.impute(
            real,
            n_imputations=_IMPUTATIONS,
            iterations=_ITERATIONS,
            seed=5,
            threads=threads,
            device=device,
        )
    spent = {"seconds": time.perf_counter() - start, "phases": dict(made.stopwatch.phases)}
    if device == "cuda":
        spent |= {"traffic": asdict(traffic), "device_peak": asdict(peak)}
    return spent, made


def _release(real: pa.Table, model: Path, device: DeviceName) -> tuple[dict[str, Any], list[str]]:
    start = time.perf_counter()
    fit_released(real, model, min_units=10, overwrite=True, device=device)
    fitted = time.perf_counter()
    rows = gpusynth.load(model).sample(real.num_rows, seed=7, device=device)
    drawn = time.perf_counter()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    hashes = [sha256(part).hexdigest() for part in (model.read_bytes(), sink.getvalue())]
    return {"fit_seconds": fitted - start, "draw_seconds": drawn - fitted}, hashes


def check_imputations(sizes: RunSizes, path: Path, output: Path) -> dict[str, Any]:
    """Impute firms with gaps, and release a model of them, on both devices; compare all of it.

    Parameters
    ----------
    sizes : RunSizes
        Of which `identity_rows` and `columns` count.
    path : pathlib.Path
        Simulated firms.
    output : pathlib.Path
        Directory for the models.

    Returns
    -------
    dict
    """
    output.mkdir(parents=True, exist_ok=True)
    real = real_rows(path, sizes)
    gaps = _with_gaps(real)
    there, made = _impute(gaps, "cuda", sizes.threads)
    here, wanted = _impute(gaps, "cpu", sizes.threads)
    same = all(a.equals(b) for a, b in zip(made.tables(), wanted.tables(), strict=True))
    released_there, hashes_there = _release(real, output / "there.model", "cuda")
    released_here, hashes_here = _release(real, output / "here.model", "cpu")
    return {
        "rows": real.num_rows,
        "columns": real.num_columns,
        "imputations": {
            "device": there,
            "cpu": here,
            "same_answers": same,
            "same_traces": made.traces == wanted.traces,
        },
        "released": {
            "device": released_there,
            "cpu": released_here,
            "same_bytes": hashes_there == hashes_here,
        },
    }
