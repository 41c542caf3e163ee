"""Pooling: each rule against its published formula, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gpusynth.errors import DataError
from gpusynth.inference import RULES, pool, recommend_rule
from gpusynth.inference.pool_terms import Pooling, pool_available

Q = [1.0, 1.2, 0.9, 1.1, 1.05]
U = [0.04, 0.05, 0.045, 0.041, 0.047]


def test_reiter_partial_matches_mice():
    """mice 3.19.10, pool.scalar.syn on the same numbers."""
    pooled = pool(Q, U, rule="reiter_partial")
    assert pooled.estimate == pytest.approx(1.05)
    assert pooled.standard_error**2 == pytest.approx(0.0471)
    assert pooled.degrees_of_freedom == pytest.approx(1419.7824)
    assert pooled.fraction_synthesis == pytest.approx(0.0025 / 0.0471)


def test_rubin_matches_mice():
    """mice's pool.scalar(Q, U, n = Inf and n = 50, k = 1)."""
    between = np.var(Q, ddof=1)
    inflated = 1.2 * between
    pooled = pool(Q, U, rule="rubin")
    assert pooled.standard_error**2 == pytest.approx(np.mean(U) + inflated)
    assert pooled.degrees_of_freedom == pytest.approx(4 * (1 + np.mean(U) / inflated) ** 2)
    share = inflated / (np.mean(U) + inflated)
    assert pooled.fraction_missing == pytest.approx(share)
    observed = 50 / 52 * 49 * (1 - share)
    old = 4 / share**2
    small = pool(Q, U, rule="rubin", complete_df=49)
    assert small.degrees_of_freedom == pytest.approx(old * observed / (old + observed))


def test_raghunathan_full():
    variances = [0.004, 0.005, 0.0045, 0.0041, 0.0047]
    pooled = pool(Q, variances, rule="raghunathan_full", proper=True)
    inflated, within = 1.2 * np.var(Q, ddof=1), np.mean(variances)
    assert pooled.standard_error**2 == pytest.approx(inflated - within)
    assert pooled.degrees_of_freedom == pytest.approx(4 * (1 - within / inflated) ** 2)
    assert not pooled.adjusted


def test_raghunathan_full_negative_variance():
    """Reiter (2002): u k/n where (1 + 1/m) b - u is negative."""
    pooled = pool(Q, U, rule="raghunathan_full", proper=True, n_real=100, n_synthetic=50)
    assert pooled.adjusted
    assert pooled.standard_error**2 == pytest.approx(np.mean(U) * 0.5)
    assert pooled.degrees_of_freedom == np.inf


@pytest.mark.parametrize(
    ("proper", "inference", "factor"),
    [
        (False, "population", 2.0 + 1 / 5),
        (True, "population", 2.0 + 3.0 / 5),
        (False, "sample", 2.0),
        (True, "sample", 2.0),
    ],
)
def test_raab_simple(proper, inference, factor):
    """synthpop: u (k/n) (1 + (n/k) / m), proper (1 + (n/k + 1) / m); here k/n = 2."""
    pooled = pool(Q, U, n_real=100, n_synthetic=200, proper=proper, inference=inference)
    assert pooled.standard_error**2 == pytest.approx(np.mean(U) * factor)
    assert pooled.degrees_of_freedom == np.inf


def test_one_replicate_has_no_variance_between():
    pooled = pool([[1.0, 2.0, 3.0]], [[0.1, 0.2, 0.3]])
    assert pooled.between.tolist() == [0.0, 0.0, 0.0]


def test_raab_simple_takes_one_replicate():
    pooled = pool([0.5], [0.04])
    assert pooled.standard_error == pytest.approx(np.sqrt(0.08))
    assert pooled.fraction_synthesis == pytest.approx(0.5)
    assert pooled.lower == pytest.approx(0.5 - 1.959964 * np.sqrt(0.08), rel=1e-6)


def test_reiter_two_stage():
    """By hand for m = 2, r = 2."""
    estimates = np.array([[1.0, 2.0], [3.0, 5.0]])
    variances = np.full((2, 2), 0.7)
    pooled = pool(estimates, variances, rule="reiter_two_stage")
    between = np.var([1.5, 4.0], ddof=1)  # 3.125
    within = (0.5 + 2.0) / 2
    total = 1.5 * between - within / 2 + 0.7
    assert pooled.standard_error**2 == pytest.approx(total)
    spread = (1.5 * between) ** 2 / total**2 + (within / 2) ** 2 / (2 * total**2)
    assert pooled.degrees_of_freedom == pytest.approx(1 / spread)
    assert pooled.n_replicates == 4
    assert pooled.fraction_synthesis == pytest.approx(within / 4 / total)
    assert pooled.fraction_missing == pytest.approx(1.5 * (between - within / 2) / total)
    shares = pooled.fraction_missing + pooled.fraction_synthesis + 0.7 / total
    assert shares == pytest.approx(1.0)


def test_reiter_two_stage_variance_near_zero():
    """T = (1 + 1/m) B - w/r + u is 1e-9: a t of so few degrees of freedom has no use."""
    estimates = np.array([[0.0, 2.0], [0.0, 2.0 + 1e-3]])
    nested = estimates.var(axis=1, ddof=1).mean()
    between = estimates.mean(axis=1).var(ddof=1)
    within = nested / 2 - 1.5 * between + 1e-9
    pooled = pool(estimates, np.full((2, 2), within), rule="reiter_two_stage")
    assert pooled.adjusted
    assert pooled.standard_error == pytest.approx(np.sqrt(1.5 * between + within))
    assert pooled.degrees_of_freedom >= 1


def test_reiter_two_stage_negative_variance():
    estimates = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    pooled = pool(estimates, np.full((2, 2), 0.1), rule="reiter_two_stage")
    assert pooled.adjusted
    assert pooled.standard_error**2 == pytest.approx(0.1)
    assert pooled.fraction_missing == 0.0  # (1 + 1/m) (B - w/r) is negative


@pytest.mark.parametrize("rule", ["reiter_partial", "raghunathan_full", "reiter_two_stage"])
def test_variances_of_few_degrees_of_freedom(rule):
    """Satterthwaite's sum of all parts of T; with as many degrees of freedom as you like, as if u
    were known."""
    two_stage, proper = rule == "reiter_two_stage", rule == "raghunathan_full"
    estimates = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 0.5]]) if two_stage else np.array(Q)
    variances = np.full(estimates.shape, 0.004)
    known = pool(estimates, variances, rule=rule, proper=proper)
    near = pool(estimates, variances, rule=rule, proper=proper, complete_df=1e12)
    assert near.degrees_of_freedom == pytest.approx(known.degrees_of_freedom)
    nine = pool(estimates, variances, rule=rule, proper=proper, complete_df=9)
    total = nine.standard_error**2
    assert total == known.standard_error**2
    if two_stage:
        m, r = 3, 2
        between, inner = estimates.mean(axis=1).var(ddof=1), estimates.var(axis=1, ddof=1).mean()
        parts = [((1 + 1 / m) * between, m - 1), (inner / r, m * (r - 1))]
    else:
        between = np.var(Q, ddof=1)
        parts = [(1.2 * between if proper else between / 5, 4)]
    spread = sum(part**2 / df for part, df in [*parts, (0.004, 9)])
    assert nine.degrees_of_freedom == pytest.approx(total**2 / spread)


def test_kept_random_groups_keep_their_degrees_of_freedom():
    """Hardly any synthesis: T is u, so the interval is that of the 9 degrees of freedom of u."""
    pooled = pool([1.0, 1.0, 1.000001], [0.04] * 3, rule="reiter_partial", complete_df=9)
    assert pooled.degrees_of_freedom == pytest.approx(9)
    assert pooled.upper - pooled.estimate == pytest.approx(2.262157 * 0.2, rel=1e-5)
    adjusted = pool(Q, U, rule="raghunathan_full", proper=True, complete_df=9)
    assert adjusted.adjusted
    assert adjusted.degrees_of_freedom == 9


@given(
    hnp.arrays(np.float64, (4, 3), elements=st.floats(-5, 5)),
    hnp.arrays(np.float64, (4, 3), elements=st.floats(0.01, 5)),
    st.sampled_from(["raab_simple", "reiter_partial", "raghunathan_full", "rubin"]),
)
def test_components_are_pooled_alone(estimates, variances, rule):
    proper = rule == "raghunathan_full"
    together = pool(estimates, variances, rule=rule, proper=proper)
    for column in range(3):
        alone = pool(estimates[:, column], variances[:, column], rule=rule, proper=proper)
        for name in ("estimate", "standard_error", "degrees_of_freedom", "lower", "p_value"):
            np.testing.assert_allclose(getattr(together, name)[column], getattr(alone, name))
        assert together.standard_error[column] > 0
        assert 0 <= together.fraction_synthesis[column] <= 1
        assert 0 <= together.fraction_missing[column] <= 1


def test_no_variance_at_all():
    pooled = pool([2.0, 2.0], [0.0, 0.0], rule="reiter_partial")
    assert (pooled.lower, pooled.upper, pooled.p_value) == (2.0, 2.0, 0.0)
    assert (pooled.fraction_synthesis, pooled.fraction_missing) == (0.0, 0.0)
    assert pool([0.0, 0.0], [0.0, 0.0], rule="rubin").p_value == 1.0
    # A variance of 0 adds nothing to Satterthwaite's sum, however few its degrees of freedom.
    few = pool([2.0, 2.0], [0.0, 0.0], rule="reiter_partial", complete_df=9)
    assert few.degrees_of_freedom == np.inf


REFUSED = [
    ({"rule": "reiter_partial", "estimates": [1.0], "variances": [1.0]}, "raab_simple"),
    (
        {"rule": "raghunathan_full", "estimates": [1.0], "variances": [1.0], "proper": True},
        "raab_simple",
    ),
    ({"rule": "rubin", "estimates": [1.0], "variances": [1.0]}, "at least 2"),
    ({"rule": "raghunathan_full"}, "proper=True.*raab_simple"),
    ({"rule": "reiter_partial", "n_real": 10, "n_synthetic": 20}, "raab_simple"),
    ({"rule": "reiter_partial", "inference": "sample"}, "raab_simple"),
    ({"rule": "rubin", "n_synthetic": 20}, "raab_simple.*reiter_partial"),
    ({"rule": "reiter"}, "no rule is called 'reiter'"),
    ({"n_real": 0}, "n_real must be at least 1"),
    ({"confidence": 1.0}, "between 0 and 1"),
    ({"confidence": 0.0}, "between 0 and 1"),
    ({"estimates": [1.0, 2.0], "variances": [1.0]}, "shape"),
    ({"estimates": [[1.0, 2.0], [1.0]], "variances": [1.0]}, "same terms for every replicate"),
    ({"estimates": [1.0, np.nan], "variances": [1.0, 1.0]}, "not finite"),
    ({"estimates": [1.0, 2.0], "variances": [1.0, -1.0]}, "negative"),
    ({"estimates": [], "variances": []}, "no estimates"),
    ({"estimates": 1.0, "variances": 1.0}, "shape"),
    ({"rule": "reiter_two_stage"}, r"\(m, r\)"),
    (
        {"rule": "reiter_two_stage", "estimates": np.ones((3, 1)), "variances": np.ones((3, 1))},
        "at least 2 syntheses",
    ),
    (
        {"rule": "reiter_two_stage", "estimates": np.ones((1, 3)), "variances": np.ones((1, 3))},
        "at least 2 replicates",
    ),
    ({"names": ["a"]}, "names are for"),
    (
        {"estimates": np.ones((2, 2)), "variances": np.ones((2, 2)), "names": ["a", "a"]},
        "different names",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refused(arguments, message):
    given_arguments = {"estimates": Q, "variances": U} | arguments
    with pytest.raises(DataError, match=message):
        pool(given_arguments.pop("estimates"), given_arguments.pop("variances"), **given_arguments)


def test_recommended_rules():
    assert recommend_rule(1, incomplete=False) == "raab_simple"
    assert recommend_rule(5, incomplete=True) == "reiter_partial"
    assert recommend_rule(2, incomplete=True, n_imputations=5) == "reiter_two_stage"
    with pytest.raises(DataError, match="at least 2 replicates"):
        recommend_rule(1, incomplete=True)
    with pytest.raises(DataError, match="no rule separates"):
        recommend_rule(1, incomplete=True, n_imputations=5)
    with pytest.raises(DataError, match="as many rows"):
        recommend_rule(5, incomplete=True, n_real=10, n_synthetic=20)


def test_every_rule_has_a_guide():
    for name, guide in RULES.items():
        assert guide.name == name
        assert guide.when
        assert guide.source


def pooling(rule: str) -> Pooling:
    return Pooling(
        rule=rule,
        n_real=None,
        n_synthetic=None,
        proper=False,
        inference="population",
        confidence=0.95,
    )


def test_a_term_that_one_nest_lacks_is_not_pooled():
    """The nests of two stages are of one size: a term must be in every file."""
    rng = np.random.default_rng(1)
    estimates = rng.normal(size=(3, 2, 2))
    covariances = np.broadcast_to(np.eye(2), (3, 2, 2, 2)).copy()
    whole, notes = pool_available(estimates, covariances, ("a", "b"), pooling("reiter_two_stage"))
    assert notes == ()
    estimates[1, 0, 1] = np.nan
    found, notes = pool_available(estimates, covariances, ("a", "b"), pooling("reiter_two_stage"))
    assert [note.split(":")[0] for note in notes] == ["term b"]
    np.testing.assert_array_equal(found.standard_error, [whole.standard_error[0], np.nan])


def test_one_term_of_several_replicates():
    estimates, covariances = np.array(Q)[:, None], np.array(U)[:, None, None]
    found, notes = pool_available(estimates, covariances, ("a",), pooling("reiter_partial"))
    assert found.release.n_replicates == found.n_replicates == 5
    assert found.standard_error[0] == pool(Q, U, rule="reiter_partial").standard_error
    assert notes == ()
