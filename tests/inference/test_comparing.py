"""Comparisons: definitions of agreement, files of models, JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gpusynth.errors import DataError, PlanError, RuleSyntaxError
from gpusynth.evaluate.results import Comparison as ForestEntry
from gpusynth.inference import (
    Clustered,
    Model,
    NamedModel,
    RandomGroups,
    ReplicateWeights,
    compare,
    comparisons_json,
    fit,
    read_models,
)
from gpusynth.inference.comparing import compared
from gpusynth.inference.fitting import pool_estimates
from gpusynth.inference.overlap import interval_overlap
from gpusynth.inference.pool_terms import Pooling
from tests.inference.conftest import firms

FORMULA = "exports ~ sector + size"


def test_a_copy_agrees_with_itself():
    real = firms(1)
    model = Model(formula=FORMULA, kind="logit")
    one = compare(real, [real, real], model, inference="sample")[0]
    assert one.mean_overlap == pytest.approx(1.0)
    assert one.mean_overlap_synthpop == pytest.approx(1.0)
    assert one.mean_absolute_difference == pytest.approx(0.0, abs=1e-12)
    assert (one.sign_agreement, one.significance_agreement) == (1.0, 1.0)
    assert one.lack_of_fit is not None
    assert one.lack_of_fit.p_value == pytest.approx(1.0)
    assert one.lack_of_fit.degrees_of_freedom == 5
    # The interval for the population is wider than the real one, by what two replicates add.
    wider = compare(real, [real, real], model)[0]
    ratio = 1 / np.sqrt(1.5)
    assert wider.mean_overlap == pytest.approx(0.5 * (1 + ratio))


def test_figures_are_those_of_fit(replicates):
    real = firms(9)
    one = compare(real, replicates, FORMULA, rule="reiter_partial")[0]
    mine = fit(FORMULA, [real]).replicates[0]
    pooled = fit(FORMULA, replicates, rule="reiter_partial").pooled
    np.testing.assert_allclose([t.real for t in one.terms], mine.parameters)
    np.testing.assert_allclose(
        [t.real_error for t in one.terms], np.sqrt(mine.covariance.diagonal())
    )
    np.testing.assert_allclose([t.synthetic for t in one.terms], pooled.estimate)
    np.testing.assert_allclose([t.synthetic_upper for t in one.terms], pooled.upper)
    for term, error in zip(one.terms, np.sqrt(mine.covariance.diagonal()), strict=True):
        assert term.difference == pytest.approx((term.synthetic - term.real) / error)
        assert term.same_sign == (term.real * term.synthetic > 0)
        holds = term.real_lower <= 0 <= term.real_upper
        assert term.same_significance == (
            holds == (term.synthetic_lower <= 0 <= term.synthetic_upper)
        )
    assert one.n_real == one.n_synthetic == 400


def test_other_sizes_of_synthetic_files():
    """Four times the rows: synthetic errors are on the scale of the real file."""
    real, large = firms(3, 500), firms(4, 2000)
    one = compare(real, [large], FORMULA, inference="sample")[0]
    ratios = [term.synthetic_error / term.real_error for term in one.terms]
    np.testing.assert_allclose(ratios, 1.0, atol=0.1)


def test_lack_of_fit_is_uniform_under_a_right_synthesis():
    """Coefficients drawn as a synthesis draws them; 400 p-values, false alarm 1e-4 (KS)."""
    rng = np.random.default_rng(6)
    real = firms(5, 300)
    fitted = fit("receipts ~ size + staff", [real])
    mine = fitted.replicates[0]
    model = NamedModel("receipts", Model(formula="receipts ~ size + staff"))
    for proper, spread in ((False, 1.0), (True, 2.0)):
        pooling = Pooling(
            rule="raab_simple",
            n_real=300,
            n_synthetic=300,
            proper=proper,
            inference="population",
            confidence=0.95,
        )
        p_values = []
        for _ in range(400):
            drawn = rng.multivariate_normal(mine.parameters, spread * mine.covariance, 3)
            copies = [replace(mine, parameters=one) for one in drawn]
            pooled = pool_estimates(model.model, copies, (3,), pooling)
            found = compared(model, mine, pooled, pooling).lack_of_fit
            assert found is not None
            p_values.append(found.p_value)
        assert stats.kstest(p_values, "uniform").pvalue > 1e-4


def test_random_groups_in_a_comparison(replicates):
    """Nine degrees of freedom: lack of fit of up to nine terms, and no nonsense for ten."""
    tables = [firms(seed, 660, with_group=True) for seed in (1, 2)]
    plan = RandomGroups(column="group")
    few = Model(formula="receipts ~ size", weights="weight", vcov=plan)
    most = Model(formula="receipts ~ poly(size, 8)", weights="weight", vcov=plan)
    many = Model(formula="receipts ~ poly(size, 9)", weights="weight", vcov=plan)
    first, second, third = compare(tables[0], tables[1], [few, most, many])
    assert first.lack_of_fit is not None
    assert second.lack_of_fit is not None
    assert second.lack_of_fit.degrees_of_freedom == 9
    assert third.lack_of_fit is None


@pytest.mark.parametrize(("proper", "factor"), [(False, 0.5 / 3), (True, 1.5 / 3)])
def test_synthetic_files_of_twice_the_rows(proper, factor):
    """Pooled about real estimates vary by u (n/k) / m, u (n/k + 1) / m of a proper synthesis."""
    mine = fit("receipts ~ size + staff", [firms(5, 300)]).replicates[0]
    model = NamedModel("receipts", Model(formula="receipts ~ size + staff"))
    error = np.sqrt(mine.covariance.diagonal())
    shift = np.array([0.3, -0.2, 0.1]) * error
    copies = [replace(mine, parameters=mine.parameters + shift) for _ in range(3)]
    pooling = Pooling(
        rule="raab_simple",
        n_real=300,
        n_synthetic=600,
        proper=proper,
        inference="population",
        confidence=0.9,
    )
    found = compared(model, mine, pool_estimates(model.model, copies, (3,), pooling), pooling)
    statistic = shift @ np.linalg.solve(mine.covariance, shift) / factor
    assert found.lack_of_fit is not None
    assert found.lack_of_fit.statistic == pytest.approx(statistic)
    assert found.lack_of_fit.p_value == pytest.approx(stats.chi2.sf(statistic, 3))
    half = stats.norm.ppf(0.95) * error
    wide = half * np.sqrt(1 + factor)
    overlap = interval_overlap((-half, half), (shift - wide, shift + wide))
    np.testing.assert_allclose([term.overlap_synthpop for term in found.terms], overlap)
    # Without a variance of one term nothing can be said of all of them together.
    known = np.array([1.0, 1.0, 0.0])
    certain = replace(mine, covariance=mine.covariance * np.outer(known, known))
    pooled = pool_estimates(model.model, [certain] * 3, (3,), pooling)
    assert compared(model, certain, pooled, pooling).lack_of_fit is None


finite = st.floats(-100, 100)
length = st.floats(0.01, 50)


@given(finite, length, finite, length)
def test_overlap(low, wide, other, width):
    first = (np.array([low]), np.array([low + wide]))
    second = (np.array([other]), np.array([other + width]))
    overlap = interval_overlap(first, second)[0]
    assert overlap == pytest.approx(interval_overlap(second, first)[0])
    assert overlap <= 1 + 1e-9
    disjoint = low + wide < other or other + width < low
    assert (overlap < 0) == disjoint
    assert interval_overlap(first, first)[0] == pytest.approx(1.0)


def test_overlap_by_hand():
    found = interval_overlap(
        (np.array([0.0, 0.0, 0.0]), np.array([2.0, 1.0, 0.0])),
        (np.array([1.0, 3.0, 0.0]), np.array([5.0, 4.0, 0.0])),
    )
    np.testing.assert_allclose(found, [0.5 * (1 / 2 + 1 / 4), -2.0, np.nan])


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (0.0, np.inf), (np.nan, np.nan), (1.0, 1.0)])
def test_no_overlap_with_an_interval_without_a_length(bounds):
    odd = tuple(np.array([bound]) for bound in bounds)
    usual = (np.array([0.0]), np.array([2.0]))
    assert np.isnan(interval_overlap(odd, usual)[0])
    assert np.isnan(interval_overlap(usual, odd)[0])


MODELS = """
[[models]]
name = "exporting"
formula = "exports ~ sector + size"
model = "logit"

[[models]]
formula = "log(receipts) ~ size"
weights = "weight"
vcov = { clustered = "cluster" }

[[models]]
name = "groups"
formula = "receipts ~ 1"
weights = "weight"
vcov = { random_groups = "group", adjustment = 1.992065 }

[[models]]
name = "repeated"
formula = "receipts ~ 1"
vcov = { replicate_weights = ["w1", "w2"], method = "sdr" }
"""


def test_models_are_read(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text(MODELS)
    models = read_models(path)
    assert models[0] == NamedModel("exporting", Model(formula=FORMULA, kind="logit"))
    assert models[1].name == "log(receipts) ~ size"
    assert models[1].model.variance == Clustered("cluster")
    assert models[2].model.variance == RandomGroups(column="group", adjustment=1.992065)
    assert models[3].model.variance == ReplicateWeights(columns=("w1", "w2"), method="sdr")
    assert models[0].with_weights("weight").model.weights == "weight"
    assert models[1].with_weights("other").model.weights == "weight"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", PlanError, "models"),
        ("models = []", PlanError, "models"),
        ("[[models]]\nformula = 1", PlanError, "models.0.formula"),
        ("[[models]]\nformula = 'y ~ x'\nkind = 'ols'", PlanError, "models.0.kind"),
        ("[[models]]\nformula = 'y ~ x'\nmodel = 'probit'", PlanError, "models.0.model"),
        ("[[models]]\nformula = 'y ~ open(x)'", RuleSyntaxError, "model 1: .*refused"),
        ("[[models]]\nformula = 'y ~ x'\n[[models]]\nformula = 'y ~ x'", PlanError, "the same"),
        ("[[models", PlanError, "not valid TOML"),
        ("a = 1\na = 2", PlanError, "not valid TOML"),
    ],
)
def test_bad_model_files(tmp_path, text, error, message):
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_models(path)


def test_unreadable_model_files(tmp_path):
    with pytest.raises(PlanError, match="not found"):
        read_models(tmp_path / "none.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="is not UTF-8"):
        read_models(path)


def test_json_is_what_the_report_takes(replicates):
    """Every entry of `comparisons` is an entry of the forest plot; all of it is strict JSON."""
    sector = np.array(replicates[0]["sector"].to_pylist())
    real = firms(9).filter(pa.array(sector != "s3"))
    found = compare(real, replicates[0], [FORMULA, Model(formula=FORMULA, kind="logit")])
    document = json.loads(json.dumps(comparisons_json(found), allow_nan=False))
    entries = [ForestEntry.model_validate(entry) for entry in document["comparisons"]]
    assert len(entries) == sum(np.isfinite([t.real for one in found for t in one.terms]))
    assert [one["model"] for one in document["models"]] == ["ols", "logit"]
    assert document["models"][0]["terms"][0]["term"] == "Intercept"


def test_columns_are_read_once_for_several_models(replicates, tmp_path, monkeypatch):
    """Two models at once give what each gives alone, from one pass over each file."""
    from gpusynth.io.csv import CsvSource

    paths = []
    for number, table in enumerate([firms(9), *replicates[:2]]):
        paths.append(tmp_path / f"firms_{number}.csv")
        pyarrow.csv.write_csv(table, paths[-1])
    formulas = [FORMULA, "log(receipts) ~ grade + cluster"]
    alone = [compare(paths[0], paths[1:], formula)[0] for formula in formulas]
    passes = []
    original = CsvSource.batches

    def counted(self, *arguments, **options):
        passes.append(self.name)
        return original(self, *arguments, **options)

    monkeypatch.setattr(CsvSource, "batches", counted)
    together = compare(paths[0], paths[1:], formulas)
    assert sorted(passes) == [path.name for path in paths]
    assert [one.terms for one in together] == [one.terms for one in alone]


def test_refused(replicates):
    with pytest.raises(DataError, match="raab_simple"):
        compare(firms(1), replicates, FORMULA, rule="rubin")
    with pytest.raises(PlanError, match="at least one formula"):
        compare(firms(1), replicates, [])
    with pytest.raises(DataError, match="the real table: no column 'sector'"):
        compare(firms(1).drop(["sector"]), replicates, FORMULA)
    with pytest.raises(DataError, match="differ in their number of rows"):
        compare(firms(1), [replicates[0], replicates[1].slice(1)], FORMULA)
    with pytest.raises(DataError, match="the real table: no column 'a', 'b'"):
        compare(firms(1), replicates, ["a ~ b", "b ~ a"])
