"""Build the report: one HTML file that needs nothing else.

References
----------
.. [1] NIST, SDNist 2.5: report of a deidentified data set. The model of what to show.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from gpusynth.errors import BackendUnavailableError
from gpusynth.evaluate.results import Evaluation
from gpusynth.io import write_bytes_atomic
from gpusynth.report import view, wording
from gpusynth.report.svg import Svg
from gpusynth.report.target_tables import is_of_target, target_tables
from gpusynth.report.verdict import verdict

__all__ = ["check_templates", "render_html", "write_html"]

_TEMPLATES = "gpusynth.report.templates"
_STATUS_WORDS = {
    "good": "in line",
    "look": "look closer",
    "poor": "off",
    "plain": "for you to judge",
}


def render_html(evaluation: Evaluation) -> str:
    """Render the results as one HTML page.

    The page loads nothing: styles, script and charts are inside, and its content security policy
    forbids the rest. Every text from the data (names, levels) is escaped.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    str

    Raises
    ------
    BackendUnavailableError
        If jinja2 is not installed.
    """
    environment = _environment()
    pairs = evaluation.pairs
    shown = pairs is not None and len(pairs.columns) > 1
    components = evaluation.components
    html: str = environment.get_template("report.html").render(
        evaluation=evaluation,
        statements=verdict(evaluation),
        status_words=_STATUS_WORDS,
        columns=view.column_views(evaluation.columns),
        heat=view.heat_maps(pairs) if shown and pairs is not None else None,
        pair_rows=view.worst_pairs(pairs) if shown and pairs is not None else (),
        panels=view.panel_pairs(components.panels) if components is not None else (),
        tables=target_tables(evaluation.disclosure),
        other_disclosure=[group for group in evaluation.disclosure if not is_of_target(group)],
        ladder=view.ladder(evaluation),
        forests=view.forests(evaluation.comparisons),
        style=_asset("report.css"),
        script=_asset("report.js"),
    )
    return html


def write_html(evaluation: Evaluation, path: str | Path) -> None:
    """Write the report.

    Parameters
    ----------
    evaluation : Evaluation
    path : str or pathlib.Path

    Raises
    ------
    OutputError
        If the file cannot be written; nothing half-written is left.
    BackendUnavailableError
        If jinja2 is not installed.
    """
    write_bytes_atomic(path, render_html(evaluation).encode("utf-8", "replace"))


def check_templates() -> None:
    """Make sure that the page can be rendered, before hours are spent on what it shows.

    Raises
    ------
    BackendUnavailableError
        If jinja2 is not installed.
    """
    _environment()


def _asset(name: str) -> Svg:
    return Svg((files(_TEMPLATES) / name).read_text(encoding="utf-8"))


def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise BackendUnavailableError(
            'the report needs jinja2: pip install "gpusynth[report]"'
        ) from None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: str(_asset(name))),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        percent=wording.percent,
        number=wording.number,
        band=wording.band_text,
        figure=wording.figure_text,
        ratio=wording.ratio_text,
    )
    environment.globals["plural"] = wording.plural
    return environment
