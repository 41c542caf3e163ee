"""Promise: kept columns can be drawn anew at the end, given what was drawn from them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.plan import Edit, Rule
from tests.behaviour.plan_survey import survey, synthesize


def test_kept_rows_are_replaced_by_draws():
    random = np.random.default_rng(3)
    n = 600
    real = pa.table(
        {
            "a": random.integers(0, 40, n).astype(str),
            "b": random.integers(0, 40, n).astype(str),
            "c": random.integers(0, 3, n).astype(str),
        }
    )
    pairs = {tuple(row) for row in real.select(["a", "b"]).to_pandas().to_numpy().tolist()}
    kept = gpusynth.synthesize(real, plan=Plan(methods={"a": "keep", "b": "keep"})).to_pandas()
    anew = gpusynth.synthesize(real, plan=Plan(resynthesize=["a", "b"])).to_pandas()
    assert {tuple(row) for row in kept[["a", "b"]].to_numpy().tolist()} == pairs
    new = sum(tuple(row) not in pairs for row in anew[["a", "b"]].to_numpy().tolist())
    assert new > n / 10


def test_relations_with_later_columns_stay():
    frame = synthesize(survey(), Plan(resynthesize=["state"]), seed=1)
    assert (frame.county.str[:2] == frame.state).mean() > 0.95


def test_numbers_with_states_and_smoothing():
    table = survey()
    real = table.to_pandas()
    plan = Plan(
        resynthesize=["age", "staff"], smoothing={"age": {"kind": "density", "bandwidth": 9}}
    )
    frame = synthesize(table, plan, seed=1)
    assert not set(frame.age) <= set(real.age)
    assert frame.age.between(0, 110).all()
    share = (real.staff == 0).mean()
    assert abs((frame.staff == 0).mean() - share) < 5 * np.sqrt(2 * share * (1 - share) / 800)


def test_edits_are_settled_once_all_is_drawn():
    edit = Edit(holds="(staff > 0 and pay > 0) or (staff = 0 and pay = 0)", attempts=2)
    frame = synthesize(survey(), Plan(resynthesize=["staff"], edits=[edit]), seed=1)
    assert ((frame.staff > 0) == (frame.pay > 0)).all()


def test_edits_among_columns_that_are_drawn_anew():
    edit = Edit(holds="(staff > 0 and pay > 0) or (staff = 0 and pay = 0)", attempts=0)
    frame = synthesize(survey(), Plan(resynthesize=["staff", "pay"], edits=[edit]), seed=1)
    assert ((frame.staff > 0) == (frame.pay > 0)).all()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (
            {"rules": [Rule(target="marital", when="age < 18", value="single")]},
            "'age' is drawn anew at the end, after the rule of 'marital'",
        ),
        (
            {"methods": {"income": {"method": "passive", "expression": "age", "verify": False}}},
            "'age' is drawn anew at the end, after the method passive of 'income'",
        ),
        ({"strata": ["age"]}, "'age' is a stratum"),
        ({"predict_only": ["age"]}, "only predicts"),
    ],
)
def test_what_cannot_be_drawn_anew(choices, words):
    with pytest.raises(PlanError, match=words):
        synthesize(survey(), Plan(resynthesize=["age"], **choices))
