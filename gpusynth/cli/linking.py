"""``gpusynth run-linked``: several files whose rows belong to each other, synthesized together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpusynth.cli.choices import DeviceChoice, FitterChoice, OutputChoice
from gpusynth.cli.options import (
    CheckpointsOption,
    DeviceOption,
    FitterOption,
    FormatOption,
    KeepModelsOption,
    LogOption,
    OverwriteRunOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from rich.console import Console

    from gpusynth.linked import LinkedRun

__all__ = ["run_linked", "show_linked"]


def run_linked(
    *,
    links: Annotated[
        Path,
        typer.Argument(
            metavar="LINKS", help="TOML file with [files.NAME] tables and [[links]] entries."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", help="Directory for the files.")],
    replicates: Annotated[
        int, typer.Option("--replicates", min=1, max=65_535, help="Of every file.")
    ] = 1,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, help="Of the file on top; as many as it has.")
    ] = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    format: FormatOption = OutputChoice.parquet,
    overwrite: OverwriteRunOption = False,
    checkpoints: CheckpointsOption = True,
    keep_models: KeepModelsOption = False,
    device: DeviceOption = DeviceChoice.cpu,
    fitter: FitterOption = FitterChoice.auto,
    quiet: QuietOption = False,
    log: LogOption = None,
) -> None:
    """Synthesize files whose rows belong to each other, such as firms and establishments."""
    from gpusynth.cli.console import console
    from gpusynth.cli.interrupt import interruptible
    from gpusynth.cli.running import watching
    from gpusynth.linked import read_links, synthesize_linked

    given = read_links(links)
    with interruptible(), watching(quiet=quiet, log=log) as listener:
        run = synthesize_linked(
            given.data,
            given.links,
            plans=given.plans,
            schemas=given.schemas,
            n_replicates=replicates,
            n_rows=rows,
            seed=seed,
            threads=threads,
            output=output,
            format=format.value,
            overwrite=overwrite,
            checkpoints=checkpoints,
            keep_models=keep_models,
            device=device.value,
            fitter=fitter.value,
            listener=listener,
        )
    if not quiet:
        show_linked(run, console())


def show_linked(run: LinkedRun, out: Console) -> None:
    """Print a line for each file and where it lies.

    Parameters
    ----------
    run : LinkedRun
    out : rich.console.Console
    """
    from gpusynth.cli.console import new_table, seconds_text

    numbers = ("real rows", "columns", "fit s", "draw s", "synthetic rows")
    table = new_table("file", *numbers, numbers=numbers)
    inputs = run.manifest["inputs"]
    for name, entry in inputs.items():
        made = [file.n_rows for file in run.files if file.name == name]
        table.add_row(
            name,
            f"{entry['input']['n_rows']:,}",
            f"{entry['input']['n_columns']:,}",
            f"{entry['timings']['fit_cpu_seconds']:.3f}",
            f"{entry['timings']['draw_cpu_seconds']:.3f}",
            ", ".join(f"{n_rows:,}" for n_rows in made[:3]) + (", ..." if len(made) > 3 else ""),
        )
    out.print(table)
    for name, entry in inputs.items():
        for note in entry["notes"]:
            out.print(f"note: {name}: {note}", soft_wrap=True, markup=False)
    out.print(
        f"\n{run.manifest['n_replicates']} x {len(inputs)} files in "
        f"{seconds_text(run.manifest['timings']['wall_seconds'])}, "
        f"peak memory {run.manifest['peak_memory_bytes'] / 1e6:,.0f} MB",
        soft_wrap=True,
    )
    for file in run.files:
        out.print(str(file.path), soft_wrap=True)
    out.print(f"{run.path / 'manifest.json'} (also a plan and a schema of each)", soft_wrap=True)
