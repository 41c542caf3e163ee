"""``gpusynth simulate-firms``: a survey to try gpusynth on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gpusynth.cli.console import console
from gpusynth.cli.options import OverwriteFileOption, SeedOption

__all__ = ["simulate_firms"]


def simulate_firms(
    *,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many firms.")],
    output: Annotated[Path, typer.Option("--output", help="Parquet or CSV file to write.")],
    columns: Annotated[int, typer.Option("--columns", min=1, help="How many columns.")] = 130,
    seed: SeedOption = 0,
    overwrite: OverwriteFileOption = False,
) -> None:
    """Simulate a survey of business owners, to try gpusynth on."""
    from gpusynth.cli.output_files import check_outputs
    from gpusynth.datasets import write_firms

    check_outputs((output,), overwrite=overwrite)
    write_firms(output, rows, seed=seed, columns=columns)
    console().print(f"{rows:,} firms written to {output}", soft_wrap=True)
