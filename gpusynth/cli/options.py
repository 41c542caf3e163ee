"""Options that several commands take: the same name, limits and help everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gpusynth.cli.choices import DeviceChoice, FitterChoice, OutputChoice

__all__ = [
    "DATA_HELP",
    "CheckpointsOption",
    "DataOption",
    "DeviceOption",
    "FileArgument",
    "FitterOption",
    "FormatOption",
    "KeepModelsOption",
    "LogOption",
    "MetricsOption",
    "OverwriteFileOption",
    "OverwriteFilesOption",
    "OverwriteRunOption",
    "PlanOption",
    "PrintJsonOption",
    "QuietOption",
    "ReplicatesOption",
    "RowsOption",
    "SchemaOption",
    "SeedOption",
    "ThreadsOption",
]

DATA_HELP = "Parquet, CSV (.csv, .csv.gz), Arrow or Feather file."
"""What every option or argument that names microdata says."""

DataOption = Annotated[Path, typer.Option("--data", help=DATA_HELP)]
FileArgument = Annotated[Path, typer.Argument(metavar="DATA", help=DATA_HELP)]
SchemaOption = Annotated[
    Path | None,
    typer.Option("--schema", help="Schema file (TOML); inferred from the data by default."),
]
PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", help="Plan file (TOML); CART for every column by default."),
]
ReplicatesOption = Annotated[
    int, typer.Option("--replicates", min=1, max=65_535, help="How many synthetic files.")
]
RowsOption = Annotated[
    int | None, typer.Option("--rows", min=1, help="Rows of each; as many as the data.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=(1 << 64) - 1, help="Same seed, same bytes.")
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, max=1024, help="All by default.")
]
DeviceOption = Annotated[
    DeviceChoice, typer.Option("--device", help="auto: a GPU where one can be used.")
]
FitterOption = Annotated[
    FitterChoice, typer.Option("--fitter", help="cuml: coarser trees, on a GPU only.")
]
FormatOption = Annotated[OutputChoice, typer.Option("--format", help="Of the files.")]
OverwriteFileOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file if it exists.")
]
OverwriteRunOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier run in the directory.")
]
OverwriteFilesOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
PrintJsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogOption = Annotated[
    Path | None, typer.Option("--log", help="Append what is done to this file, as JSON lines.")
]
MetricsOption = Annotated[
    Path | None, typer.Option("--metrics", help="Write times and memory for Prometheus.")
]
CheckpointsOption = Annotated[
    bool,
    typer.Option(
        "--checkpoints/--no-checkpoints", help="Keep finished work until the end, to resume."
    ),
]
KeepModelsOption = Annotated[
    bool, typer.Option("--keep-models", help="Leave the fitted models; they are confidential.")
]
