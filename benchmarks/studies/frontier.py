"""The frontier of confidentiality and utility: what each protection costs and what it brings.

    python -m benchmarks.studies.frontier --file national2018 --data national2018.csv \
        --output benchmarks/results/study_frontier_national2018.json
    python -m benchmarks.studies.frontier --file firms --rows 50000 --columns 40 \
        --output benchmarks/results/study_frontier_firms.json
    python -m benchmarks.studies.frontier --write

Each file is cut into two random halves. One is synthesized, as often as there are replicates; both
are compared with the synthetic files: what a synthetic file matches more of the half that it was
made from than of the other half, it has learnt of persons and not of the population.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import gpusynth
from benchmarks.studies.frontier_chart import frontier_chart
from benchmarks.studies.frontier_settings import FILES, StudyFile, halves, settings
from benchmarks.studies.frontier_tables import with_tables
from gpusynth import Plan, Schema
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.disclosure.matches import record_matches
from gpusynth.evaluate.utility.kmarginal import kmarginal
from gpusynth.evaluate.utility.propensity_logit import propensity_logit
from gpusynth.table import TableSource

__all__ = ["main", "measure"]

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = _ROOT / "benchmarks" / "results"
_DOCUMENT = _ROOT / "docs" / "study-frontier.md"
_MARGINALS = 500


def measure(
    file: StudyFile,
    plan: Plan,
    made_from: pa.Table,
    other: pa.Table,
    schema: Schema,
    *,
    replicates: int,
    seed: int,
    threads: int | None = None,
) -> dict[str, float]:
    """Synthesize one half by a plan, and measure utility and matches; means of the replicates.

    Parameters
    ----------
    file : StudyFile
    plan : Plan
    made_from, other : pyarrow.Table
        The half that is synthesized, and the one that is not.
    schema : Schema
    replicates : int
    seed : int
    threads : int, optional

    Returns
    -------
    dict of str to float
        k-marginals on the scale of 0 to 1000, ratio of the propensity score's mean squared error to
        its expectation, and per cent of the unique records of each half that are matched, whole
        and on the keys.
    """
    began = time.perf_counter()
    drawn = gpusynth.synthesize(
        made_from, schema, plan, n_replicates=replicates, seed=seed, threads=threads
    )
    seconds = time.perf_counter() - began
    drawn = drawn if isinstance(drawn, list) else [drawn]
    found: dict[str, float] = {"seconds": seconds}
    sources = [TableSource(table) for table in drawn]
    for half, table in (("made_from", made_from), ("other", other)):
        codes = code_together(TableSource(table), *sources, schema=schema)
        for what, keys in (("whole", None), ("keys", file.keys)):
            matches = record_matches(codes, keys)
            found[f"{what}_{half}"] = float(
                np.mean([100 * one.n_unique_matched / one.n_real_unique for one in matches])
            )
        if half == "made_from":
            for k in (2, 3):
                limit = None if k == 2 else _MARGINALS
                scores = kmarginal(codes, k, n_marginals=limit, n_bootstraps=0, seed=seed)
                found[f"kmarginal_{k}"] = float(np.mean([one.value for one in scores]))
            ratios = [one.pmse_ratio for one in propensity_logit(codes, seed=seed)]
            found["pmse_ratio"] = float(np.mean(ratios))
    return found


def _study(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    file = FILES[arguments.file]
    made_from, other, schema = halves(
        file, arguments.data, rows=arguments.rows, columns=arguments.columns, seed=arguments.seed
    )
    lines = []
    for name, plan in settings(file).items():
        figures = measure(
            file,
            plan,
            made_from,
            other,
            schema,
            replicates=arguments.replicates,
            seed=arguments.seed,
        )
        lines.append(
            {
                "benchmark": "study_frontier",
                "file": file.name,
                "rows": made_from.num_rows,
                "columns": made_from.num_columns,
                "replicates": arguments.replicates,
                "seed": arguments.seed,
                "keys": list(file.keys),
                "setting": name,
                "figures": figures,
            }
        )
        print(json.dumps({"setting": name, **figures}), file=sys.stderr)
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study of one file, or write tables and plots of all results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", choices=FILES, default="firms")
    parser.add_argument("--data", type=Path, help="of a file that is not simulated")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--results", type=Path, default=_RESULTS)
    parser.add_argument("--document", type=Path, default=_DOCUMENT)
    parser.add_argument("--write", action="store_true", help="put tables and plots into --document")
    arguments = parser.parse_args(argv)
    if not arguments.write:
        lines = _study(arguments)
        if arguments.output is not None:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            arguments.output.write_text(text, encoding="utf-8")
        return
    results = [
        json.loads(line)
        for path in sorted(arguments.results.glob("study_frontier_*.json"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    text = arguments.document.read_text(encoding="utf-8")
    arguments.document.write_text(with_tables(text, results), encoding="utf-8")
    for name in dict.fromkeys(line["file"] for line in results):
        own = [line for line in results if line["file"] == name]
        plot = arguments.document.with_name(f"study-frontier-{name}.svg")
        plot.write_text(frontier_chart(own), encoding="utf-8")


if __name__ == "__main__":
    main()
