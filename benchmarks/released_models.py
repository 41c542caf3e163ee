"""What a released model costs: two-way marginals of its files, beside the model with donors.

Run as ``python benchmarks/released_models.py [FILE]``: Parquet or CSV, simulated firms by default.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import gpusynth
from gpusynth.datasets import firms
from gpusynth.evaluate import utility_at_a_glance

MIN_UNITS = (5, 10, 20, 50)


def measure(path: Path, directory: Path) -> list[dict[str, Any]]:
    """Return one entry for the model with donors and one for each threshold."""
    fitted = gpusynth.fit(path)
    fitted.save(directory / "donors.model")
    models = {"donors": directory / "donors.model"}
    seconds = {"donors": 0.0}
    for min_units in MIN_UNITS:
        name = f"min_units={min_units}"
        models[name] = directory / f"{min_units}.model"
        start = time.perf_counter()
        fitted.release(models[name], min_units=min_units)
        seconds[name] = round(time.perf_counter() - start, 2)
    entries = []
    for name, model in models.items():
        run = gpusynth.load(model).sample(seed=1, output=directory / name)
        glance = utility_at_a_glance(path, run.replicates[0].path)
        entries.append(
            {
                "model": name,
                "two_way_score": round(glance.score, 1),
                "bootstrap_score": round(glance.bootstrap_score, 1),
                "release_seconds": seconds[name],
                "megabytes": round(model.stat().st_size / 1e6, 1),
            }
        )
    return entries


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        if len(sys.argv) > 1:
            path = Path(sys.argv[1])
        else:
            path = directory / "firms.parquet"
            pq.write_table(firms(20_000, columns=20, seed=1), path)
        for entry in measure(path, directory):
            print(json.dumps(entry))


if __name__ == "__main__":
    main()
