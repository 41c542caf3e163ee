"""Fits: each model against statsmodels or R, absent levels, and files of every kind."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from gpusynth.errors import DataError, PlanError
from gpusynth.inference import Clustered, RandomGroups, ReplicateWeights, fit, pool
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


def test_pooled_is_pool(replicates):
    fitted = fit(FORMULA.format("receipts"), replicates, rule="reiter_partial")
    pooled = pool(
        [one.parameters for one in fitted.replicates],
        [one.covariance for one in fitted.replicates],
        rule="reiter_partial",
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


def test_files_of_every_kind(replicates, tmp_path):
    """A run's directory, CSV, pandas with categories: the same figures; unused columns unread."""
    formula = "exports ~ sector + size"
    expected = fit(formula, replicates[:2], model="logit").table()
    for number, table in enumerate(replicates[:2], start=1):
        pq.write_table(table, tmp_path / f"replicate_{number:03d}.parquet")
        pyarrow.csv.write_csv(table, tmp_path / f"text_{number}.csv")
    assert fit(formula, tmp_path, model="logit").table().equals(expected)
    texts = [tmp_path / "text_1.csv", tmp_path / "text_2.csv"]
    assert fit(formula, texts, model="logit").table().equals(expected)
    frames = [table.to_pandas().astype({"sector": "category"}) for table in replicates[:2]]
    assert fit(formula, frames, model="logit").table().equals(expected)
    narrow = [table.select(["exports", "sector", "size"]) for table in replicates[:2]]
    assert fit(formula, narrow, model="logit").table().equals(expected)


def test_only_the_columns_of_the_model_are_read(replicates, tmp_path, monkeypatch):
    from gpusynth.io.parquet import ParquetSource

    path = tmp_path / "firms.parquet"
    pq.write_table(replicates[0], path)
    asked = []
    original = ParquetSource.batches

    def watched(self, columns=None, **options):
        asked.append(columns)
        return original(self, columns, **options)

    monkeypatch.setattr(ParquetSource, "batches", watched)
    fit("log(receipts) ~ size", path, weights="weight", vcov=Clustered("cluster"))
    assert asked == [["receipts", "size", "weight", "cluster"]]


def test_schema_says_what_is_missing_and_categorical():
    codes = pa.table({"y": [1.0, 2, 3, 4, 5, 6], "x": [0, 1, 2, -8, 0, 1], "z": [1, 2, 2, 1, 2, 1]})
    schema = Schema(
        columns=(
            Column(name="x", kind="integer", storage="int64", missing_codes=(-8,)),
            Column(name="z", kind="categorical", storage="int64", levels=("2", "1")),
        )
    )
    fitted = fit("y ~ x + z", codes, schema=schema)
    assert fitted.terms == ("Intercept", "x", "z[T.1]")
    assert fitted.replicates[0].n_used == 5
    assert fitted.notes == ("replicate 1: 1 rows with missing values were left out.",)


def test_codes_of_a_schema_keep_their_type(tmp_path):
    """Categorical codes stored as numbers compare with numbers, those of a CSV file with text."""
    coded = firms(18, 330, with_group=True)
    categorical = {
        name: Column(name=name, kind="categorical", storage="int64", levels=levels)
        for name, levels in (("exports", ("1", "0")), ("group", tuple(map(str, range(11)))))
    }
    schema = Schema(columns=tuple(categorical.values()))
    plan = RandomGroups(column="group")
    plain = fit("I(exports == 1) ~ size", coded, model="logit", weights="weight", vcov=plan)
    typed = fit(
        "I(exports == 1) ~ size", coded, model="logit", weights="weight", vcov=plan, schema=schema
    )
    assert typed.table().equals(plain.table())
    pyarrow.csv.write_csv(coded, tmp_path / "firms.csv")
    arguments = {"model": "logit", "weights": "weight", "vcov": plan, "schema": schema}
    read = fit('I(exports == "1") ~ size', tmp_path / "firms.csv", **arguments)
    assert read.table().equals(plain.table())
    with pytest.raises(DataError, match="Put it into quotes"):
        fit("I(exports == 1) ~ size", tmp_path / "firms.csv", **arguments)
    # The schema's order of levels decides which one is the event of a bare response.
    bare = fit("exports ~ size", coded, model="logit", schema=schema)
    other = fit("I(exports == 0) ~ size", coded, model="logit")
    np.testing.assert_allclose(bare.pooled.estimate, other.pooled.estimate)


def test_absent_level_is_aligned(replicates):
    """A level that one replicate lacks: its term is pooled over the others, with notes."""
    sector = np.array(replicates[0]["sector"].to_pylist())
    lacking = replicates[0].filter(pa.array(sector != "s2"))
    others = [table.slice(0, lacking.num_rows) for table in replicates[1:]]
    formula = "receipts ~ sector + size"
    fitted = fit(formula, [lacking, *others], rule="reiter_partial")
    assert fitted.table()["n_replicates"].to_pylist() == [3, 3, 2, 3, 3]
    alone = fit(formula, others, rule="reiter_partial")
    assert fitted.pooled.standard_error[2] == pytest.approx(alone.pooled.standard_error[2])
    assert any("no row has the level" in note for note in fitted.notes)
    assert any("2 of 3 replicates" in note for note in fitted.notes)
    assert fitted.wald(["sector[T.s2]", "size"]) == alone.wald(["sector[T.s2]", "size"])
    single = fit(formula, [lacking, others[0]], rule="reiter_partial")
    assert np.isnan(single.pooled.estimate[2])
    assert any("too few to pool" in note for note in single.notes)
    with pytest.raises(DataError, match="too few replicates have all"):
        single.wald(["sector[T.s2]"])


@pytest.mark.parametrize("model", ["ordered", "multinomial"])
def test_absent_level_of_the_response(replicates, model):
    grade = np.array(replicates[0]["grade"].to_pylist())
    lacking = replicates[0].filter(pa.array(grade != "middle"))
    others = [table.slice(0, lacking.num_rows) for table in replicates[1:]]
    fitted = fit("grade ~ size", [lacking, *others], model=model)
    counts = dict(zip(fitted.terms, fitted.table()["n_replicates"].to_pylist(), strict=True))
    if model == "ordered":
        assert counts == {"size": 3, "high|low": 3, "low|middle": 2}
    else:
        assert counts["low: size"] == 3
        assert counts["middle: size"] == 2
    assert any("levels of the response" in note for note in fitted.notes)


def test_stateful_functions_mean_the_same_everywhere(replicates):
    """Polynomials of every replicate are those of the first."""
    fitted = fit("receipts ~ poly(size, 2)", replicates)
    size = replicates[0]["size"].to_numpy()
    x = replicates[1]["size"].to_numpy() - size.mean()
    upper = np.linalg.qr(np.vander(size - size.mean(), 3, increasing=True))[1]
    second = np.vander(x, 3, increasing=True) @ np.linalg.inv(upper)
    mean = sm.OLS(numbers(replicates[1], "receipts"), second).fit()
    np.testing.assert_allclose(
        np.abs(fitted.replicates[1].parameters[1:]), np.abs(mean.params[1:]), rtol=1e-8
    )


REFUSED = [
    ("receipts ~ nosuch", {}, DataError, "no column 'nosuch'"),
    ("receipts ~ sizes", {}, DataError, "Did you mean 'size'"),
    ("receipts ~ log(size)", {}, DataError, "'log\\(size\\)' is not finite"),
    ("receipts ~ log(sector)", {}, DataError, "cannot be computed"),
    ("receipts ~ size + I(2*size)", {}, DataError, r"singular: 'I\(2 \* size\)'"),
    ("receipts ~ sector + C(sector)", {}, DataError, "singular"),
    ("sector ~ size", {}, DataError, "categorical"),
    ("log(sector) ~ size", {}, DataError, "treats a categorical column"),
    ("log(size) ~ sector", {}, DataError, "not finite in"),
    ("sector ~ size", {"model": "logit"}, DataError, "two levels"),
    ("receipts ~ size", {"model": "logit"}, DataError, "must be 0 and 1"),
    ("size ~ sector", {"model": "poisson"}, DataError, "negative"),
    ("log(staff + 1) ~ size", {"model": "ordered"}, DataError, "needs levels"),
    ("I(receipts > -1) ~ size", {"model": "logit"}, DataError, "same value in all rows"),
    ("I(sector == 1) ~ size", {"model": "logit"}, DataError, "none of its levels. Mind"),
    ('I(exports == "1") ~ size', {"model": "logit"}, DataError, "Leave out the quotes"),
    ('receipts ~ I("s9" != sector)', {}, DataError, "none of its levels"),
    ("receipts ~ 0", {}, DataError, "no term"),
    ('receipts ~ I(sector < "s1")', {}, DataError, "cannot be computed"),
    ('receipts ~ C(sector, Treatment("s9"))', {}, DataError, "level named in Treatment"),
    ("sector ~ C(sector)", {"model": "multinomial"}, DataError, "separation"),
    ("sector ~ C(sector)", {"model": "ordered"}, DataError, "separation"),
    ("I(staff * (sector == 's1')) ~ sector", {"model": "poisson"}, DataError, "separation"),
    ("receipts ~ size", {"model": "probit"}, PlanError, "no model is called"),
    ("receipts ~ size", {"vcov": "hac"}, PlanError, "not known"),
    ("receipts ~ size", {"model": "quantile", "quantile": 1.0}, PlanError, "between 0 and 1"),
    ("receipts ~ size", {"model": "quantile", "vcov": "robust"}, PlanError, "robust already"),
    ("receipts ~ size", {"model": "quantile", "weights": "weight"}, PlanError, "RandomGroups"),
    ("receipts ~ size", {"weights": "sector"}, DataError, "must hold numbers"),
    ("receipts ~ sector", {"weights": "size"}, DataError, "weights in column 'size' are negative"),
    ("receipts ~ size", {"vcov": RandomGroups(column="cluster")}, PlanError, "weights="),
    ("receipts ~ size", {"vcov": ReplicateWeights(columns=("a",), method="brr")}, PlanError, "2"),
    ("grade ~ size - 1", {"model": "ordered"}, DataError, "thresholds"),
    ("poly(receipts, 2) ~ size", {}, PlanError, "is refused"),
    ("receipts ~ size", {"rule": "raghunathan_full"}, DataError, "raab_simple"),
]


@pytest.mark.parametrize(("formula", "arguments", "error", "message"), REFUSED)
def test_refused(replicates, formula, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        fit(formula, replicates, **arguments)
    assert "\n" not in str(caught.value)


def test_refused_replicates(replicates, tmp_path):
    with pytest.raises(DataError, match="at least 2 replicates"):
        fit("receipts ~ size", replicates[:1], rule="reiter_partial")
    with pytest.raises(DataError, match="differ in their number of rows"):
        fit("receipts ~ size", [replicates[0], replicates[1].slice(1)])
    with pytest.raises(DataError, match="no replicates"):
        fit("receipts ~ size", [])
    with pytest.raises(DataError, match="holds no replicate"):
        fit("receipts ~ size", tmp_path)
    with pytest.raises(DataError, match="is a number in replicate 1 and text in replicate 2"):
        mixed = pa.table({"size": replicates[1]["sector"], "receipts": replicates[1]["size"]})
        fit("receipts ~ size", [replicates[0], mixed])
    with pytest.raises(DataError, match="too few for"):
        fit("receipts ~ size + weight", replicates[0].slice(0, 3))
    with pytest.raises(DataError, match="'e' has one level"):
        fit("y ~ e", pa.table({"y": [1.0, 2.0, 4.0], "e": ["a", "a", "a"]}))
    dated = pa.table({"y": [1.0, 2.0], "d": pa.array([1, 2], pa.date32())})
    with pytest.raises(DataError, match="holds dates"):
        fit("y ~ d", dated)
    with pytest.raises(DataError, match="no row has values"):
        fit("y ~ x", pa.table({"y": [1.0, 2.0], "x": pa.array([None, None], pa.float64())}))
    with pytest.raises(DataError, match="random groups"):
        plan = RandomGroups(column="weight", finite_population=False)
        fit(
            "receipts ~ size",
            replicates[0].set_column(2, "weight", pa.array([1.0] * 400)),
            vcov=plan,
        )


@pytest.mark.parametrize("model", ["ols", "logit", "poisson", "ordered", "multinomial", "quantile"])
def test_units_do_not_matter(model):
    """Dollars instead of millions: the same fit, coefficients and errors in other units."""
    table = firms(16)
    response = {**RESPONSE, "ordered": "grade", "multinomial": "grade", "quantile": "receipts"}
    million = 2.0**20
    scaled = table.append_column("dollars", pa.array(table["size"].to_numpy() * million))
    first = fit(f"{response[model]} ~ sector + size", scaled, model=model, vcov="model")
    second = fit(f"{response[model]} ~ sector + dollars", scaled, model=model, vcov="model")
    unit = np.array([1 / million if "dollars" in term else 1.0 for term in second.terms])
    one, other = first.replicates[0], second.replicates[0]
    np.testing.assert_allclose(one.parameters * unit, other.parameters, rtol=1e-7)
    np.testing.assert_allclose(
        np.diagonal(one.covariance) * unit**2, np.diagonal(other.covariance), rtol=1e-7
    )
    if model == "logit":
        robust = [
            fit(f"exports ~ sector + {name}", scaled, model=model, vcov=Clustered("cluster"))
            for name in ("size", "dollars")
        ]
        np.testing.assert_allclose(
            np.diagonal(robust[0].replicates[0].covariance) * unit**2,
            np.diagonal(robust[1].replicates[0].covariance),
            rtol=1e-7,
        )


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_extreme_units(size):
    table = firms(17)
    scaled = table.append_column("huge", pa.array(table["size"].to_numpy() * size))
    first = fit("exports ~ sector + size", table, model="logit").pooled
    second = fit("exports ~ sector + huge", scaled, model="logit").pooled
    np.testing.assert_allclose(first.estimate[:4], second.estimate[:4], rtol=1e-7)
    assert second.estimate[4] * size == pytest.approx(first.estimate[4])


def test_number_read_as_text_is_refused(tmp_path):
    """A CSV column of numbers with a stray word has as many levels as numbers."""
    path = tmp_path / "survey.csv"
    lines = [f"{i % 7},{i + 0.5}" for i in range(3000)]
    path.write_text("\n".join(["y,x", *lines, "1,unknown"]) + "\n")
    with pytest.raises(DataError, match=r"'x' has 3001 levels.*schema"):
        fit("y ~ x", path)
