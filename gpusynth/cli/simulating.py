"""``gpusynth simulate-firms``: a survey to try gpusynth on."""

from __future__ import annotations

from pathlib import Path

from gpusynth.cli.console import console
from gpusynth.datasets import write_firms

__all__ = ["simulate_firms"]


def simulate_firms(n_rows: int, output: Path, *, columns: int, seed: int) -> None:
    """Write a simulated survey of business owners.

    Parameters
    ----------
    n_rows : int
    output : pathlib.Path
    columns : int
    seed : int
    """
    write_firms(output, n_rows, seed=seed, columns=columns)
    console().print(f"{n_rows:,} firms written to {output}", soft_wrap=True)
