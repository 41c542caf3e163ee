"""Linkability: whether the synthetic file lets an intruder join two sources about one record.

The intruder has two files about the same units, with different columns. For each record of the
first they find the nearest synthetic rows by the first set of columns, and for each of the second
by the second set; where both name the same synthetic row, they join the two. The attack succeeds
when the two halves of one real record lead to a common synthetic row.

Equally near rows are taken in two random orders, one for each half, so that ties join nothing by
their position in the file. Guessing joins with probability ``1 - C(n - k, k) / C(n, k)``.

References
----------
.. [1] Giomi, M. et al. (2023). PoPETs 2023(2), section 4.2.
.. [2] anonymeter 1.1.0, evaluators/linkability_evaluator.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log1p

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.attack import (
    AttackRisk,
    attack_risk,
    rate_of,
    targets_of,
)
from gpusynth.evaluate.disclosure.gower import Gower, nearest_records
from gpusynth.evaluate.disclosure.intervals import CONFIDENCE, Rate, permutation

__all__ = ["linkability"]

_TARGET_STEP, _ORDER_STEP = 121, 123


def linkability(
    codes: CommonCodes,
    first: Sequence[str] | None = None,
    second: Sequence[str] | None = None,
    *,
    ordered: Sequence[str] = (),
    holdout: CodedTable | None = None,
    n_attacks: int = 2000,
    n_neighbours: int = 1,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[AttackRisk, ...]:
    """Attack each synthetic file by linking two sets of columns.

    Parameters
    ----------
    codes : CommonCodes
    first, second : sequence of str, optional
        Columns of the two sources, none in both; by default every other column each.
    ordered : sequence of str
        Columns of levels whose order means something; numbers are ordered anyway.
    holdout : CodedTable, optional
        Control records; `codes.holdout` by default.
    n_attacks : int
        Records drawn from each side where it has more.
    n_neighbours : int
        Nearest synthetic rows that each half may name.
    seed : int
    confidence : float

    Returns
    -------
    tuple of AttackRisk
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If a set is empty, a column is in both or unknown, or a file has no rows.
    """
    names = codes.real.names
    if (first is None) != (second is None):
        raise IncomputableMetricError("linkability needs both sets of columns, or neither")
    first = names[0::2] if first is None else tuple(first)
    second = names[1::2] if second is None else tuple(second)
    shared = set(first) & set(second)
    if not first or not second or shared or n_neighbours < 1:
        raise IncomputableMetricError(
            "linkability needs two sets of columns without a common one, and a neighbour or more; "
            f"got {len(first)} and {len(second)} columns, {len(shared)} of them in both"
        )
    halves = (
        Gower.of(codes.real, first, ordered=ordered),
        Gower.of(codes.real, second, ordered=ordered),
    )
    holdout = codes.holdout if holdout is None else holdout
    targets, control = targets_of(codes.real, holdout, n_attacks, seed=seed, step=_TARGET_STEP)
    results = []
    for synthetic in codes.synthetic:
        success = _rate(halves, synthetic, targets, n_neighbours, seed, confidence)
        chance = _chance(synthetic.n_rows, n_neighbours)
        against = None
        if control is not None:
            against = _rate(halves, synthetic, control, n_neighbours, seed, confidence)
        results.append(
            attack_risk(
                "linkability",
                success,
                Rate(chance, chance, chance, success.n),
                against,
                columns=(*first, *second),
            )
        )
    return tuple(results)


def _rate(
    halves: tuple[Gower, Gower],
    synthetic: CodedTable,
    targets: CodedTable,
    k: int,
    seed: int,
    confidence: float,
) -> Rate:
    named = []
    for number, half in enumerate(halves):
        order = permutation(synthetic.n_rows, seed=seed, step=_ORDER_STEP + number)
        near = nearest_records(half, synthetic.take(order), targets, k=k, lowest_rows=True)
        named.append(order[near.rows])
    joined: Array = (named[0][:, :, None] == named[1][:, None, :]).any(axis=(1, 2))
    return rate_of(joined, confidence)


def _chance(n_rows: int, k: int) -> float:
    """Probability that two random sets of k of n rows have a row in common."""
    if 2 * k > n_rows:
        return 1.0
    return 1.0 - exp(float(np.sum([log1p(-k / (n_rows - i)) for i in range(k)])))
