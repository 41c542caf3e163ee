"""The combining rules on arrays: total variance, degrees of freedom, sources of the variance.

q is the mean of the estimates over m replicates, u the mean of their variances, b the variance of
the estimates between replicates (with two stages, r syntheses for each of m imputations: B between
the means of the imputations, w the mean variance within them); n real and k synthetic rows.
Everything is elementwise, so any shape serves.

The degrees of freedom of Reiter (2003, 2004) and of Raghunathan, Reiter and Rubin (2003) are
Satterthwaite's for a known u, ``T^2 / sum(part^2 / its degrees of freedom)``. Where u itself has
few, nu (random groups, clusters, replicate weights, small samples), its part is added:
``1 / df' = 1 / df + (u / T)^2 / nu``. With infinite nu this is the published rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.inference.rules import Release, RuleName

__all__ = ["Combined", "Moments", "combine", "moments"]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Means and variances over replicates.

    Attributes
    ----------
    estimate : array of float64
        q.
    within : array of float64
        u.
    between : array of float64
        b, or B with two stages; 0 with one replicate.
    nested : array of float64
        w; 0 with one stage.
    n_outer, n_inner : int
        m and r; r is 1 with one stage.
    """

    estimate: Array
    within: Array
    between: Array
    nested: Array
    n_outer: int
    n_inner: int


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Total variance of a pooled estimate and what it is made of.

    Attributes
    ----------
    variance : array of float64
        T.
    degrees_of_freedom : array of float64
        Of the t distribution; infinite for the normal one.
    synthesis : array of float64
        Part of `variance` that more replicates would remove.
    missing : array of float64
        Part of `variance` that is due to missing values; 0 where a rule knows none.
    adjusted : array of bool
        True where the rule's own variance was negative and its published replacement was taken.
    """

    variance: Array
    degrees_of_freedom: Array
    synthesis: Array
    missing: Array
    adjusted: Array


def moments(estimates: Array, variances: Array, *, two_stage: bool) -> Moments:
    """Take means and variances over replicates.

    Parameters
    ----------
    estimates : array of float64, shape (m, ...) or (m, r, ...)
    variances : array of float64, of the same shape
    two_stage : bool
        The first two axes are imputations and syntheses.

    Returns
    -------
    Moments
    """
    n_outer = estimates.shape[0]
    zero = np.zeros(estimates.shape[2 if two_stage else 1 :])
    if not two_stage:
        between = estimates.var(axis=0, ddof=1) if n_outer > 1 else zero
        return Moments(
            estimates.mean(axis=0), variances.mean(axis=0), between, zero, n_outer, n_inner=1
        )
    nests = estimates.mean(axis=1)
    return Moments(
        nests.mean(axis=0),
        variances.mean(axis=(0, 1)),
        nests.var(axis=0, ddof=1),
        estimates.var(axis=1, ddof=1).mean(axis=0),
        n_outer,
        n_inner=estimates.shape[1],
    )


def combine(
    rule: RuleName, found: Moments, release: Release, *, complete_df: float | None
) -> Combined:
    """Apply a rule.

    Parameters
    ----------
    rule : RuleName
    found : Moments
    release : Release
    complete_df : float, optional
        Degrees of freedom that the estimate would have on complete data; infinite by default.

    Returns
    -------
    Combined
    """
    with np.errstate(all="ignore"):  # no variance between, or next to none: df is infinite
        if rule == "raab_simple":
            return _raab_simple(found, release, complete_df)
        if rule == "reiter_partial":
            return _reiter_partial(found, complete_df)
        if rule == "raghunathan_full":
            return _raghunathan_full(found, release, complete_df)
        if rule == "reiter_two_stage":
            return _reiter_two_stage(found, complete_df)
        return _rubin(found, complete_df)


def _raab_simple(found: Moments, release: Release, complete_df: float | None) -> Combined:
    """Raab, Nowok and Dibben (2016), table 2; synthpop's summary.fit.synds.

    T = u (k/n + 1/m) for the population, u (k/n + (1 + k/n)/m) when proper; u k/n for the sample:
    the variance that the estimate from the real rows is expected to have.
    """
    ratio = release.row_ratio
    share = (1.0 + ratio if release.proper else 1.0) / found.n_outer
    synthesis = found.within * share
    real = found.within * ratio
    population = release.inference == "population"
    freedom = np.full(real.shape, np.inf if complete_df is None else complete_df)
    return _plain(
        real + synthesis if population else real,
        freedom,
        synthesis if population else np.zeros_like(real),
    )


def _reiter_partial(found: Moments, complete_df: float | None) -> Combined:
    """Reiter (2003), equations 4 and 5: T = u + b/m, df = (m - 1) (1 + u / (b/m))**2."""
    m = found.n_outer
    synthesis = found.between / m
    freedom = _large_if_undefined((m - 1) * (1.0 + found.within / synthesis) ** 2)
    variance = found.within + synthesis
    return _plain(variance, _with_within(freedom, found, variance, complete_df), synthesis)


def _raghunathan_full(found: Moments, release: Release, complete_df: float | None) -> Combined:
    """Raghunathan, Reiter and Rubin (2003): T = (1 + 1/m) b - u, df = (m - 1) (1 - 1/r)**2.

    r = (1 + 1/m) b / u. A negative T is replaced by u k/n (Reiter 2002, section 3), the variance
    of the estimate from the real rows; it rests on u alone, hence on its degrees of freedom.
    """
    m = found.n_outer
    inflated = (1.0 + 1.0 / m) * found.between
    variance = inflated - found.within
    adjusted = variance <= 0
    freedom = (m - 1) * (1.0 - found.within / inflated) ** 2
    freedom = _with_within(freedom, found, variance, complete_df)
    variance = np.where(adjusted, found.within * release.row_ratio, variance)
    return Combined(
        variance,
        np.where(adjusted, np.inf if complete_df is None else complete_df, freedom),
        np.minimum(found.between / m, variance),
        np.zeros_like(variance),
        adjusted,
    )


def _reiter_two_stage(found: Moments, complete_df: float | None) -> Combined:
    """Reiter (2004): T = (1 + 1/m) B - w/r + u.

    1/df = ((1 + 1/m) B)**2 / ((m - 1) T**2) + (w/r)**2 / (m (r - 1) T**2). A negative T, or one
    near 0 that leaves less than one degree of freedom and so an interval without end, is replaced
    by the conservative (1 + 1/m) B + u with Rubin's degrees of freedom.
    """
    m, r = found.n_outer, found.n_inner
    inflated = (1.0 + 1.0 / m) * found.between
    inner = found.nested / r
    variance = inflated - inner + found.within
    freedom = variance**2 / (inflated**2 / (m - 1) + inner**2 / (m * (r - 1)))
    adjusted = (variance <= 0) | (freedom < 1)
    conservative = inflated + found.within
    freedom = np.where(adjusted, (m - 1) * (1.0 + found.within / inflated) ** 2, freedom)
    variance = np.where(adjusted, conservative, variance)
    freedom = _with_within(_large_if_undefined(freedom), found, variance, complete_df)
    synthesis = np.minimum(inner / m, variance)
    missing = np.clip((1.0 + 1.0 / m) * (found.between - inner), 0.0, variance - synthesis)
    return Combined(variance, freedom, synthesis, missing, adjusted)


def _rubin(found: Moments, complete_df: float | None) -> Combined:
    """Rubin (1987, section 3.3): T = u + (1 + 1/m) b, df = (m - 1) (1 + u / ((1 + 1/m) b))**2.

    With `complete_df` the degrees of freedom of Barnard and Rubin (1999).
    """
    m = found.n_outer
    missing = (1.0 + 1.0 / m) * found.between
    variance = found.within + missing
    freedom = _large_if_undefined((m - 1) * (1.0 + found.within / missing) ** 2)
    if complete_df is not None:
        share = missing / variance
        observed = (complete_df + 1.0) / (complete_df + 3.0) * complete_df * (1.0 - share)
        freedom = 1.0 / (1.0 / freedom + 1.0 / observed)
    zero = np.zeros_like(variance)
    return Combined(variance, freedom, zero, missing, np.zeros(variance.shape, dtype=bool))


def _plain(variance: Array, freedom: Array, synthesis: Array) -> Combined:
    zero = np.zeros_like(variance)
    return Combined(variance, freedom, synthesis, zero, np.zeros(variance.shape, dtype=bool))


def _with_within(
    freedom: Array, found: Moments, variance: Array, complete_df: float | None
) -> Array:
    """Return the degrees of freedom where u has few of its own; see the top of the module."""
    if complete_df is None:
        return freedom
    part = np.where(found.within > 0.0, found.within / variance, 0.0) ** 2 / complete_df
    joint: Array = 1.0 / (1.0 / freedom + part)
    return joint


def _large_if_undefined(freedom: Array) -> Array:
    # 0 / 0 where estimates do not vary and have no variance: nothing is uncertain.
    return np.where(np.isnan(freedom), np.inf, freedom)
