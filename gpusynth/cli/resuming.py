"""``gpusynth resume``: go on with a run of any kind that was cut short."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gpusynth.cli.choices import DeviceChoice
from gpusynth.cli.clustering import (
    ClusterConfigOption,
    ClusterOption,
    DashboardOption,
    WorkersOption,
    cluster_choice,
)
from gpusynth.cli.options import LogOption, MetricsOption, QuietOption, ThreadsOption
from gpusynth.errors import DataError, PlanError

__all__ = ["resume_run"]


def resume_run(
    *,
    directory: Annotated[Path, typer.Argument(help="Of a run that was cut short.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="[NAME=]FILE",
            help="Where the data are now, if they were moved; of linked files NAME=FILE, and as "
            "often as files were moved.",
        ),
    ] = None,
    threads: ThreadsOption = None,
    device: Annotated[
        DeviceChoice | None, typer.Option("--device", help="By default what it began with.")
    ] = None,
    quiet: QuietOption = False,
    log: LogOption = None,
    metrics: MetricsOption = None,
    cluster: ClusterOption = None,
    workers: WorkersOption = None,
    dashboard: DashboardOption = False,
    cluster_config: ClusterConfigOption = None,
) -> None:
    """Go on with a run that was cut short, to the same bytes."""
    from gpusynth.cli.allocator import give_back_large_arrays
    from gpusynth.cli.running import resume_synthesis
    from gpusynth.engine.checkpoint.head import unfinished_kind

    give_back_large_arrays()
    choice = cluster_choice(cluster, workers, cluster_config, dashboard=dashboard)
    kind = unfinished_kind(directory)
    if kind in ("linked", "imputation"):
        for option, given in (("--cluster", choice), ("--metrics", metrics)):
            if given is not None:
                raise PlanError(
                    f"{option} is for runs of one file, and the run in {directory} is "
                    f"{'of linked files' if kind == 'linked' else 'an imputation'}. Leave it out."
                )
    how: dict[str, Any] = {"threads": threads, "device": None if device is None else device.value}
    if kind == "linked":
        _resume_linked(directory, data or [], how, quiet=quiet, log=log)
    elif kind == "imputation":
        _resume_imputation(directory, data or [], how, quiet=quiet, log=log)
    else:
        resume_synthesis(
            directory,
            _one_file(data or []),
            **how,
            quiet=quiet,
            log=log,
            metrics=metrics,
            cluster=choice,
        )


def _resume_linked(
    directory: Path, data: list[str], how: dict[str, Any], *, quiet: bool, log: Path | None
) -> None:
    from gpusynth.cli.console import console
    from gpusynth.cli.interrupt import interruptible
    from gpusynth.cli.linking import show_linked
    from gpusynth.cli.running import watching
    from gpusynth.linked import resume_linked

    moved = {name: Path(file) for name, file in map(_named_file, data)}
    with interruptible(), watching(quiet=quiet, log=log) as listener:
        run = resume_linked(directory, moved, listener=listener, **how)
    if not quiet:
        show_linked(run, console())


def _resume_imputation(
    directory: Path, data: list[str], how: dict[str, Any], *, quiet: bool, log: Path | None
) -> None:
    from gpusynth.cli.console import console
    from gpusynth.cli.imputing import show_imputation
    from gpusynth.cli.interrupt import interruptible
    from gpusynth.cli.running import watching
    from gpusynth.imputation import resume_imputation

    with interruptible(), watching(quiet=quiet, log=log) as listener:
        run = resume_imputation(directory, _one_file(data), listener=listener, **how)
    if not quiet:
        show_imputation(run, console())


def _one_file(given: list[str]) -> Path | None:
    if len(given) > 1:
        raise DataError("--data is given more than once, but the run has one file. Give it once.")
    return Path(given[0]) if given else None


def _named_file(given: str) -> tuple[str, str]:
    name, _, file = given.partition("=")
    if not file:
        raise DataError(
            "the run is of linked files: --data takes NAME=FILE, for example "
            "--data firms=moved/firms.parquet."
        )
    return name, file
