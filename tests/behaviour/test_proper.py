"""Promise: a proper synthesis fits every replicate on a resample of its own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.plan import Edit, Rule
from tests.behaviour.plan_survey import SCHEMA, survey, synthesize


def numbers(n: int = 200) -> pa.Table:
    return pa.table({"x": np.random.default_rng(6).normal(0, 1, n)})


def means(proper: str, m: int = 200) -> np.ndarray:
    """Mean of x in each replicate; 50 synthetic rows a real row add little chance of their own."""
    plan = Plan(default="sample", proper=proper)
    drawn = gpusynth.synthesize(numbers(), plan=plan, n_rows=10_000, n_replicates=m, seed=1)
    return np.array([np.asarray(table["x"]).mean() for table in drawn])


def test_variance_between_replicates():
    # Var(mean) = s2/n_syn, and s2/n_real more from the resampling: 1 to 51. With 200 replicates
    # each estimate has a relative error of 10 %; bounds of 5 of these: false alarms 1 in a million.
    x = np.asarray(numbers()["x"])
    of_drawing, of_resampling = x.var() / 10_000, x.var() / 200
    assert np.var(means("none")) == pytest.approx(of_drawing, rel=0.5)
    assert np.var(means("bootstrap")) == pytest.approx(of_drawing + of_resampling, rel=0.5)
    assert np.var(means("bayesian")) == pytest.approx(of_drawing + of_resampling, rel=0.5)


def test_a_bootstrap_leaves_out_a_third_of_the_donors():
    table = pa.table({"x": np.arange(1000) * 1.5})
    for proper, share in (("none", 1.0), ("bootstrap", 1 - np.exp(-1)), ("bayesian", 1.0)):
        plan = Plan(default="sample", proper=proper)
        drawn = gpusynth.synthesize(table, plan=plan, n_rows=100_000, seed=2)
        found = len(set(drawn["x"].to_pylist())) / 1000
        # Of 1000 rows 632 are in a bootstrap, sd 10; a Bayesian weight below 1/100 is missed.
        assert abs(found - share) < 0.05


@pytest.mark.parametrize("proper", ["bootstrap", "bayesian"])
def test_replicates_do_not_depend_on_how_many_there_are(proper):
    plan = Plan(proper=proper)
    one = gpusynth.synthesize(survey(), SCHEMA, plan, n_replicates=1, seed=3)
    three = gpusynth.synthesize(survey(), SCHEMA, plan, n_replicates=3, seed=3)
    assert three[0] == one
    assert not three[1].equals(one)


def test_rules_and_edits_hold():
    plan = Plan(
        proper="bootstrap",
        rules=[Rule(target="income", when="age < 16", value=-8)],
        edits=[Edit(holds="cost + profit = total", attempts=2)],
    )
    frame = synthesize(survey(), plan)
    assert ((frame.income == -8) == (frame.age < 16)).all()
    assert np.allclose(frame.cost + frame.profit, frame.total, rtol=0, atol=0.0051)


def test_a_survey_weight_and_bayesian_weights_multiply():
    random = np.random.default_rng(2)
    n = 3000
    heavy = random.random(n) < 0.2
    table = pa.table({"kind": np.where(heavy, "h", "l"), "w": np.where(heavy, 9.0, 1.0)})
    inferred = gpusynth.infer_schema(table).schema
    weight = gpusynth.Column(name="w", kind="numeric", storage="double", role="weight")
    schema = gpusynth.Schema(columns=(inferred["kind"], weight))
    plan = Plan(methods={"kind": {"method": "sample", "weighted": True}}, proper="bayesian")
    frame = gpusynth.synthesize(table, schema, plan, seed=4).to_pandas()
    share = 9 * heavy.sum() / (9 * heavy.sum() + (~heavy).sum())
    # sd of the share: 0.008 from drawing, 0.009 from the weights
    assert abs((frame.kind == "h").mean() - share) < 0.06


def test_what_proper_cannot_do():
    with pytest.raises(PlanError, match="cannot be fitted once"):
        gpusynth.fit(survey(), SCHEMA, Plan(proper="bootstrap"))


def test_a_method_that_takes_no_weights_cannot_be_bayesian():
    from gpusynth.methods import register_method

    @register_method("takes_no_weights")
    def takes_no_weights(target, predictors, synthetic, uniforms):
        return target[(uniforms[:, 0] * len(target)).astype(int)]

    with pytest.raises(PlanError, match="which the method takes_no_weights does not take"):
        synthesize(survey(), Plan(proper="bayesian", methods={"pay": "takes_no_weights"}))
    synthesize(survey(100), Plan(proper="bootstrap", methods={"pay": "takes_no_weights"}))
