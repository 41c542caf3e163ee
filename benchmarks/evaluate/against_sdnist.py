"""k-marginal of all pairs of columns, against SDNist's loop of group-bys; one JSON line.

    python -m benchmarks.evaluate.against_sdnist --rows 200000 --columns 130 --pairs 150

The loop is timed on `--pairs` pairs spread evenly over all of them, and scaled to all (its time is
a sum over pairs). Both sides must agree on these pairs to 1e-9. Two ratios are given: from codes
in memory, where both sides begin with the same whole numbers, and from Parquet files, where pandas
reads them and numbers the answers (without bins, which would cost it more). SDNist itself scores
200 pairs when there are 30 columns or more; `sdnist_200_pairs` is what the loop takes for those.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numba
import numpy as np

from benchmarks.clock import Stopwatch
from benchmarks.evaluate.files import firms_files
from benchmarks.evaluate.marginals import warm_up
from benchmarks.machine import describe_machine, describe_versions
from benchmarks.peers import sdnist_loop
from gpusynth.datasets import firms_schema
from gpusynth.engine import available_threads
from gpusynth.evaluate import CommonCodes, code_together, kmarginal
from gpusynth.io import open_source

__all__ = ["main"]


def _loop(codes: CommonCodes, pairs: np.ndarray, stopwatch: Stopwatch) -> np.ndarray:
    frames = [sdnist_loop.as_frame(table) for table in (codes.real, codes.synthetic[0])]
    sdnist_loop.absolute_differences(*frames, pairs[:2])  # pandas has something to load too
    with stopwatch.phase("loop"):
        return sdnist_loop.absolute_differences(*frames, pairs)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure both sides and print the line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=130)
    parser.add_argument("--pairs", type=int, default=150, help="pairs that the loop is timed on")
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--keep", type=Path, help="directory for the files, kept for other runs")
    parser.add_argument("--output", type=Path, help="write the line to this file as well")
    arguments = parser.parse_args(argv)
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    machine = describe_machine()
    warm_up(arguments.columns)
    ours, theirs = Stopwatch(), Stopwatch()
    with firms_files(arguments.rows, arguments.columns, arguments.keep) as files:
        with ours.phase("read and code"):
            codes = code_together(*map(open_source, files), schema=firms_schema(arguments.columns))
        with theirs.phase("read and number"):
            sdnist_loop.read_and_number(*files)
    with ours.phase("score"):
        (result,) = kmarginal(codes, 2, n_bootstraps=0)
    columns = result.breakdown["columns"]
    chosen = np.unique(np.linspace(0, len(columns) - 1, arguments.pairs).astype(int))
    differences = _loop(codes, columns[chosen], theirs)
    if not np.allclose(differences, 2 * result.breakdown["total_variation"][chosen], atol=1e-9):
        raise SystemExit("the two sides disagree")
    loop, scale = theirs.phases["loop"], len(columns) / len(chosen)
    score, total, reading = ours.phases["score"], ours.total(), theirs.phases["read and number"]
    line = json.dumps(
        {
            "benchmark": "evaluate against SDNist",
            "case": {name: getattr(arguments, name) for name in ("rows", "columns", "threads")},
            "phases": {name: seconds.to_json() for name, seconds in ours.phases.items()},
            "pairs": len(columns),
            "pairs_timed": len(chosen),
            "peer_phases": {name: seconds.to_json() for name, seconds in theirs.phases.items()},
            "loop_scaled_to_all_pairs": {
                "cpu": round(loop.cpu * scale, 2),
                "wall": round(loop.wall * scale, 2),
            },
            "sdnist_200_pairs": {"wall": round(loop.wall * 200 / len(chosen), 2)},
            "over_ours_from_codes": {
                "cpu": round(loop.cpu * scale / score.cpu, 1),
                "wall": round(loop.wall * scale / score.wall, 1),
            },
            "over_ours_from_files": {
                "cpu": round((reading.cpu + loop.cpu * scale) / total.cpu, 1),
                "wall": round((reading.wall + loop.wall * scale) / total.wall, 1),
            },
            "machine": machine,
            "versions": describe_versions("pandas"),
        }
    )
    print(line)
    if arguments.output is not None:
        arguments.output.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
