"""Time every disclosure measure on simulated firms, and print one JSON line.

    python -m benchmarks.evaluate_disclosure.run --rows 200000 --columns 40 --threads 2

The real file, the synthetic file and the holdout are three independent draws from one population,
of equal length: no synthetic row is a near copy, so the search for nearest records is at its
hardest. Kernels are compiled or loaded before anything is timed. Distances are over all synthetic
rows against all real ones unless ``--compared`` says otherwise.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numba

from benchmarks.clock import Stopwatch
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.datasets import firms, firms_schema
from gpusynth.engine.measure import peak_memory_bytes
from gpusynth.evaluate import CommonCodes, code_together, disclosure
from gpusynth.table.source import TableSource

KEYS = ("FIPST", "SECTOR", "RG", "EDUC1", "AGE1")
TARGETS = ("SCSAVINGS", "EXPORTS", "HEALTHINS")
CELLS = ("FIPST", "SECTOR", "RG")
MONEY = ("RECEIPTS_NOISY", "PAYROLL_NOISY")


def coded(n_rows: int, n_columns: int) -> CommonCodes:
    """Three draws of the same population on common codes."""
    real, synthetic, holdout = (
        TableSource(firms(n_rows, seed=seed, columns=n_columns), name=f"firms{seed}")
        for seed in (1, 2, 3)
    )
    return code_together(real, synthetic, schema=firms_schema(n_columns), holdout=holdout)


def measures(codes: CommonCodes, n_compared: int | None) -> dict[str, Callable[[], object]]:
    """Every measure once."""
    keys = tuple(key for key in KEYS if key in codes.real.names)
    cells = tuple(key for key in CELLS if key in codes.real.names)
    targets = tuple(target for target in TARGETS if target in codes.real.names)
    money = codes.real.positions([name for name in MONEY if name in codes.real.names])
    holdout = codes.holdout
    assert holdout is not None

    def of_money(measure: Callable[..., object]) -> object:
        found = []
        for place in money:
            real, made, new = (t.numbers(place) for t in (codes.real, codes.synthetic[0], holdout))
            found.append(measure(codes.real.columns[place].name, real, [made], new))
        return found

    return {
        "attribute disclosure": lambda: disclosure.attribute_disclosure(codes, keys, targets),
        "checks": lambda: [disclosure.disclosure_checks(codes, keys, t) for t in targets],
        "matches, all columns": lambda: disclosure.record_matches(codes),
        "matches, keys": lambda: disclosure.record_matches(codes, keys),
        "closest records": lambda: disclosure.closest_records(codes, n_compared=n_compared),
        "membership inference": lambda: disclosure.membership_inference(codes),
        "singling out, univariate": lambda: disclosure.singling_out(codes, mode="univariate"),
        "singling out, multivariate": lambda: disclosure.singling_out(codes),
        "linkability": lambda: disclosure.linkability(codes),
        "inference": lambda: [disclosure.inference_attack(codes, keys, t) for t in targets],
        "dominance": lambda: of_money(
            lambda name, real, made, new: disclosure.cell_dominance(
                codes, cells, real, made, holdout_values=new
            )
        ),
        "tails": lambda: of_money(
            lambda name, real, made, new: disclosure.tail_report(
                codes, name, real, made, keys=cells, holdout_values=new
            )
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compared", type=int, help="synthetic rows compared; all by default")
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args()
    machine = describe_machine()
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    for run in measures(coded(2_000, arguments.columns), None).values():
        run()
    watch = Stopwatch()
    with watch.phase("simulate and code"):
        codes = coded(arguments.rows, arguments.columns)
    preparing = watch.total()
    watch = Stopwatch()
    for name, run in measures(codes, arguments.compared).items():
        with watch.phase(name):
            run()
    line = json.dumps(
        {
            "benchmark": "evaluate_disclosure",
            "case": {
                name: getattr(arguments, name)
                for name in ("rows", "columns", "threads", "compared")
            },
            "seconds": {name: seconds.to_json() for name, seconds in watch.phases.items()},
            "total": watch.total().to_json(),
            "simulate_and_code": preparing.to_json(),
            "peak_memory_bytes": peak_memory_bytes(),
            "machine": machine,
            "versions": describe_versions(),
        }
    )
    print(line)
    if arguments.output:
        arguments.output.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
