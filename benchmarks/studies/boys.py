"""Study 1: the mice paper's simulation on the boys, with gpusynth.

    python -m benchmarks.studies.boys --parts boys_parts \
        --output benchmarks/results/study_boys.json
    python -m benchmarks.studies.boys --write

1,000 bootstrap samples of the completed boys are each synthesized 5 times with trees (cp 1e-8,
min_leaf 3) and a computed bmi; everything that Volker and Vink (2021) print in tables 2 to 7 is
measured and set beside their figures. The folder of parts makes the study resumable and divisible:
``--first 1 --last 500`` in one process and ``--first 501`` in another, then the command above. The
same seed gives the same figures however the samples are divided. ``--procedure`` adds
other ways of synthesis (see `benchmarks.studies.boys_synthesis`) to the same folder.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.studies.boys_measures import Truth, measure, truth_of
from benchmarks.studies.boys_synthesis import (
    PROCEDURES,
    Procedure,
    bootstrap_sample,
    read_boys,
    synthesize_sample,
)
from benchmarks.studies.boys_tables import report, with_report
from benchmarks.studies.boys_tally import Tally

__all__ = ["collect", "main", "run_part"]

_ROOT = Path(__file__).resolve().parents[2]
_DATA = _ROOT.parent / "shared" / "data" / "boys_complete.csv"
_RESULTS = _ROOT / "benchmarks" / "results" / "study_boys.json"
_DOCUMENT = _ROOT / "docs" / "study-boys.md"
_SAMPLES = 1000
_PART = 50
_FOLDS_STREAM = 7  # of the seeds of a sample, besides the one of its rows


def run_part(
    real: pa.Table,
    truth: Truth,
    numbers: Sequence[int],
    *,
    seed: int,
    procedure: Procedure = "cart",
) -> dict[str, Any]:
    """Measure some bootstrap samples.

    Parameters
    ----------
    real : pyarrow.Table
    truth : Truth
    numbers : sequence of int
        Of the samples, from 1.
    seed : int
    procedure : {"cart", "proper", "bag", "aligned"}

    Returns
    -------
    dict
        first, last, seed, sums (`Tally`), and seconds of synthesis and of everything.
    """
    tally = Tally()
    began, busy, synthesis = time.perf_counter(), time.process_time(), 0.0
    for number in numbers:
        sample = bootstrap_sample(real, number, seed=seed)
        before = time.process_time()
        replicates = synthesize_sample(sample, number, seed=seed, procedure=procedure)
        synthesis += time.process_time() - before
        folds = np.random.default_rng([seed, number, _FOLDS_STREAM])
        tally.add(measure(truth, sample, replicates, folds, proper=procedure == "proper"))
    return {
        "first": numbers[0],
        "last": numbers[-1],
        "seed": seed,
        "sums": tally.sums,
        "seconds": {
            "synthesis_cpu": synthesis,
            "cpu": time.process_time() - busy,
            "wall": time.perf_counter() - began,
        },
    }


def collect(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Merge the parts of a procedure, in the order of their samples, into its figures."""
    tally, seconds = Tally(), dict.fromkeys(("synthesis_cpu", "cpu", "wall"), 0.0)
    for part in sorted(parts, key=lambda one: one["first"]):
        tally.merge(part["sums"])
        for clock, value in part["seconds"].items():
            seconds[clock] += value
    return {
        "samples": sum(part["last"] - part["first"] + 1 for part in parts),
        # Wall seconds of all parts together, as if one had followed the other.
        "seconds": seconds,
        "figures": tally.figures(),
    }


def _run_missing(folder: Path, arguments: argparse.Namespace, truth: Truth, real: pa.Table) -> None:
    """Run the parts that the folder does not hold, and say how it goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for numbers in _blocks(arguments.first, arguments.last):
        path = folder / _part_name(numbers, arguments)
        if path.exists():
            continue
        part = run_part(real, truth, numbers, seed=arguments.seed, procedure=arguments.procedure)
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        unfinished.write_text(json.dumps(part) + "\n", encoding="utf-8")
        unfinished.replace(path)
        spent = part["seconds"]
        print(
            f"samples {numbers[0]} to {numbers[-1]}: {spent['cpu'] / len(numbers):.3f} s CPU and "
            f"{spent['wall'] / len(numbers):.3f} s wall each",
            file=sys.stderr,
        )


def _blocks(first: int, last: int) -> Iterator[range]:
    for begin in range(first, last + 1, _PART):
        yield range(begin, min(begin + _PART, last + 1))


def _part_name(numbers: range, arguments: argparse.Namespace) -> str:
    return f"boys_{arguments.procedure}_seed{arguments.seed}_{numbers[0]:05}_{numbers[-1]:05}.json"


def _read_parts(folder: Path, procedure: str, seed: int) -> list[dict[str, Any]]:
    """Read all parts of a procedure and seed; refuse gaps and overlaps."""
    parts = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob(f"boys_{procedure}_seed{seed}_*.json"))
    ]
    expected = 1
    for part in parts:
        if part["first"] != expected:
            raise SystemExit(
                f"{folder}: sample {expected} of {procedure} is missing or there twice. Run what "
                "is missing with --first and --last, or begin in an empty folder."
            )
        expected = part["last"] + 1
    return parts


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study or a part of it, or write the tables of its results."""
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=_SAMPLES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--procedure", choices=PROCEDURES, default="cart")
    parser.add_argument("--parts", type=Path, help="folder of what is done")
    parser.add_argument("--output", type=Path, help="write the results of all parts to this file")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="what --write reads")
    parser.add_argument("--document", type=Path, default=_DOCUMENT)
    parser.add_argument("--write", action="store_true", help="only put the tables into --document")
    arguments = parser.parse_args(given)
    if arguments.write:
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
        text = arguments.document.read_text(encoding="utf-8")
        arguments.document.write_text(with_report(text, report(results)), encoding="utf-8")
        return
    if arguments.parts is None:
        parser.error("--parts names the folder of what is done")
    if not 1 <= arguments.first <= arguments.last:
        parser.error("--first must be at least 1 and at most --last")
    if not arguments.data.is_file():
        parser.error(f"--data: {arguments.data} is not there; docs/study-boys.md says what it is")
    from benchmarks.machine import describe_machine, describe_versions

    machine = describe_machine()
    real = read_boys(arguments.data)
    truth = truth_of(real)
    _run_missing(arguments.parts, arguments, truth, real)
    if arguments.output is None:
        return
    procedures = {
        procedure: collect(parts)
        for procedure in PROCEDURES
        for parts in (_read_parts(arguments.parts, procedure, arguments.seed),)
        if parts
    }
    results = {
        "benchmark": "study_boys",
        "seed": arguments.seed,
        "truth": dict(truth.figures),
        "procedures": procedures,
        "command": "python -m benchmarks.studies.boys",
        "machine": machine,
        "versions": describe_versions("scipy", "statsmodels", "formulaic"),
    }
    print(report(results))
    arguments.output.write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
