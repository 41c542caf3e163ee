"""Tables of the study of imputation, from its results."""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = ["missed", "report", "with_report"]

_STAGES = ("mcar rubin", "mar rubin", "mcar two-stage", "mar two-stage")
_MARK = "<!-- imputation -->"
_FITS = {
    "bootstrap": "default",
    "ordered": "columns of the analysis first",
    "none": "plain",
}
_TITLES = {"boys": "Boys", "acs": "Adults of the ACS excerpt"}


def missed(coverage: float, complete: float, samples: int) -> bool:
    """Whether a coverage is below 0.95, and below the complete samples', by two standard errors."""
    error = math.sqrt(0.95 * 0.05 / samples)
    return coverage < min(0.95, complete) - 2 * error


def report(results: dict[str, Any]) -> str:
    """Return all tables as Markdown."""
    parts = [_summary(results)]
    for name, procedures in results["surveys"].items():
        parts.append(f"### {_TITLES[name]}\n\n{_survey(procedures)}")
    return "\n\n".join(parts)


def with_report(text: str, tables: str) -> str:
    """Return the document with the tables between its two marks."""
    pattern = f"{_MARK}.*{_MARK}"
    return re.sub(pattern, lambda _: f"{_MARK}\n\n{tables}\n\n{_MARK}", text, flags=re.S)


def _summary(results: dict[str, Any]) -> str:
    lines = [
        "| file | procedure | CPU s each | stage | coverage, lowest | mean | highest | missed "
        "| largest bias | width |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, procedures in results["surveys"].items():
        for procedure, found in procedures.items():
            seconds = found["cpu_seconds"] / found["samples"]
            for stage in _shown(procedure):
                if stage in found["figures"]:
                    cells = [_TITLES[name], _FITS[procedure], f"{seconds:.2f}", stage]
                    lines.append(f"| {' | '.join([*cells, *_totals(found, stage)])} |")
    return "\n".join(lines)


def _shown(procedure: str) -> list[str]:
    """Return the stages to show: those that the procedure does not share with the default."""
    if procedure == "ordered":
        return [stage for stage in _STAGES if "two" in stage]
    return [*_STAGES] if procedure == "none" else ["complete", *_STAGES]


def _totals(found: dict[str, Any], stage: str) -> list[str]:
    rows, complete = found["figures"][stage], found["figures"]["complete"]
    coverage = [row["coverage"] for row in rows.values()]
    n_missed = sum(
        missed(row["coverage"], complete[name]["coverage"], found["samples"])
        for name, row in rows.items()
    )
    bias = max((row["bias"] for row in rows.values()), key=abs)
    return [
        *(f"{value:.3f}" for value in (min(coverage), sum(coverage) / len(rows), max(coverage))),
        f"{n_missed} of {len(rows)}",
        f"{bias:+.2f}",
        f"{sum(row['width'] for row in rows.values()) / len(rows):.2f}",
    ]


def _survey(procedures: dict[str, Any]) -> str:
    """Return one row an estimand, one column a stage: coverage, and bias in brackets."""
    complete = procedures["bootstrap"]["figures"]["complete"]
    stages: list[tuple[str, dict[str, Any], int]] = []
    for procedure, found in procedures.items():
        kind = "" if procedure == "bootstrap" else f", {_FITS[procedure]}"
        for stage in _shown(procedure):
            if stage in found["figures"] and stage != "complete":
                stages.append((f"{stage}{kind}", found["figures"][stage], found["samples"]))
    heading = ["estimand", "complete", *(title for title, _, _ in stages)]
    lines = [f"| {' | '.join(heading)} |", f"| {' | '.join('---' for _ in heading)} |"]
    for name, reference in complete.items():
        cells = [name, f"{reference['coverage']:.3f}"]
        for _, rows, samples in stages:
            row = rows[name]
            mark = " !" if missed(row["coverage"], reference["coverage"], samples) else ""
            cells.append(f"{row['coverage']:.3f} ({row['bias']:+.2f}){mark}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
