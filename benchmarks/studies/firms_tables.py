"""Tables of the study's regressions: coefficients, counts of intervals, the rare outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = [
    "Result",
    "by_size",
    "coefficients",
    "counts",
    "differences",
    "figure",
    "markdown_table",
    "rare_outcome",
    "size_of",
]

Result = dict[str, Any]
_RULE = "raab_simple"
_SHOWN = ("default", "combined")
_MODELS = (
    *("exports", "abroad", "outsources"),
    *("log_employment", "log_payroll", "log_receipts", "jobs_abroad"),
)
_RARE = "jobs_abroad"
_RARE_TERMS = ("exports", "immigrant:exports", "college:exports", "immigrant:college:exports")


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, its first line the names of its columns."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _model(result: Result, name: str, *, m: int | None = None, rule: str = _RULE) -> Result:
    wanted = result["replicates"] if m is None else m
    found: Result = next(
        one
        for one in result["models"]
        if (one["model"], one["m"], one["rule"]) == (name, wanted, rule)
    )
    return found


def _term(model: Result, name: str) -> Result | None:
    """Return a term, None where the files say nothing about it."""
    return next((one for one in model["terms"] if one["term"] == name), None)


def _interval(term: Result | None, side: str, *, is_ratio: bool) -> str:
    if term is None:
        return "-"
    shown = [term[side], term[f"{side}_lower"], term[f"{side}_upper"]]
    if is_ratio:
        shown = [math.exp(x) for x in shown]
    return "{:.2f} ({:.2f} to {:.2f})".format(*shown)


def coefficients(results: Sequence[Result]) -> str:
    """Set truth, the real file and synthetic ones side by side, at the largest size."""
    chosen = {one["setting"]: one for one in largest(results)}
    shown = [name for name in _SHOWN if name in chosen]
    if not shown:
        return ""
    first = chosen[shown[0]]
    head = ["outcome", "term", "true", "real", *(f"`{name}`" for name in shown)]
    rows = []
    for name in _MODELS:
        model = _model(first, name)
        is_ratio = model["kind"] == "logit"
        for term in model["terms"]:
            found = [_term(_model(chosen[one], name), term["term"]) for one in shown]
            truth = math.exp(term["truth"]) if is_ratio else term["truth"]
            rows.append(
                [
                    name,
                    term["term"].replace(":", " x "),
                    f"{truth:.2f}",
                    _interval(term, "real", is_ratio=is_ratio),
                    *(
                        _interval(one, "synthetic", is_ratio=is_ratio) + _marks(one)
                        for one in found
                    ),
                ]
            )
    return f"{size_of(first)}, m = {first['replicates']}:\n\n{markdown_table(head, rows)}"


def figure(number: float | None, form: str) -> str:
    """Return a number as it is printed, a dash for none."""
    return "-" if number is None else format(number, form)


def _estimate(term: Result | None, side: str) -> str:
    return "-" if term is None else f"{term[side]:.2f} ± {term[f'{side}_error']:.2f}"


def _marks(term: Result | None) -> str:
    if term is None:
        return ""
    truth, lower, upper = (term[name] for name in ("truth", "synthetic_lower", "synthetic_upper"))
    return "" if lower <= truth <= upper else " !"


def size_of(result: Result) -> str:
    """Say rows and columns of a result's file."""
    return f"{result['rows']:,} firms, {result['columns']} columns"


def by_size(results: Sequence[Result]) -> list[list[Result]]:
    """Group by the size of the file, the largest first."""
    sizes = sorted({(one["rows"], one["columns"]) for one in results}, reverse=True)
    return [[one for one in results if (one["rows"], one["columns"]) == size] for size in sizes]


def largest(results: Sequence[Result]) -> list[Result]:
    """Return the results of the largest file."""
    return next(iter(by_size(results)), [])


def _sum(result: Result, figure: str, *, m: int | None = None, rule: str = _RULE) -> int:
    return sum(_model(result, name, m=m, rule=rule)[figure] for name in _MODELS)


def counts(results: Sequence[Result]) -> str:
    """Count intervals over all terms of all models."""
    parts = []
    for group in by_size(results):
        head = [
            *("setting", "m", "holds truth", "(real file)", "`reiter_partial`"),
            *("meets real interval", "same sign", "same significance", "overlap"),
        ]
        rows = []
        for one in group:
            for m in sorted({model["m"] for model in one["models"]}):
                terms = _sum(one, "n_estimated", m=m)
                overlap = [_model(one, name, m=m)["mean_overlap"] for name in _MODELS]
                rows.append(
                    [
                        f"`{one['setting']}`",
                        str(m),
                        f"{_sum(one, 'synthetic_covers', m=m)} of {terms}",
                        str(_sum(one, "real_covers", m=m)),
                        str(_sum(one, "synthetic_covers", m=m, rule="reiter_partial")),
                        str(_sum(one, "intersect", m=m)),
                        f"{_sum(one, 'same_sign', m=m)} of {_sum(one, 'n_clear', m=m)}",
                        str(_sum(one, "same_significance", m=m)),
                        f"{sum(overlap) / len(overlap):.2f}",
                    ]
                )
        parts.append(f"{size_of(group[0])}:\n\n{markdown_table(head, rows)}")
    return "\n\n".join(parts)


def differences(results: Sequence[Result]) -> str:
    """Show the mean and largest difference by model, in standard errors of the real file."""
    parts = []
    for group in by_size(results):
        rows = [
            [
                f"`{one['setting']}`",
                *(
                    f"{model['mean_difference']:.2f} ({model['largest_difference']:.1f})"
                    for model in (_model(one, name) for name in _MODELS)
                ),
            ]
            for one in group
        ]
        parts.append(f"{size_of(group[0])}:\n\n{markdown_table(['setting', *_MODELS], rows)}")
    return "\n\n".join(parts)


def rare_outcome(results: Sequence[Result]) -> str:
    """Show the rare outcome: its terms with exports as log odds ratios, and its intervals."""
    parts = []
    for group in by_size(results):
        model = _model(group[0], _RARE)
        known = [_term(model, name) for name in _RARE_TERMS]
        head = [
            "setting",
            *(name.replace(":", " x ") for name in _RARE_TERMS),
            *("mean overlap", "holds truth", "z of its count"),
        ]
        rows = [
            [
                "truth",
                *("-" if one is None else f"{one['truth']:.2f}" for one in known),
                "",
                "",
                "",
            ],
            [
                "real file",
                *(_estimate(one, "real") for one in known),
                "",
                f"{model['real_covers']} of {model['n_terms']}",
                "",
            ],
        ]
        for one in group:
            model = _model(one, _RARE)
            found = [_term(model, name) for name in _RARE_TERMS]
            rows.append(
                [
                    f"`{one['setting']}`",
                    *(_estimate(one, "synthetic") for one in found),
                    f"{model['mean_overlap']:.2f}",
                    f"{model['synthetic_covers']} of {model['n_estimated']}",
                    figure(one["rare"]["outcome_z"], "+.1f"),
                ]
            )
        parts.append(
            f"{size_of(group[0])}, m = {group[0]['replicates']}:\n\n{markdown_table(head, rows)}"
        )
    return "\n\n".join(parts)
