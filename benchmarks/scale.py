"""The cost model of docs/scale.md: measured, checked against a size that was held out, extended.

    python -m benchmarks.scale --case 200000x40 1000000x40 300000x130 1000000x130
    python -m benchmarks.scale --case 10000000x40 --memory 1.5
    python -m benchmarks.scale --write      put the tables into docs/scale.md (--check compares)

Each case is a run of the command line in a process of its own, with its seconds and memory as its
manifest and the system's records tell them; cases are added to
``benchmarks/results/production_scale.json``.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, describe_versions
from benchmarks.macro.workload import child_environment
from benchmarks.scale_model import model, tables
from gpusynth.datasets import write_firms

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "benchmarks" / "results" / "production_scale.json"
_PAGE = _ROOT / "docs" / "scale.md"
_EVERY = 0.2  # seconds between two looks at a run's memory


def measure(rows: int, columns: int, memory: float | None) -> dict[str, Any]:
    """Run one case and return what it took."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as directory:
        data, output = Path(directory) / "firms.parquet", Path(directory) / "run"
        write_firms(data, rows, seed=1, columns=columns)
        options = ["--data", data, "--output", output, "--quiet", "--no-utility"]
        if memory is not None:
            options += ["--memory", memory]
        command = [sys.executable, "-m", "gpusynth", "run", *map(str, options)]
        anonymous = _watch(subprocess.Popen(command, env=child_environment()))
        manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    times = manifest["timings"]
    return {
        "case": {"rows": rows, "columns": columns, "memory_gb": memory},
        "threads": manifest["threads"],
        "cpu": {"fit": times["fit_cpu_seconds"], "draw": times["draw_cpu_seconds"]},
        "wall": {name: round(seconds, 3) for name, seconds in times["phases"].items()},
        "wall_seconds": times["wall_seconds"],
        "encoded_bytes": manifest["encoded_bytes"],
        "peak_memory_bytes": manifest["peak_memory_bytes"],
        "peak_anonymous_bytes": anonymous,
        "machine": machine,
        "versions": describe_versions(),
    }


def _watch(process: subprocess.Popen[bytes]) -> int | None:
    """Wait, and return the most memory that was not a mapped file; None where unknown."""
    status, most = Path(f"/proc/{process.pid}/status"), None
    while process.poll() is None:
        try:
            found = re.search(r"RssAnon:\s+(\d+)", status.read_text(encoding="ascii"))
        except OSError:
            found = None
        if found:
            most = max(most or 0, 1024 * int(found.group(1)))
        time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit(f"the run failed with exit code {process.returncode}")
    return most


def _read() -> list[Mapping[str, Any]]:
    if not _RESULTS.exists():
        return []
    found: list[Mapping[str, Any]] = json.loads(_RESULTS.read_text(encoding="utf-8"))["cases"]
    return found


def _keep(results: Sequence[Mapping[str, Any]]) -> None:
    """Put cases into the file; one that was there before is replaced."""
    named = {json.dumps(result["case"]): result for result in (*_read(), *results)}
    content = {"benchmark": "scale", "cases": list(named.values())}
    _RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def with_tables(page: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Return the page with its tables between their markers made anew."""
    for name, table in tables(model(results), results).items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        page, found = re.subn(
            pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", page, flags=re.DOTALL
        )
        if not found:
            raise SystemExit(f"docs/scale.md has no markers for {name}")
    return page


def main(argv: Sequence[str] | None = None) -> None:
    """Measure cases, or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", default=[])
    parser.add_argument("--memory", type=float, help="GB that the runs may take")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args(argv)
    for case in arguments.case:
        rows, columns = map(int, case.split("x"))
        _keep([measure(rows, columns, arguments.memory)])
    if arguments.write or arguments.check:
        page = _PAGE.read_text(encoding="utf-8")
        made = with_tables(page, _read())
        if arguments.check and made != page:
            raise SystemExit("docs/scale.md is not what the results say; run with --write")
        if arguments.write:
            _PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
