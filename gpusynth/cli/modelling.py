"""``gpusynth fit`` and ``gpusynth sample``: a model in a file, and replicates from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gpusynth.cli.choices import DeviceChoice, FitterChoice, OutputChoice
from gpusynth.cli.options import (
    DeviceOption,
    FileArgument,
    FitterOption,
    FormatOption,
    LogOption,
    OverwriteFileOption,
    OverwriteRunOption,
    PlanOption,
    QuietOption,
    ReplicatesOption,
    RowsOption,
    SchemaOption,
    SeedOption,
    ThreadsOption,
)
from gpusynth.errors import PlanError

__all__ = ["fit_model", "sample_model"]

_MIN_UNITS = 10


def fit_model(
    *,
    data: FileArgument,
    output: Annotated[Path, typer.Option("--output", help="Model file to write.")],
    schema: SchemaOption = None,
    plan: PlanOption = None,
    threads: ThreadsOption = None,
    release: Annotated[
        bool, typer.Option("--release", help="Write a model without microdata.")
    ] = False,
    min_units: Annotated[
        int | None,
        typer.Option(
            "--min-units",
            min=2,
            help="With --release: fewest units that share any released value; 10 by default.",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit", help="With --release: column that names the units; rows by default."
        ),
    ] = None,
    overwrite: OverwriteFileOption = False,
    device: DeviceOption = DeviceChoice.cpu,
    fitter: FitterOption = FitterChoice.auto,
    quiet: QuietOption = False,
    log: LogOption = None,
) -> None:
    """Fit a model and keep it in a file, to sample from later."""
    from gpusynth.cli.allocator import give_back_large_arrays
    from gpusynth.cli.console import console
    from gpusynth.cli.interrupt import interruptible
    from gpusynth.cli.running import watching
    from gpusynth.engine import fit, fit_released
    from gpusynth.io import check_model_path
    from gpusynth.io.inputs_stay import check_inputs_stay

    if not release and (min_units is not None or unit is not None):
        raise PlanError(
            "--min-units and --unit belong to --release: without it the model file holds the real "
            "records. Give --release, or leave them out."
        )
    fewest = _MIN_UNITS if min_units is None else min_units
    how: dict[str, Any] = {"threads": threads, "device": device.value, "fitter": fitter.value}
    check_inputs_stay([output], [data, schema, plan])
    check_model_path(output, overwrite=overwrite)  # a fit may take hours: find out now
    give_back_large_arrays()
    with interruptible(), watching(quiet=quiet, log=log) as listener:
        if release:
            made = fit_released(
                data,
                output,
                schema,
                plan,
                min_units=fewest,
                unit=unit,
                overwrite=overwrite,
                listener=listener,
                **how,
            )
        else:
            fitted = fit(data, schema, plan, listener=listener, **how)
            fitted.save(output, overwrite=overwrite)
            made = fitted.plan
    if quiet:
        return
    out = console()
    out.print(
        f"{len(made.visit)} columns, {output.stat().st_size / 1e6:,.1f} MB: {output}",
        soft_wrap=True,
        markup=False,
    )
    told = "CONFIDENTIAL: the file holds the real records as codes. Guard it like the data."
    if release:
        told = (
            f"The file holds no record. Each level, number, bin and count in it is of {fewest} "
            "units or more; edges of bins are round numbers. Have it checked before it leaves."
        )
    out.print(told, soft_wrap=True)


def sample_model(
    *,
    model: Annotated[Path, typer.Argument(help="Model file that gpusynth fit wrote.")],
    output: Annotated[Path, typer.Option("--output", help="Directory for the replicates.")],
    replicates: ReplicatesOption = 1,
    rows: RowsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    format: FormatOption = OutputChoice.parquet,
    overwrite: OverwriteRunOption = False,
    device: DeviceOption = DeviceChoice.cpu,
    quiet: QuietOption = False,
    log: LogOption = None,
) -> None:
    """Make synthetic replicates from a model file, without the real file."""
    from gpusynth.cli.allocator import give_back_large_arrays
    from gpusynth.cli.console import console, seconds_text
    from gpusynth.cli.interrupt import interruptible
    from gpusynth.cli.running import show_files, watching
    from gpusynth.engine import load

    give_back_large_arrays()
    with interruptible(), watching(quiet=quiet, log=log) as listener:
        run = load(model).sample(
            rows,
            replicates,
            seed,
            threads=threads,
            output=output,
            format=format.value,
            overwrite=overwrite,
            listener=listener,
            device=None if device.value == "cpu" else device.value,
        )
    if quiet:
        return
    out = console()
    seconds = seconds_text(run.manifest["timings"]["wall_seconds"])
    out.print(f"{len(run.replicates)} x {run.manifest['n_rows']:,} rows in {seconds}")
    show_files(run, out)
