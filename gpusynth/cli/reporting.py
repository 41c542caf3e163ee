"""``gpusynth report``: an evaluation as a page or a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gpusynth.cli.options import OverwriteFilesOption

__all__ = ["render_report"]


def render_report(
    *,
    evaluation: Annotated[
        Path, typer.Argument(metavar="EVALUATION", help="JSON file of gpusynth evaluate.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the page to this HTML file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write a summary to this file.")
    ] = None,
    comparisons: Annotated[
        Path | None,
        typer.Option("--comparisons", help="Regressions to show: JSON of gpusynth replicate."),
    ] = None,
    overwrite: OverwriteFilesOption = False,
) -> None:
    """Render an evaluation that has been written before."""
    from gpusynth.cli.console import console
    from gpusynth.cli.output_files import check_outputs
    from gpusynth.errors import OutputError
    from gpusynth.evaluate.results import read_comparisons, read_evaluation
    from gpusynth.report import write_html, write_markdown

    if output is None and markdown is None:
        raise OutputError("nothing to write. Give --output FILE.html or --markdown FILE.md.")
    read = (evaluation, comparisons)
    check_outputs((output, markdown), overwrite=overwrite, inputs=read)
    found = read_evaluation(evaluation)
    if comparisons is not None:
        found = found.model_copy(update={"comparisons": read_comparisons(comparisons)})
    for path, write in ((output, write_html), (markdown, write_markdown)):
        if path is not None:
            write(found, path)
            console().print(f"written to {path}", soft_wrap=True)
