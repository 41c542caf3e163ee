"""Promise: a formula holds in every synthetic row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.plan import Rule, Strata
from tests.behaviour.plan_survey import survey, synthesize

TOTAL = {"method": "passive", "expression": "cost + profit"}


def exact(frame) -> bool:
    return bool((np.rint(frame.total * 100) == np.rint((frame.cost + frame.profit) * 100)).all())


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"smoothing": {"cost": "density", "profit": "spline"}},
        {"strata": Strata(columns=("state",), min_rows=100)},
        {"proper": "bootstrap"},
        {"rules": [Rule(target="profit", when="staff = 0", value=25.5)]},
        {"visit": "levels"},
    ],
)
def test_sums_are_exact(choices):
    table = survey()
    real = set(table["total"].to_pylist())
    profit = np.asarray(table["profit"]).copy()
    if "rules" in choices:  # a rule's answer must be one that the column has
        profit[0] = 25.5
        total = np.round(np.asarray(table["cost"]) + profit, 2)
        table = table.set_column(6, "profit", [profit]).set_column(7, "total", [total])
    frame = synthesize(table, Plan(methods={"total": TOTAL}, **choices))
    assert exact(frame)
    assert not set(frame.total) <= real


def test_a_formula_of_a_formula_and_an_order_that_it_needs():
    table = survey().append_column("share", [np.zeros(800)])
    share = np.round(np.asarray(table["cost"]) / np.asarray(table["total"]), 4)
    table = table.set_column(12, "share", [share]).select(["share", "total", "cost", "profit"])
    plan = Plan(
        methods={"share": {"method": "passive", "expression": "cost / total"}, "total": TOTAL}
    )
    frame = gpusynth.synthesize(table, plan=plan).to_pandas()
    assert exact(frame)
    assert (abs(frame.share - frame.cost / frame.total) < 5.1e-5).all()


def test_circles_and_wrong_formulas():
    circle = {"total": TOTAL, "cost": {"method": "passive", "expression": "total - profit"}}
    with pytest.raises(PlanError, match="circular: 'cost' needs 'total' needs 'cost'"):
        synthesize(survey(), Plan(methods=circle))
    wrong = {"method": "passive", "expression": "cost - profit"}
    with pytest.raises(PlanError, match=r"does not hold in .* real rows"):
        synthesize(survey(), Plan(methods={"total": wrong}))


def test_body_mass_index_of_real_boys(shared_data):
    real = pd.read_csv(shared_data("boys_complete.csv"))
    bmi = {"method": "passive", "expression": "wgt / (hgt / 100)^2", "tolerance": 0.05}
    synthetic = gpusynth.synthesize(real, plan=Plan(methods={"bmi": bmi}), seed=1)
    formula = synthetic.wgt / (synthetic.hgt / 100) ** 2
    assert (abs(synthetic.bmi - formula) < 0.0051).all()
    plain = gpusynth.synthesize(real, seed=1)
    assert (abs(plain.bmi - plain.wgt / (plain.hgt / 100) ** 2) > 0.0051).mean() > 0.2
