"""``gpusynth impute``: missing values imputed, and each completed file synthesized."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gpusynth.cli.choices import DeviceChoice, FitterChoice, OutputChoice
from gpusynth.cli.options import (
    CheckpointsOption,
    DeviceOption,
    FileArgument,
    FitterOption,
    FormatOption,
    KeepModelsOption,
    LogOption,
    OverwriteRunOption,
    QuietOption,
    SchemaOption,
    SeedOption,
    ThreadsOption,
)
from gpusynth.errors import PlanError

if TYPE_CHECKING:
    from rich.console import Console

    from gpusynth.imputation import ImputationRun

__all__ = ["impute_file", "show_imputation"]


class ProperChoice(StrEnum):
    """What every model is fitted on."""

    bootstrap = "bootstrap"
    none = "none"


class VisitChoice(StrEnum):
    """Order of the columns in a round."""

    missing = "missing"
    file = "file"


def impute_file(
    *,
    data: FileArgument,
    output: Annotated[Path, typer.Option("--output", help="Directory for the files.")],
    schema: SchemaOption = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Plan file (TOML): methods, formulas and rules.")
    ] = None,
    imputations: Annotated[
        int, typer.Option("--imputations", min=1, max=999, help="Completed files.")
    ] = 5,
    iterations: Annotated[
        int, typer.Option("--iterations", min=1, max=10_000, help="Rounds over the columns.")
    ] = 10,
    syntheses: Annotated[
        int,
        typer.Option("--syntheses", min=0, max=999, help="Synthetic files of each completed one."),
    ] = 0,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, help="Of each synthetic file; as many as DATA.")
    ] = None,
    impute: Annotated[
        list[str] | None,
        typer.Option(
            "--impute",
            metavar="COLUMN[=CODES]",
            help="Column to impute and its missing codes, with commas; an empty code is a blank. "
            "Blanks of all columns by default. May be repeated.",
        ),
    ] = None,
    predictors: Annotated[
        list[str] | None,
        typer.Option(
            "--predictors",
            metavar="COLUMN=NAMES",
            help="Columns that predict it, with commas; all others by default. May be repeated.",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="COLUMN=METHOD",
            help="Impute it by another method than the plan's. May be repeated.",
        ),
    ] = None,
    visit: Annotated[
        VisitChoice, typer.Option("--visit", help="By number of missing answers, or file order.")
    ] = VisitChoice.missing,
    proper: Annotated[
        ProperChoice, typer.Option("--proper", help="Fit on bootstrap samples, or on the rows.")
    ] = ProperChoice.bootstrap,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    format: FormatOption = OutputChoice.parquet,
    keep_imputations: Annotated[
        bool,
        typer.Option(
            "--keep-imputations/--no-imputations", help="Write the completed files (real rows)."
        ),
    ] = True,
    overwrite: OverwriteRunOption = False,
    checkpoints: CheckpointsOption = True,
    keep_models: KeepModelsOption = False,
    device: DeviceOption = DeviceChoice.cpu,
    fitter: FitterOption = FitterChoice.auto,
    quiet: QuietOption = False,
    log: LogOption = None,
) -> None:
    """Impute missing values several times, and synthesize each completed file."""
    from gpusynth.cli.console import console
    from gpusynth.cli.interrupt import interruptible
    from gpusynth.cli.running import watching

    given: dict[str, Any] = {
        "n_imputations": imputations,
        "n_syntheses": syntheses,
        "iterations": iterations,
        "n_rows": rows,
        "impute": _codes(impute),
        "predictors": {
            name: [one.strip() for one in names.split(",")]
            for name, names in _pairs("--predictors", predictors)
        },
        "methods": dict(_pairs("--method", method)),
        "visit": visit.value,
        "proper": proper.value,
        "seed": seed,
        "threads": threads,
        "output": output,
        "format": format.value,
        "overwrite": overwrite,
        "checkpoints": checkpoints,
        "keep_models": keep_models,
        "keep_imputations": keep_imputations,
        "device": device.value,
        "fitter": fitter.value,
    }
    with interruptible(), watching(quiet=quiet, log=log) as listener:
        run = _carry_out(data, schema, plan, {**given, "listener": listener})
    if not quiet:
        show_imputation(run, console())


def _carry_out(
    data: Path, schema: Path | None, plan: Path | None, given: dict[str, Any]
) -> ImputationRun:
    from gpusynth.imputation import impute_and_synthesize

    run: ImputationRun = impute_and_synthesize(data, schema, plan, **given)
    return run


def _codes(given: list[str] | None) -> dict[str, list[str | None]] | None:
    """Read ``income=-8,-9``: the codes of a column; an empty code, or none at all, is a blank."""
    if not given:
        return None
    chosen: dict[str, list[str | None]] = {}
    for entry in given:
        name, _, codes = entry.partition("=")
        chosen.setdefault(name, []).extend(code.strip() or None for code in codes.split(","))
    return chosen


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    """Split ``column=text`` entries."""
    pairs = [entry.partition("=") for entry in given or ()]
    if any(not text for _, _, text in pairs):
        raise PlanError(f"{option} takes COLUMN=..., for example {option} income=...")
    return [(name, text) for name, _, text in pairs]


def show_imputation(run: ImputationRun, out: Console) -> None:
    """Print one line an imputed column, then where the files lie.

    Parameters
    ----------
    run : ImputationRun
    out : rich.console.Console
    """
    from gpusynth.cli.console import new_table, seconds_text

    numbers = ("imputed", "left missing", "predictors", "R-hat")
    table = new_table("column", "method", *numbers, numbers=numbers)
    for variable in run.manifest["variables"]:
        method, rhat = variable["method"], variable["rhat"]
        table.add_row(
            variable["name"],
            method if isinstance(method, str) else method["method"],
            f"{variable['n_imputed']:,}",
            f"{variable['n_left']:,}",
            str(len(variable["predictors"])),
            "" if rhat is None else f"{rhat:.2f}",
        )
    out.print(table)
    for note in run.manifest["notes"]:
        out.print(f"note: {note}", soft_wrap=True, markup=False)
    seconds = run.manifest["timings"]["wall_seconds"]
    out.print(
        f"\n{run.manifest['n_imputations']} imputations of {run.manifest['iterations']} iterations "
        f"and {run.manifest['n_syntheses']} syntheses of each in {seconds_text(seconds)}\n",
        soft_wrap=True,
    )
    if run.imputations:
        out.print("confidential, with real rows:")
        for path in run.imputations:
            out.print(f"  {path}", soft_wrap=True)
    if run.syntheses:
        out.print("synthetic:")
        for paths in run.syntheses:
            for path in paths:
                out.print(f"  {path}", soft_wrap=True)
    out.print(f"{run.path / 'traces.svg'} (also traces.csv, traces.json)", soft_wrap=True)
    out.print(f"{run.path / 'manifest.json'} (also plan.json, schema.toml)", soft_wrap=True)
