"""``gpusynth verify``: whether a run directory is what its manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gpusynth.cli.console import ProgressDisplay, console, new_table
from gpusynth.cli.options import ThreadsOption

__all__ = ["verify_run"]


def verify_run(
    *,
    directory: Annotated[Path, typer.Argument(help="Of a finished run.")],
    replay: Annotated[
        bool, typer.Option("--replay", help="Make the run again from the real data and compare.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="The real data, for a replay.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Replay only the first steps of the plan.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Hash the files of a run again; with --replay, make them again. 1 if anything differs."""
    from gpusynth.operations.replay import replay as replay_run
    from gpusynth.operations.verify import verify

    if replay and data is None:
        raise typer.BadParameter("--replay needs the real data: give --data")
    if not replay and (data is not None or steps is not None):
        raise typer.BadParameter("--data and --steps belong to --replay")
    checks = verify(directory)
    if replay:
        with ProgressDisplay(console(stderr=True)) as display:
            checks += replay_run(directory, data, n_steps=steps, threads=threads, listener=display)
    table = new_table("what", "compared", "found", "")
    for check in checks:
        table.add_row(check.what, check.compared, check.found, "good" if check.is_good else "WRONG")
    out = console()
    out.print(table)
    wrong = sum(not check.is_good for check in checks)
    out.print(f"\n{len(checks)} checks, {wrong} wrong")
    if wrong:
        raise typer.Exit(1)
