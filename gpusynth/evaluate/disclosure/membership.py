"""Membership inference: whether the synthetic file tells who was in the real one.

The intruder knows a record and calls it a member when the closest synthetic row is near. Members
are real rows, others those of a holdout from the same population. A good attack ranks members as
nearer than others:

- AUC: the chance that a member is nearer than a non-member, ties half; 0.5 is guessing. Its
  interval is DeLong's [1]_.
- Advantage: true minus false positive rate [2]_ at the best threshold. The threshold is chosen on
  one half of the rows and judged on the other, then the other way round, and the two averaged: the
  best threshold judged on the rows that chose it would show an advantage where there is none.
- True positive rate at a false positive rate of at most 1 % [3]_: whether a few members stand out
  even if most do not.

References
----------
.. [1] DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988). Comparing the areas under two or
       more correlated receiver operating characteristic curves. Biometrics 44, 837-845.
.. [2] Yeom, S. et al. (2018). Privacy risk in machine learning. CSF. (advantage, definition 4)
.. [3] Carlini, N. et al. (2022). Membership inference attacks from first principles. IEEE S&P.
.. [4] Hilprecht, B., Haerterich, M., Bernau, D. (2019). Monte Carlo and reconstruction membership
       inference attacks against generative models. PoPETs. (attack by distance)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.gower import Gower, nearest_records
from gpusynth.evaluate.disclosure.intervals import (
    CONFIDENCE,
    normal_quantile,
    sample_rows,
)

__all__ = ["MembershipInference", "area_under_curve", "membership_inference"]

_MEMBER_STEP, _OTHER_STEP = 111, 112
_LOW_RATE = 0.01


@dataclass(frozen=True, slots=True)
class MembershipInference:
    """How well distance tells members from others, for one synthetic file.

    Attributes
    ----------
    n_members, n_others : int
        Rows attacked.
    auc, auc_low, auc_high : float
    advantage, advantage_low, advantage_high : float
        In [-1, 1]; about 0 when there is no leak.
    hits_at_low_rate : float or None
        Share of members found when at most 1 % of the others are taken for members; about 0.01
        when there is no leak. None with fewer than 100 others.
    """

    n_members: int
    n_others: int
    auc: float
    auc_low: float
    auc_high: float
    advantage: float
    advantage_low: float
    advantage_high: float
    hits_at_low_rate: float | None


def area_under_curve(
    members: Array, others: Array, *, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Return the chance that a member is nearer than another, and DeLong's interval.

    Parameters
    ----------
    members, others : array
        Distances; at least two each.
    confidence : float

    Returns
    -------
    (float, float, float)
        Value, lower and upper end. The interval has no width where all members are nearer.

    Raises
    ------
    IncomputableMetricError
        If either has fewer than two rows.
    """
    if len(members) < 2 or len(others) < 2:
        raise IncomputableMetricError(
            f"membership needs at least two members and two others; got {len(members)} and "
            f"{len(others)}"
        )
    by_member = 1.0 - _beaten(members, others) / len(others)
    by_other = _beaten(others, members) / len(members)
    area = float(by_member.mean())
    variance = by_member.var(ddof=1) / len(members) + by_other.var(ddof=1) / len(others)
    half = normal_quantile(confidence) * sqrt(float(variance))
    return area, max(area - half, 0.0), min(area + half, 1.0)


def _beaten(values: Array, reference: Array) -> Array:
    """Count, for each value, the reference values below it, and half of those equal to it."""
    ascending = np.sort(reference)
    below = np.searchsorted(ascending, values, side="left")
    return (below + np.searchsorted(ascending, values, side="right")) / 2.0


def membership_inference(
    codes: CommonCodes,
    *,
    columns: Sequence[str] | None = None,
    ordered: Sequence[str] = (),
    holdout: CodedTable | None = None,
    n_attacks: int | None = 20_000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[MembershipInference, ...]:
    """Attack real and held-out rows by their distance to each synthetic file.

    Parameters
    ----------
    codes : CommonCodes
    columns : sequence of str, optional
        What the intruder knows; all columns by default.
    ordered : sequence of str
        Columns of levels whose order means something; numbers are ordered anyway.
    holdout : CodedTable, optional
        Rows of the population that the synthesizer never saw, on the same codes;
        `codes.holdout` by default.
    n_attacks : int, optional
        Rows drawn from each side where it has more; None: all.
    seed : int
    confidence : float

    Raises
    ------
    IncomputableMetricError
        If there is no holdout, a side has fewer than four rows, or a column is unknown.
    """
    holdout = codes.holdout if holdout is None else holdout
    if holdout is None:
        raise IncomputableMetricError(
            "membership inference needs a holdout: rows of the same population that the "
            "synthesizer never saw. Keep some apart before synthesis, or leave this measure out."
        )
    if min(codes.real.n_rows, holdout.n_rows) < 4:
        raise IncomputableMetricError(
            "membership inference needs at least four rows in the real file and in the holdout"
        )
    gower = Gower.of(codes.real, columns, ordered=ordered)
    members = codes.real.take(
        sample_rows(codes.real.n_rows, n_attacks, seed=seed, step=_MEMBER_STEP)
    )
    others = holdout.take(sample_rows(holdout.n_rows, n_attacks, seed=seed, step=_OTHER_STEP))
    results = []
    for synthetic in codes.synthetic:
        near, far = (
            nearest_records(gower, synthetic, side).distances[:, 0] for side in (members, others)
        )
        results.append(_attack(near, far, confidence))
    return tuple(results)


def _attack(members: Array, others: Array, confidence: float) -> MembershipInference:
    auc, auc_low, auc_high = area_under_curve(members, others, confidence=confidence)
    halves = [(members[i::2], others[i::2]) for i in (0, 1)]
    rates = [_rates(halves[1 - i], _best_threshold(*halves[i])) for i in (0, 1)]
    advantage = sum(hits - alarms for hits, alarms in rates) / 2.0
    variance = sum(
        (hits * (1 - hits) / len(half[0]) + alarms * (1 - alarms) / len(half[1])) / 4.0
        for (hits, alarms), half in zip(rates, reversed(halves), strict=True)
    )
    error = normal_quantile(confidence) * sqrt(variance)
    return MembershipInference(
        n_members=len(members),
        n_others=len(others),
        auc=auc,
        auc_low=auc_low,
        auc_high=auc_high,
        advantage=advantage,
        advantage_low=max(advantage - error, -1.0),
        advantage_high=min(advantage + error, 1.0),
        hits_at_low_rate=_hits_at_low_rate(members, others),
    )


def _best_threshold(members: Array, others: Array) -> int:
    """Return the distance up to which calling rows members gains most (the least among equals)."""
    thresholds = np.unique(np.concatenate((members, others)))
    hits = np.searchsorted(np.sort(members), thresholds, side="right") * len(others)
    alarms = np.searchsorted(np.sort(others), thresholds, side="right") * len(members)
    return int(thresholds[np.argmax(hits - alarms)])


def _rates(sides: tuple[Array, Array], threshold: int) -> tuple[float, float]:
    members, others = sides
    return float((members <= threshold).mean()), float((others <= threshold).mean())


def _hits_at_low_rate(members: Array, others: Array) -> float | None:
    n_alarms = int(len(others) * _LOW_RATE)
    if n_alarms < 1:
        return None
    # nearer than the first other that must not be called a member
    limit = np.sort(others)[n_alarms]
    return float((members < limit).mean())
