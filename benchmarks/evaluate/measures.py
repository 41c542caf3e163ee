"""Seconds of every utility measure at two sizes, and the exponent of their growth; one JSON line.

    python -m benchmarks.evaluate.measures --rows 100000 400000 --columns 130

Each measure runs with its defaults, baselines included. The propensity models see a sample of the
rows (20,000 of each file at most), so their time does not grow.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numba

from benchmarks.clock import Stopwatch
from benchmarks.evaluate.files import firms_files, run_child
from benchmarks.evaluate.marginals import warm_up
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.macro.growth import exponent
from gpusynth.datasets import firms_schema
from gpusynth.engine import available_threads
from gpusynth.engine.measure import peak_memory_bytes
from gpusynth.evaluate import CommonCodes, code_together
from gpusynth.evaluate.utility.kmarginal_baselines import kmarginal_with_baselines
from gpusynth.evaluate.utility.pairs import pair_associations
from gpusynth.evaluate.utility.principal import principal_components
from gpusynth.evaluate.utility.propensity_boosting import propensity_boosting
from gpusynth.evaluate.utility.propensity_cart import propensity_cart
from gpusynth.evaluate.utility.propensity_logit import propensity_logit
from gpusynth.evaluate.utility.univariate import univariate
from gpusynth.io import open_source
from gpusynth.trees import warm_up as load_trees

__all__ = ["MEASURES", "main"]

MEASURES: Mapping[str, Callable[[CommonCodes], object]] = {
    "univariate": univariate,
    "1-way": lambda codes: kmarginal_with_baselines(codes, 1),
    "2-way": lambda codes: kmarginal_with_baselines(codes, 2),
    "3-way": lambda codes: kmarginal_with_baselines(codes, 3, n_marginals=500),
    "pairs": pair_associations,
    "components": principal_components,
    "logit": propensity_logit,
    "cart": propensity_cart,
    "boosting": propensity_boosting,
}


def _measure(arguments: argparse.Namespace) -> dict[str, object]:
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    warm_up(arguments.columns)
    load_trees()
    stopwatch = Stopwatch()
    with stopwatch.phase("read and code"):
        codes = code_together(
            *map(open_source, arguments.files), schema=firms_schema(arguments.columns)
        )
    for name, measure in MEASURES.items():
        with stopwatch.phase(name):
            measure(codes)
    return {
        "phases": {name: seconds.to_json() for name, seconds in stopwatch.phases.items()},
        "total": stopwatch.total().to_json(),
        "peak_memory_bytes": peak_memory_bytes(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure both sizes, each in a process of its own, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 400_000])
    parser.add_argument("--columns", type=int, default=130)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--keep", type=Path, help="directory for the files, kept for other runs")
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    parser.add_argument("--files", type=Path, nargs=2, help="measure these in this process")
    arguments = parser.parse_args(argv)
    if arguments.files:
        print(json.dumps(_measure(arguments)))
        return
    low, high = sorted(arguments.rows)
    if low < 1 or low == high:
        parser.error("rows are two different numbers above 0")
    machine = describe_machine()
    runs = []
    for rows in (low, high):
        with firms_files(rows, arguments.columns, arguments.keep) as files:
            options = ("--columns", arguments.columns, "--threads", arguments.threads)
            module = "benchmarks.evaluate.measures"
            runs.append(json.loads(run_child(module, [*options, "--files", *files])))
    small, large = (run["phases"] for run in runs)
    line = json.dumps(
        {
            "benchmark": "evaluate measures",
            "case": {
                "rows": [low, high],
                "columns": arguments.columns,
                "threads": arguments.threads,
            },
            "runs": runs,
            "exponent": {
                name: round(exponent(small[name]["cpu"], large[name]["cpu"], high / low), 3)
                for name in small
            },
            "machine": machine,
            "versions": describe_versions("scikit-learn", "scipy"),
        }
    )
    print(line)
    if arguments.output is not None:
        arguments.output.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
