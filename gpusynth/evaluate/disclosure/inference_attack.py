"""Attribute inference: whether the nearest synthetic row tells a record's secret.

The intruder knows some columns of a record, finds the synthetic row nearest in them, and takes its
answer for the secret. A guess is right when it is the same answer; where numbers are known exactly,
when it is within 5 % of the guess, as in anonymeter. Guessing takes the secret of a random
synthetic row. Equally near rows are taken in random order.

Unlike DiSCO it guesses for every record, also where no synthetic row has the same keys or where
those that have them disagree.

References
----------
.. [1] Giomi, M. et al. (2023). PoPETs 2023(2), section 4.3.
.. [2] anonymeter 1.1.0, evaluators/inference_evaluator.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.attack import (
    AttackRisk,
    attack_risk,
    drawn_rows,
    rate_of,
    targets_of,
)
from gpusynth.evaluate.disclosure.gower import Gower, nearest_records
from gpusynth.evaluate.disclosure.intervals import CONFIDENCE, Rate, permutation

__all__ = ["inference_attack"]

_TARGET_STEP, _ORDER_STEP, _GUESS_STEP = 131, 133, 134


def inference_attack(
    codes: CommonCodes,
    keys: Sequence[str],
    target: str,
    *,
    ordered: Sequence[str] = (),
    holdout: CodedTable | None = None,
    n_attacks: int = 2000,
    tolerance: float = 0.05,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[AttackRisk, ...]:
    """Attack each synthetic file by guessing a column from others.

    Parameters
    ----------
    codes : CommonCodes
    keys : sequence of str
        What the intruder knows.
    target : str
        What the intruder wants to know.
    ordered : sequence of str
        Columns of levels whose order means something; numbers are ordered anyway.
    holdout : CodedTable, optional
        Control records; `codes.holdout` by default.
    n_attacks : int
        Records drawn from each side where it has more.
    tolerance : float
        Of guesses of numbers, as a share of the guess; without effect where numbers are known by
        bin only, and then the bin must be right.
    seed : int
    confidence : float

    Returns
    -------
    tuple of AttackRisk
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If the target is a key or unknown, there are no keys, a key occurs twice, the tolerance is
        negative, or a file has no rows.
    """
    if target in keys or tolerance < 0:
        raise IncomputableMetricError(
            f"inference needs a target that is none of the keys ({target!r}) and a tolerance of "
            f"0 or more (got {tolerance})"
        )
    (place,) = codes.real.positions([target])
    gower = Gower.of(codes.real, keys, ordered=ordered)
    holdout = codes.holdout if holdout is None else holdout
    targets, control = targets_of(codes.real, holdout, n_attacks, seed=seed, step=_TARGET_STEP)
    results = []
    for synthetic in codes.synthetic:
        order = permutation(synthetic.n_rows, seed=seed, step=_ORDER_STEP)
        shuffled = synthetic.take(order)

        def attack(side: CodedTable, searched: CodedTable = shuffled) -> Rate:
            near = nearest_records(gower, searched, side, lowest_rows=True)
            guesses = searched.take(near.rows[:, 0])
            return rate_of(_right(side, guesses, place, tolerance), confidence)

        blind = drawn_rows(synthetic.n_rows, targets.n_rows, seed=seed, step=_GUESS_STEP)
        guessed = _right(targets, synthetic.take(blind), place, tolerance)
        results.append(
            attack_risk(
                "inference",
                attack(targets),
                rate_of(guessed, confidence),
                None if control is None else attack(control),
                columns=tuple(keys),
                target=target,
            )
        )
    return tuple(results)


def _right(targets: CodedTable, guesses: CodedTable, place: int, tolerance: float) -> Array:
    """Return which guesses are right, bool."""
    same: Array = targets.codes[place] == guesses.codes[place]
    if not _has_numbers(targets, place) or not _has_numbers(guesses, place):
        return same
    truth, guess = targets.numbers(place), guesses.numbers(place)
    both = ~(np.isnan(truth) | np.isnan(guess))
    close = np.abs(guess - truth) <= tolerance * np.abs(guess)
    # answers that are no numbers are right when they are the same answer
    return np.where(both, close, same & np.isnan(truth) & np.isnan(guess))


def _has_numbers(table: CodedTable, place: int) -> bool:
    return len(table.number_codes) > place and table.number_codes[place] is not None
