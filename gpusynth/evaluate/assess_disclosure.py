"""Measure disclosure: every measure once, its figures beside those of a holdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gpusynth.evaluate.attempts import QUICK, Attempts
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.disclosure.closest import closest_records
from gpusynth.evaluate.disclosure.matches import record_matches
from gpusynth.evaluate.disclosure.membership import membership_inference
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.holdout_disclosure import disclosure_of_holdout
from gpusynth.evaluate.holdout_lengths import EqualLengths
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.summaries.attacks import MOST_TARGETS, attack_group
from gpusynth.evaluate.summaries.columns import band
from gpusynth.evaluate.summaries.distances import distance_group, match_group, membership_group
from gpusynth.evaluate.summaries.firms import cell_groups, tail_groups

__all__ = ["assess_disclosure"]

_IDENTITY = {
    "UiO": "real rows that are unique in their keys",
    "UiS": "synthetic rows that are unique in theirs",
    "UiOiS": "real uniques whose keys occur in the synthetic file",
    "repU": "replicated uniques: unique in both files",
}
_ATTRIBUTE = {
    "Dorig": "rows whose keys determine the target in the real file",
    "DiS": "rows whose keys determine a target in the synthetic file",
    "DiSCO": "and that target is the true one",
    "DiSDiO": "and the keys determine it in the real file too",
    "baseCAPd": "chance of a right guess from the margin of the target alone",
    "DCAP": "chance of a right guess from the synthetic shares",
    "TCAP": "DiSCO rows among those whose keys occur in the synthetic file",
}

_MOST_FILES = 3
"""Distances are found for so many synthetic files at most: each is a search of all real rows."""

_OF_REAL = ("UiO", "Dorig", "baseCAPd")
"""Measures of the real file alone: no synthetic file changes them."""


def assess_disclosure(
    codes: CommonCodes,
    keys: Sequence[str],
    targets: Sequence[str],
    *,
    quick: bool,
    seed: int,
    attempts: Attempts,
) -> tuple[FigureGroup, ...]:
    """Run every measure of disclosure.

    Parameters
    ----------
    codes : CommonCodes
    keys, targets : sequence of str
        May be empty.
    quick : bool
        Leave out distances and attacks.
    seed : int
    attempts : Attempts
        Takes the reasons of what cannot be computed.

    Returns
    -------
    tuple of FigureGroup
    """
    groups: list[FigureGroup] = []
    lengths = EqualLengths.of(codes, seed=seed)
    if keys:
        found = attempts.run(
            "identity and attribute disclosure",
            lambda: _keys_and_targets(lengths, keys, targets),
        )
        groups += found or ()
    else:
        attempts.leave_out(
            "identity and attribute disclosure",
            "no keys were named; name the columns that an intruder may know (--keys)",
        )
    matches = attempts.run("exact matches", lambda: record_matches(codes))
    if matches is not None:
        groups.append(match_group(matches, "matches", "Equal records"))
    groups += tail_groups(lengths, keys, attempts=attempts)
    groups += cell_groups(lengths, keys, attempts=attempts)
    if quick:
        attempts.leave_out("distances and attacks", QUICK)
        return tuple(groups)
    some = CommonCodes(codes.real, codes.synthetic[:_MOST_FILES], holdout=codes.holdout)
    distances = attempts.run("closest records", lambda: closest_records(some, seed=seed))
    if distances is not None:
        groups.append(distance_group(distances))
    attack = attempts.run("membership inference", lambda: membership_inference(some, seed=seed))
    if attack is not None:
        groups.append(membership_group(attack))
    risks = attack_group(codes, keys, _attacked(groups, targets), seed=seed, attempts=attempts)
    if risks is not None:
        groups.append(risks)
    return tuple(groups)


def _attacked(groups: Sequence[FigureGroup], targets: Sequence[str]) -> tuple[str, ...]:
    """Return the targets to attack: all, or those with the largest DiSCO where there are many."""
    if len(targets) <= MOST_TARGETS:
        return tuple(targets)
    disclosed = {
        group.name: figure.value.mean
        for group in groups
        for figure in group.figures
        if figure.name == "DiSCO" and figure.value is not None
    }
    ordered = sorted(targets, key=lambda name: -disclosed.get(f"attribute:{name}", 0.0))
    return tuple(ordered[:MOST_TARGETS])


def _keys_and_targets(
    lengths: EqualLengths, keys: Sequence[str], targets: Sequence[str]
) -> list[FigureGroup]:
    found = attribute_disclosure(lengths.codes, keys, targets)
    baseline = disclosure_of_holdout(lengths, keys, targets, found)
    named = ", ".join(keys)
    groups = [
        FigureGroup(
            name="identity",
            title="Identity: who stands alone",
            reading=(
                f"An intruder knows {named}. Shares of all rows of the file in question."
                + (
                    " Baseline: the holdout in place of the synthetic file, as if it were as long."
                    if baseline
                    else ""
                )
            ),
            figures=_figures(_IDENTITY, [results[0] for results in found], baseline, 0),
        )
    ]
    for position, target in enumerate(targets):
        groups.append(
            FigureGroup(
                name=f"attribute:{target}",
                title=f"Attribute: learning {target}",
                reading=f"From {named}. Shares of all real rows.",
                figures=_figures(
                    _ATTRIBUTE, [results[position] for results in found], baseline, position
                ),
            )
        )
    return groups


def _figures(
    texts: dict[str, str],
    results: Sequence[MetricResult],
    baseline: Sequence[Mapping[str, float | None]] | None,
    position: int,
) -> tuple[Figure, ...]:
    figures = []
    for name, text in texts.items():
        values = [float(result.breakdown[name][0]) for result in results]
        missing = any(np.isnan(values))
        expected = None
        if baseline is not None and name not in _OF_REAL:
            expected = baseline[position][name]
        figures.append(
            Figure(
                name=name,
                text=text,
                value=None if missing else band(values),
                unit="%",
                expected=expected,
                expected_text="" if expected is None else "holdout",
                direction="none" if name in _OF_REAL else "lower",
                note="no key of the real file occurs in the synthetic one" if missing else "",
            )
        )
    return tuple(figures)
