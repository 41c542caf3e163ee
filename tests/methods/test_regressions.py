"""norm, its kin and normrank: by definition, and by what they draw."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from scipy import stats

from gpusynth.errors import BackendUnavailableError, DeviceMemoryError, PlanError
from gpusynth.methods import (
    CubeRootNorm,
    LogNorm,
    Norm,
    NormRank,
    Parametric,
    Pmm,
    SqrtNorm,
    check_suitable,
)
from gpusynth.methods.design import make_design
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.design_rows import DesignRows, independent_columns
from gpusynth.methods.least_squares import fit_least_squares
from gpusynth.table import Column, Table
from tests.methods.method_cases import Draws, coded, firms, step, sums_of

P = ("sector", "region", "age", "staff", "size")


@pytest.fixture(scope="module")
def survey() -> Table:
    return firms(3000, seed=8)


def design_rows(survey, target, predictors=P, *, weight=None, rows=None, max_levels=60):
    data = step(survey, target, predictors, weight=weight, rows=rows)
    design = make_design(data, max_levels=max_levels, min_level_rows=5)
    return DesignRows.of(design, data, weighted=weight is not None)


def golden() -> Table:
    """The 200 rows that R fitted: x, g, and outcomes made of them by arithmetic."""
    i = np.arange(200)
    x, g, noise = i * 7 % 23, i * 5 % 3, i * 37 % 41
    s = x + 6 * (g == 1) + noise / 2
    y = np.digitize(s, [12, 20, 28], right=True)
    z = (i * i + 3 * x + 5 * (g == 2)) % 7 // 2.5
    b = (x + noise / 2 + 5 * (g == 2)) > 22
    columns = {
        "x": pa.array(x),
        "g": pa.array(np.array(["a", "b", "c"])[g]),
        "s": pa.array(s),
        "y": pa.array(np.array(["s", "m", "l", "xl"])[y]),
        "z": pa.array(np.array(["p", "q", "r"])[z.astype(int)]),
        "b": pa.array(b),
    }
    kinds = ("integer", "categorical", "numeric", "ordered", "categorical", "boolean")
    storages = ("int64", "string", "double", "string", "string", "bool")
    return coded(
        pa.table(columns),
        tuple(
            Column(
                name=name,
                kind=kind,
                storage=storage,
                levels=("s", "m", "l", "xl") if name == "y" else None,
            )
            for name, kind, storage in zip(columns, kinds, storages, strict=True)
        ),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_coefficients_are_those_of_least_squares(survey, weighted):
    weight = np.random.default_rng(1).gamma(2.0, size=survey.n_rows) if weighted else None
    rows = design_rows(survey, "profit", weight=weight)
    response = step(survey, "profit").target.goal.values
    fit = fit_least_squares(rows, response)
    matrix = rows.matrix(slice(0, survey.n_rows))
    if weighted:
        theirs = sm.WLS(response, matrix, weights=rows.weight).fit()
    else:
        theirs = sm.OLS(response, matrix).fit()
    np.testing.assert_allclose(fit.coefficients, theirs.params, rtol=1e-8, atol=1e-9)
    assert fit.sigma == pytest.approx(np.sqrt(theirs.mse_resid), rel=1e-10)


def test_normrank_is_the_regression_of_scores_that_r_fits():
    table = golden()
    model = NormRank().fit(step(table, "s", ("x", "g")))
    x, g = np.arange(200) * 7 % 23, np.arange(200) * 5 % 3
    by_r = -1.40019016738 + 0.10822065493 * x + np.array([0, 0.62133996005, 0.01880843459])[g]
    np.testing.assert_allclose(sums_of(model, table, ("x", "g"))[:, 0], by_r, atol=1e-9)
    assert model.sigma == pytest.approx(0.61323015190, rel=1e-10)


def test_design_columns(survey):
    rows = design_rows(survey, "profit")
    matrix = rows.matrix(slice(0, survey.n_rows))
    terms = rows.design.terms
    # 1 intercept, 4 sectors, 3 regions (null is a level), age, staff with -9 and 0, 3 sizes.
    assert matrix.shape[1] == 1 + 4 + 3 + 1 + 3 + 3
    staff = terms["staff"]
    codes = survey.codes["staff"]
    assert np.array_equal(matrix[:, staff.places[0]], codes == 0)
    assert np.array_equal(matrix[:, staff.places[1]], codes == 1)
    number = matrix[:, staff.slope]
    assert not number[codes < 2].any()
    assert abs(number.mean()) < 1e-12
    assert number[codes >= 2].std() == pytest.approx(1.0)
    frequent = np.bincount(survey.codes["sector"]).argmax()
    assert terms["sector"].places[frequent] == -1


def test_rare_levels_share_an_effect():
    random = np.random.default_rng(4)
    levels = np.concatenate([np.repeat([0, 1, 2], 300), [3] * 4, [4] * 2, np.arange(5, 105)])
    random.shuffle(levels)
    table = coded(
        pa.table({"x": pa.array([f"{v:03d}" for v in levels]), "y": random.normal(size=1006)}),
        (
            Column(name="x", kind="categorical", storage="string"),
            Column(name="y", kind="numeric", storage="double"),
        ),
    )
    design = make_design(step(table, "y", ("x",)), max_levels=60, min_level_rows=5)
    places = design.terms["x"].places
    assert design.n_columns == 4
    assert sorted(places[:3].tolist()) == [-1, 1, 2]
    assert (places[3:] == 3).all()
    narrow = make_design(step(table, "y", ("x",)), max_levels=2, min_level_rows=1)
    assert narrow.n_columns == 3


def test_ordered_levels_beyond_the_limit_enter_by_rank(survey):
    rows = design_rows(survey, "profit", ("size",), max_levels=3)
    matrix = rows.matrix(slice(0, survey.n_rows))
    assert matrix.shape[1] == 2
    assert abs(np.corrcoef(matrix[:, 1], survey.codes["size"])[0, 1]) > 1 - 1e-12


def test_dependent_columns_are_left_out_and_the_first_stays():
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 3))
    columns = [np.ones(500), x[:, 0], x[:, 1], x[:, 0] + 2 * x[:, 1], x[:, 2], np.full(500, 7.0)]
    columns.append(x[:, 2] + 1e-7 * random.normal(size=500))
    matrix = np.column_stack(columns)
    assert independent_columns(matrix.T @ matrix).tolist() == [0, 1, 2, 4]


def test_a_column_that_repeats_another_changes_no_draw(survey):
    doubled = Table(
        survey.schema,
        {**survey.codecs, "copy": survey.codecs["sector"]},
        {**survey.codes, "copy": survey.codes["sector"]},
        survey.values,
        survey.n_rows,
    )
    for method, target in ((Norm(), "profit"), (Parametric(), "legal")):
        once = method.fit(step(doubled, target, ("sector", "age")))
        twice = method.fit(step(doubled, target, ("sector", "age", "copy")))
        columns = ("sector", "age", "copy")
        first, second = Draws(once, doubled, columns)(), Draws(twice, doubled, columns)()
        assert np.array_equal(first[0], second[0])


def test_norm_draws_the_line_and_the_spread(survey):
    model = Norm().fit(step(survey, "profit", P))
    sums = sums_of(model, survey, P)[:, 0]
    draws = Draws(model, survey, P)
    drawn = np.concatenate([draws(replicate=r)[1] - sums for r in range(1, 21)]) / model.sigma
    # Kolmogorov's distance of 60,000 standard normal numbers: above 0.009 once in 10,000.
    assert stats.kstest(drawn, "norm").statistic < 2.23 / np.sqrt(len(drawn))


def test_norm_keeps_decimals_bounds_and_dtype(survey):
    codes, values = Draws(Norm().fit(step(survey, "sales", ("sector",))), survey, ("sector",))()
    assert values.dtype == np.float64
    assert values.min() == 0.0  # the bound; a normal distribution goes below
    assert np.array_equal(values, np.round(values, 2))
    known = survey.codecs["sales"].code_values
    assert codes.max() < survey.codecs["sales"].n_codes
    assert np.abs(known[codes - survey.codecs["sales"].n_special] - values).mean() < 5


def test_norm_never_falls_on_missing_codes_and_spikes(survey):
    model = Norm().fit(step(survey, "staff", ("sector",), part="value"))
    assert model.sigma > 2
    codes, values = Draws(model, survey, ("sector",))()
    assert values.dtype == np.int64
    assert values.min() < -1  # so that it might have fallen on 0
    assert not np.isin(values, [0, -9]).any()
    assert (codes >= survey.codecs["staff"].n_special).all()


def test_norm_keeps_the_decimals_that_the_schema_says():
    """Whole dollars in a column of cents; 0 is a spike, and the bounds are of half dollars."""
    random = np.random.default_rng(5)
    sales = np.where(random.random(2000) < 0.2, 0, np.rint(random.normal(2, 3, 2000)).astype(int))
    column = Column(
        name="s",
        kind="numeric",
        storage="decimal128(12, 2)",
        decimals=0,
        spikes=(0,),
        bounds=(-6.5, 9.5),
    )
    table = coded(
        pa.table({"s": pa.array(sales.astype(np.int32)).cast(pa.decimal128(12, 2))}), (column,)
    )
    _, values = Draws(Norm().fit(step(table, "s", part="value")), table)()
    assert not (values % 100).any()
    assert (values.min(), values.max()) == (-600, 900)
    assert (values != 0).all()


@pytest.mark.parametrize(
    ("method", "transform"), [(LogNorm(), np.log), (SqrtNorm(), np.sqrt), (CubeRootNorm(), np.cbrt)]
)
def test_transformed_kin_regress_the_transformed_numbers(survey, method, transform):
    rows = design_rows(survey, "sales")
    response = transform(step(survey, "sales").target.goal.values)
    plain = fit_least_squares(rows, response)
    model = method.fit(step(survey, "sales", P))
    expected = LinearPredictor.of(rows.design, plain.coefficients[:, None])
    assert np.array_equal(model.predictor.intercept, expected.intercept)
    assert model.sigma == plain.sigma
    _, values = Draws(model, survey, P)()
    assert transform(values).mean() == pytest.approx(response.mean(), abs=0.2)


def test_lognorm_with_zeros_returns_zeros():
    random = np.random.default_rng(3)
    sales = np.where(random.random(2000) < 0.3, 0.0, np.round(np.exp(random.normal(size=2000)), 2))
    table = coded(
        pa.table({"sales": sales}),
        (Column(name="sales", kind="numeric", storage="double", decimals=2),),
    )
    model = LogNorm().fit(step(table, "sales"))
    assert model.shift == sales[sales > 0].min() / 2
    _, values = Draws(model, table)()
    assert values.min() == 0.0
    assert 0.02 < (values == 0).mean() < 0.6


@pytest.mark.parametrize("method", [LogNorm(), SqrtNorm()])
def test_negative_numbers_are_refused_where_they_have_no_transform(survey, method):
    profit = step(survey, "profit").target.goal.values
    first = int(np.argmax(profit < 0)) + 1
    with pytest.raises(PlanError, match=rf"'profit'.*{(profit < 0).sum()} rows .*row {first} "):
        method.fit(step(survey, "profit", P))


@pytest.mark.parametrize("method", [Norm(), NormRank(), Pmm()])
def test_levels_are_refused(survey, method):
    with pytest.raises(PlanError, match=f"'legal' has the method {method.name}, which is for num"):
        method.fit(step(survey, "legal", P))


def test_normrank_keeps_the_margin_and_the_dependence(survey):
    model = NormRank().fit(step(survey, "sales", P))
    draws = Draws(model, survey, P)
    real = step(survey, "sales").target.goal.values
    ordered = np.sort(real)
    known = survey.codecs["sales"].code_values
    drawn = np.concatenate([known[draws(replicate=r)[0]] for r in range(1, 11)])
    assert np.isin(drawn, ordered).all()
    # The score of a fitted normal model has the real margin up to the model's misfit.
    distance = stats.ks_2samp(real, drawn).statistic
    assert distance < 0.05
    age = np.tile(survey.codes["sector"], 10)
    ours = stats.spearmanr(drawn, age).statistic
    assert ours == pytest.approx(stats.spearmanr(real, survey.codes["sector"]).statistic, abs=0.05)


def test_normrank_scores_ties_by_their_mean_rank():
    table = golden()
    rows = design_rows(table, "s", ("x", "g"))
    real = step(table, "s").target.goal.values
    ranks = stats.rankdata(real)
    fit = fit_least_squares(rows, stats.norm.ppf(ranks / 201))
    model = NormRank().fit(step(table, "s", ("x", "g")))
    np.testing.assert_allclose(model.sigma, fit.sigma, rtol=1e-12)


@pytest.mark.parametrize("method", [Norm(), LogNorm(), NormRank(), Pmm(), Parametric()])
def test_a_single_number(method):
    table = coded(
        pa.table({"x": pa.array(["a", "b"] * 20), "y": [7.25] * 40}),
        (
            Column(name="x", kind="categorical", storage="string"),
            Column(name="y", kind="numeric", storage="double", decimals=2),
        ),
    )
    codes, values = Draws(method.fit(step(table, "y", ("x",))), table, ("x",))()
    assert (codes == 0).all()
    assert values is None or (values == 7.25).all()


def test_fewer_rows_than_columns(survey):
    rows = np.arange(6, dtype=np.int32)
    model = Norm().fit(step(survey, "profit", P, rows=rows))
    _, values = Draws(model, survey, P)()
    assert np.isfinite(values).all()


def test_a_design_that_is_too_wide(survey):
    data = step(survey, "profit", ("sector",))
    design = make_design(data, max_levels=60, min_level_rows=5)
    wide = type(design)(design.terms, 5000)
    with pytest.raises(DeviceMemoryError, match=r"'profit'.*5000 columns.*200000000 bytes"):
        DesignRows.of(wide, data, weighted=False)


def test_large_numbers_keep_their_digits():
    """Dates in nanoseconds: 1e18 with a spread of 1e13."""
    random = np.random.default_rng(2)
    x = random.normal(size=1000)
    y = 1_600_000_000_000_000_000 + np.rint(1e13 * (x + random.normal(size=1000))).astype(np.int64)
    table = coded(
        pa.table({"x": x, "y": y}),
        (
            Column(name="x", kind="numeric", storage="double"),
            Column(name="y", kind="integer", storage="int64"),
        ),
    )
    model = Norm().fit(step(table, "y", ("x",)))
    assert model.sigma == pytest.approx(1e13, rel=0.1)
    _, values = Draws(model, table, ("x",))()
    assert np.corrcoef(values - values.min(), x)[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_a_missing_library_is_named(survey, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "gpusynth\[parametric\]"'):
        Norm().fit(step(survey, "profit", P))
    with pytest.raises(BackendUnavailableError, match="threadpoolctl"):
        check_suitable(Parametric(), survey.schema["legal"])
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(BackendUnavailableError, match="scipy"):
        Norm().fit(step(survey, "profit", P))
