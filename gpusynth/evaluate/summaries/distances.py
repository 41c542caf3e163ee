"""Results of matches, distances to the closest record and membership, as groups of figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gpusynth.evaluate.disclosure.closest import ClosestRecords, HoldoutDistances
from gpusynth.evaluate.disclosure.intervals import Rate
from gpusynth.evaluate.disclosure.matches import RecordMatches
from gpusynth.evaluate.disclosure.membership import MembershipInference
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.summaries.columns import band

__all__ = ["distance_group", "match_group", "membership_group"]

_HOLDOUT = "holdout"


def match_group(found: Sequence[RecordMatches], name: str, title: str) -> FigureGroup:
    """Summarise exact matches.

    Parameters
    ----------
    found : sequence of RecordMatches
        One for each synthetic file.
    name, title : str

    Returns
    -------
    FigureGroup
    """
    first = found[0]
    by = "by value" if first.exact_numbers else "by bin"
    return FigureGroup(
        name=name,
        title=title,
        reading=(
            f"Over {len(first.columns)} column{'' if len(first.columns) == 1 else 's'}, numbers "
            f"compared {by}. A common combination comes up again in any sample, so what counts "
            "are real rows that are unique."
        ),
        figures=(
            Figure(
                name="real_unique",
                text="real rows that no other real row equals",
                value=band([100.0 * one.n_real_unique / one.n_real for one in found]),
                unit="%",
            ),
            Figure(
                name="unique_matched",
                text="real rows that are unique and equal to a synthetic row",
                value=band([one.unique_matched for one in found]),
                unit="%",
                expected=first.holdout_unique_matched,
                expected_text="" if first.holdout_unique_matched is None else _HOLDOUT,
                direction="lower",
            ),
            Figure(
                name="replicated",
                text="and unique in the synthetic file too (repU)",
                value=band([one.replicated_of_real for one in found]),
                unit="%",
                direction="lower",
            ),
            Figure(
                name="synthetic_matched",
                text="synthetic rows that a real row equals",
                value=band([one.synthetic_matched for one in found]),
                unit="%",
                expected=first.holdout_matched,
                expected_text="" if first.holdout_matched is None else _HOLDOUT,
                direction="lower",
            ),
        ),
    )


def distance_group(found: Sequence[ClosestRecords]) -> FigureGroup:
    """Summarise distances to the closest record.

    Parameters
    ----------
    found : sequence of ClosestRecords
        One for each synthetic file.

    Returns
    -------
    FigureGroup
    """
    first = found[0]
    figures = [*_holdout_figures([one.holdout for one in found if one.holdout is not None])]
    figures.append(
        _rate_figure(
            "identical",
            "synthetic rows at distance 0 from a real row",
            [one.identical for one in found],
            100.0 * (first.holdout.holdout_identical if first.holdout else first.real_identical),
            "rows of the holdout" if first.holdout else "real rows and another real row",
        )
    )
    for level in (0.05, 0.5):
        place = first.levels.index(level)
        word = "median" if level == 0.5 else f"{100 * level:.0f} % quantile"
        held = first.holdout.holdout_to_real if first.holdout else first.real_to_real
        figures.append(
            Figure(
                name=f"distance_{100 * level:.0f}",
                text=f"{word} of the distance to the closest real row",
                value=band([one.to_real[place] for one in found]),
                expected=held[place],
                expected_text="rows of the holdout" if first.holdout else "other real rows",
                direction="higher",
            )
        )
        figures.append(
            Figure(
                name=f"ratio_{100 * level:.0f}",
                text=f"{word} of the ratio to the second closest",
                value=band([one.ratio[place] for one in found]),
                expected=first.holdout.ratio_to_holdout[place] if first.holdout else None,
                expected_text="closest rows of the holdout" if first.holdout else "",
                direction="higher",
            )
        )
    sample = (
        f" A sample of {first.n_compared:,} synthetic rows, each against all real ones."
        if first.n_compared < first.n_synthetic
        else ""
    )
    return FigureGroup(
        name="distances",
        title="Closest records",
        reading=(
            f"Gower's distance over {first.n_columns} columns: 0 is equal, 1 differs in "
            f"everything.{sample}"
        ),
        figures=tuple(figures),
    )


def _holdout_figures(found: Sequence[HoldoutDistances]) -> list[Figure]:
    if not found:
        return []
    return [
        _rate_figure(
            "closer_to_real",
            "synthetic rows closer to the real file than to a holdout of its size",
            [one.share for one in found],
            50.0,
            "no trace of the real rows",
        )
    ]


def _rate_figure(
    name: str, text: str, rates: Sequence[Rate], expected: float, expected_text: str
) -> Figure:
    return Figure(
        name=name,
        text=text,
        value=band([100.0 * rate.value for rate in rates]),
        interval=(
            100.0 * min(rate.low for rate in rates),
            100.0 * max(rate.high for rate in rates),
        ),
        unit="%",
        expected=expected,
        expected_text=expected_text,
        direction="lower",
    )


def membership_group(found: Sequence[MembershipInference]) -> FigureGroup:
    """Summarise membership inference.

    Parameters
    ----------
    found : sequence of MembershipInference
        One for each synthetic file.

    Returns
    -------
    FigureGroup
    """

    def over(
        name: str,
        text: str,
        value: Callable[[MembershipInference], float],
        ends: Callable[[MembershipInference], tuple[float, float]],
        expected: float,
    ) -> Figure:
        return Figure(
            name=name,
            text=text,
            value=band([value(one) for one in found]),
            interval=(min(ends(one)[0] for one in found), max(ends(one)[1] for one in found)),
            expected=expected,
            expected_text="guessing",
            direction="lower",
        )

    figures = [
        over("auc", "AUC", lambda one: one.auc, lambda one: (one.auc_low, one.auc_high), 0.5),
        over(
            "advantage",
            "advantage: true less false positive rate",
            lambda one: one.advantage,
            lambda one: (one.advantage_low, one.advantage_high),
            0.0,
        ),
    ]
    hits = [one.hits_at_low_rate for one in found if one.hits_at_low_rate is not None]
    if len(hits) == len(found):
        figures.append(
            Figure(
                name="hits_at_low_rate",
                text="members found at 1 % false alarms",
                value=band([100.0 * hit for hit in hits]),
                unit="%",
                expected=1.0,
                expected_text="guessing",
                direction="lower",
            )
        )
    first = found[0]
    return FigureGroup(
        name="membership",
        title="Membership",
        reading=(
            "Who holds a record calls it a member of the real file when a synthetic row is near. "
            f"{first.n_members:,} real rows against {first.n_others:,} of the holdout."
        ),
        figures=tuple(figures),
    )
