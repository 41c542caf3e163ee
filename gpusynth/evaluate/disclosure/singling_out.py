"""Singling out: whether a statement that fits one synthetic row fits exactly one real record.

The intruder looks for *predicates* that hold for exactly one row of the synthetic file, and guesses
that they single out one unit of the real one. Every row counts: two equal units single out neither
(anonymeter drops duplicates first, which makes one of them).

- *Univariate*: an answer that one row has; the smallest and the largest number.
- *Multivariate*: answers of a random synthetic row in a few random columns: levels are equal;
  numbers are at least the row's where that is above the median, at most it otherwise.

Guessing makes predicates of as many random columns, random operators and random answers. Success
depends on the number of rows; where real file and control differ in length, the successes on the
control are carried over to the length of the real file:

- a longer control: the expected successes in a random subsample of it (hypergeometric);
- a shorter one: of a predicate that holds for m rows of both files, were they one shuffled deck,
  ``P(one real) / P(one control) = n_r C(n_c, m - 1) / (n_c C(n_r, m - 1))``; each success on the
  control counts so much. Their mean is the success on real records to expect without a leak (the
  authors extrapolate by a fitted model instead).

References
----------
.. [1] Giomi, M. et al. (2023). PoPETs 2023(2), section 4.1.
.. [2] anonymeter 1.1.0, evaluators/singling_out_evaluator.py.
.. [3] Cohen, A., Nissim, K. (2020). Towards formalizing the GDPR's notion of singling out. PNAS
       117, 8344-8352.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, lgamma, log, sqrt
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.attack import AttackRisk, attack_risk, rate_of
from gpusynth.evaluate.disclosure.intervals import CONFIDENCE, Rate, normal_quantile, wilson
from gpusynth.evaluate.disclosure.predicates import (
    Answers,
    guessed_predicates,
    multivariate_predicates,
    univariate_predicates,
)

__all__ = ["control_rate", "singling_out"]


def singling_out(
    codes: CommonCodes,
    columns: Sequence[str] | None = None,
    *,
    mode: Literal["univariate", "multivariate"] = "multivariate",
    n_columns: int = 3,
    holdout: CodedTable | None = None,
    n_attacks: int = 2000,
    most_tries: int = 200_000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[AttackRisk, ...]:
    """Attack each synthetic file by predicates that single out.

    Parameters
    ----------
    codes : CommonCodes
        Numbers are compared by value where the tables hold them, else by bin.
    columns : sequence of str, optional
        What the intruder can make statements about; all columns by default.
    mode : {"univariate", "multivariate"}
    n_columns : int
        Columns of a multivariate predicate; at most as many as there are.
    holdout : CodedTable, optional
        Control records; `codes.holdout` by default.
    n_attacks : int
        Predicates at most; fewer where the synthetic file yields no more.
    most_tries : int
        Random synthetic rows and columns tried for multivariate predicates.
    seed : int
    confidence : float

    Returns
    -------
    tuple of AttackRisk
        One for each synthetic file. `success.n` is the number of predicates found.

    Raises
    ------
    IncomputableMetricError
        If no predicate singles out a synthetic row, more columns are asked for than there are, a
        column is unknown or named twice, or a file has no rows.
    """
    names = codes.real.names if columns is None else tuple(columns)
    n_columns = 1 if mode == "univariate" else n_columns
    if not names or len(set(names)) < len(names) or not 1 <= n_columns <= len(names):
        raise IncomputableMetricError(
            f"singling out needs distinct columns, and predicates of 1 to {len(names)} of them; "
            f"got {n_columns}"
        )
    holdout = codes.holdout if holdout is None else holdout
    real = Answers.of(codes.real, names, "the real file")
    control = None if holdout is None else Answers.of(holdout, names, "the holdout")
    results = []
    for synthetic in codes.synthetic:
        made = Answers.of(synthetic, names, "a synthetic file")
        if mode == "univariate":
            found = univariate_predicates(made, n_attacks, seed=seed)
        else:
            found = multivariate_predicates(made, n_attacks, n_columns, most_tries, seed=seed)
        if len(found) == 0:
            raise IncomputableMetricError(
                f"no {mode} predicate singles out a synthetic row: the columns have too few "
                "different answers for this attack"
            )
        blind = guessed_predicates(made, n_attacks, n_columns, seed=seed)
        success = rate_of(real.count(found) == 1, confidence)
        against = None
        if control is not None:
            against = control_rate(
                real.count(found, enough=real.n_rows),
                control.count(found, enough=control.n_rows),
                real.n_rows,
                control.n_rows,
                confidence=confidence,
            )
        results.append(
            attack_risk(
                f"singling_out_{mode}",
                success,
                rate_of(real.count(blind) == 1, confidence),
                against,
                columns=names,
            )
        )
    return tuple(results)


def control_rate(
    of_real: Array, of_control: Array, n_real: int, n_control: int, *, confidence: float
) -> Rate:
    """Return the success on control records as if there were as many of them as real ones.

    Parameters
    ----------
    of_real, of_control : array of int64
        Rows of either file that satisfy each predicate.
    n_real, n_control : int
        Rows of the files.
    confidence : float
    """
    n = len(of_control)
    plain = wilson(int((of_control == 1).sum()), n, confidence=confidence)
    if n_real == n_control:
        return plain
    if n_real < n_control:
        share = min(_in_subsample(of_control, n_control, n_real) / n, 1.0)
        return wilson(share * n, n, confidence=confidence)
    worth = np.zeros(n)
    for i in np.flatnonzero(of_control == 1):
        together = int(of_real[i])
        worth[i] = exp(
            log(n_real / n_control)
            + _log_choose(n_control, together)
            - _log_choose(n_real, together)
        )
    value = float(worth.mean())
    half = normal_quantile(confidence) * float(worth.std()) / sqrt(n)
    # without a success the error is at most in proportion to the rows
    high = value + half if value > 0 else plain.high * n_real / n_control
    return Rate(min(value, 1.0), max(value - half, 0.0), min(high, 1.0), n)


def _in_subsample(counts: Array, n_rows: int, n: int) -> float:
    """Expect the predicates that hold for one row of a random subsample (hypergeometric)."""
    total = 0.0
    for count, times in zip(*np.unique(counts, return_counts=True), strict=True):
        others = n_rows - int(count)
        if count >= 1 and n - 1 <= others:
            log_share = _log_choose(others, n - 1) - _log_choose(n_rows, n)
            total += float(times) * float(count) * exp(log_share)
    return total


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) if k <= n else -inf
