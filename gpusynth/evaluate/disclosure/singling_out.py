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

Many predicates rest on the same few rows, so that their successes are no independent trials. How
much a share varies with the sample of rows is seen from 64 random halves of the file: their
coefficient of variation is that of the whole (the half-sample jackknife [4]_; exact for a sum over
rows). Wilson's interval is of as many trials as vary so much, at most n; the authors' is of n,
which for 1,000 predicates on 1,000 rows is too narrow by half.

References
----------
.. [1] Giomi, M. et al. (2023). PoPETs 2023(2), section 4.1.
.. [2] anonymeter 1.1.0, evaluators/singling_out_evaluator.py.
.. [3] Cohen, A., Nissim, K. (2020). Towards formalizing the GDPR's notion of singling out. PNAS
       117, 8344-8352.
.. [4] Shao, J., Wu, C. F. J. (1989). A general theory for jackknife variance estimation. Annals of
       Statistics 17, 1176-1197. (deleting half of the rows)
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
    Predicates,
    guessed_predicates,
    multivariate_predicates,
    univariate_predicates,
)
from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = ["control_rate", "singling_out", "spread_of_halves"]

_REAL_STEP, _CONTROL_STEP = 147, 148
_HALVES = 64


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
        of_real, rows = real.holders(found, enough=real.n_rows)
        success = _rate(
            float((of_real == 1).mean()),
            len(found),
            spread_of_halves(of_real, rows, real.n_rows, seed=seed, step=_REAL_STEP),
            confidence,
        )
        against = None
        if control is not None:
            against = _against(control, found, of_real, real.n_rows, seed, confidence)
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


def _against(
    control: Answers,
    found: Predicates,
    of_real: Array,
    n_real: int,
    seed: int,
    confidence: float,
) -> Rate:
    """Return how often the predicates single out a control record."""
    of_control, rows = control.holders(found, enough=control.n_rows)
    smaller = control.n_rows < n_real
    spread = spread_of_halves(
        of_control,
        rows,
        control.n_rows,
        worth=_worth(of_real, n_real, control.n_rows) if smaller else None,
        seed=seed,
        step=_CONTROL_STEP,
    )
    return control_rate(
        of_real, of_control, n_real, control.n_rows, spread=spread, confidence=confidence
    )


def spread_of_halves(
    counts: Array,
    rows: Array,
    n_rows: int,
    *,
    worth: Array | None = None,
    seed: int,
    step: int,
) -> float:
    """Return the coefficient of variation of the successes over random halves of a file.

    Parameters
    ----------
    counts : array of int64, shape (n,)
        Rows that satisfy each predicate.
    rows : array of int64, shape (n, k)
        The first k of them; see `Answers.holders`.
    n_rows : int
        Rows of the file.
    worth : array of float64, shape (n,), optional
        How much the success of each counts; 1 by default.
    seed, step : int
        Of the halves.

    Returns
    -------
    float
        0 where no half has a success.
    """
    key = StreamKey(seed, step=step, purpose=Purpose.EVALUATE)
    # bit h of a row's random number says whether it is in half h
    bits = np.append(random_bits(key, 0, n_rows)[:, 0], np.uint64(0))
    few = counts <= rows.shape[1]
    held = bits[rows[few]]  # -1, no row, is the 0 at the end
    counted = np.ones(len(held)) if worth is None else worth[few]
    successes = [
        float(counted[((held >> np.uint64(half)) & np.uint64(1)).sum(axis=1) == 1].sum())
        for half in range(_HALVES)
    ]
    mean = float(np.mean(successes))
    return float(np.std(successes, ddof=1)) / mean if mean > 0.0 else 0.0


def _rate(share: float, n: int, spread: float, confidence: float) -> Rate:
    """Return a share with Wilson's interval of as many trials as vary as much."""
    trials = float(n)
    if spread > 0.0 and 0.0 < share < 1.0:
        trials = min(max((1.0 - share) / (share * spread**2), 1.0), trials)
    found = wilson(share * trials, trials, confidence=confidence)
    return Rate(share, found.low, found.high, n)


def control_rate(
    of_real: Array,
    of_control: Array,
    n_real: int,
    n_control: int,
    *,
    spread: float,
    confidence: float,
) -> Rate:
    """Return the success on control records as if there were as many of them as real ones.

    Parameters
    ----------
    of_real, of_control : array of int64
        Rows of either file that satisfy each predicate.
    n_real, n_control : int
        Rows of the files.
    spread : float
        Coefficient of variation of the successes on the control; see `spread_of_halves`.
    confidence : float
    """
    n = len(of_control)
    plain = _rate(float((of_control == 1).mean()), n, spread, confidence)
    if n_real == n_control:
        return plain
    if n_real < n_control:
        share = min(_in_subsample(of_control, n_control, n_real) / n, 1.0)
        return _rate(share, n, spread, confidence)
    worth = np.where(of_control == 1, _worth(of_real, n_real, n_control), 0.0)
    value = float(worth.mean())
    half = normal_quantile(confidence) * max(float(worth.std()) / sqrt(n), value * spread)
    # without a success the error is at most in proportion to the rows
    high = value + half if value > 0 else plain.high * n_real / n_control
    return Rate(min(value, 1.0), max(value - half, 0.0), min(high, 1.0), n)


def _worth(of_real: Array, n_real: int, n_control: int) -> Array:
    """Return how much a success on a shorter control counts, by the real rows; see the module."""
    together, place = np.unique(of_real, return_inverse=True)
    logarithms = [
        _log_choose(n_control, m) - _log_choose(n_real, m) + log(n_real / n_control)
        for m in together.tolist()
    ]
    return np.exp(np.array(logarithms, np.float64))[place]


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
