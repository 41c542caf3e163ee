"""Joint tests: one component agrees with the interval; sizes under the hypothesis are right."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.errors import DataError
from gpusynth.inference import pool

RULES = ["raab_simple", "reiter_partial", "raghunathan_full", "rubin"]


SPREAD = {"raab_simple": 1.0, "reiter_partial": 0.5, "raghunathan_full": 2.0, "rubin": 0.5}
"""Between variance over within variance of what a rule is for: values from fitted parameters, some
of the values, values from drawn parameters, a third of the information missing."""


def replicated(rule: str, seed: int, n_components: int = 3, m: int = 8):
    """Estimates of a true value 0 from replicates as the rule assumes them."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(0.3 * np.ones((n_components, n_components)) + np.eye(n_components))
    draw = rng.normal(size=(m + 1, n_components)) @ root.T
    # What is missing makes the estimate from the real rows worse, too.
    real = np.sqrt(1 + SPREAD[rule]) if rule == "rubin" else 1.0
    estimates = real * draw[0] + np.sqrt(SPREAD[rule]) * draw[1:]
    return estimates, np.broadcast_to(root @ root.T, (m, n_components, n_components))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("complete_df", [None, 9])
@pytest.mark.parametrize("m", [3, 5, 9])
def test_one_component_is_the_scalar_test(rule, m, complete_df):
    estimates, covariances = replicated(rule, 4, 2, m)
    # Li, Raghunathan and Rubin's test knows no degrees of freedom of u
    arguments = {"rule": rule, "proper": rule == "raghunathan_full"}
    if rule != "rubin":
        arguments["complete_df"] = complete_df
    pooled = pool(estimates, covariances, names=["a", "b"], **arguments)
    tested = pooled.wald(["b"])
    assert tested.statistic == pytest.approx(pooled.statistic[1] ** 2)
    if m < 9 or rule == "raab_simple":  # the published F of larger t differs by design
        assert tested.denominator_df == pytest.approx(pooled.degrees_of_freedom[1])
        assert tested.p_value == pytest.approx(pooled.p_value[1])


@pytest.mark.parametrize("complete_df", [None, 9])
def test_two_stage_one_component_is_the_scalar_test(complete_df):
    rng = np.random.default_rng(2)
    estimates = rng.normal(size=(4, 3, 2)) + rng.normal(size=(4, 1, 2))
    covariances = np.broadcast_to(np.eye(2), (4, 3, 2, 2))
    pooled = pool(
        estimates,
        covariances,
        rule="reiter_two_stage",
        names=["a", "b"],
        complete_df=complete_df,
    )
    tested = pooled.wald(["a"], value=0.25)
    assert tested.statistic == pytest.approx(
        ((pooled.estimate[0] - 0.25) / pooled.standard_error[0]) ** 2
    )
    assert tested.denominator_df == pytest.approx(pooled.degrees_of_freedom[0])
    assert pooled.wald().numerator_df == 2


@pytest.mark.parametrize("rule", RULES)
def test_size(rule):
    """5 % tests of a true hypothesis; 1,500 repetitions, false alarm below 1e-4 (4 sd)."""
    n_repetitions = 1500
    rejected = 0
    for seed in range(n_repetitions):
        estimates, covariances = replicated(rule, seed)
        pooled = pool(estimates, covariances, rule=rule, proper=rule == "raghunathan_full")
        rejected += pooled.wald().p_value < 0.05
    # The reference F of fully synthetic data is an approximation, good to about 0.01 at m = 8.
    slack = 0.01 if rule == "raghunathan_full" else 0.0
    deviation = 4 * np.sqrt(0.05 * 0.95 / n_repetitions)
    assert abs(rejected / n_repetitions - 0.05) < deviation + slack


@pytest.mark.parametrize(
    ("rule", "share", "sign"),
    [("reiter_partial", 1 / 8, 1), ("raghunathan_full", 9 / 8, -1), ("rubin", 9 / 8, 1)],
)
def test_published_denominators(rule, share, sign):
    """w = 4 + (t - 4) (1 +- (1 - 2/t) / r)^2, t = p (m - 1), r = share tr(b u^-1) / p."""
    estimates, covariances = replicated(rule, 3)
    proper = rule == "raghunathan_full"
    tested = pool(estimates, covariances, rule=rule, proper=proper).wald(value=[0.1, 0.0, -0.2])
    between = np.cov(estimates, rowvar=False)
    inverse = np.linalg.inv(covariances[0])
    ratio = share * np.trace(between @ inverse) / 3
    t = 3 * 7
    assert tested.denominator_df == pytest.approx(
        4 + (t - 4) * (1 + sign * (1 - 2 / t) / ratio) ** 2
    )
    difference = estimates.mean(axis=0) - [0.1, 0.0, -0.2]
    factor = ratio - 1 if proper else 1 + ratio
    assert tested.statistic == pytest.approx(difference @ inverse @ difference / (3 * factor))


@pytest.mark.parametrize("rule", ["reiter_partial", "raghunathan_full", "rubin"])
def test_estimates_that_do_not_vary(rule):
    """No variance between replicates: the mean variance u alone, and its chi-square."""
    estimates = np.tile([0.4, -0.2], (4, 1))
    covariances = np.tile(np.diag([0.04, 0.01]), (4, 1, 1))
    tested = pool(estimates, covariances, rule=rule, proper=rule == "raghunathan_full").wald()
    assert tested.statistic == pytest.approx((0.4**2 / 0.04 + 0.2**2 / 0.01) / 2)
    assert tested.denominator_df == np.inf
    assert tested.p_value == pytest.approx(np.exp(-tested.statistic))  # chi-square of 2


def test_invariance_to_linear_maps():
    estimates, covariances = replicated("reiter_partial", 1)
    matrix = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, -1.0], [1.0, 0.0, 3.0]])
    mapped = pool(
        estimates @ matrix.T, matrix @ covariances @ matrix.T, rule="reiter_partial"
    ).wald()
    plain = pool(estimates, covariances, rule="reiter_partial").wald()
    assert mapped.statistic == pytest.approx(plain.statistic)
    assert mapped.denominator_df == pytest.approx(plain.denominator_df)


def test_refused():
    estimates, covariances = replicated("rubin", 1)
    with pytest.raises(DataError, match="covariance matrix of each replicate"):
        pool(estimates, np.ones_like(estimates), rule="rubin").wald()
    with pytest.raises(DataError, match="unknown terms: 'x9'"):
        pool(estimates, covariances, rule="rubin").wald(["x9"])
    with pytest.raises(DataError, match="singular"):
        pool(estimates, np.ones((8, 3, 3)), rule="rubin").wald()
