"""Fits: each model against statsmodels or R, absent levels, and files of every kind."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from gpusynth.errors import DataError
from gpusynth.inference import Clustered, RandomGroups, ReplicateWeights, fit, pool
from gpusynth.inference.likelihoods import fit_quantile
from gpusynth.inference.ordered import fit_ordered
from gpusynth.table import Column, Schema
from tests.inference.conftest import firms

FORMULA = "{} ~ C(sector) + size"


def matrix(table: pa.Table) -> np.ndarray:
    sector = np.array(table["sector"].to_pylist())
    dummies = [sector == f"s{code}" for code in (1, 2, 3)]
    return np.column_stack([np.ones(len(sector)), *dummies, table["size"].to_numpy()])


def numbers(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy().astype(float)


def graded(table: pa.Table) -> np.ndarray:
    # Levels of text are sorted: high, low, middle.
    return np.searchsorted(["high", "low", "middle"], table["grade"].to_pylist())


def peer(model: str, table: pa.Table, weight: np.ndarray | None = None):
    """The same fit by statsmodels' own means."""
    x = matrix(table)
    if model == "ols":
        return sm.WLS(numbers(table, "receipts"), x, 1.0 if weight is None else weight).fit()
    family = sm.families.Binomial() if model == "logit" else sm.families.Poisson()
    response = numbers(table, "exports" if model == "logit" else "staff")
    return sm.GLM(response, x, family, var_weights=weight).fit(tol=1e-13, maxiter=200)


RESPONSE = {"ols": "receipts", "logit": "exports", "poisson": "staff"}


@pytest.mark.parametrize("model", ["ols", "logit", "poisson"])
def test_unweighted(replicates, model):
    fitted = fit(FORMULA.format(RESPONSE[model]), replicates, model=model)
    for one, table in zip(fitted.replicates, replicates, strict=True):
        other = peer(model, table)
        np.testing.assert_allclose(one.parameters, other.params, rtol=1e-7)
        np.testing.assert_allclose(one.covariance, other.cov_params(), rtol=1e-6)
    assert fitted.terms[:2] == ("Intercept", "C(sector)[T.s1]")


@pytest.mark.parametrize("model", ["ols", "logit", "poisson"])
def test_weighted_is_robust(model):
    """The sandwich of a weighted fit, written out: bread (sum w2 s s') bread n / (n - p)."""
    table = firms(7)
    weight = numbers(table, "weight")
    one = fit(FORMULA.format(RESPONSE[model]), table, model=model, weights="weight").replicates[0]
    other = peer(model, table, weight)
    np.testing.assert_allclose(one.parameters, other.params, rtol=1e-7)
    x = matrix(table)
    mean = other.fittedvalues if model == "ols" else other.mu
    curvature = {"ols": np.ones(len(x)), "logit": mean * (1 - mean), "poisson": mean}[model]
    bread = np.linalg.inv((x * (weight * curvature)[:, None]).T @ x)
    score = x * (weight * (numbers(table, RESPONSE[model]) - mean))[:, None]
    sandwich = bread @ (score.T @ score) @ bread * len(x) / (len(x) - x.shape[1])
    np.testing.assert_allclose(one.covariance, sandwich, rtol=1e-6)


def test_robust_and_clustered_match_statsmodels():
    table = firms(8)
    x, response = matrix(table), numbers(table, "receipts")
    robust = fit(FORMULA.format("receipts"), table, vcov="robust").replicates[0]
    np.testing.assert_allclose(robust.covariance, sm.OLS(response, x).fit().cov_HC1, rtol=1e-8)
    clusters = np.array([int(name[1:]) for name in table["cluster"].to_pylist()])
    clustered = fit(FORMULA.format("receipts"), table, vcov=Clustered("cluster")).replicates[0]
    other = sm.OLS(response, x).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    np.testing.assert_allclose(clustered.covariance, other.cov_params(), rtol=1e-8)
    assert clustered.degrees_of_freedom == 24


def test_multinomial_matches_statsmodels():
    table = firms(9)
    fitted = fit(FORMULA.format("grade"), table, model="multinomial")
    other = sm.MNLogit(graded(table), matrix(table)).fit(disp=0, method="newton", tol=1e-12)
    np.testing.assert_allclose(
        fitted.replicates[0].parameters, np.asarray(other.params).ravel(order="F"), rtol=1e-6
    )
    errors = np.sqrt(np.diagonal(fitted.replicates[0].covariance))
    np.testing.assert_allclose(errors, np.asarray(other.bse).ravel(order="F"), rtol=1e-6)
    assert fitted.terms[0] == "low: Intercept"
    assert fitted.terms[-1] == "middle: size"


def test_ordered_matches_statsmodels():
    table = firms(10)
    schema = Schema(
        columns=(
            Column(
                name="grade", kind="ordered", storage="string", levels=("low", "middle", "high")
            ),
        )
    )
    fitted = fit(FORMULA.format("grade"), table, model="ordered", schema=schema)
    one = fitted.replicates[0]
    levels = [("low", "middle", "high").index(level) for level in table["grade"].to_pylist()]
    model = OrderedModel(levels, matrix(table)[:, 1:], distr="logit")
    other = model.fit(method="bfgs", disp=0, gtol=1e-8)
    thresholds = model.transform_threshold_params(np.asarray(other.params))[1:-1]
    assert fitted.terms[-2:] == ("low|middle", "middle|high")
    # statsmodels stops at a gradient found by differencing.
    np.testing.assert_allclose(one.parameters[:4], other.params[:4], atol=1e-5)
    np.testing.assert_allclose(one.parameters[4:], thresholds, atol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diagonal(one.covariance))[:4], other.bse[:4], rtol=1e-4)
    ratios = fitted.table()["ratio"].to_pylist()
    assert ratios[0] == pytest.approx(np.exp(one.parameters[0]))
    assert ratios[-2:] == [None, None]


def test_levels_match_r():
    """Recorded from R 4.2.2: MASS::polr and nnet::multinom, reltol 1e-15."""
    table = pa.table({"y": [1, 2, 1, 3, 2, 1, 2, 3, 2, 3, 1, 3], "x": np.arange(1.0, 13)})
    ordered = fit("y ~ x", table, model="ordered").replicates[0]
    assert ordered.terms == ("x", "1|2", "2|3")
    expected = [0.240737182468, 0.719304002390, 2.310085061930]
    np.testing.assert_allclose(ordered.parameters, expected, rtol=1e-6)
    errors = [0.176212500731, 1.196427878885, 1.367172557760]
    # polr's variances come from differencing.
    np.testing.assert_allclose(np.sqrt(np.diagonal(ordered.covariance)), errors, rtol=1e-3)
    multinomial = fit("y ~ x", table, model="multinomial").replicates[0]
    expected = [-0.263116231239, 0.0478583500303, -2.162871212357, 0.3127986631044]
    np.testing.assert_allclose(multinomial.parameters, expected, rtol=1e-5)
    errors = [1.398908749389, 0.219497349008, 1.904624675528, 0.247361957342]
    np.testing.assert_allclose(np.sqrt(np.diagonal(multinomial.covariance)), errors, rtol=1e-5)


def test_weights_of_counts_repeat_rows():
    """Frequency weights and repeated rows give the same estimates, for every likelihood."""
    table = firms(11, 120)
    repeats = (np.arange(120) % 3) + 1
    weighted = table.append_column("times", pa.array(repeats))
    repeated = table.take(np.repeat(np.arange(120), repeats))
    for model, response in (("ordered", "grade"), ("multinomial", "grade"), ("poisson", "staff")):
        formula = f"{response} ~ sector + size"
        first = fit(formula, weighted, model=model, weights="times", vcov="model").replicates[0]
        second = fit(formula, repeated, model=model).replicates[0]
        np.testing.assert_allclose(first.parameters, second.parameters, rtol=1e-6, atol=1e-9)


def test_counting_equal_rows_changes_nothing():
    """The same rows, once all different by a further column and once counted."""
    table = firms(12, 600)
    coarse = table.set_column(
        table.schema.get_field_index("size"), "size", pa.array(np.round(table["size"].to_numpy()))
    )
    formula = "exports ~ sector * size"
    for vcov in ("model", "robust", Clustered("cluster")):
        counted = fit(formula, coarse, model="logit", vcov=vcov).replicates[0]
        # center() depends on the column as a whole, so rows are kept.
        kept = fit("exports ~ sector * center(size)", coarse, model="logit", vcov=vcov)
        shift = np.round(table["size"].to_numpy()).mean()
        other = kept.replicates[0]
        np.testing.assert_allclose(counted.parameters[4:], other.parameters[4:], rtol=1e-8)
        moved = other.parameters[0] - shift * other.parameters[4]
        assert counted.parameters[0] == pytest.approx(moved)
        np.testing.assert_allclose(
            np.diagonal(counted.covariance)[4:], np.diagonal(other.covariance)[4:], rtol=1e-8
        )


def test_quantile():
    table = firms(13)
    fitted = fit(FORMULA.format("receipts"), table, model="quantile", quantile=0.8)
    other = sm.QuantReg(numbers(table, "receipts"), matrix(table)).fit(q=0.8)
    np.testing.assert_allclose(fitted.replicates[0].parameters, other.params)
    np.testing.assert_allclose(np.diagonal(fitted.replicates[0].covariance), other.bse**2)


def test_random_groups_recipe():
    """The 2007 SBO user guide's steps, written out for the mean of a column."""
    table = firms(14, 660, with_group=True)
    plan = RandomGroups(column="group", adjustment=1.992065)
    fitted = fit("receipts ~ 1", table, weights="weight", vcov=plan)
    weight, group = numbers(table, "weight"), table["group"].to_numpy()
    receipts = numbers(table, "receipts")
    new = 10 * weight * np.sqrt(1 - 1 / weight)
    means = np.array(
        [np.average(receipts[group == g], weights=new[group == g]) for g in range(1, 11)]
    )
    one = fitted.replicates[0]
    assert one.parameters[0] == pytest.approx(np.average(receipts, weights=weight))
    variance = 1.992065 * ((means - means.mean()) ** 2).sum() / 90
    assert one.covariance[0, 0] == pytest.approx(variance)
    assert one.degrees_of_freedom == 9
    assert fitted.pooled.upper[0] - fitted.pooled.estimate[0] == pytest.approx(
        stats.t.ppf(0.975, 9) * fitted.pooled.standard_error[0]
    )


@pytest.mark.parametrize("model", ["ols", "logit"])
def test_negative_replicate_weights(model):
    """Successive differences can make weights negative; the estimate stays the weighted one."""
    table = firms(19, 200)
    rng = np.random.default_rng(4)
    weights = 1.0 + 1.5 * rng.normal(size=(3, 200)) ** 3 / 20
    weights[:, :5] = -0.2
    for number, column in enumerate(weights):
        table = table.append_column(f"w{number}", pa.array(column))
    plan = ReplicateWeights(columns=("w0", "w1", "w2"), method="sdr")
    one = fit(f"{RESPONSE[model]} ~ size", table, model=model, vcov=plan).replicates[0]
    x, y = np.column_stack([np.ones(200), table["size"]]), numbers(table, RESPONSE[model])

    def solved(weight):
        beta = np.zeros(2)
        for _ in range(30):
            mean = 1 / (1 + np.exp(-x @ beta)) if model == "logit" else x @ beta
            curvature = mean * (1 - mean) if model == "logit" else np.ones(200)
            information = (x * (weight * curvature)[:, None]).T @ x
            beta = beta + np.linalg.solve(information, x.T @ (weight * (y - mean)))
        return beta

    full = solved(np.ones(200))
    differences = np.stack([solved(weight) - full for weight in weights])
    np.testing.assert_allclose(one.covariance, 4 / 3 * differences.T @ differences, rtol=1e-6)


def test_joint_tests_allow_for_few_degrees_of_freedom():
    """Hotelling's F of a random group variance by hand; F of R's lm for the model's own."""
    table = firms(14, 660, with_group=True)
    plan = RandomGroups(column="group")
    formula = "receipts ~ size + staff"
    grouped = fit(formula, table, weights="weight", vcov=plan)
    tested = grouped.wald()
    one = grouped.replicates[0]
    beta, covariance = one.parameters[1:], 2 * one.covariance[1:, 1:]
    statistic = beta @ np.linalg.solve(covariance, beta) / 2 * 8 / 9
    assert tested.statistic == pytest.approx(statistic)
    assert (tested.numerator_df, tested.denominator_df) == (2, 8)
    assert tested.p_value == pytest.approx(stats.f.sf(statistic, 2, 8))
    with pytest.raises(DataError, match="10 terms cannot be tested"):
        fit("receipts ~ poly(size, 10)", table, weights="weight", vcov=plan).wald()
    plain = fit(formula, table)
    other = sm.OLS(
        numbers(table, "receipts"), np.column_stack([np.ones(660), table["size"], table["staff"]])
    ).fit()
    # One replicate doubles the variance.
    assert plain.wald().statistic == pytest.approx(other.fvalue / 2)
    assert plain.wald().denominator_df == 657


def test_replicate_weights():
    """The delete-one jackknife of a mean is its usual variance."""
    table = firms(15, 40)
    n_rows = table.num_rows
    names = []
    for row in range(n_rows):
        names.append(f"w{row}")
        weight = np.full(n_rows, n_rows / (n_rows - 1))
        weight[row] = 0.0
        table = table.append_column(names[-1], pa.array(weight))
    plan = ReplicateWeights(columns=tuple(names), method="jackknife")
    one = fit("receipts ~ 1", table, vcov=plan).replicates[0]
    assert one.covariance[0, 0] == pytest.approx(numbers(table, "receipts").var(ddof=1) / n_rows)
    factors = {"sdr": 4 / 40, "brr": 1 / 40, "bootstrap": 1 / 40, "fay": 1 / (40 * 0.25)}
    for method, factor in factors.items():
        plan = ReplicateWeights(columns=tuple(names), method=method, fay=0.5)
        assert plan.factor == pytest.approx(factor)


@pytest.mark.parametrize(("method", "freedom"), [("jackknife", 11), ("sdr", 12), ("brr", 12)])
def test_few_replicate_weights_give_wide_intervals(method, freedom):
    """As SAS with REPWEIGHTS, t of R degrees of freedom; normal ones would cover too rarely.

    12 equal groups, each left out (or nearly so) once.
    """
    table = firms(16, 240)
    names = tuple(f"w{group}" for group in range(12))
    for group, name in enumerate(names):
        weight = np.where(np.arange(240) % 12 == group, 0.0, 12 / 11)
        table = table.append_column(name, pa.array(weight))
    plan = ReplicateWeights(columns=names, method=method)
    fitted = fit("receipts ~ size", table, vcov=plan, inference="sample")
    one = fitted.replicates[0]
    assert one.degrees_of_freedom == one.design_df == freedom
    half = stats.t.ppf(0.975, freedom) * np.sqrt(np.diagonal(one.covariance))
    np.testing.assert_allclose(fitted.pooled.upper - fitted.pooled.estimate, half)
    # one term tested by itself is its t test
    tested, t = fitted.wald(["size"]), fitted.pooled.statistic[1]
    assert tested.statistic == pytest.approx(t**2)
    assert tested.p_value == pytest.approx(fitted.pooled.p_value[1])


def test_pooled_is_pool(replicates):
    fitted = fit(FORMULA.format("receipts"), replicates, rule="reiter_partial")
    pooled = pool(
        [one.parameters for one in fitted.replicates],
        [one.covariance for one in fitted.replicates],
        rule="reiter_partial",
        complete_df=fitted.replicates[0].degrees_of_freedom,
    )
    np.testing.assert_allclose(fitted.pooled.standard_error, pooled.standard_error)
    tested, other = fitted.wald(["size"]), pooled.wald(["x5"])
    assert tested == other
    assert fitted.wald().numerator_df == 4
    table = fitted.table()
    assert table["n_replicates"].to_pylist() == [3] * 5
    assert "ratio" not in table.column_names


def test_two_stage(replicates):
    nested = [replicates[:2], [replicates[2], replicates[0]]]
    fitted = fit("receipts ~ size", nested, rule="reiter_two_stage")
    assert fitted.pooled.n_replicates == 4
    assert fitted.wald().numerator_df == 1
    with pytest.raises(DataError, match="list of lists"):
        fit("receipts ~ size", replicates, rule="reiter_two_stage")
    with pytest.raises(DataError, match="same number of syntheses"):
        fit("receipts ~ size", [replicates[:2], replicates[2:]], rule="reiter_two_stage")


def test_a_narrow_column_far_from_zero_is_not_taken_for_the_intercept():
    """Ten days beside a date of eight digits: alone, the columns differ by 1e-7 of their length."""
    day = np.arange(400) % 10
    y = 3.0 + 0.5 * day + np.random.default_rng(3).normal(size=400)
    near = fit("y ~ day", pa.table({"y": y, "day": day})).pooled
    far = fit("y ~ day", pa.table({"y": y, "day": 20_240_101.0 + day})).pooled
    assert far.estimate[1] == pytest.approx(near.estimate[1], rel=1e-5)
    assert far.standard_error[1] == pytest.approx(near.standard_error[1], rel=1e-5)


def test_weights_of_a_quantile_regression():
    """A weight of 0 leaves a row out; a negative one is refused."""
    rng = np.random.default_rng(4)
    matrix = np.stack([np.ones(60), rng.normal(size=60)], axis=1)
    response = matrix @ [1.0, 2.0] + rng.normal(size=60)
    weight = np.where(np.arange(60) < 50, 1.0, 0.0)
    some, _ = fit_quantile(response, matrix, weight, quantile=0.3)
    alone, _ = fit_quantile(response[:50], matrix[:50], weight[:50], quantile=0.3)
    np.testing.assert_allclose(some, alone, atol=1e-5)
    with pytest.raises(DataError, match="no negative weights"):
        fit_quantile(response, matrix, weight - 0.5, quantile=0.3)


@pytest.mark.parametrize("seed", [7, 12, 33])
def test_ordered_where_full_newton_steps_overshoot(seed):
    """A lognormal predictor: the score of the maximum is 0, and thresholds ascend."""
    rng = np.random.default_rng(seed)
    x = np.exp(2 * rng.normal(size=(50, 1)))
    grade = np.digitize(0.3 * x[:, 0] + rng.logistic(size=50), [0.0, 3.0, 9.0])
    fitted = fit_ordered(grade, x, np.ones(50))
    assert fitted is not None
    parameters, _, scores = fitted
    assert np.abs(scores.sum(axis=0)).max() < 1e-8
    assert (np.diff(parameters[1:]) > 0).all()
