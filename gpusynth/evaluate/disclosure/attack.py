"""How dangerous an attack is: its success on real records, on a control set, and by guessing.

Three figures make one risk (Giomi et al. 2023): how often the attack succeeds on real records, how
often on *control* records that the synthesizer never saw, and how often blind guessing would. What
succeeds on control records as well is knowledge about the population, which any useful file gives;
only the excess is a leak:

``risk = (r - c) / (1 - c)``, with r and c the centres of Wilson's intervals of both success rates,
and an error by propagation: ``e^2 = (e_r / (1 - c))^2 + (e_c (1 - r) / (1 - c)^2)^2``.

The risk and its interval are cut to [0, 1]; nothing is known where all attacks on control records
succeed. Without control records the risk is r itself, which
cannot tell a leak from good statistics.

Why not the authors' library: anonymeter 1.1.0 requires numpy < 1.27 and pyarrow < 22, draws its
targets without a seed, and compares each target with each synthetic row. The definitions are
restated here on the common codes; random choices come from counters.

References
----------
.. [1] Giomi, M., Boenisch, F., Wehmeyer, C., Tasnadi, B. (2023). A unified framework for
       quantifying privacy risk in synthetic data. PoPETs 2023(2), 312-328.
.. [2] anonymeter 1.1.0, stats/confidence.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.disclosure.intervals import CONFIDENCE, Rate, sample_rows, wilson
from gpusynth.streams import Purpose, StreamKey, uniform

__all__ = ["AttackRisk", "attack_risk", "drawn_rows", "rate_of", "targets_of"]


@dataclass(frozen=True, slots=True)
class AttackRisk:
    """What one attack achieves with one synthetic file.

    Attributes
    ----------
    attack : str
        "singling_out_univariate", "singling_out_multivariate", "linkability" or "inference".
    columns : tuple of str
        What the intruder knows or uses.
    target : str
        What the intruder wants to know; ``""`` where it is not one column.
    success : Rate
        Share of attacks that succeed on real records.
    baseline : Rate
        The same by guessing.
    control : Rate or None
        The same on control records.
    risk : Rate
        Excess over control; the centre of the success rate where there is no control.
    is_strong : bool
        Whether the attack beats guessing. A weak attack's risk, however low, is no all-clear.
    """

    attack: str
    columns: tuple[str, ...]
    target: str
    success: Rate
    baseline: Rate
    control: Rate | None
    risk: Rate
    is_strong: bool


def attack_risk(
    attack: str,
    success: Rate,
    baseline: Rate,
    control: Rate | None,
    *,
    columns: tuple[str, ...] = (),
    target: str = "",
) -> AttackRisk:
    """Put the rates of an attack together.

    Parameters
    ----------
    attack : str
    success, baseline : Rate
    control : Rate, optional
    columns : tuple of str
    target : str
    """
    return AttackRisk(
        attack=attack,
        columns=columns,
        target=target,
        success=success,
        baseline=baseline,
        control=control,
        risk=_residual(success, control),
        is_strong=success.value > baseline.value,
    )


def _residual(success: Rate, control: Rate | None) -> Rate:
    hit, hit_error = _centre(success)
    if control is None:
        return Rate(hit, success.low, success.high, success.n)
    other, other_error = _centre(control)
    if other >= 1.0:
        return Rate(0.0, 0.0, 1.0, success.n)
    value = (hit - other) / (1.0 - other)
    error = sqrt(
        (hit_error / (1.0 - other)) ** 2 + (other_error * (1.0 - hit) / (1.0 - other) ** 2) ** 2
    )
    middle, low, high = (min(max(end, 0.0), 1.0) for end in (value, value - error, value + error))
    return Rate(middle, low, high, success.n)


def _centre(rate: Rate) -> tuple[float, float]:
    """Return the middle of the interval and half its width."""
    return (rate.low + rate.high) / 2.0, (rate.high - rate.low) / 2.0


def targets_of(
    real: CodedTable, control: CodedTable | None, n_attacks: int, *, seed: int, step: int
) -> tuple[CodedTable, CodedTable | None]:
    """Draw the records to attack: real ones, and as many control records where there are any.

    Raises
    ------
    IncomputableMetricError
        If no attack is asked for, or a file has no rows.
    """
    if n_attacks < 1 or real.n_rows == 0 or (control is not None and control.n_rows == 0):
        raise IncomputableMetricError(
            "attacks need at least one target, and rows in the real file and in the holdout"
        )
    targets = real.take(sample_rows(real.n_rows, n_attacks, seed=seed, step=step))
    if control is None:
        return targets, None
    return targets, control.take(sample_rows(control.n_rows, n_attacks, seed=seed, step=step + 1))


def drawn_rows(n_rows: int, n: int, *, seed: int, step: int) -> Array:
    """Draw `n` rows with replacement, int64."""
    key = StreamKey(seed, step=step, purpose=Purpose.EVALUATE)
    return np.floor(uniform(key, 0, n)[:, 0] * n_rows).astype(np.int64)


def rate_of(hits: Array, confidence: float = CONFIDENCE) -> Rate:
    """Return the share of true entries."""
    return wilson(int(np.count_nonzero(hits)), len(hits), confidence=confidence)
