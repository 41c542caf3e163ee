"""``gpusynth run``: carry a run out, watch it, and say what it left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from gpusynth.backends import DeviceName
from gpusynth.cli.console import ProgressDisplay, console, new_table, seconds_text
from gpusynth.cli.interrupt import interruptible
from gpusynth.cli.summary import summary_lines
from gpusynth.engine import Listener, Run, RunSettings, resume, synthesize
from gpusynth.engine.cluster.connect import ClusterChoice, connected
from gpusynth.engine.settings import check_cluster
from gpusynth.errors import GpusynthError, OutputError, PlanError
from gpusynth.io.inputs_stay import check_inputs_stay
from gpusynth.io.output import check_replaceable
from gpusynth.operations.metrics import write_metrics
from gpusynth.operations.run_log import Listeners, RunLog
from gpusynth.table import read_schema

__all__ = ["resume_synthesis", "run_synthesis", "show_files", "show_run", "watching"]


def run_synthesis(
    data: Path,
    output: Path,
    schema: Path | None,
    plan: Path | None,
    settings: RunSettings,
    *,
    overwrite: bool,
    quiet: bool,
    utility: bool,
    log: Path | None = None,
    metrics: Path | None = None,
    cluster: ClusterChoice | None = None,
) -> None:
    """Synthesize a file into a directory and print a summary.

    Parameters
    ----------
    data, output, schema, plan : as for `gpusynth.synthesize`
    settings : RunSettings
    overwrite : bool
    quiet : bool
        Print nothing.
    utility : bool
        Compare the first replicate with the real file.
    log : pathlib.Path, optional
        JSON lines are appended to this file.
    metrics : pathlib.Path, optional
        Write phase times and peak memory to this file in Prometheus' text format.
    cluster : ClusterChoice, optional
        Whose workers fit and draw.
    """
    if cluster is not None and not settings.checkpoints:
        raise PlanError("a distributed run puts its work down. Leave --no-checkpoints out.")
    _check_told(log, metrics, inputs=(data, schema, plan))
    check_cluster(settings, cluster)

    def carry_out(listener: Listener | None, client: Any) -> Run:
        run: Run = synthesize(
            data,
            schema,
            plan,
            n_replicates=settings.n_replicates,
            n_rows=settings.n_rows,
            seed=settings.seed,
            threads=settings.threads,
            output=output,
            format=settings.format,
            overwrite=overwrite,
            batch_rows=settings.batch_rows,
            checkpoints=settings.checkpoints,
            keep_models=settings.keep_models,
            memory_bytes=settings.memory_bytes,
            device=settings.device,
            fitter=settings.fitter,
            io=settings.io,
            client=client,
            listener=listener,
        )
        return run

    run = _watched(carry_out, quiet=quiet, log=log, metrics=metrics, cluster=cluster)
    if quiet:
        return
    out = console()
    show_run(run, out)
    if utility and (run.plan.output.prefix or run.plan.output.suffix):
        out.print("\nutility at a glance: left out, since the columns have other names")
    elif utility:
        # Not earlier: the run itself needs the memory, and evaluation is much to import.
        from gpusynth.cli.allocator import give_back_free_memory
        from gpusynth.cli.comparing import show_glance
        from gpusynth.evaluate import utility_at_a_glance

        give_back_free_memory()
        try:
            used = read_schema(run.path / "schema.toml")
            show_glance(utility_at_a_glance(data, run.replicates[0].path, schema=used), out)
        except GpusynthError as error:  # the run itself has succeeded
            out.print(f"\nutility at a glance: {error}", soft_wrap=True)
    show_files(run, out)


def resume_synthesis(
    directory: Path,
    data: Path | None,
    *,
    threads: int | None,
    quiet: bool,
    device: DeviceName | None = None,
    log: Path | None = None,
    metrics: Path | None = None,
    cluster: ClusterChoice | None = None,
) -> None:
    """Go on with a run of one file and print a summary.

    Parameters
    ----------
    directory, data, threads : as for `gpusynth.resume`
    quiet : bool
        Print nothing.
    device : as for `gpusynth.resume`
    log, metrics, cluster : as for `run_synthesis`
    """
    _check_told(log, metrics, inputs=(data,))

    def carry_out(listener: Listener | None, client: Any) -> Run:
        return resume(
            directory, data, threads=threads, device=device, client=client, listener=listener
        )

    run = _watched(carry_out, quiet=quiet, log=log, metrics=metrics, cluster=cluster)
    if not quiet:
        out = console()
        show_run(run, out)
        show_files(run, out)


def _check_told(log: Path | None, metrics: Path | None, *, inputs: Iterable[Path | None]) -> None:
    """Check where a run tells of itself before it takes hours."""
    check_inputs_stay([log, metrics], inputs)
    if metrics is not None and (metrics.is_dir() or not metrics.parent.is_dir()):
        raise OutputError(
            f"{metrics} cannot be written: it is a directory, or its directory is missing. "
            "Make the directory first or correct the path."
        )
    if metrics is not None:
        check_replaceable(metrics)
        if log is not None and log.absolute() == metrics.absolute():
            raise OutputError("the log and the metrics have the same name. Give each its own.")


@contextmanager
def watching(*, quiet: bool, log: Path | None = None) -> Iterator[Listener | None]:
    """Tell a log and a display of the progress, as far as they are wanted.

    Parameters
    ----------
    quiet : bool
        Without a display.
    log : pathlib.Path, optional

    Yields
    ------
    Listener or None

    Raises
    ------
    OutputError
        If the log cannot be written.
    """
    with ExitStack() as stack:
        listeners: list[Listener] = []
        if log is not None:
            listeners.append(stack.enter_context(RunLog(log)))
        if not quiet:
            listeners.append(stack.enter_context(ProgressDisplay(console(stderr=True))))
        yield Listeners(listeners) if listeners else None


def _watched(
    carry_out: Callable[[Listener | None, Any], Run],
    *,
    quiet: bool,
    log: Path | None,
    metrics: Path | None,
    cluster: ClusterChoice | None,
) -> Run:
    """Carry a run out with a log, a display and a cluster, as far as they are wanted."""
    with interruptible(), ExitStack() as stack:
        client = None
        if cluster is not None:
            client = stack.enter_context(connected(cluster))
            if cluster.has_dashboard and not quiet:
                console(stderr=True).print(f"dashboard: {client.dashboard_link}", soft_wrap=True)
        run = carry_out(stack.enter_context(watching(quiet=quiet, log=log)), client)
    if metrics is not None:
        write_metrics(metrics, run.manifest)
    return run


def show_run(run: Run, out: Console) -> None:
    """Print one line a column, what was done besides, then the totals.

    Parameters
    ----------
    run : Run
    out : rich.console.Console
    """
    numbers = ("codes", "leaves", "fit s", "draw s")
    table = new_table("column", "kind", "method", *numbers, numbers=numbers)
    for variable in run.manifest["variables"]:
        steps = variable["steps"]
        if not steps:
            table.add_row(variable["name"], variable["kind"], variable["role"], "", "", "", "")
            continue
        table.add_row(
            variable["name"],
            variable["kind"],
            " + ".join(_method(step) for step in steps),
            f"{variable['n_codes']:,}",
            " + ".join(f"{step['n_leaves']:,}" for step in steps),
            f"{sum(step['fit_wall_seconds'] for step in steps):.3f}",
            f"{sum(step['draw_wall_seconds'] for step in steps):.3f}",
        )
    out.print(table)
    for line in summary_lines(run.manifest):
        out.print(line, soft_wrap=True, markup=False)
    for note in run.manifest["notes"]:
        out.print(f"note: {note}", soft_wrap=True, markup=False)
    times = run.manifest["timings"]
    out.print(
        f"\n{len(run.replicates)} x {run.manifest['n_rows']:,} rows in "
        f"{seconds_text(times['wall_seconds'])} "
        f"(fit {seconds_text(times['fit_cpu_seconds'])} and "
        f"draw {seconds_text(times['draw_cpu_seconds'])} of CPU, "
        f"files {seconds_text(times['io_seconds'])}, "
        f"kernels {seconds_text(times['compile_seconds'])}), "
        f"peak memory {run.manifest['peak_memory_bytes'] / 1e6:,.0f} MB",
        soft_wrap=True,
    )


def show_files(run: Run, out: Console) -> None:
    """Print where the files lie.

    Parameters
    ----------
    run : Run
    out : rich.console.Console
    """
    out.print()
    for replicate in run.replicates:
        out.print(str(replicate.path), soft_wrap=True)
    out.print(f"{run.path / 'manifest.json'} (also plan.json, schema.toml)", soft_wrap=True)


def _method(step: dict[str, str]) -> str:
    return step["method"] if step["part"] == "whole" else f"{step['method']} ({step['part']})"
