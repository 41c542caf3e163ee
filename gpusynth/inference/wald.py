"""Joint tests of several components: Reiter (2005) and its relatives.

All assume, as the papers do, that the between-replicate covariance is about proportional to the
within one, so that the p x p matrix b, which m replicates hardly determine, enters by its trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.extra import imported
from gpusynth.inference.rules import Release, RuleName

__all__ = ["WaldTest", "f_test", "hotelling", "wald_test"]


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Outcome of a joint test.

    Attributes
    ----------
    statistic : float
        Divided by its numerator degrees of freedom, as F statistics are.
    numerator_df : int
    denominator_df : float
        Infinite where the reference is chi-square.
    p_value : float
    """

    statistic: float
    numerator_df: int
    denominator_df: float
    p_value: float


def wald_test(
    rule: RuleName,
    estimates: Array,
    covariances: Array,
    *,
    positions: list[int],
    value: Any,
    release: Release,
    complete_df: float | None = None,
) -> WaldTest:
    """Test that chosen components have given values.

    Parameters
    ----------
    rule : RuleName
    estimates : array of float64, shape (m, p) or (m, r, p)
    covariances : array of float64, shape (m, p, p) or (m, r, p, p)
    positions : list of int
        The components.
    value : array-like, shape (len(positions),) or ()
    release : Release
    complete_df : float, optional
        Degrees of freedom of the variances on complete data.

    Returns
    -------
    WaldTest

    Raises
    ------
    DataError
        If the mean covariance matrix of the components is singular.
    """
    chosen = estimates[..., positions]
    within = covariances[..., positions, :][..., positions]
    outer = tuple(range(chosen.ndim - 1))
    mean_within = within.mean(axis=outer)
    difference = chosen.mean(axis=outer) - np.broadcast_to(
        np.asarray(value, dtype=np.float64), (len(positions),)
    )
    try:
        inverse = np.linalg.inv(mean_within)
    except np.linalg.LinAlgError:
        raise DataError(
            "the covariance matrix of the tested terms is singular. Test fewer of them."
        ) from None
    p = len(positions)
    quadratic = float(difference @ inverse @ difference) / p
    factor, freedom = _FACTORS[rule](chosen, inverse, release)
    if complete_df is not None and rule != "rubin":
        freedom = _with_within(freedom, factor, complete_df)
    return f_test(quadratic / factor, p, freedom)


def f_test(statistic: float, numerator: int, denominator: float) -> WaldTest:
    """Look a statistic up in its F distribution.

    Parameters
    ----------
    statistic : float
    numerator : int
    denominator : float
        Infinite for chi-square over `numerator`.

    Returns
    -------
    WaldTest
    """
    distributions = imported("scipy.stats")
    # scipy's F has no infinite denominator.
    p_value = (
        distributions.chi2.sf(statistic * numerator, numerator)
        if np.isinf(denominator)
        else distributions.f.sf(statistic, numerator, denominator)
    )
    return WaldTest(statistic, numerator, denominator, float(p_value))


def hotelling(test: WaldTest, design_df: float) -> WaldTest:
    """Allow for a covariance matrix estimated on few degrees of freedom.

    F (v - p + 1) / v on p and v - p + 1 degrees of freedom: Hotelling's statistic, as Korn and
    Graubard (1990) use it for survey designs.

    Parameters
    ----------
    test : WaldTest
    design_df : float
        The v above, at least the number of terms; infinite for no change.

    Returns
    -------
    WaldTest
    """
    if np.isinf(design_df):
        return test
    left = design_df - test.numerator_df + 1
    return f_test(
        test.statistic * left / design_df, test.numerator_df, min(left, test.denominator_df)
    )


def _with_within(freedom: float, factor: float, complete_df: float) -> float:
    """Allow for a u of few degrees of freedom, as `gpusynth.inference.combining` does.

    Of a T that is a multiple of u alone they are all there are.
    """
    if np.isinf(freedom):
        return complete_df
    return 1.0 / (1.0 / freedom + 1.0 / (factor**2 * complete_df))


def _trace_ratio(chosen: Array, inverse: Array) -> float:
    """tr(b u^-1) / p with b between the first axis of `chosen`."""
    centred = chosen - chosen.mean(axis=0)
    total = float(np.einsum("ip,pq,iq->", centred, inverse, centred))
    return total / int((chosen.shape[0] - 1) * chosen.shape[1])


def _raab_simple(chosen: Array, inverse: Array, release: Release) -> tuple[float, float]:
    """T is a multiple of u (Raab, Nowok and Dibben 2016), so the reference is chi-square."""
    ratio = release.row_ratio
    share = (1.0 + ratio if release.proper else 1.0) / chosen.shape[0]
    return (ratio + share if release.inference == "population" else ratio), np.inf


def _reiter_partial(chosen: Array, inverse: Array, release: Release) -> tuple[float, float]:
    """Reiter (2005), section 3: r = tr(b u^-1) / (m p)."""
    ratio = _trace_ratio(chosen, inverse) / chosen.shape[0]
    return 1.0 + ratio, _denominator(ratio, chosen, sign=1.0)


def _raghunathan_full(chosen: Array, inverse: Array, release: Release) -> tuple[float, float]:
    """Reiter (2005), section 2: r = (1 + 1/m) tr(b u^-1) / p; u k/n where r is below 1."""
    ratio = (1.0 + 1.0 / chosen.shape[0]) * _trace_ratio(chosen, inverse)
    if ratio <= 1.0:
        return release.row_ratio, np.inf
    return ratio - 1.0, _denominator(ratio, chosen, sign=-1.0)


def _rubin(chosen: Array, inverse: Array, release: Release) -> tuple[float, float]:
    """Li, Raghunathan and Rubin (1991): r = (1 + 1/m) tr(b u^-1) / p."""
    ratio = (1.0 + 1.0 / chosen.shape[0]) * _trace_ratio(chosen, inverse)
    return 1.0 + ratio, _denominator(ratio, chosen, sign=1.0)


def _reiter_two_stage(chosen: Array, inverse: Array, release: Release) -> tuple[float, float]:
    """Traces of B and w in T = (1 + 1/m) B - w/r + u (Kinney and Reiter 2010, section 3).

    The denominator's degrees of freedom are Satterthwaite's, which for one component are exactly
    those of Reiter (2004). A negative factor is replaced as there.
    """
    m, r, p = chosen.shape
    outer = (1.0 + 1.0 / m) * _trace_ratio(chosen.mean(axis=1), inverse)
    inner = float(np.mean([_trace_ratio(nest, inverse) for nest in chosen])) / r
    factor = 1.0 + outer - inner
    if factor <= 0.0:
        return 1.0 + outer, _denominator(outer, chosen, sign=1.0)
    spread = outer**2 / (p * (m - 1)) + inner**2 / (p * m * (r - 1))
    return factor, (factor**2 / spread if spread > 0.0 else np.inf)


def _denominator(ratio: float, chosen: Array, *, sign: float) -> float:
    """Return w = 4 + (t - 4) (1 +- (1 - 2/t) / r)**2 with t = p (m - 1).

    For t <= 4, where that has no meaning, t (1 + 1/p) (1 +- 1/r)**2 / 2 (Li, Raghunathan and Rubin
    1991).
    """
    if ratio <= 0.0:
        return np.inf
    p = int(chosen.shape[-1])
    t: int = p * (chosen.shape[0] - 1)
    if t > 4:
        return 4.0 + (t - 4) * (1.0 + sign * (1.0 - 2.0 / t) / ratio) ** 2
    return t * (1.0 + 1.0 / p) * (1.0 + sign / ratio) ** 2 / 2.0


_FACTORS = {
    "raab_simple": _raab_simple,
    "reiter_partial": _reiter_partial,
    "raghunathan_full": _raghunathan_full,
    "reiter_two_stage": _reiter_two_stage,
    "rubin": _rubin,
}
