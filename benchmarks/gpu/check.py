"""Everything that must be shown on a GPU, in one command; its results are one JSON file.

    python -m benchmarks.gpu.check --output check.json             on a machine with an NVIDIA GPU
    NUMBA_ENABLE_CUDASIM=1 python -m benchmarks.gpu.check --simulate --output check.json

The kernels against the processor's at size; the files of four tables made on both; NVIDIA's
compute-sanitizer, where it is installed; seconds of growing, walking and whole runs; and the same
with cuML's trees, where it is installed. `--simulate` does the same at tiny sizes in Numba's
simulator, without sanitizer and timings that would mean anything. Ends with 1 when anything
differs, and with 2 without a device.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gpusynth
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.backends import Backend, choose_backend, probe_device
from gpusynth.datasets import firms
from gpusynth.errors import BackendUnavailableError
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    DrawTable,
    Predictor,
    PredictorTable,
    draw_rows,
    fit_tree,
    grow_tree,
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the checks are."""

    tree_rows: int
    tree_columns: int
    tree_depth: int
    run_rows: int
    run_columns: int
    repeats: int


FULL = Sizes(10_000_000, 60, 16, 10_000_000, 130, 5)
TINY = Sizes(60, 2, 3, 40, 4, 1)
TABLES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "proper": {"proper": "bayesian"},
    "forest": {"default": {"method": "forest", "n_trees": 2}},
    "smoothed": {"smoothing": {"EMPLOYMENT_NOISY": "rmean"}},
}


def predictors(n_rows: int, n_columns: int) -> PredictorTable:
    """Return columns of codes of every width, skewed as amounts are."""
    rng = np.random.default_rng(1)
    widths = [2, 3, 6, 20, 50, 200]
    columns = []
    for at in range(n_columns):
        n = widths[at % len(widths)]
        codes = np.minimum(rng.zipf(1.3, n_rows) - 1, n - 1).astype(np.uint8)
        columns.append(Predictor(f"c{at}", codes, n, is_ordered=at % 3 > 0))
    return PredictorTable.of(columns)


def median_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median of several timings, after one that is not counted."""
    from gpusynth_kernels.cuda.launch import synchronize

    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        synchronize()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def check_trees(backend: Backend, sizes: Sizes, n_classes: int) -> dict[str, Any]:
    """Grow a tree here and there, draw from it here and there, compare and time."""
    table = predictors(sizes.tree_rows, sizes.tree_columns)
    rng = np.random.default_rng(2)
    score = table.codes("c0").astype(np.int64) * 3 + table.codes("c1")
    noise = rng.integers(0, n_classes, sizes.tree_rows)
    classes = np.where(rng.random(sizes.tree_rows) < 0.7, score % n_classes, noise)
    target = ClassTarget(classes.astype(np.uint16), n_classes)
    params = CartParams(max_depth=sizes.tree_depth)
    weight = rng.integers(1, 9, sizes.tree_rows).astype(float)

    def grow() -> Any:
        return fit_tree(table, target, params, backend=backend)

    result: dict[str, Any] = {"n_classes": n_classes, "fitter": backend.fitter}
    tree, donors = grow()
    result["leaves"] = int(tree.n_leaves)
    result["grow_seconds"] = median_seconds(grow, sizes.repeats)
    if backend.fitter == "histogram":
        own_tree, own_donors = grow_tree(table, target, params)
        pairs = zip(own_tree.to_arrays().values(), tree.to_arrays().values(), strict=True)
        result["same_tree"] = all(np.array_equal(a, b) for a, b in pairs)
        result["same_donors"] = np.array_equal(own_donors.rows, donors.rows)
    tree, donors = fit_tree(table, target, params, weight=weight, backend=backend)
    there = DrawTable(table.layout, table.n_rows)
    there.fill({name: table.codes(name) for name in table.layout.names})
    key = StreamKey(3)
    drawn = draw_rows(tree, donors, there, key)
    result["same_draw"] = np.array_equal(drawn, draw_rows(tree, donors, table, key))
    result["draw_seconds"] = median_seconds(
        lambda: draw_rows(tree, donors, there, key), sizes.repeats
    )
    # a row's words and wide codes are read once, its donor written once
    bytes_moved = table.n_rows * (8 * table.layout.n_words + 2 * table.layout.n_wide + 4)
    result["draw_bytes_per_second"] = bytes_moved / result["draw_seconds"]
    return result


def check_files(backend: Backend, sizes: Sizes, name: str) -> dict[str, Any]:
    """Synthesize one table here and there; compare the files' hashes."""
    real = firms(sizes.run_rows if name == "defaults" else sizes.run_rows // 4 or 20, seed=4)
    keep = [*dict.fromkeys([*real.column_names[: sizes.run_columns], "EMPLOYMENT_NOISY"])]
    real = real.select([column for column in keep if column in real.column_names])
    plan = gpusynth.Plan(**TABLES[name])
    result: dict[str, Any] = {"table": name, "rows": real.num_rows, "columns": real.num_columns}
    hashes = {}
    with tempfile.TemporaryDirectory() as directory:
        for device in ("cpu", "cuda") if backend.fitter == "histogram" else ("cuda",):
            start = time.perf_counter()
            run = gpusynth.synthesize(
                real,
                plan=plan,
                seed=5,
                output=Path(directory) / device,
                device=device,
                fitter=backend.fitter if device == "cuda" else "histogram",
            )
            result[f"{device}_seconds"] = time.perf_counter() - start
            result[f"{device}_timings"] = run.manifest["timings"]
            hashes[device] = [replicate.sha256 for replicate in run.replicates]
    if len(hashes) == 2:
        result["same_files"] = hashes["cpu"] == hashes["cuda"]
    return result


def check_kernels() -> dict[str, Any]:
    """Run the kernels' own tests in the simulator, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "tests/simulator"],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return {"passed": done.returncode == 0, "summary": done.stdout.strip().splitlines()[-1:]}


def sanitize() -> dict[str, Any]:
    """Run the small checks under compute-sanitizer: bad addresses, then races."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        return {"ran": False, "why": "compute-sanitizer is not installed"}
    found: dict[str, Any] = {"ran": True}
    for kind in ("memcheck", "racecheck"):
        command = [tool, "--tool", kind, "--error-exitcode", "9", sys.executable]
        done = subprocess.run(
            [*command, "-m", "benchmarks.gpu.check", "--small-only"],
            capture_output=True,
            text=True,
            check=False,
        )
        found[kind] = {"passed": done.returncode == 0, "end": done.stdout.splitlines()[-3:]}
    return found


def all_hold(result: Any) -> bool:
    """Return whether nothing that was compared differs."""
    if isinstance(result, dict):
        own = (v for k, v in result.items() if k.startswith("same_") or k == "passed")
        return all(own) and all(all_hold(value) for value in result.values())
    return all(all_hold(part) for part in result) if isinstance(result, list) else True


def carry_out(sizes: Sizes, backend: Backend, *, simulate: bool) -> dict[str, Any]:
    """Return all results."""
    classes = (2,) if simulate else (2, 300)
    results: dict[str, Any] = {
        "trees": [check_trees(backend, sizes, n) for n in classes],
        "files": [check_files(backend, sizes, name) for name in TABLES],
    }
    if simulate:
        return results
    results |= {"kernels": check_kernels(), "sanitizer": sanitize()}
    try:
        cuml = choose_backend("cuda", "cuml")
    except BackendUnavailableError as error:
        return results | {"cuml": {"ran": False, "why": str(error)}}
    results["cuml"] = {
        "trees": [check_trees(cuml, sizes, n) for n in classes],
        "files": [check_files(cuml, sizes, "defaults")],
    }
    return results


def main(arguments: list[str] | None = None) -> int:
    """Run the checks and write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--simulate", action="store_true", help="tiny sizes in the simulator")
    parser.add_argument("--small-only", action="store_true", help="trees of a few rows, no more")
    given = parser.parse_args(arguments)
    try:
        backend = choose_backend("cuda")
    except BackendUnavailableError as error:
        print(f"no device: {error}", file=sys.stderr)
        return 2
    if given.small_only:
        small = [check_trees(backend, TINY, 3), check_files(backend, TINY, "defaults")]
        return 0 if all_hold(small) else 1
    results = {
        "benchmark": "gpu check",
        "command": " ".join(["python -m benchmarks.gpu.check", *(arguments or sys.argv[1:])]),
        "machine": describe_machine(),
        "versions": describe_versions(),
        "device": asdict(probe_device()),
        "sizes": asdict(TINY if given.simulate else FULL),
        **carry_out(TINY if given.simulate else FULL, backend, simulate=given.simulate),
    }
    text = json.dumps(results, default=str)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return 0 if all_hold(results) else 1


if __name__ == "__main__":
    sys.exit(main())
