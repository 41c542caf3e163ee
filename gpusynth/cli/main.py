"""The command ``gpusynth``: options, help, and how errors end."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import gpusynth
from gpusynth.cli.choices import DeviceChoice, FitterChoice, IoChoice, OutputChoice
from gpusynth.cli.clustering import (
    ClusterConfigOption,
    ClusterOption,
    DashboardOption,
    WorkersOption,
    cluster_choice,
)
from gpusynth.cli.console import visible
from gpusynth.cli.doctoring import show_doctor
from gpusynth.cli.estimating import estimate_run
from gpusynth.cli.evaluating import evaluate_files
from gpusynth.cli.imputing import impute_file
from gpusynth.cli.interrupt import UNTOUCHED, RunInterruptedError, take_signals
from gpusynth.cli.linking import run_linked
from gpusynth.cli.modelling import fit_model, sample_model
from gpusynth.cli.options import (
    DATA_HELP,
    CheckpointsOption,
    DataOption,
    DeviceOption,
    FileArgument,
    FitterOption,
    FormatOption,
    KeepModelsOption,
    LogOption,
    MetricsOption,
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
from gpusynth.cli.reporting import render_report
from gpusynth.cli.resuming import resume_run
from gpusynth.cli.simulating import simulate_firms
from gpusynth.cli.standard_streams import steady_streams
from gpusynth.cli.verifying import verify_run
from gpusynth.cli.warming import warm_kernels
from gpusynth.cli.without_pandas import keep_pandas_out
from gpusynth.errors import GpusynthError

__all__ = ["app", "main", "run"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it; after SIGTERM, too
_BAD_INPUT = 2
_INTERNAL = 1
_TRACEBACK = "GPUSYNTH_TRACEBACK"
_WITHOUT_PANDAS = (
    *("run", "resume", "fit", "sample", "impute", "run-linked", "infer-schema", "plan"),
    *("estimate", "evaluate", "compare"),
)

app = typer.Typer(
    name="gpusynth",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Synthetic survey microdata by sequential CART.",
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer gives the option's value
    if wanted:
        typer.echo(f"gpusynth {gpusynth.__version__}")
        raise typer.Exit


@app.callback()
def _gpusynth(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Hold the options that come before a command."""


@app.command("infer-schema")
def _infer_schema(
    *,
    file: FileArgument,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the schema to this TOML file.")
    ] = None,
    overwrite: OverwriteFileOption = False,
) -> None:
    """Say what each column is and why; write a schema file to edit."""
    from gpusynth.cli.looking import show_schema

    show_schema(file, output, overwrite=overwrite)


@app.command("plan")
def _plan(
    *,
    data: DataOption,
    schema: SchemaOption = None,
    plan: PlanOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the choices to this TOML file.")
    ] = None,
    overwrite: OverwriteFileOption = False,
) -> None:
    """Show every step of a synthesis without fitting anything."""
    from gpusynth.cli.looking import show_plan

    show_plan(data, schema, plan, output, overwrite=overwrite)


@app.command("run")
def _run(
    *,
    data: DataOption,
    output: Annotated[Path, typer.Option("--output", help="Directory for the replicates.")],
    schema: SchemaOption = None,
    plan: PlanOption = None,
    replicates: ReplicatesOption = 1,
    rows: RowsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    batch_rows: Annotated[
        int, typer.Option("--batch-rows", min=1, help="Rows read at a time.")
    ] = 131_072,
    format: FormatOption = OutputChoice.parquet,
    overwrite: OverwriteRunOption = False,
    quiet: QuietOption = False,
    utility: Annotated[
        bool,
        typer.Option(
            "--utility/--no-utility", help="Compare the first replicate with the real file."
        ),
    ] = True,
    checkpoints: CheckpointsOption = True,
    device: DeviceOption = DeviceChoice.cpu,
    fitter: FitterOption = FitterChoice.auto,
    io: Annotated[
        IoChoice, typer.Option("--io", help="cudf: read and write Parquet on a GPU.")
    ] = IoChoice.arrow,
    keep_models: KeepModelsOption = False,
    log: LogOption = None,
    metrics: MetricsOption = None,
    memory: Annotated[
        float | None,
        typer.Option("--memory", min=0.1, help="Most memory to take, in GB; all by default."),
    ] = None,
    cluster: ClusterOption = None,
    workers: WorkersOption = None,
    dashboard: DashboardOption = False,
    cluster_config: ClusterConfigOption = None,
) -> None:
    """Make synthetic replicates of a survey file."""
    from gpusynth.cli.allocator import give_back_large_arrays
    from gpusynth.cli.running import run_synthesis
    from gpusynth.engine import RunSettings

    give_back_large_arrays()
    settings = RunSettings(
        replicates,
        rows,
        seed,
        threads,
        batch_rows,
        format.value,
        checkpoints=checkpoints,
        keep_models=keep_models,
        memory_bytes=None if memory is None else int(memory * 1e9),
        device=device.value,
        fitter=fitter.value,
        io=io.value,
    )
    run_synthesis(
        data,
        output,
        schema,
        plan,
        settings,
        overwrite=overwrite,
        quiet=quiet,
        utility=utility,
        log=log,
        metrics=metrics,
        cluster=cluster_choice(cluster, workers, cluster_config, dashboard=dashboard),
    )


@app.command("compare")
def _compare(
    *,
    real: Annotated[Path, typer.Option("--real", help=DATA_HELP)],
    synthetic: Annotated[Path, typer.Option("--synthetic", help="A replicate of it.")],
    schema: SchemaOption = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=(1 << 64) - 1, help="Of the bootstrap resample.")
    ] = 0,
) -> None:
    """Compare a synthetic file with the real one by its marginals."""
    from gpusynth.cli.comparing import compare_files

    compare_files(real, synthetic, schema, seed=seed)


class RuleChoice(StrEnum):
    """Combining rules for synthetic files."""

    raab_simple = "raab_simple"
    reiter_partial = "reiter_partial"
    raghunathan_full = "raghunathan_full"


@app.command("replicate")
def _replicate(
    *,
    real: Annotated[Path, typer.Option("--real", help=DATA_HELP)],
    synthetic: Annotated[
        Path, typer.Option("--synthetic", help="Directory of a run, or one replicate.")
    ],
    models: Annotated[Path, typer.Option("--models", help="Regressions (TOML).")],
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the comparison to this file.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option("--weight", help="Column of weights, where a model names none.")
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", help="Of the real file (TOML); that of the run by default."),
    ] = None,
    rule: Annotated[
        RuleChoice, typer.Option("--rule", help="How replicates are pooled.")
    ] = RuleChoice.raab_simple,
    proper: Annotated[
        bool, typer.Option("--proper", help="The replicates are of a proper synthesis.")
    ] = False,
    overwrite: OverwriteFileOption = False,
) -> None:
    """Run regressions on the real and the synthetic files and compare them."""
    from gpusynth.cli.replicating import replicate_models

    replicate_models(
        real,
        synthetic,
        models,
        output=json,
        weight=weight,
        schema=schema,
        rule=rule.value,
        proper=proper,
        overwrite=overwrite,
    )


app.command("resume")(resume_run)
app.command("fit")(fit_model)
app.command("sample")(sample_model)
app.command("impute")(impute_file)
app.command("run-linked")(run_linked)
app.command("verify")(verify_run)
app.command("evaluate")(evaluate_files)
app.command("report")(render_report)
app.command("estimate")(estimate_run)
app.command("doctor")(show_doctor)
app.command("warm")(warm_kernels)
app.command("simulate-firms")(simulate_firms)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0, or 2 for anything that the user can correct, 130 after Ctrl-C or SIGTERM, and 1 for a
        fault in gpusynth itself.
    """
    if any("\0" in text for text in arguments or ()):  # older typers stumble over one
        return _fail("an argument holds a NUL byte. Correct it.", _BAD_INPUT)
    if not (sys.argv[1:] if arguments is None else arguments):
        app(args=["--help"], prog_name="gpusynth", standalone_mode=False)
        return _BAD_INPUT
    try:
        code: Any = app(args=arguments, prog_name="gpusynth", standalone_mode=False)
    except GpusynthError as error:
        return _fail(str(error), _BAD_INPUT, after=_notes(error))
    except RunInterruptedError as error:
        return _fail(str(error), _INTERRUPTED, after=_notes(error))
    except KeyboardInterrupt:
        return _fail(UNTOUCHED, _INTERRUPTED)
    except MemoryError as error:
        message = "not enough memory; use fewer threads or replicates at a time"
        return _fail(message, _BAD_INPUT, after=_notes(error))
    except Exception as error:  # noqa: BLE001 - its message may hold values of the data
        if hasattr(error, "format_message"):  # what typer raises for wrong options
            said = error.format_message().rstrip(".")
            return _fail(f"{said}{'' if said.endswith('?') else '.'} Try --help.", _BAD_INPUT)
        return _fail(_internal(error), _INTERNAL)
    if code == _INTERRUPTED:  # typer turns an interrupt into a code
        return _fail(UNTOUCHED, _INTERRUPTED)
    return code if isinstance(code, int) else 0


def run() -> None:
    """Entry point of the command; never returns."""
    take_signals()
    steady_streams()
    try:
        if any(verb in _WITHOUT_PANDAS for verb in sys.argv[1:2]):
            keep_pandas_out()
        code = main()
        sys.stdout.flush()
    except GpusynthError as error:
        code = _fail(str(error), _BAD_INPUT)
    except KeyboardInterrupt:  # before or after the command itself
        code = _fail(UNTOUCHED, _INTERRUPTED)
    sys.stderr.flush()
    if code == _INTERRUPTED:
        # Kernels that still run cannot be stopped and must not be waited for.
        os._exit(code)
    sys.exit(code)


def _notes(error: BaseException) -> list[str]:
    return [str(note) for note in getattr(error, "__notes__", ())]


def _fail(message: str, code: int, *, after: Sequence[str] = ()) -> int:
    lines = message.splitlines()
    if not lines or lines[-1].strip() != "^":  # a caret must stay under its place
        lines = [" ".join(message.split())]
    sys.stderr.write("error: " + visible("\n".join([*lines, *after])) + "\n")
    return code


def _internal(error: Exception) -> str:
    """Say where a fault is without its message, which may quote the data."""
    if os.environ.get(_TRACEBACK) == "1":
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "gpusynth" in frame.filename] or list(frames)
    place = f"{Path(own[-1].filename).name} line {own[-1].lineno}" if own else "an unknown place"
    return (
        f"a fault in gpusynth: {type(error).__name__} in {place}. Please report it. "
        f"{_TRACEBACK}=1 shows more, which may include values of the data."
    )
