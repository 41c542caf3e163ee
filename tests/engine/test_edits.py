"""Repair: donor records agree with what is kept, whatever other rows are repaired with them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth import Plan
from gpusynth.engine.real.conditions import bind_conditions
from gpusynth.engine.real.repair import find_repair_groups, matching_donors
from gpusynth.errors import PlanError
from gpusynth.plan import Edit, Rule, resolve
from gpusynth.table import TableSource, encode_table, fit_codecs, infer_schema, read_table
from tests.behaviour.plan_survey import SCHEMA, survey


def encoded(table, schema=None):
    source = TableSource(table, name="survey")
    schema = infer_schema(source).schema if schema is None else schema
    codecs = fit_codecs(schema, source)
    return schema, codecs, encode_table(schema, codecs, source)


def groups_of(choices: Plan, table=None):
    schema, codecs, real = encoded(survey() if table is None else table, SCHEMA)
    plan = resolve(schema, codecs, choices)
    conditions = bind_conditions(plan, real)
    return find_repair_groups(plan, conditions, real, plan.ties())


def test_columns_that_hang_together():
    plan = Plan(
        edits=[Edit(holds="staff > 0 or pay = 0"), Edit(holds="total <= 500")],
        rules=[Rule(target="pay", when="sector = '31' and staff = 0", value=0)],
        methods={"total": {"method": "passive", "expression": "cost + profit"}, "state": "keep"},
    )
    groups = groups_of(plan)
    assert groups.columns_of["pay"] == ("sector", "staff", "pay")
    assert groups.columns_of["total"] == ("cost", "profit", "total")
    assert groups.started == {"state"}
    frame = survey().to_pandas()
    right = (frame.staff > 0) | (frame.pay == 0)
    assert np.array_equal(groups.donors_of["pay"], np.flatnonzero(right))


def test_edits_on_common_columns_share_donors():
    edits = [Edit(holds="staff > 2 or pay < 100"), Edit(holds="pay < 900 or age > 30")]
    groups = groups_of(Plan(edits=edits))
    assert groups.columns_of["pay"] == groups.columns_of["age"] == ("staff", "pay", "age")
    assert np.array_equal(groups.donors_of["pay"], groups.donors_of["age"])


def test_formulas_are_asked_whatever_they_overlook():
    table = survey()
    total = np.asarray(table["total"]).copy()
    total[:700] += 1
    table = table.set_column(7, "total", pa.array(np.round(total, 2)))
    passive = {"method": "passive", "expression": "cost + profit", "verify": False}
    plan = Plan(methods={"total": passive}, edits=[Edit(holds="total > 0")])
    assert np.array_equal(groups_of(plan, table).donors_of["total"], np.arange(700, 800))
    table = table.set_column(7, "total", pa.array(np.round(total + 1.5, 2)))
    with pytest.raises(PlanError, match="formulas on its columns; all 800 real rows fail"):
        groups_of(plan, table)


def test_a_rule_may_overrule_a_formula():
    table = survey()
    total, none = np.asarray(table["total"]).copy(), np.asarray(table["staff"]) == 0
    total[none] = 5
    table = table.set_column(7, "total", pa.array(total))
    plan = Plan(
        methods={"total": {"method": "passive", "expression": "cost + profit"}},
        rules=[Rule(target="total", when="staff = 0", value=5)],
        edits=[Edit(holds="total < 300")],
    )
    assert np.array_equal(groups_of(plan, table).donors_of["total"], np.flatnonzero(total < 300))


@pytest.fixture(name="real", scope="module")
def _real():
    random = np.random.default_rng(3)
    n = 140_000
    table = pa.table(
        {
            "state": random.choice(["a", "b", "c"], n),
            "size": random.integers(0, 9, n),
            # as many different numbers as rows, each twice: codes are bins
            "money": np.tile(np.round(np.exp(random.normal(9, 1, n // 2)), 3), 2),
        }
    )
    return encoded(table)[2]


def picked(real, rows, fixed, share, donors=None):
    donors = np.arange(real.n_rows, dtype=np.int32) if donors is None else donors
    return matching_donors(real, donors, fixed, read_table(real, rows), share)


def test_donors_agree_to_the_digit(real):
    rows = np.arange(0, 300, dtype=np.int64)
    share = np.random.default_rng(1).random(300)
    by_code = picked(real, rows, ["state", "size"], share)
    assert np.array_equal(real.codes["state"][by_code], real.codes["state"][rows])
    assert np.array_equal(real.codes["size"][by_code], real.codes["size"][rows])
    assert (by_code != rows).mean() > 0.9
    by_number = picked(real, rows, ["money"], share)
    assert np.array_equal(real.values["money"][by_number], real.values["money"][rows])
    assert set((by_number - rows).tolist()) == {0, 70_000}


def test_a_row_s_donor_does_not_depend_on_other_rows(real):
    rows = np.random.default_rng(4).permutation(real.n_rows)[:200]
    share = np.random.default_rng(5).random(200)
    donors = np.flatnonzero(np.random.default_rng(6).random(real.n_rows) < 0.5)
    together = picked(real, rows, ["size", "state"], share, donors)
    alone = [
        picked(real, rows[i : i + 1], ["size", "state"], share[i : i + 1], donors)[0]
        for i in range(200)
    ]
    assert np.array_equal(together, alone)
    assert set(together.tolist()) <= set(donors.tolist())


def test_every_donor_has_the_same_chance(real):
    # 5,000 draws among the donors of one cell cut into 10: chi-squared with 9 degrees of freedom is
    # above 33.7 once in 10,000.
    rows = np.zeros(5000, np.int64)
    share = np.random.default_rng(7).random(5000)
    drawn = picked(real, rows, ["state", "size"], share)
    same = (real.codes["state"] == real.codes["state"][0]) & (
        real.codes["size"] == real.codes["size"][0]
    )
    cells = np.searchsorted(np.flatnonzero(same), drawn) * 10 // same.sum()
    counts = np.bincount(cells, minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 33.7


def test_no_donor(real):
    other = np.flatnonzero(real.codes["state"] != real.codes["state"][0])
    assert picked(real, np.zeros(2, np.int64), ["state"], np.array([0.1, 0.9]), other).tolist() == [
        -1,
        -1,
    ]
    both = picked(real, np.array([0, other[0]]), ["state"], np.array([0.1, 0.9]), other)
    assert both[0] == -1
    assert both[1] in other
