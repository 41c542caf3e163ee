"""Everything that must be shown on a GPU, piece by piece; the results are one JSON file.

    python -m benchmarks.gpu.check --output check.json                       all pieces
    python -m benchmarks.gpu.check --only tree,draw --output check.json      some of them
    NUMBA_ENABLE_CUDASIM=1 python -m benchmarks.gpu.check --simulate --output check.json

| piece | what it shows |
|---|---|
| suite | the kernels' tests, on the device |
| tree, classes | a tree of 10 million rows x 60 columns, of 2 and of 300 classes |
| draw | walk and weighted draw against the seconds of a copy of the same bytes |
| identity | files of four plans, from the device and from the processor |
| imputed | completed files, and a released model and its rows, from both |
| codes | firms, 10 million x 130: fit, draw and a further replicate, in memory |
| files | the same, Parquet to Parquet, with the peak of the device's memory |
| cudf | frames and Parquet files of cuDF, made on the device and through Arrow |
| cuml | trees and files of fitter "cuml", with its k-marginal scores beside ours |
| sanitizer | compute-sanitizer: addresses, races, barriers, unwritten memory |

The file is written after each piece, and a later call adds its pieces to it, so a call that is cut
short loses one piece. Several pieces run in a process each, ended after `--piece-seconds`: a kernel
that faults or hangs costs its own piece. `--directory` keeps the simulated firms from call to call.
`--simulate` does the same at tiny sizes in Numba's simulator, where seconds mean nothing. Ends with
1 when anything differs or fails, and with 2 without a device. Needs pytest, hypothesis and SciPy
besides what gpusynth needs on a GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.apart import run_apart
from benchmarks.gpu.frames import check_frames
from benchmarks.gpu.imputations import check_imputations
from benchmarks.gpu.runs import (
    TABLES,
    RunSizes,
    check_codes,
    check_files,
    check_table,
    firms_file,
)
from benchmarks.gpu.tools import run_suite, sanitize
from benchmarks.gpu.trees import TreeSizes, check_draw, check_tree
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.backends import Backend, choose_backend, probe_device, share_memory
from gpusynth.engine import available_threads
from gpusynth.errors import BackendUnavailableError

__all__ = ["PIECES", "main"]


@dataclass(frozen=True, slots=True)
class _Work:
    """What the pieces are given."""

    backend: Backend
    trees: TreeSizes
    runs: RunSizes
    directory: Path

    @property
    def firms(self) -> Path:
        """Return the file of simulated firms; it is made when it is first asked for."""
        return firms_file(self.directory, self.runs)


def _tables(work: _Work, backend: Backend, names: tuple[str, ...]) -> list[dict[str, Any]]:
    output = work.directory / "runs"
    return [check_table(backend, work.runs, work.firms, output, name) for name in names]


def _cuml(work: _Work) -> dict[str, Any]:
    try:
        backend = choose_backend("cuda", "cuml")
    except BackendUnavailableError as error:
        return {"ran": False, "why": str(error)}
    share_memory(backend)
    return {
        "trees": [check_tree(backend, work.trees, n) for n in (2, 300)],
        "draw": check_draw(backend, work.trees),
        "codes": check_codes(backend, work.runs, work.firms),
        "files": _tables(work, backend, ("defaults",)),
    }


PIECES: dict[str, Callable[[_Work], Any]] = {
    "suite": lambda work: run_suite(),
    "tree": lambda work: check_tree(work.backend, work.trees, 2),
    "classes": lambda work: check_tree(work.backend, work.trees, 300),
    "draw": lambda work: check_draw(work.backend, work.trees),
    "identity": lambda work: _tables(work, work.backend, tuple(TABLES)),
    "imputed": lambda work: check_imputations(
        work.runs, work.firms, work.directory / "runs" / "imputed"
    ),
    "codes": lambda work: check_codes(work.backend, work.runs, work.firms),
    "files": lambda work: check_files(
        work.backend, work.runs, work.firms, work.directory / "runs" / "files"
    ),
    "cudf": lambda work: check_frames(work.runs, work.firms, work.directory / "runs" / "cudf"),
    "cuml": _cuml,
    "sanitizer": lambda work: sanitize(),
}
_SIMULATED = ("tree", "draw", "identity", "imputed", "codes", "files")
"""Pieces that mean something in the simulator."""


def all_hold(result: Any) -> bool:
    """Return whether nothing that was compared differs, and nothing failed."""
    if isinstance(result, dict):
        own = (v for k, v in result.items() if k.startswith("same_") or k == "passed")
        return "error" not in result and all(own) and all(map(all_hold, result.values()))
    return all(map(all_hold, result)) if isinstance(result, list) else True


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="JSON file to write, or to add to")
    parser.add_argument("--only", help="pieces, separated by commas: " + ",".join(PIECES))
    parser.add_argument("--directory", type=Path, help="where simulated firms and runs are kept")
    parser.add_argument("--tree-rows", type=int, default=10_000_000)
    parser.add_argument("--run-rows", type=int, default=10_000_000)
    parser.add_argument("--run-columns", type=int, default=130)
    parser.add_argument("--identity-rows", type=int, default=1_000_000)
    parser.add_argument("--simulate", action="store_true", help="tiny sizes, in the simulator")
    parser.add_argument("--piece-seconds", type=float, default=540.0)
    parser.add_argument("--together", action="store_true", help="all pieces in this process")
    parser.add_argument("--small", action="store_true", help="a tree and a draw of a few rows")
    arguments = parser.parse_args(given)
    if unknown := set((arguments.only or "").split(",")) - {*PIECES, ""}:
        parser.error(f"no such piece: {', '.join(sorted(unknown))}")
    return arguments


def _sizes(arguments: argparse.Namespace) -> tuple[TreeSizes, RunSizes]:
    threads = available_threads()
    if arguments.simulate:
        return TreeSizes(60, 2, 3, 1, 1), RunSizes(40, 4, 40, 1)
    if arguments.small:
        return TreeSizes(3_000, 12, 6, 1, threads), RunSizes(40, 4, 40, 1)
    return (
        TreeSizes(arguments.tree_rows, 60, 16, 5, threads),
        RunSizes(arguments.run_rows, arguments.run_columns, arguments.identity_rows, threads),
    )


def _pieces(arguments: argparse.Namespace) -> list[str]:
    if arguments.only:
        return str(arguments.only).split(",")
    return list(_SIMULATED if arguments.simulate else PIECES)


def _put_down(results: dict[str, Any], path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(results, default=str) + "\n", encoding="utf-8")


def _carry_out(work: _Work, names: list[str], results: dict[str, Any], path: Path | None) -> None:
    for name in names:
        start = time.perf_counter()
        try:
            found = PIECES[name](work)
        except Exception as error:  # noqa: BLE001 - the other pieces are to be had all the same
            found = {"error": f"{type(error).__name__}: {error}"}
            found["trace"] = traceback.format_exc().splitlines()[-30:]
        spent = time.perf_counter() - start
        results["pieces"][name] = {"piece_seconds": spent, "found": found}
        verdict = "holds" if all_hold(found) else "DOES NOT HOLD"
        print(f"{name}: {verdict}, {spent:.1f} s", file=sys.stderr, flush=True)
        _put_down(results, path)


def main(given: list[str] | None = None) -> int:
    """Run the pieces and write the JSON; return the exit code."""
    arguments = _arguments(given)
    try:
        backend = choose_backend("cuda")
    except BackendUnavailableError as error:
        print(f"no device: {error}", file=sys.stderr)
        return 2
    trees, runs = _sizes(arguments)
    results: dict[str, Any] = {
        "benchmark": "gpu check",
        "machine": describe_machine(),
        "versions": describe_versions(),
        "device": asdict(probe_device()),
        "sizes": {"trees": asdict(trees), "runs": asdict(runs)},
        "pieces": {},
    }
    path = arguments.output
    if path is not None and path.exists():
        results["pieces"] = json.loads(path.read_text(encoding="utf-8"))["pieces"]
    names = ["tree", "draw"] if arguments.small else _pieces(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        if len(names) > 1 and not (arguments.together or arguments.simulate or arguments.small):
            found = run_apart(
                names,
                _options_of_a_piece(arguments, directory),
                path or Path(temporary) / "check.json",
                seconds=arguments.piece_seconds,
            )
            results = {**results, **found}
        else:
            work = _Work(backend, trees, runs, directory)
            _carry_out(work, names, results, path)
    if path is None:
        print(json.dumps(results, default=str))
    return 0 if all(all_hold(results["pieces"].get(name)) for name in names) else 1


def _options_of_a_piece(arguments: argparse.Namespace, directory: Path) -> list[str]:
    sizes = ("tree_rows", "run_rows", "run_columns", "identity_rows")
    options = [("--" + size.replace("_", "-"), str(getattr(arguments, size))) for size in sizes]
    return ["--directory", str(directory), *(part for option in options for part in option)]


if __name__ == "__main__":
    sys.exit(main())
