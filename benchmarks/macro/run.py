"""Synthesize simulated firms and print one JSON line: rows x columns x threads x replicates.

    python -m benchmarks.macro.run --rows 200000 --columns 40 --threads 2 --peer sklearn
    python -m benchmarks.macro.run --rows 1000000 --columns 130 --threads 2 --files

In memory, both sides begin with codes; ``--files`` runs the command line from a Parquet file to
Parquet files. Kernels are compiled or loaded before anything is timed. Seconds are medians over
``--repeat`` runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.clock import Seconds, Stopwatch, median_seconds
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.macro.workload import (
    FileRun,
    load_kernels,
    prepare_firms,
    run_files,
    synthesize_in_memory,
)
from gpusynth.datasets import write_firms
from gpusynth.engine import available_threads
from gpusynth.engine.measure import peak_memory_bytes
from gpusynth.engine.real.prepared import Prepared

__all__ = ["arguments_of", "main", "measure"]

_FIT_AND_DRAW = ("pack", "fit", "draw")


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--replicates", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the simulated firms")
    parser.add_argument("--schema", choices=("inferred", "given"), default="inferred")
    parser.add_argument("--files", action="store_true", help="Parquet to Parquet")
    parser.add_argument("--peer", choices=("sklearn",), help="measure it in the same run")
    parser.add_argument(
        "--min-split",
        type=int,
        nargs="+",
        default=[2],
        help="the peer's min_samples_split: 2 is its default, 15 is gpusynth's",
    )
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args(argv)
    if arguments.files and (arguments.peer or arguments.schema == "given"):
        parser.error("--files infers the schema and has no peer")
    if min(arguments.rows, arguments.threads, arguments.replicates, arguments.repeat) < 1:
        parser.error("rows, threads, replicates and repeat are at least 1")
    return arguments


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    """Measure one case."""
    machine = describe_machine()  # first: its load is to be the others', not ours
    compiling = Stopwatch()
    with compiling.phase("compile"):
        load_kernels(arguments.columns, given_schema=arguments.schema == "given")
    names = ("rows", "columns", "threads", "replicates", "schema", "seed")
    figures = _in_files(arguments) if arguments.files else _in_memory(arguments)
    return {
        "benchmark": "files" if arguments.files else "memory",
        "case": {name: getattr(arguments, name) for name in names},
        "repeat": arguments.repeat,
        "compile_or_load_kernels": compiling.total().to_json(),
        **figures,
        "machine": machine,
        "versions": describe_versions(*(["scikit-learn"] if arguments.peer else [])),
    }


def _medians(runs: Sequence[Mapping[str, Seconds]]) -> dict[str, Seconds]:
    return {name: median_seconds([run[name] for run in runs]) for name in runs[0]}


def _in_memory(arguments: argparse.Namespace) -> dict[str, object]:
    preparing = Stopwatch()
    with preparing.phase("prepare"):
        prepared = prepare_firms(
            arguments.rows,
            arguments.columns,
            seed=arguments.seed,
            given_schema=arguments.schema == "given",
        )
    runs = []
    for _ in range(arguments.repeat):
        stopwatch = Stopwatch()
        leaves = synthesize_in_memory(
            prepared,
            threads=arguments.threads,
            replicates=arguments.replicates,
            stopwatch=stopwatch,
        )
        run = stopwatch.phases
        runs.append({**run, "total": sum((run[name] for name in _FIT_AND_DRAW), Seconds())})
    phases = _medians(runs)
    total = phases["total"]
    figures: dict[str, object] = {
        "phases": {name: seconds.to_json() for name, seconds in phases.items()},
        "simulate_and_prepare": preparing.total().to_json(),
        "rows_per_second": round(arguments.rows / total.wall),
        "leaves": leaves,
        "encoded_bytes": prepared.encoded_bytes,
        "peak_memory_bytes": peak_memory_bytes(),  # before the peer adds its own
    }
    further = phases.get("further replicates")
    if further is not None:
        each = further.cpu / (arguments.replicates - 1)
        figures["further_replicate_over_fit"] = round(each / phases["fit"].cpu, 4)
    if arguments.peer:
        figures["peers"] = [
            _peer(arguments, prepared, split, total) for split in arguments.min_split
        ]
    return figures


def _peer(
    arguments: argparse.Namespace, prepared: Prepared, min_split: int, ours: Seconds
) -> dict[str, object]:
    """Measure the loop over scikit-learn's trees on the codes that gpusynth was given."""
    from benchmarks.peers import sklearn_loop  # an import of seconds that most runs do not need

    runs = []
    for _ in range(arguments.repeat):
        stopwatch = Stopwatch()
        sklearn_loop.synthesize(
            prepared.table, prepared.resolved.plan, stopwatch, min_split=min_split
        )
        runs.append({**stopwatch.phases, "total": stopwatch.total()})
    phases = _medians(runs)
    total = phases["total"]
    return {
        "peer": "sklearn",
        "min_samples_split": min_split,
        "phases": {name: seconds.to_json() for name, seconds in phases.items()},
        "over_ours": {
            "cpu": round(total.cpu / ours.cpu, 2),
            "wall": round(total.wall / ours.wall, 2),
        },
    }


def _in_files(arguments: argparse.Namespace) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "firms.parquet"
        write_firms(data, arguments.rows, seed=arguments.seed, columns=arguments.columns)
        input_bytes = data.stat().st_size
        runs = [
            run_files(
                data,
                Path(directory) / "synthetic",
                threads=arguments.threads,
                replicates=arguments.replicates,
            )
            for _ in range(arguments.repeat)
        ]
    total = median_seconds([run.total for run in runs])
    encoded = runs[0].manifest["encoded_bytes"]
    peak = max(run.peak_memory_bytes for run in runs)
    return {
        "phases": {**_wall_by_phase(runs), "total": total.to_json()},
        "before_first_fit": round(median(run.before_first_fit for run in runs), 4),
        "rows_per_second": round(arguments.rows * arguments.replicates / total.wall),
        "leaves": sum(
            step["n_leaves"] for column in runs[0].manifest["variables"] for step in column["steps"]
        ),
        "input_bytes": input_bytes,
        "encoded_bytes": encoded,
        "peak_memory_bytes": peak,
        # The target is at most 1: 2.5 times the encoded table and 500 MB.
        "peak_over_target": round(peak / (2.5 * encoded + 500e6), 3),
    }


def _wall_by_phase(runs: Sequence[FileRun]) -> dict[str, dict[str, float]]:
    """Return medians by phase; the run tells CPU seconds of fits and draws only."""
    phases: dict[str, dict[str, float]] = {
        name: {"wall": round(median(run.phases[name] for run in runs), 4)}
        for name in runs[0].phases
    }
    for name, key in (("fit", "fit_cpu_seconds"), ("draw", "draw_cpu_seconds")):
        cpu = median(run.manifest["timings"][key] for run in runs)
        phases[name] = {"cpu": round(cpu, 4)}
    return phases


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write where asked."""
    arguments = arguments_of(argv)
    line = json.dumps(measure(arguments))
    print(line)
    if arguments.output is not None:
        arguments.output.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
