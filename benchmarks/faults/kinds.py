"""Faults of the other kinds of runs: linked files and imputations, killed and damaged at random.

    python -m benchmarks.faults.kinds --kills 10 --output benchmarks/results/production_kinds.json

As `benchmarks.faults.run`, whose trials these are: each ends with the files of an unbroken run.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import gpusynth
from benchmarks.faults.run import SETTINGS, Trials, damage, kill, put_result
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.datasets import firms, firms_and_establishments

_SHARE_OF_GAPS = 0.1
_FIRMS = 10  # times the rows: so that draws take longer than opening the files


class LinkedTrials(Trials):
    """Firms and their establishments."""

    def make_data(self, rows: int, columns: int) -> None:
        parents, children = firms_and_establishments(_FIRMS * rows, seed=1)
        pq.write_table(parents, self.directory / "firms.parquet")
        pq.write_table(children, self.directory / "places.parquet")
        self.links = self.directory / "links.toml"
        self.links.write_text(
            '[files.firms]\ndata = "firms.parquet"\n[files.places]\ndata = "places.parquet"\n'
            '[[links]]\nchild = "places"\nparent = "firms"\nkey = "firm_id"\n'
        )

    def arguments(self) -> list[str]:
        return ["run-linked", str(self.links), *SETTINGS]

    def count_draws(self, manifest: dict[str, Any]) -> int:
        steps = sum(len(v["steps"]) for v in manifest["inputs"]["firms"]["variables"])
        n_rounds = 25  # about: 16 siblings one by one, then each round as many as all before
        return (steps + n_rounds) * manifest["n_replicates"]


class ImputationTrials(Trials):
    """A survey with gaps."""

    def make_data(self, rows: int, columns: int) -> None:
        self.data = self.directory / "survey.parquet"
        chance = np.random.default_rng(1)
        table = firms(rows, columns=columns, seed=1)
        holed = {
            name: table[name]
            if place < columns // 2
            else pc.if_else(
                pa.array(chance.random(rows) < _SHARE_OF_GAPS),
                pa.scalar(None, table[name].type),
                table[name],
            )
            for place, name in enumerate(table.column_names)
        }
        pq.write_table(pa.table(holed), self.data)

    def arguments(self) -> list[str]:
        chosen = ["--imputations", "2", "--iterations", "4", "--syntheses", "2"]
        return ["impute", str(self.data), *chosen, *SETTINGS[2:]]

    def count_draws(self, manifest: dict[str, Any]) -> int:
        m, r = manifest["n_imputations"], manifest["n_syntheses"]
        return m * (manifest["iterations"] + r * len(manifest["variables"]))


def carry_out(arguments: argparse.Namespace) -> dict[str, object]:
    results: dict[str, object] = {}
    for name, kind in (("linked", LinkedTrials), ("imputation", ImputationTrials)):
        chance, begun = random.Random(arguments.seed), time.perf_counter()
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as directory:
            trials = kind(Path(directory), arguments.rows, arguments.columns)
            for number in range(arguments.kills):
                kill(trials, number, chance, signal.SIGKILL)
            for number in range(arguments.others):
                kill(trials, number, chance, signal.SIGTERM)
                damage(trials, number, chance)
            shutil.rmtree(Path(directory) / "whole")
        results[name] = {
            "unbroken_seconds": round(trials.seconds, 3),
            "seconds": round(time.perf_counter() - begun, 1),
            "how_far": dict(sorted(trials.reached.items())),
            "outcomes": dict(sorted(trials.outcomes.items())),
            "failures": trials.failures,
        }
    return results | {
        "rows": arguments.rows,
        "columns": arguments.columns,
        "kills": arguments.kills,
        "other_faults_each": arguments.others,
        "seed": arguments.seed,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "gpusynth": gpusynth.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--others", type=int, default=3)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result = carry_out(arguments)
    put_result(result, arguments.output)
    return 1 if any(result[name]["failures"] for name in ("linked", "imputation")) else 0


if __name__ == "__main__":
    sys.exit(main())
