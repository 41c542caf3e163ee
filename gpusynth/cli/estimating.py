"""``gpusynth estimate``: what a run will need, said before it is begun."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gpusynth.cli.console import console, new_table, seconds_text
from gpusynth.cli.options import (
    DataOption,
    PlanOption,
    PrintJsonOption,
    ReplicatesOption,
    RowsOption,
    SchemaOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from gpusynth.operations.estimate import Estimate

__all__ = ["estimate_run"]


def estimate_run(
    *,
    data: DataOption,
    schema: SchemaOption = None,
    plan: PlanOption = None,
    replicates: ReplicatesOption = 1,
    rows: RowsOption = None,
    threads: ThreadsOption = None,
    as_json: PrintJsonOption = False,
) -> None:
    """Say what a run will need: time, memory, disk, GPU. It synthesizes a small sample twice."""
    from gpusynth.engine import RunSettings
    from gpusynth.operations.estimate import estimate

    settings = RunSettings(replicates, rows, threads=threads)
    expected = estimate(data, schema, plan, settings=settings)
    out = console()
    if as_json:
        out.print(json.dumps(expected.to_json(), indent=1), soft_wrap=True)
        return
    small, large = expected.sample_rows
    out.print(
        f"{expected.n_rows:,} rows x {expected.n_columns} columns, "
        f"{expected.n_replicates} replicates, {expected.threads} threads; "
        f"from runs on {small:,} and {large:,} rows\n",
        soft_wrap=True,
    )
    table = new_table("phase", "expected", numbers=("expected",))
    for phase, seconds in expected.seconds.items():
        table.add_row(phase, seconds_text(seconds))
    table.add_row("whole run", seconds_text(expected.wall_seconds))
    out.print(table)
    out.print()
    out.print(_needs(expected, data), soft_wrap=True)


def _needs(expected: Estimate, data: Path) -> str:
    """Say what is needed beside what there is."""
    from gpusynth.engine.memory import available_bytes

    memory, disk = available_bytes(), shutil.disk_usage(data.parent).free
    short = "" if expected.memory_bytes < memory else " (more: columns will go to disk)"
    return (
        f"memory  {_size(expected.memory_bytes)} of {_size(memory)} available{short}\n"
        f"disk    {_size(expected.output_bytes)} of replicates, "
        f"{_size(expected.drawing_bytes)} while they are drawn, of {_size(disk)} free\n"
        f"GPU     {_size(expected.device_bytes)} of device memory to hold all columns at once"
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.0f} MB"
