"""Comparisons as plain JSON, for reports and other programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from gpusynth.inference.comparison import Comparison, TermComparison

__all__ = ["comparisons_json"]

_VERSION = 1


def comparisons_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return comparisons as JSON types.

    Parameters
    ----------
    comparisons : sequence of Comparison

    Returns
    -------
    dict
        ``comparisons`` lists one entry a term with both estimates: name, term, real,
        real_interval, synthetic, synthetic_interval and overlap, as the report's forest plot takes
        them; ``models`` holds everything of each model. What has no value is null.
    """
    return {
        "format": "gpusynth-comparisons",
        "version": _VERSION,
        "comparisons": [entry for one in comparisons for entry in _forest(one)],
        "models": [_details(one) for one in comparisons],
    }


def _forest(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "name": comparison.name,
            "term": term.term,
            "real": term.real,
            "real_interval": [term.real_lower, term.real_upper],
            "synthetic": term.synthetic,
            "synthetic_interval": [term.synthetic_lower, term.synthetic_upper],
            "overlap": _finite(term.overlap),
        }
        for term in comparison.terms
        if all(
            map(
                math.isfinite,
                (
                    term.real_lower,
                    term.real_upper,
                    term.synthetic_lower,
                    term.synthetic_upper,
                ),
            )
        )
    ]


def _details(comparison: Comparison) -> dict[str, Any]:
    fit = comparison.lack_of_fit
    return {
        "name": comparison.name,
        "formula": comparison.model.formula,
        "model": comparison.model.kind,
        "weights": comparison.model.weights,
        "rule": comparison.rule,
        "n_replicates": comparison.n_replicates,
        "n_real": comparison.n_real,
        "n_synthetic": comparison.n_synthetic,
        "ratios": comparison.synthetic.odds_ratios,
        "terms": [_term(term) for term in comparison.terms],
        "lack_of_fit": None
        if fit is None
        else {name: _finite(value) for name, value in asdict(fit).items()},
        **{
            name: _finite(getattr(comparison, name))
            for name in (
                "mean_overlap",
                "mean_overlap_synthpop",
                "mean_absolute_difference",
                "sign_agreement",
                "significance_agreement",
            )
        },
        "notes": list(comparison.notes),
    }


def _term(term: TermComparison) -> dict[str, Any]:
    return {field.name: _finite(getattr(term, field.name)) for field in fields(term)}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
