"""Promise: smoothing makes new numbers and leaves spikes, codes, bounds and decimals alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Column, Plan, Schema
from gpusynth.plan import Edit, Rule
from tests.behaviour.plan_survey import SCHEMA, survey, synthesize

KINDS = ("density", "spline", "rmean")


@pytest.mark.parametrize("kind", KINDS)
def test_states_stay_and_numbers_move(kind):
    table = survey()
    plain = synthesize(table, Plan(), seed=2)
    plan = Plan(smoothing={"income": kind, "pay": kind})
    frame = synthesize(table, plan, seed=2)
    real = table.to_pandas()
    # The states are drawn before: by the same random numbers, from the same predictors for "pay".
    assert ((frame.pay == 0) == (plain.pay == 0)).all()
    assert abs((frame.income == -8).mean() - (real.income == -8).mean()) < 0.06
    assert abs((frame.income == 0).mean() - (real.income == 0).mean()) < 0.08
    for name in ("income", "pay"):
        ordinary = frame[name] > 0
        assert (frame[name] >= -8).all()
        assert (~frame[name][ordinary].isin(real[name])).mean() > 0.2
        assert frame[name][ordinary].min() >= real[name][real[name] > 0].min()


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_and_decimals(kind):
    random = np.random.default_rng(1)
    share = np.round(random.beta(0.5, 0.5, 900), 3)
    table = pa.table({"share": share, "x": random.integers(0, 5, 900)})
    column = Column(name="share", kind="numeric", storage="double", decimals=3, bounds=(0, 1))
    other = Column(name="x", kind="integer", storage="int64")
    plan = Plan(smoothing={"share": kind})
    drawn = gpusynth.synthesize(table, Schema(columns=(column, other)), plan)
    numbers = np.asarray(drawn["share"])
    assert numbers.min() >= 0
    assert numbers.max() <= 1
    assert np.array_equal(np.round(numbers, 3), numbers)
    assert not set(numbers) <= set(share)


def test_what_is_predicted_and_asked_sees_the_smoothed_number():
    # Smoothed ages decide the rule, and an edit on the smoothed number holds to the digit.
    plan = Plan(
        smoothing={"age": {"kind": "density", "bandwidth": 6.0}, "cost": "density"},
        rules=[Rule(target="income", when="age < 16", value=-8)],
        edits=[Edit(holds="cost <= 100.5", attempts=3)],
    )
    frame = synthesize(survey(), plan)
    assert ((frame.income == -8) == (frame.age < 16)).all()
    assert (frame.cost <= 100.5).all()
    assert (~frame.cost.isin(np.asarray(survey()["cost"]))).mean() > 0.4


def test_a_copy_of_a_smoothed_column_is_not_looked_up():
    table = survey()
    table = table.append_column("months", pa.array(12 * np.asarray(table["age"])))
    schema = Schema(
        columns=(*SCHEMA.columns, Column(name="months", kind="integer", storage="int64"))
    )
    plan = Plan(smoothing={"age": {"kind": "density", "bandwidth": 9.0}})
    frame = gpusynth.synthesize(table, schema, plan).to_pandas()
    assert set(frame.months) <= set((12 * np.asarray(table["age"])).tolist())
    assert not set(frame.age) <= set(np.asarray(table["age"]).tolist())


def test_a_column_that_rules_fix_everywhere():
    plan = Plan(
        rules=[Rule(target="income", when="age > 0", value=0)], smoothing={"income": "density"}
    )
    assert (synthesize(survey(), plan).income == 0).all()


def test_real_census_file(shared_data):
    import pandas as pd

    real = pd.read_csv(shared_data("nist_acs/ma2018.csv"), na_values="N")
    real = real[["AGEP", "SEX", "EDU", "PINCP", "POVPIP"]]
    schema = gpusynth.infer_schema(real).schema
    spiked = schema["PINCP"].model_copy(update={"spikes": (0,), "decimals": 0})
    columns = [spiked if c.name == "PINCP" else c for c in schema.columns]
    plan = Plan(smoothing={"PINCP": "density"})
    synthetic = gpusynth.synthesize(real, Schema(columns=tuple(columns)), plan, seed=1)
    income = synthetic.PINCP
    n = len(real)
    for drawn, wanted in (
        (income.isna().mean(), real.PINCP.isna().mean()),
        ((income == 0).mean(), (real.PINCP == 0).mean()),
    ):
        assert abs(drawn - wanted) < 5 * np.sqrt(2 * wanted * (1 - wanted) / n)
    assert (income.dropna() == income.dropna().round()).all()
    assert (~income.dropna().isin(real.PINCP)).mean() > 0.5
    assert abs(income.mean() / real.PINCP.mean() - 1) < 0.1
