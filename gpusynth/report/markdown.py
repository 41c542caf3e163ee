"""The same results as a short Markdown text, for a pull request, an e-mail or a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gpusynth.evaluate.figures import FigureGroup
from gpusynth.evaluate.results import Evaluation
from gpusynth.io import write_bytes_atomic
from gpusynth.report.target_tables import TargetRow, TargetTable, is_of_target, target_tables
from gpusynth.report.verdict import verdict
from gpusynth.report.view import worst_pairs
from gpusynth.report.wording import band_text, figure_text, percent, plural, ratio_text

__all__ = ["render_markdown", "write_markdown"]

_MARKS = {"good": "in line", "look": "**look closer**", "poor": "**off**", "plain": ""}
_N_COLUMNS = 10
_N_TARGETS = 20
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|!~"} | {"\n": " ", "\r": " "})


def render_markdown(evaluation: Evaluation) -> str:
    """Render verdict, scores, worst columns and pairs, and disclosure as Markdown.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    str
        Names from the data are escaped, so that none is taken for markup.
    """
    names = ", ".join(_escape(file.name) for file in evaluation.synthetic)
    parts = [
        f"# Evaluation of {names}",
        f"Against {_escape(evaluation.real.name)}: {evaluation.real.n_rows:,} real and "
        f"{evaluation.synthetic[0].n_rows:,} synthetic rows, "
        f"{plural(len(evaluation.columns), 'column')} compared.",
        "## Verdict",
        _verdict(evaluation),
        "## k-marginal scores",
        _table(
            ("k", "tables", "score", "resample", "holdout", "distance", "times resample"),
            (
                (
                    str(one.k),
                    f"{one.n_marginals:,}",
                    band_text(one.score, "", 4),
                    figure_text(one.expected_score, "", 4),
                    figure_text(one.holdout_score, "", 4),
                    percent(one.distance.mean, 2),
                    ratio_text(one.distance.mean, one.expected_distance),
                )
                for one in evaluation.kmarginals
            ),
        ),
        "## Columns that are furthest off",
        _columns(evaluation),
    ]
    if evaluation.pairs is not None and len(evaluation.pairs.columns) > 1:
        parts += ["## Pairs that are furthest off", _pairs(evaluation)]
    parts += [_group(group, 3) for group in evaluation.utility]
    if evaluation.disclosure:
        parts.append("## Disclosure")
        parts += [_group(group, 3) for group in evaluation.disclosure if not is_of_target(group)]
        parts += [_targets(table) for table in target_tables(evaluation.disclosure)]
    if evaluation.not_computed:
        parts.append("## Not computed")
        parts.append(
            "\n".join(
                f"- {_escape(one.measure)}: {_escape(one.reason)}"
                for one in evaluation.not_computed
            )
        )
    return "\n\n".join(parts) + "\n"


def write_markdown(evaluation: Evaluation, path: str | Path) -> None:
    """Write the Markdown summary.

    Parameters
    ----------
    evaluation : Evaluation
    path : str or pathlib.Path

    Raises
    ------
    OutputError
        If the file cannot be written; nothing half-written is left.
    """
    write_bytes_atomic(path, render_markdown(evaluation).encode("utf-8", "replace"))


def _escape(text: str) -> str:
    return text.translate(_SPECIAL)


def _verdict(evaluation: Evaluation) -> str:
    lines = []
    for one in verdict(evaluation):
        baseline = f" ({one.baseline})" if one.baseline else ""
        mark = _MARKS[one.status]
        lines.append(
            f"- {one.topic}: {one.figure}{_escape(baseline)}{', ' + mark if mark else ''}. "
            f"{_escape(one.text)}"
        )
    return "\n".join(lines) or "No figure could be computed."


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _columns(evaluation: Evaluation) -> str:
    columns = sorted(
        evaluation.columns, key=lambda one: (one.expected_distance or 0.0) - one.distance.mean
    )
    return _table(
        ("column", "kind", "distance", "resample", "times resample"),
        (
            (
                _escape(one.name),
                one.kind,
                percent(one.distance.mean, 2),
                "" if one.expected_distance is None else percent(one.expected_distance, 2),
                ratio_text(one.distance.mean, one.expected_distance),
            )
            for one in columns[:_N_COLUMNS]
        ),
    )


def _pairs(evaluation: Evaluation) -> str:
    assert evaluation.pairs is not None
    return _table(
        ("columns", "association, real", "synthetic", "distance", "resample"),
        (
            (
                " x ".join(_escape(name) for name in row.columns),
                figure_text(row.real),
                figure_text(row.synthetic),
                percent(row.distance, 2),
                percent(row.expected, 2),
            )
            for row in worst_pairs(evaluation.pairs)[:_N_COLUMNS]
        ),
    )


def _targets(table: TargetTable) -> str:
    def cells(row: TargetRow) -> list[str]:
        found = [_escape(row.target)]
        for position, (name, _) in enumerate(table.measures):
            figure = row.figures[name]
            found.append("" if figure.value is None else figure_text(figure.value.mean))
            if position == 0 and table.has_baseline:
                found.append(figure_text(figure.expected))
        return found

    heads = ["column", *(heading for _, heading in table.measures)]
    if table.has_baseline:
        heads.insert(2, "holdout")
    text = f"### {table.title}\n\n{_escape(table.reading)}\n\n"
    text += _table(heads, [cells(row) for row in table.rows[:_N_TARGETS]])
    left = len(table.rows) - _N_TARGETS
    return text if left <= 0 else f"{text}\n\nand {plural(left, 'column')} with less."


def _group(group: FigureGroup, level: int) -> str:
    rows = (
        (
            _escape(one.text),
            "none" if one.value is None else band_text(one.value, one.unit),
            figure_text(one.expected, one.unit),
        )
        for one in group.figures
    )
    table = _table(("figure", "value", "baseline"), rows)
    return f"{'#' * level} {_escape(group.title)}\n\n{_escape(group.reading)}\n\n{table}"
