"""cuDF at size: frames and Parquet files that are made on the GPU, beside those of Arrow."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import gpusynth
from benchmarks.gpu.measure import device_peak
from benchmarks.gpu.runs import RunSizes, real_rows
from gpusynth_kernels.cuda.traffic import counted

__all__ = ["check_frames"]


def _same_tables(one: pa.Table, other: pa.Table) -> bool:
    """Return whether two tables hold the same, signs of zero and NaN included."""
    return one.schema == other.schema and all(
        _bits(one[name]).equals(_bits(other[name])) for name in one.column_names
    )


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.combine_chunks().dictionary_decode()
    if pa.types.is_floating(column.type):
        return pa.array([float.hex(value.as_py()) if value.is_valid else None for value in column])
    return column.combine_chunks()


def _frames(frame: Any, device: str, sizes: RunSizes) -> tuple[list[Any], dict[str, Any]]:
    start = time.perf_counter()
    with device_peak() as peak, counted() as traffic:
        frames = gpusynth.synthesize(
            frame, seed=5, n_replicates=2, device=device, threads=sizes.threads
        )
    spent = {"seconds": time.perf_counter() - start, "traffic": asdict(traffic)}
    return frames, spent | ({"device_peak": asdict(peak)} if device == "cuda" else {})


def _file(path: Path, output: Path, sizes: RunSizes, **options: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    run = gpusynth.synthesize(
        path, seed=5, output=output, overwrite=True, threads=sizes.threads, **options
    )
    return run.replicates[0], time.perf_counter() - start


def check_frames(sizes: RunSizes, path: Path, output: Path) -> dict[str, Any]:
    """Synthesize a cuDF frame, and a Parquet file with cuDF, on both devices and compare them."""
    try:
        import cudf
    except ImportError as error:
        return {"ran": False, "why": str(error)}
    real = real_rows(path, sizes)
    frame = cudf.DataFrame.from_arrow(real)
    there, spent = _frames(frame, "cuda", sizes)
    here, spent_here = _frames(frame, "cpu", sizes)
    pairs = [
        tuple(one.to_arrow(preserve_index=False) for one in pair)
        for pair in zip(there, here, strict=True)
    ]
    output.mkdir(parents=True, exist_ok=True)
    source = output / "real.parquet"
    pq.write_table(real, source)
    options = {"there": {"device": "cuda", "io": "cudf"}, "here": {"io": "cudf"}, "arrow": {}}
    files = {name: _file(source, output / name, sizes, **own) for name, own in options.items()}
    tables = {name: pq.read_table(file.path) for name, (file, _) in files.items()}
    return {
        "rows": real.num_rows,
        "columns": real.num_columns,
        "device": spent,
        "cpu": spent_here,
        "file_seconds": {name: seconds for name, (_, seconds) in files.items()},
        "same_frames": all(_same_tables(*pair) for pair in pairs),
        "same_dtypes": all(
            [str(kind) for kind in one.dtypes] == [str(kind) for kind in frame.dtypes]
            for one in there
        ),
        "same_files": files["there"][0].sha256 == files["here"][0].sha256,
        "same_rows": _same_tables(tables["there"], tables["arrow"]),
    }
