"""logreg, polyreg and polr: by definition, and by what they draw."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gpusynth.errors import DeviceMemoryError, PlanError
from gpusynth.methods import (
    LogReg,
    NormRank,
    Parametric,
    Polr,
    PolyReg,
    check_suitable,
    parse_method,
)
from gpusynth.methods.class_model import Classes
from gpusynth.methods.design import make_design
from gpusynth.methods.design_rows import DesignRows
from gpusynth.methods.logit_fit import fit_binary, fit_multinomial, fit_ordered
from gpusynth.methods.logit_rows import ClassRows
from gpusynth.table import Column, Table
from tests.methods.method_cases import Draws, coded, firms, step
from tests.methods.test_regressions import golden, sums_of

P = ("sector", "region", "age", "staff")


@pytest.fixture(scope="module")
def survey() -> Table:
    return firms(4000, seed=21)


def class_rows(survey, target, predictors=P, *, augment=False, weight=None) -> ClassRows:
    data = step(survey, target, predictors, weight=weight)
    design = make_design(data, max_levels=60, min_level_rows=5)
    rows = DesignRows.of(design, data, weighted=weight is not None)
    return ClassRows.of(rows, Classes.of(data, rows, "test").of_row, augment=augment)


def whole(rows: ClassRows) -> tuple[np.ndarray, np.ndarray]:
    (matrix, classes, _) = next(rows.blocks())
    assert len(matrix) == rows.rows.n_rows
    return matrix, classes


def augmented_by_r(x: np.ndarray, y: np.ndarray, n_classes: int):
    """The pseudo-rows of synthpop's and mice's augment, row by row."""
    n_columns = x.shape[1]
    extra, labels = [], []
    for column in range(n_columns):
        for label in range(n_classes):
            for half in (0.5, -0.5):
                row = x.mean(axis=0)
                row[column] += half * x[:, column].std(ddof=1)
                extra.append(np.clip(row, x.min(axis=0), x.max(axis=0)))
                labels.append(label)
    weight = np.concatenate([np.ones(len(y)), np.full(len(extra), (n_columns + 1) / len(extra))])
    return np.concatenate([x, extra]), np.concatenate([y, labels]), weight


@pytest.mark.parametrize("augment", [False, True])
def test_logreg_is_the_generalised_linear_model(survey, augment):
    rows = class_rows(survey, "exports", augment=augment)
    matrix, classes = whole(rows)
    weight = np.ones(len(classes))
    if augment:
        x, classes, weight = augmented_by_r(matrix[:, 1:], classes, 2)
        matrix = sm.add_constant(x)
    theirs = sm.GLM(classes, matrix, sm.families.Binomial(), var_weights=weight).fit(tol=1e-12)
    fit = fit_binary(rows)
    assert fit.converged
    np.testing.assert_allclose(fit.coefficients[rows.kept, 0], theirs.params, atol=1e-6)


def test_weights_of_logreg(survey):
    weight = np.random.default_rng(1).gamma(2.0, size=survey.n_rows)
    rows = class_rows(survey, "exports", weight=weight)
    matrix, classes = whole(rows)
    theirs = sm.GLM(classes, matrix, sm.families.Binomial(), var_weights=weight).fit(tol=1e-12)
    np.testing.assert_allclose(
        fit_binary(rows).coefficients[rows.kept, 0], theirs.params, atol=1e-6
    )


@pytest.mark.parametrize("augment", [False, True])
def test_polyreg_is_the_multinomial_model(survey, augment):
    rows = class_rows(survey, "legal", ("sector", "age"), augment=augment)
    matrix, classes = whole(rows)
    weight = np.ones(len(classes))
    if augment:
        x, classes, weight = augmented_by_r(matrix[:, 1:], classes, 3)
        matrix = sm.add_constant(x)
    fit = fit_multinomial(rows, max_iterations=500)
    assert fit.converged
    coefficients = fit.coefficients[rows.kept]
    # The maximum: no derivative of the log-likelihood, written out anew.
    shares = np.exp(np.column_stack([np.zeros(len(matrix)), matrix @ coefficients]))
    shares /= shares.sum(axis=1, keepdims=True)
    score = matrix.T @ (weight[:, None] * (np.eye(3)[classes] - shares))
    assert np.abs(score).max() < 1e-3 * np.sqrt(len(matrix))
    if not augment:
        theirs = sm.MNLogit(classes, matrix).fit(disp=False)
        np.testing.assert_allclose(coefficients, theirs.params, atol=1e-4)


def test_models_that_r_fits():
    """nnet::multinom, MASS::polr and glm of R 4.2 on the same rows, without pseudo-rows."""
    table = golden()
    x, g = np.arange(200) * 7 % 23, np.arange(200) * 5 % 3
    by_glm = -3.5178900626 + 0.2971063719 * x + np.array([0, -0.0645213441, 1.5361038891])[g]
    model = LogReg(augment=False).fit(step(table, "b", ("x", "g")))
    np.testing.assert_allclose(sums_of(model, table, ("x", "g"))[:, 0], by_glm, atol=1e-7)

    q = -0.308227597657 + 0.004108609594 * x + np.array([0, -0.124944809967, -0.199375018573])[g]
    r = -0.306403768323 + 0.008249771545 * x + np.array([0, -0.577031810000, 0.054973802588])[g]
    model = PolyReg(augment=False).fit(step(table, "z", ("x", "g")))
    np.testing.assert_allclose(
        sums_of(model, table, ("x", "g")), np.column_stack([q, r]), atol=2e-5
    )

    eta = 0.29566254296 * x + np.array([0, 1.57885478730, 0.06415140918])[g]
    thresholds = np.array([0.78385425266, 2.93923318679, 5.27324884861])
    model = Polr(augment=False).fit(step(table, "y", ("x", "g")))
    ours = model.thresholds[None, :] - sums_of(model, table, ("x", "g"))
    np.testing.assert_allclose(ours, thresholds[None, :] - eta[:, None], atol=2e-5)
    assert model.note == ""


def test_the_gradient_of_the_ordered_model(survey):
    from gpusynth.methods.logit_fit import _ordered_sums

    rows = class_rows(survey, "size", augment=True)
    random = np.random.default_rng(0)
    thresholds = np.array([-1.0, 0.5, 1.7])
    coefficients = random.normal(0, 0.3, len(rows.kept))
    value, by_threshold, by_coefficient = _ordered_sums(rows, thresholds, coefficients)
    step_size = 1e-6
    for at in range(3):
        moved = thresholds + step_size * (np.arange(3) == at)
        slope = (_ordered_sums(rows, moved, coefficients)[0] - value) / step_size
        assert slope == pytest.approx(by_threshold[at], abs=1e-5)
    for at in range(len(coefficients)):
        moved = coefficients + step_size * (np.arange(len(coefficients)) == at)
        slope = (_ordered_sums(rows, thresholds, moved)[0] - value) / step_size
        assert slope == pytest.approx(by_coefficient[at], abs=1e-5)


@pytest.mark.parametrize(
    ("method", "target", "n"),
    [(LogReg(), "exports", 2), (PolyReg(), "region", 4), (Polr(), "size", 4)],
)
def test_draws_follow_the_fitted_shares(survey, method, target, n):
    predictors = ("sector", "age", "legal")
    model = method.fit(step(survey, target, predictors))
    sums = sums_of(model, survey, predictors)
    cumulative = np.column_stack([model.cumulative(sums), np.ones(survey.n_rows)])
    shares = np.diff(cumulative, axis=1, prepend=0.0)
    draws = Draws(model, survey, predictors)
    codes = np.array([draws(replicate=r)[0] for r in range(1, 51)])
    for sector in range(5):
        here = survey.codes["sector"] == sector
        drawn = np.bincount(codes[:, here].reshape(-1), minlength=n)
        expected = 50 * shares[here].sum(axis=0)
        # Rows of different shares vary less than the multinomial of their mean: conservative.
        chi2 = ((drawn - expected) ** 2 / expected).sum()
        assert chi2 < stats.chi2.ppf(1 - 1e-5, n - 1)


@pytest.mark.parametrize("method", [LogReg(), PolyReg(), Polr(), Parametric()])
def test_a_predictor_that_tells_the_classes_apart(method):
    """Perfect prediction: estimates stay finite, and the draws nearly always right."""
    x = np.repeat([0, 1], 500)
    table = coded(
        pa.table(
            {
                "x": pa.array(np.array(["u", "v"])[x]),
                "y": pa.array(np.array(["no", "yes"])[x]),
                "z": np.random.default_rng(1).normal(size=1000),
            }
        ),
        (
            Column(name="x", kind="categorical", storage="string"),
            Column(name="y", kind="ordered", storage="string", levels=("no", "yes")),
            Column(name="z", kind="numeric", storage="double"),
        ),
    )
    model = method.fit(step(table, "y", ("x", "z")))
    assert np.abs(sums_of(model, table, ("x", "z"))).max() < 30
    codes, _ = Draws(model, table, ("x", "z"))()
    assert (codes == x).mean() > 0.97


def test_without_pseudo_rows_the_search_still_ends():
    x = np.repeat([0, 1], 50)
    table = coded(
        pa.table({"x": x * 1.0, "y": pa.array(x == 1)}),
        (
            Column(name="x", kind="numeric", storage="double"),
            Column(name="y", kind="boolean", storage="bool"),
        ),
    )
    model = LogReg(augment=False).fit(step(table, "y", ("x",)))
    assert np.isfinite(sums_of(model, table, ("x",))).all()
    codes, _ = Draws(model, table, ("x",))()
    assert np.array_equal(codes, x)


def test_a_large_factor_takes_seconds():
    random = np.random.default_rng(12)
    n = 6000
    x = random.integers(0, 300, n)
    y = (x // 3 + random.integers(0, 30, n)) % 300
    table = coded(
        pa.table({"x": pa.array(x.astype(str)), "y": pa.array(y.astype(str)), "z": x * 1.0}),
        (
            Column(name="x", kind="categorical", storage="string"),
            Column(name="y", kind="categorical", storage="string"),
            Column(name="z", kind="numeric", storage="double"),
        ),
    )
    model = PolyReg(max_iterations=10).fit(step(table, "y", ("x", "z")))
    assert "stopped after 10 iterations" in model.note
    codes, _ = Draws(model, table, ("x", "z"))()
    real = np.bincount(table.codes["y"], minlength=300)
    drawn = np.bincount(codes, minlength=300)
    assert np.abs(real - drawn).sum() < 0.5 * n


def test_missing_answers_are_a_class(survey):
    model = Parametric().fit(step(survey, "region", P))
    codes, _ = Draws(model, survey, P)()
    missing = (codes == 0).mean()
    real = (survey.codes["region"] == 0).mean()
    assert abs(missing - real) < 4.9 * np.sqrt(2 * real / survey.n_rows)  # 1 in 10^6


def test_ordered_levels_with_missing_codes_are_multinomial():
    random = np.random.default_rng(3)
    table = coded(
        pa.table(
            {
                "y": pa.array(random.choice(["a", "b", "c", None], 400)),
                "x": random.normal(size=400),
            }
        ),
        (
            Column(name="y", kind="ordered", storage="string", levels=("a", "b", "c")),
            Column(name="x", kind="numeric", storage="double"),
        ),
    )
    model = Polr().fit(step(table, "y", ("x",)))
    assert model.note == "missing codes have no order: multinomial model instead"
    assert model.thresholds is None
    assert isinstance(Parametric().choose(step(table, "y", ("x",))), PolyReg)


def test_polr_that_does_not_converge_is_multinomial(survey):
    model = Polr(max_iterations=1).fit(step(survey, "size", P))
    assert "proportional odds did not converge: multinomial model instead" in model.note
    assert model.thresholds is None
    assert len(np.unique(Draws(model, survey, P)()[0])) == 4


def test_a_level_between_others_that_no_row_has(survey):
    """Classes are those of the rows: a level without rows is never drawn."""
    rows = np.flatnonzero(survey.codes["size"] != 1).astype(np.int32)
    for method in (Polr(), PolyReg()):
        codes, _ = Draws(method.fit(step(survey, "size", P, rows=rows)), survey, P)()
        assert set(codes) == {0, 2, 3}


def test_parametric_chooses_as_synthpop(survey):
    choose = Parametric().choose
    assert isinstance(choose(step(survey, "sales", P)), NormRank)
    assert isinstance(choose(step(survey, "exports", P)), LogReg)
    assert isinstance(choose(step(survey, "size", P)), Polr)
    assert isinstance(choose(step(survey, "industry", P)), PolyReg)
    assert isinstance(choose(step(survey, "staff", P, part="state")), PolyReg)
    assert Parametric(max_levels=9).choose(step(survey, "exports", P)).max_levels == 9


def test_states_of_numbers_are_classes():
    assert NormRank(weighted=True, max_levels=7).for_states() == Parametric(
        weighted=True, max_levels=7
    )


@pytest.mark.parametrize("method", [LogReg(), PolyReg(), Polr()])
def test_numbers_are_refused(survey, method):
    with pytest.raises(PlanError, match=f"'sales' has the method {method.name}, which is for lev"):
        method.fit(step(survey, "sales", P))


def test_too_many_classes_for_logreg(survey):
    with pytest.raises(PlanError, match="'region' has the method logreg, but 4 classes"):
        LogReg().fit(step(survey, "region", P))


def test_levels_without_order_for_polr(survey):
    with pytest.raises(PlanError, match="'legal' is categorical and has the method polr"):
        Polr().fit(step(survey, "legal", P))


def test_too_many_coefficients(survey, monkeypatch):
    monkeypatch.setattr("gpusynth.methods.polyreg._MOST_COEFFICIENTS", 100)
    with pytest.raises(DeviceMemoryError, match=r"'industry': .* needs \d+ bytes"):
        PolyReg().fit(step(survey, "industry", P))


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_cumulative_shares_ascend_to_one(sums):
    from gpusynth.methods.class_model import ClassModel

    model = ClassModel(np.arange(len(sums) + 1), None, None, None)
    shares = model.cumulative(np.array([sums]))[0]
    assert (np.diff(shares, prepend=0.0, append=1.0) >= 0).all()


def test_multinomial_and_binary_agree_on_two_classes(survey):
    rows = class_rows(survey, "exports", augment=True)
    multinomial = fit_multinomial(rows, max_iterations=500)
    np.testing.assert_allclose(multinomial.coefficients, fit_binary(rows).coefficients, atol=1e-3)


def test_ordered_and_binary_agree_on_two_classes(survey):
    rows = class_rows(survey, "exports", augment=True)
    ordered, binary = fit_ordered(rows, max_iterations=500), fit_binary(rows)
    np.testing.assert_allclose(ordered.coefficients[1:], binary.coefficients[1:], atol=1e-3)
    assert -ordered.thresholds[0] == pytest.approx(binary.coefficients[0, 0], abs=1e-3)


@pytest.mark.parametrize("method", [LogReg(), PolyReg(), Polr(), Parametric()])
def test_a_single_level(survey, method):
    rows = np.flatnonzero(survey.codes["size"] == 2).astype(np.int32)
    codes, values = Draws(method.fit(step(survey, "size", P, rows=rows)), survey, P)()
    assert (codes == 2).all()
    assert values is None


def test_fits_that_overlap_share_one_thread():
    from threadpoolctl import threadpool_info, threadpool_limits

    from gpusynth.methods.one_thread import one_thread

    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        first, second = one_thread(), one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == before


@pytest.mark.parametrize(
    ("method", "column"),
    [("norm", "legal"), ("pmm", "exports"), ("normrank", "size"), ("polyreg", "sales"),
     ("logreg", "age"), ("polr", "sales"), ("polr", "legal"), ("polr", "exports")],
)  # fmt: skip
def test_methods_that_do_not_suit_are_refused_by_the_schema(survey, method, column):
    with pytest.raises(PlanError, match=rf"'{column}' is \w+, but its method {method} is for"):
        check_suitable(parse_method(method), survey.schema[column])


def test_methods_that_suit(survey):
    suits = {"norm": "sales", "pmm": "age", "logreg": "exports", "polyreg": "size", "polr": "size"}
    for method, column in (*suits.items(), ("cart", "sales"), ("parametric", "legal")):
        check_suitable(parse_method(method), survey.schema[column])
