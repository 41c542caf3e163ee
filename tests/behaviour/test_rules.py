"""Promise: a rule holds in every synthetic row, and rows that it fixes teach the others nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.plan import Rule
from tests.behaviour.plan_survey import run, survey, synthesize

RULES = (
    Rule(target="marital", when="age < 18", value="single"),
    Rule(target="job", when="age < 16"),
    Rule(target="income", when="age < 16", value=-8),
)


@pytest.mark.parametrize("default", ["cart", "sample"])
def test_rules_hold_in_every_row(tmp_path, default):
    frames, manifest = run(survey(), Plan(default=default, rules=RULES), tmp_path, n_replicates=2)
    for frame in frames:
        assert (frame.marital[frame.age < 18] == "single").all()
        assert (frame.job.isna() == (frame.age < 16)).all()
        assert ((frame.income == -8) == (frame.age < 16)).all()
    assert not manifest["notes"]  # no real row breaks a rule


def test_rows_of_a_rule_are_no_donors_and_are_counted(tmp_path):
    table = survey()
    young = np.asarray(table["age"]) < 18
    income = np.where(young, 77_777, np.asarray(table["income"]))
    marital = np.where(young, "trap", np.asarray(table["marital"]))
    table = table.set_column(table.column_names.index("income"), "income", pa.array(income))
    table = table.set_column(table.column_names.index("marital"), "marital", pa.array(marital))
    rules = [
        Rule(target="income", when="age < 18", value=0),
        Rule(target="marital", when="age < 18", value="single"),
    ]
    (frame,), manifest = run(table, Plan(rules=rules), tmp_path)
    assert "trap" not in set(frame.marital)
    assert 77_777 not in set(frame.income)
    assert (frame.income[frame.age < 18] == 0).all()
    assert [note.split(":")[1] for note in manifest["notes"]] == [
        f" {young.sum()} real rows break it; every synthetic row keeps it"
    ] * 2


def test_a_rule_may_fix_all_rows():
    frame = synthesize(survey(), Plan(rules=[Rule(target="income", when="age > 0", value=0)]))
    assert (frame.income == 0).all()


def test_of_two_rules_the_later_one_counts():
    # No real row is in both conditions, but "left" and "right" are drawn independently.
    table = pa.table(
        {
            "left": ["no", "yes", "no"] * 100,
            "right": ["no", "no", "yes"] * 100,
            "answer": ["free", "L", "R"] * 100,
        }
    )
    rules = [
        Rule(target="answer", when="left = 'yes'", value="L"),
        Rule(target="answer", when="right = 'yes'", value="R"),
    ]
    for order, winner in ((rules, "R"), (rules[::-1], "L")):
        plan = Plan(default="sample", screen=False, rules=order)
        frame = gpusynth.synthesize(table, plan=plan, seed=5).to_pandas()
        both = (frame.left == "yes") & (frame.right == "yes")
        assert both.sum() > 10
        assert set(frame.answer[both]) == {winner}
        neither = (frame.left == "no") & (frame.right == "no")
        assert set(frame.answer[neither]) == {"free"}


def test_exact_numbers_where_codes_are_bins():
    random = np.random.default_rng(3)
    n = 70_000  # more different numbers than codes
    money = np.round(np.exp(random.normal(8, 1, n)), 2)
    table = pa.table({"kind": random.choice(["a", "b"], n), "money": money})
    plan = Plan(rules=[Rule(target="money", when="kind = 'a'", value=123.45)])
    frame = gpusynth.synthesize(table, plan=plan, n_rows=500).to_pandas()
    assert (frame.money[frame.kind == "a"] == 123.45).all()
    assert set(frame.money[frame.kind == "b"]) <= set(money)
    near = float(money[0])
    clash = [
        Rule(target="money", when="kind = 'a'", value=near),
        Rule(target="money", when="kind in ('a', 'b')", value=near + 0.01),
    ]
    with pytest.raises(PlanError, match="contradict each other"):
        gpusynth.synthesize(table, plan=Plan(rules=clash), n_rows=500)


def test_real_census_file(shared_data, tmp_path):
    # AGEP 0-14 have no income (N), persons without income no decile of it.
    data = shared_data("nist_acs/ma2018.csv")
    columns = ["AGEP", "SEX", "MSP", "EDU", "PINCP", "PINCP_DECILE"]
    import pandas as pd

    real = pd.read_csv(data, na_values="N")[columns]
    rules = [
        Rule(target="MSP", when="AGEP < 15"),
        Rule(target="PINCP", when="AGEP < 15"),
        Rule(target="PINCP_DECILE", when="PINCP is missing"),
    ]
    broken = [real.MSP[real.AGEP < 15].notna().sum(), real.PINCP[real.AGEP < 15].notna().sum()]
    assert broken == [0, 0]
    for seed in (1, 2):
        synthetic = gpusynth.synthesize(real, plan=Plan(rules=rules), seed=seed)
        assert synthetic.MSP[synthetic.AGEP < 15].isna().all()
        assert (synthetic.PINCP.isna() == (synthetic.AGEP < 15)).all()
        assert synthetic.PINCP_DECILE[synthetic.PINCP.isna()].isna().all()
        assert synthetic.PINCP_DECILE[synthetic.PINCP.notna()].notna().all()
