"""``gpusynth evaluate``: utility and disclosure of synthetic files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpusynth.cli.choices import DeviceChoice
from gpusynth.cli.options import DATA_HELP, DeviceOption, OverwriteFilesOption, QuietOption

if TYPE_CHECKING:
    from rich.console import Console

    from gpusynth.evaluate.results import Evaluation

__all__ = ["evaluate_files", "show_evaluation"]

_MARKS = {"good": "in line", "look": "look closer", "poor": "off", "plain": ""}


def evaluate_files(
    *,
    real: Annotated[Path, typer.Option("--real", metavar="FILE", help=DATA_HELP)],
    synthetic: Annotated[
        list[Path],
        typer.Option(
            "--synthetic", metavar="FILE", help=f"{DATA_HELP[:-1]}, or the directory of a run."
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SYNTHETIC", help="More synthetic files: they give bands."),
    ] = None,
    holdout: Annotated[
        Path | None,
        typer.Option("--holdout", help="Real rows that no synthetic file was made from."),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", help="Of the real file (TOML); the run's, or inferred."),
    ] = None,
    weight: Annotated[
        str | None, typer.Option("--weight", help="Weight column that all files have.")
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--keys", metavar="NAMES", help="Columns that an intruder knows, with commas."
        ),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--targets", metavar="NAMES", help="Columns to be learnt; all that are not keys."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", metavar="NAMES", help="Columns to compare; all by default."),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Column whose levels are scored one by one.")
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=4, help="Columns of the largest tables.")] = 3,
    marginals: Annotated[
        int, typer.Option("--marginals", min=1, help="Tables of 3 columns or more, at most.")
    ] = 500,
    minimum_cell: Annotated[
        int,
        typer.Option("--minimum-cell", min=0, help="Cells of fewer real rows are not named."),
    ] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out models, distances and attacks.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=(1 << 64) - 1, help="Of resamples and draws.")
    ] = 0,
    device: DeviceOption = DeviceChoice.cpu,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all results to this file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report to this file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write a summary to this file.")
    ] = None,
    overwrite: OverwriteFilesOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure how useful synthetic files are and how much they disclose."""
    from gpusynth.backends import choose_backend
    from gpusynth.cli.allocator import give_back_large_arrays
    from gpusynth.cli.console import ProgressDisplay, console
    from gpusynth.cli.output_files import check_outputs
    from gpusynth.evaluate.evaluation import evaluate
    from gpusynth.evaluate.results import write_evaluation
    from gpusynth.report import write_html, write_markdown
    from gpusynth.report.build import check_templates

    read = (real, *synthetic, *(more or ()), holdout, schema)
    check_outputs((json, html, markdown), overwrite=overwrite, inputs=read)
    if html is not None:
        check_templates()
    give_back_large_arrays()
    backend = choose_backend(device.value)
    if backend.note and not quiet:
        console(stderr=True).print(f"note: {backend.note}", soft_wrap=True, markup=False)

    def measure(display: ProgressDisplay | None) -> Evaluation:
        return evaluate(
            real,
            [*synthetic, *(more or ())],
            holdout=holdout,
            schema=schema,
            weight=weight,
            keys=_names(keys),
            targets=_names(targets),
            columns=_names(columns) or None,
            group=group,
            k=k,
            n_marginals=marginals,
            minimum_cell=minimum_cell,
            quick=quick,
            seed=seed,
            device=backend.device,
            listener=display,
        )

    if quiet:
        found = measure(None)
    else:
        with ProgressDisplay(console(stderr=True)) as display:
            found = measure(display)
    for path, write in ((json, write_evaluation), (html, write_html), (markdown, write_markdown)):
        if path is not None:
            write(found, path)
    if not quiet:
        show_evaluation(found, console())
        for path in (json, html, markdown):
            if path is not None:
                console().print(f"written to {path}", soft_wrap=True)


def _names(given: list[str] | None) -> tuple[str, ...]:
    """Split names at commas; an option may be given several times."""
    return tuple(name.strip() for text in given or () for name in text.split(",") if name.strip())


def show_evaluation(evaluation: Evaluation, out: Console) -> None:
    """Print the verdict, and what could not be computed.

    Parameters
    ----------
    evaluation : Evaluation
    out : rich.console.Console
    """
    from gpusynth.cli.console import new_table
    from gpusynth.report.verdict import verdict

    statements = verdict(evaluation)
    table = new_table("", "figure", "", "baseline", "", numbers=("figure",))
    for one in statements:
        table.add_row(one.topic, one.figure, one.unit, one.baseline, _MARKS[one.status])
    out.print()
    out.print(table)
    for one in statements:
        out.print(f"\n{one.topic}: {one.text}", soft_wrap=True)
    if evaluation.not_computed:
        out.print("\nnot computed:")
        for missing in evaluation.not_computed:
            out.print(f"  {missing.measure}: {missing.reason}", soft_wrap=True)
    for names, where in (
        (evaluation.only_real, "not in every synthetic file"),
        (evaluation.only_synthetic, "not in the real file"),
        (evaluation.type_differences, "stored differently"),
    ):
        if names:
            out.print(f"\n{where}: {', '.join(names)}", soft_wrap=True)
    out.print()
