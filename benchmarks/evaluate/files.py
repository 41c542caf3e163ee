"""Files of simulated firms that the evaluation benchmarks compare."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.macro.workload import child_environment
from gpusynth.datasets import write_firms

__all__ = ["firms_files", "run_child"]


@contextmanager
def firms_files(rows: int, columns: int, keep: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield two Parquet files of firms that differ in nothing but their seed.

    They are written to the directory `keep`, unless they are there already, or to one that is
    deleted at the end.
    """
    with TemporaryDirectory() as temporary:
        directory = Path(temporary) if keep is None else keep
        directory.mkdir(parents=True, exist_ok=True)
        paths = [directory / f"firms_{rows}x{columns}_{seed}.parquet" for seed in (0, 1)]
        for seed, path in enumerate(paths):
            if not path.exists():
                write_firms(path, rows, seed=seed, columns=columns)
        yield paths[0], paths[1]


def run_child(module: str, options: Sequence[object]) -> str:
    """Run a benchmark module in a process of its own, whose peak memory is its own; its output."""
    ended = subprocess.run(
        [sys.executable, "-m", module, *map(str, options)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=child_environment(),
    )
    return ended.stdout
