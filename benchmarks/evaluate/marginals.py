"""All one- and two-way and some three-way marginals of two Parquet files; one JSON line.

    python -m benchmarks.evaluate.marginals --rows 1000000 --columns 130 --three-way 500

Both files are read, put on common codes and scored with every option at its default but baselines,
in a process of its own; the target is 60 s and 2 GB. Kernels are compiled or loaded before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numba

from benchmarks.clock import Stopwatch
from benchmarks.evaluate.files import firms_files, run_child
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.datasets import firms, firms_schema
from gpusynth.engine import available_threads
from gpusynth.engine.measure import peak_memory_bytes
from gpusynth.evaluate import CommonCodes, code_together, kmarginal
from gpusynth.io import open_source

__all__ = ["main", "score_all", "warm_up"]


def score_all(codes: CommonCodes, three_way: int, stopwatch: Stopwatch) -> dict[str, float]:
    """Score all one- and two-way marginals and a sample of three-way ones."""
    found = {}
    for k, n_marginals in ((1, None), (2, None), (3, three_way)):
        with stopwatch.phase(f"{k}-way"):
            (result,) = kmarginal(codes, k, n_marginals=n_marginals, n_bootstraps=0)
        found[f"{k}-way"] = round(result.value, 6)
    return found


def warm_up(columns: int) -> None:
    """Load or compile every kernel that is timed."""
    small = [open_source(firms(500, seed=seed, columns=columns)) for seed in (0, 1)]
    score_all(code_together(*small, schema=firms_schema(columns)), 5, Stopwatch())


def _measure(arguments: argparse.Namespace) -> dict[str, object]:
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    machine = describe_machine()
    warm_up(arguments.columns)
    before = peak_memory_bytes()
    stopwatch = Stopwatch()
    with stopwatch.phase("read and code"):
        codes = code_together(
            *map(open_source, arguments.files), schema=firms_schema(arguments.columns)
        )
    scores = score_all(codes, arguments.three_way, stopwatch)
    total = stopwatch.total()
    peak = peak_memory_bytes()
    return {
        "benchmark": "evaluate marginals",
        "case": {
            name: getattr(arguments, name) for name in ("rows", "columns", "threads", "three_way")
        },
        "phases": {
            **{name: seconds.to_json() for name, seconds in stopwatch.phases.items()},
            "total": total.to_json(),
        },
        "scores": scores,
        "input_bytes": sum(path.stat().st_size for path in arguments.files),
        "peak_memory_bytes": peak,
        "peak_memory_bytes_before": before,
        "over_target": {"seconds": round(total.wall / 60, 3), "bytes": round(peak / 2e9, 3)},
        "machine": machine,
        "versions": describe_versions(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files where needed, measure in a child, print and keep the line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=130)
    parser.add_argument("--three-way", type=int, default=500)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--keep", type=Path, help="directory for the files, kept for other runs")
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    parser.add_argument("--files", type=Path, nargs=2, help="measure these in this process")
    arguments = parser.parse_args(argv)
    if arguments.files:
        print(json.dumps(_measure(arguments)))
        return
    with firms_files(arguments.rows, arguments.columns, arguments.keep) as files:
        options = [
            *("--rows", arguments.rows, "--columns", arguments.columns),
            *("--three-way", arguments.three_way, "--threads", arguments.threads),
        ]
        line = run_child("benchmarks.evaluate.marginals", [*options, "--files", *files]).strip()
    print(line)
    if arguments.output is not None:
        arguments.output.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
