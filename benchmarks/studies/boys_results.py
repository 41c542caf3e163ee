"""The study's stored results, and what they say of its goals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.boys_measures import PAIRS, RULES
from benchmarks.studies.boys_published import (
    CORRELATION_BIAS,
    DESCRIPTIVES,
    MODELS,
    STATISTICS,
)
from benchmarks.studies.boys_tally import Figure

__all__ = ["Results", "covers", "goals", "more_biased", "more_correlated", "more_off"]

_NOMINAL = 0.95
_ERRORS = 2.0
"""Standard errors within which a figure is taken to meet a goal: of 17 coverages that are right,
one in three studies has one outside below."""

# Half a unit of the last digit printed; a whole one for a difference of two printed figures.
_TABLE_2_ROUNDING = 0.01
_TABLE_3_ROUNDING = 0.0005
_TABLE_4_ROUNDING = 0.0005


class Results:
    """The stored results of one procedure, figure by figure."""

    def __init__(self, results: Mapping[str, Any], procedure: str) -> None:
        one = results["procedures"][procedure]
        self.samples = int(one["samples"])
        self.seconds: Mapping[str, float] = one["seconds"]
        self.truth: Mapping[str, float] = results["truth"]
        self._figures: Mapping[str, Sequence[float]] = one["figures"]

    def __getitem__(self, name: str) -> Figure:
        n, mean, error = self._figures[name]
        return Figure(int(n), mean, error)

    def count(self, name: str) -> int:
        """Return how many samples have a figure."""
        return int(self._figures[name][0]) if name in self._figures else 0


def goals(known: Results) -> dict[str, tuple[int, list[str]]]:
    """Return each goal with how many figures it is about, and those that miss it."""
    terms = [(kind, term) for kind in MODELS for term in MODELS[kind]]
    found = {}
    missed = [
        f"{kind} {term}"
        for kind, term in terms
        if not _is_enough(known[f"{kind}/bootstrap/{term}/covered"])
    ]
    found["(for reference) bootstrap samples cover 0.95"] = (len(terms), missed)
    for rule in RULES:
        missed = [
            f"{kind} {term}"
            for kind, term in terms
            if not covers(known, f"{kind}/{rule}/{term}/covered", f"{kind}/bootstrap/{term}")
        ]
        found[f"coverage 0.95 or the bootstrap's, {rule}"] = (len(terms), missed)
    described = [(name, one) for name in DESCRIPTIVES for one in STATISTICS]
    missed = [f"{name} {one}" for name, one in described if more_off(known, name, one)]
    found["bias of descriptives, the paper's"] = (len(described), missed)
    missed = [f"{kind} {term}" for kind, term in terms if more_biased(known, kind, term)]
    found["bias of coefficients, the paper's"] = (len(terms), missed)
    missed = [f"{left} {right}" for left, right in PAIRS if more_correlated(known, left, right)]
    found["bias of correlations, the paper's"] = (len(PAIRS), missed)
    accuracy = known["confusion/held_out/accuracy"]
    near = round(accuracy.mean, 2) == 0.5
    found["accuracy of discrimination 0.50"] = (1, [] if near else ["on held-out rows"])
    return found


def covers(known: Results, name: str, bootstrap: str) -> bool:
    """Return whether a coverage is near nominal or above, or at least the bootstrap samples'."""
    found, reference = known[name], known[f"{bootstrap}/covered"]
    return _is_enough(found) or found.mean >= reference.mean


def _is_enough(found: Figure) -> bool:
    error = math.sqrt(_NOMINAL * (1 - _NOMINAL) / found.n)
    return found.mean >= _NOMINAL - _ERRORS * error


def more_off(known: Results, name: str, statistic: str) -> bool:
    found = known[f"describe/synthetic/{name}/{statistic}"]
    true, made = DESCRIPTIVES[name]
    return _beyond(found, made[statistic] - true[statistic], _TABLE_2_ROUNDING)


def more_biased(known: Results, kind: str, term: str) -> bool:
    found = known[f"{kind}/{RULES[0]}/{term}/error"]
    return _beyond(found, MODELS[kind][term]["bias"], _TABLE_4_ROUNDING)


def more_correlated(known: Results, left: str, right: str) -> bool:
    found = known[f"correlation/synthetic/{left}/{right}"]
    return _beyond(found, CORRELATION_BIAS[left, right], _TABLE_3_ROUNDING)


def _beyond(found: Figure, published: float, rounding: float) -> bool:
    """Return whether a bias is surely larger than the one that the paper prints."""
    return abs(found.mean) - _ERRORS * found.error > abs(published) + rounding
