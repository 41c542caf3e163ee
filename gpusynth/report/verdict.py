"""The verdict: a few plain sentences, each with its figure, its baseline and a stated rule.

The rules are conventions, not laws; they are printed beside each statement. They say what deserves
a look, and never that a file is safe: that is for the people who release it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gpusynth.evaluate.details import KMarginalResult
from gpusynth.evaluate.figures import Figure
from gpusynth.evaluate.results import Evaluation
from gpusynth.report.ladder_chart import equivalent_share
from gpusynth.report.wording import figure_text, number, percent, plural

__all__ = ["Statement", "Status", "verdict"]

Status = Literal["good", "look", "poor", "plain"]

_RATIO_LIMITS = (1.5, 3.0)
_MARGINAL_RULE = "distance over that of a resample: in line up to 1.5, off above 3"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of the verdict.

    Attributes
    ----------
    topic : str
        Heading.
    figure : str
        The figure, large.
    unit : str
        What it is of, in a few words.
    baseline : str
        What to hold it against.
    text : str
        The sentence.
    status : {"good", "look", "poor", "plain"}
        "plain" passes no judgement.
    rule : str
        By which the status was given.
    """

    topic: str
    figure: str
    unit: str
    baseline: str
    text: str
    status: Status
    rule: str = ""


def verdict(evaluation: Evaluation) -> tuple[Statement, ...]:
    """Return the statements that the results allow, utility first.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    tuple of Statement
    """
    makers: tuple[Callable[[Evaluation], Statement | None], ...] = (
        _pairs,
        _columns,
        _propensity,
        _associations,
        _uniques,
        _distance,
        _membership,
        _attacks,
    )
    return tuple(found for maker in makers if (found := maker(evaluation)) is not None)


def _limits(value: float, good: float, poor: float) -> Status:
    return "good" if value <= good else "look" if value <= poor else "poor"


def _two_way(evaluation: Evaluation) -> KMarginalResult | None:
    found = {result.k: result for result in evaluation.kmarginals}
    return found.get(2) or (evaluation.kmarginals[0] if evaluation.kmarginals else None)


def _pairs(evaluation: Evaluation) -> Statement | None:
    result = _two_way(evaluation)
    if result is None:
        return None
    status: Status = "plain"
    what = {1: "one-way", 2: "two-way", 3: "three-way", 4: "four-way"}[result.k]
    sentence = f"{what.capitalize()} tables differ by {percent(result.distance.mean, 2)} on average"
    if result.expected_distance:
        status = _limits(result.distance.mean / result.expected_distance, *_RATIO_LIMITS)
        sentence += (
            f"; a resample of the real file by {percent(result.expected_distance, 2)}, so the "
            f"synthetic file is {result.distance.mean / result.expected_distance:.2f} times as far "
            "off as sampling alone"
        )
    share = equivalent_share(result.ladder, result.score.mean)
    if share is not None:
        sentence += f". That is what a {percent(share, 0)} subsample of the real file shows"
    return Statement(
        topic="Relations of columns",
        figure=number(result.score.mean, 4),
        unit=f"k-marginal score of 1,000, k = {result.k}",
        baseline=f"resample {figure_text(result.expected_score, '', 4)}"
        if result.expected_score is not None
        else "",
        text=sentence + ".",
        status=status,
        rule=_MARGINAL_RULE,
    )


def _columns(evaluation: Evaluation) -> Statement | None:
    columns = evaluation.columns
    if not columns:
        return None
    mean = sum(column.distance.mean for column in columns) / len(columns)
    known = [column for column in columns if column.expected_distance]
    expected = sum(column.expected_distance or 0.0 for column in known) / max(len(known), 1)
    off = [
        column
        for column in known
        if column.distance.mean > _RATIO_LIMITS[1] * (column.expected_distance or 0.0)
    ]
    off.sort(key=lambda column: -(column.distance.mean - (column.expected_distance or 0.0)))
    sentence = (
        f"Single columns differ by {percent(mean, 2)} on average, a resample by "
        f"{percent(expected, 2)}. "
    )
    if off:
        named = ", ".join(column.name for column in off[:4])
        more = f" and {len(off) - 4} more" if len(off) > 4 else ""
        sentence += (
            f"{len(off)} of {plural(len(columns), 'column')} lie above three times the resample: "
            f"{named}{more}."
        )
    else:
        sentence += f"None of {plural(len(columns), 'column')} lies above three times its resample."
    invented = [column for column in columns if column.invented.mean > 0.0]
    if invented:
        sentence += f" Answers that the real file lacks occur in {plural(len(invented), 'column')}."
    return Statement(
        topic="Single columns",
        figure=percent(mean, 2),
        unit="mean total variation distance",
        baseline=f"resample {percent(expected, 2)}",
        text=sentence,
        status=_limits(mean / expected, *_RATIO_LIMITS) if expected > 0.0 else "plain",
        rule=_MARGINAL_RULE,
    )


def _figure(evaluation: Evaluation, group: str, *names: str) -> Figure | None:
    """Return the first figure of these names that has a value."""
    found = evaluation.group(group)
    if found is None:
        return None
    figures = {figure.name: figure for figure in found.figures if figure.value is not None}
    return next((figures[name] for name in names if name in figures), None)


def _propensity(evaluation: Evaluation) -> Statement | None:
    auc = _figure(evaluation, "propensity", "boosting_auc", "cart_auc", "logit_auc")
    if auc is None or auc.value is None:
        return None
    # The tree and the logistic model are judged by the rows they were fitted to: they tell files
    # apart that do not differ.
    chance = auc.expected
    told = "" if chance is None else f"{percent(chance, 0)} of the time"
    return Statement(
        topic="Telling rows apart",
        figure=number(auc.value.mean),
        unit="AUC of a classifier, real against synthetic",
        baseline="" if chance is None else f"no difference {number(chance)}",
        text=(
            "A classifier that is shown one real and one synthetic row picks the synthetic one "
            f"{percent(auc.value.mean, 0)} of the time"
            + (f"; where the files do not differ it does so {told}." if told else ".")
        ),
        status="plain" if chance is None else _limits(auc.value.mean - chance, 0.1, 0.25),
        rule="above that of no difference: in line up to 0.1, off above 0.25",
    )


def _associations(evaluation: Evaluation) -> Statement | None:
    difference = _figure(evaluation, "associations", "mean_difference")
    if difference is None or difference.value is None:
        return None
    ratio = difference.value.mean / difference.expected if difference.expected else None
    sentence = f"Associations of pairs differ by {number(difference.value.mean)} on average"
    sentence += (
        f"; those of a resample by {number(difference.expected)}." if difference.expected else "."
    )
    return Statement(
        topic="Associations",
        figure=number(difference.value.mean),
        unit="mean absolute difference",
        baseline=f"resample {figure_text(difference.expected)}" if difference.expected else "",
        text=sentence,
        status="plain" if ratio is None else _limits(ratio, *_RATIO_LIMITS),
        rule="difference over that of a resample: in line up to 1.5, off above 3",
    )


def _uniques(evaluation: Evaluation) -> Statement | None:
    replicated = _figure(evaluation, "identity", "repU")
    if replicated is None or replicated.value is None:
        return None
    status: Status = "plain"
    against = "no holdout was given, so there is no baseline"
    if replicated.expected is not None:
        against = f"a holdout in its place shows {figure_text(replicated.expected, '%')}"
        status = (
            "good" if replicated.value.mean <= 1.2 * replicated.expected
            else "look" if replicated.value.mean <= 2.0 * replicated.expected
            else "poor"
        )  # fmt: skip
    keys = evaluation.settings.keys
    named = ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
    return Statement(
        topic="Replicated uniques",
        figure=figure_text(replicated.value.mean, "%"),
        unit="of real rows are unique in both files",
        baseline=f"holdout {figure_text(replicated.expected, '%')}"
        if replicated.expected is not None
        else "",
        text=(
            f"By {named}, {figure_text(replicated.value.mean, '%')} of the real rows are unique "
            f"and meet a synthetic row that is unique too; {against}."
        ),
        status=status,
        rule="against the holdout: in line up to 1.2 times, off above twice",
    )


def _distance(evaluation: Evaluation) -> Statement | None:
    share = _figure(evaluation, "distances", "closer_to_real")
    if share is None or share.value is None:
        return None
    low, high = share.value.lowest, share.value.highest
    status = _limits(share.value.mean, 52.0, 55.0)
    return Statement(
        topic="Closest records",
        figure=figure_text(share.value.mean, "%"),
        unit="of synthetic rows are closer to a real row than to a holdout row",
        baseline="no copying: 50 %",
        text=(
            f"{figure_text(share.value.mean, '%')} of the synthetic rows lie closer to the file "
            "they were made from than to rows that it never held"
            + (f" ({number(low)} to {number(high)} over the files)" if low < high else "")
            + "; without copying it is half of them."
        ),
        status=status,
        rule="in line up to 52 %, off above 55 %",
    )


def _membership(evaluation: Evaluation) -> Statement | None:
    auc = _figure(evaluation, "membership", "auc")
    if auc is None or auc.value is None:
        return None
    return Statement(
        topic="Membership",
        figure=number(auc.value.mean),
        unit="AUC of guessing who was in the real file",
        baseline="chance 0.5",
        text=(
            "Who holds the synthetic file and a row can tell whether it was in the real file with "
            f"an AUC of {number(auc.value.mean)}; guessing reaches 0.5."
        ),
        status=_limits(auc.value.mean, 0.55, 0.6),
        rule="in line up to 0.55, off above 0.6",
    )


def _attacks(evaluation: Evaluation) -> Statement | None:
    group = evaluation.group("attacks")
    known = [one for one in group.figures if one.value and one.interval] if group else []
    # without a holdout success may be plain statistics: there is nothing to judge it by
    if not known or not any(file.role == "holdout" for file in evaluation.files):
        return None
    worst = max(known, key=lambda one: one.interval[0] if one.interval else 0.0)
    low = worst.interval[0] if worst.interval else 0.0
    value = worst.value.mean if worst.value else 0.0
    return Statement(
        topic="Attacks",
        figure=figure_text(value, "%"),
        unit=f"risk of {worst.text}",
        baseline=f"{worst.expected_text} {figure_text(worst.expected, '%')}",
        text=(
            f"Of {plural(len(known), 'attack')} the strongest is {worst.text}: it "
            f"{worst.note}. The risk is at least {figure_text(low, '%')} (95 %)."
        ),
        status=_limits(low, 5.0, 20.0),
        rule="lower end of the interval: in line up to 5 %, off above 20 %",
    )
