"""Show what `gpusynth.evaluate` found: HTML, Markdown, and the JSON Schema of the results.

``gpusynth.report(evaluation, "report.html")`` writes the page; the package itself can be called. It
stands on the evaluation floor and never imports plan, methods or engine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from gpusynth.evaluate.results import Evaluation, read_evaluation
from gpusynth.report.build import render_html, write_html
from gpusynth.report.markdown import render_markdown, write_markdown
from gpusynth.report.schema import json_schema, published_schema
from gpusynth.report.verdict import Statement, verdict

__all__ = [
    "Statement",
    "json_schema",
    "published_schema",
    "render_html",
    "render_markdown",
    "report",
    "verdict",
    "write_html",
    "write_markdown",
]


def report(evaluation: Evaluation | str | Path, output: str | Path) -> None:
    """Write the report of an evaluation: HTML, or Markdown where `output` ends in ``.md``.

    Parameters
    ----------
    evaluation : Evaluation or path
        What `gpusynth.evaluate` returned, or the JSON file of it.
    output : str or pathlib.Path

    Raises
    ------
    DataError
        If the JSON file is none of an evaluation.
    OutputError
        If the report cannot be written; nothing half-written is left.
    BackendUnavailableError
        If the page is asked for and jinja2 is not installed.
    """
    found = evaluation if isinstance(evaluation, Evaluation) else read_evaluation(evaluation)
    if Path(output).suffix == ".md":
        write_markdown(found, output)
    else:
        write_html(found, output)


class _CallableModule(ModuleType):
    """The package as a function, so that ``gpusynth.report(...)`` works beside its submodules."""

    __call__ = staticmethod(report)


sys.modules[__name__].__class__ = _CallableModule
