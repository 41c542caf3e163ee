"""Promise: every edit holds in every synthetic row, and the manifest says what it took."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Column, Plan, Schema
from gpusynth.errors import PlanError
from gpusynth.plan import Edit, Partial, Rule, Strata
from tests.behaviour.plan_survey import SCHEMA, run, survey, synthesize

NO_STAFF = Edit(holds="staff > 0 or pay = 0", name="no staff, no pay")
STAFF = Edit(holds="pay > 0 or staff = 0", name="staff is paid")
RATIO = Edit(holds="pay <= 200 * staff", name="ratio")
BALANCE = Edit(holds="cost + profit = total", name="balance")
BOUNDS = Edit(holds="total <= 400 and total >= 2", name="bounds")
ADULT = Edit(holds="age >= 16 or income = -8", name="skip")
EDITS = (NO_STAFF, STAFF, RATIO, BALANCE, BOUNDS, ADULT)

FEATURES = {
    "plain": {},
    "no_attempts": {"attempts": 0},
    "sample": {"default": "sample"},
    "rules": {
        "rules": [
            Rule(target="marital", when="age < 18", value="single"),
            Rule(target="income", when="age < 16", value=-8),
        ]
    },
    "smoothing": {"smoothing": {"cost": "density", "pay": "density", "income": "rmean"}},
    "strata": {"strata": Strata(columns=("state",), min_rows=100)},
    "proper": {"proper": "bootstrap"},
    "nested": {"methods": {"county": {"method": "nested", "parent": "state", "min_rows": 20}}},
    "passive": {"methods": {"total": {"method": "passive", "expression": "cost + profit"}}},
    "copied_start": {"methods": {"state": "keep", "age": "keep"}},
}


def check_edits(frame) -> None:
    assert ((frame.staff > 0) == (frame.pay > 0)).all()
    assert (frame.pay <= 200 * frame.staff).all()
    assert np.allclose(frame.cost + frame.profit, frame.total, rtol=0, atol=0.0051)
    assert frame.total.between(2, 400).all()
    assert (frame.income[frame.age < 16] == -8).all()


@pytest.mark.parametrize("feature", FEATURES)
def test_edits_hold_with_every_feature(feature, tmp_path):
    options = dict(FEATURES[feature])
    attempts = options.pop("attempts", 4)
    edits = [edit.model_copy(update={"attempts": attempts}) for edit in EDITS]
    frames, manifest = run(survey(), Plan(edits=edits, **options), tmp_path, n_replicates=2)
    for frame in frames:
        check_edits(frame)
        if feature == "rules":
            assert (frame.marital[frame.age < 18] == "single").all()
            assert ((frame.income == -8) == (frame.age < 16)).all()
        if feature == "nested":
            assert (frame.county.str[:2] == frame.state).all()
    counts = {entry["edit"]: entry for entry in manifest["edits"]}
    assert list(counts) == [edit.title for edit in EDITS]
    assert counts["balance"]["failed"] > 0 or feature == "passive"
    assert all(entry["kept"] == 0 for entry in counts.values())
    if attempts == 0:
        assert all(entry["attempts"] == 0 for entry in counts.values())
        assert all(entry["failed"] == entry["repaired"] for entry in counts.values())


def test_counts_are_those_of_the_draws(tmp_path):
    # "sample" draws each row independently: an edit fails with a known chance, and again at each
    # attempt. Bounds of 5 standard deviations: false alarms 1 in a million.
    n, p = 4000, 0.3
    grade = np.where(np.arange(1000) < 1000 * p, "bad", "good")
    table = pa.table({"part": ["a", "b"] * 500, "grade": grade})
    edit = Edit(holds="grade = 'good' or part = 'none'", name="good", attempts=2)
    schema = Schema(
        columns=(
            Column(name="part", kind="categorical", storage="string", levels=("a", "b", "none")),
            Column(name="grade", kind="categorical", storage="string"),
        )
    )
    plan = Plan(default="sample", edits=[edit])
    (frame,), manifest = run(table, plan, tmp_path, schema=schema, n_rows=n)
    assert (frame.grade == "good").all()
    (counts,) = manifest["edits"]
    assert counts["checked_at"] == "grade"
    assert counts["real_rows_failing"] == 300
    for what, share in (("failed", p), ("attempts", p + p**2), ("repaired", p**3)):
        assert abs(counts[what] - n * share) < 5 * np.sqrt(n * share), what
    assert counts["attempts"] >= counts["failed"] > counts["repaired"] > 0
    assert "300 real rows fail" in manifest["notes"][0]


def test_a_row_that_passes_is_drawn_as_if_there_were_no_edit():
    plain = synthesize(survey(), Plan(), seed=4)
    edit = Edit(holds="income is missing or income <= 3000", attempts=5)
    edited = synthesize(survey(), Plan(edits=[edit]), seed=4)
    passes = (plain.income == -8) | (plain.income <= 3000)
    assert 0.5 < passes.mean() < 1
    assert plain[passes].equals(edited[passes])
    assert (edited.income <= 3000).all()


def test_repaired_rows_take_records_of_different_donors():
    """Without attempts some 580 failing rows are repaired, from 64 donors, 9 rows each."""
    n = 640
    pay = np.where(np.arange(n) % 10 == 0, np.arange(n) + 10_000, 1)
    table = pa.table({"pay": pay, "bound": np.where(pay > 1, 0, 5)})
    schema = Schema(
        columns=tuple(
            Column(name=name, kind="integer", storage="int64") for name in ("pay", "bound")
        )
    )
    edit = Edit(holds="pay > 1 and bound < 5", attempts=0)
    plan = Plan(default="sample", edits=(edit,))
    drawn = gpusynth.synthesize(table, schema, plan, seed=3).to_pandas()
    counts = drawn["pay"].value_counts()
    assert set(counts.index) <= set(pay[pay > 1].tolist())
    assert len(counts) > 55
    assert counts.max() < 30


def test_repair_agrees_with_kept_columns_to_the_last_digit():
    # 70,000 different totals are more than there are codes: agreement by code would not do.
    random = np.random.default_rng(5)
    n = 70_000
    cost = np.round(np.exp(random.normal(8, 1, n)), 2)
    total = np.round(cost + np.exp(random.normal(7, 1, n)), 2)
    table = pa.table({"total": total, "cost": cost, "profit": np.round(total - cost, 2)})
    edit = Edit(holds="cost + profit = total", attempts=1)
    plan = Plan(methods={"total": "keep"}, edits=[edit])
    frame = gpusynth.synthesize(table, plan=plan, n_rows=400, seed=2).to_pandas()
    assert np.allclose(frame.cost + frame.profit, frame.total, rtol=0, atol=0.0051)
    assert set(frame.total) <= set(total)


def test_repair_keeps_copies_and_formulas_exact():
    table = survey()
    age = np.asarray(table["age"])
    table = table.append_column("born", pa.array(2020 - age)).append_column(
        "double", pa.array(2 * np.asarray(table["income"]))
    )
    schema = Schema(
        columns=(
            *SCHEMA.columns,
            Column(name="born", kind="integer", storage="int64"),
            Column(name="double", kind="integer", storage="int64"),
        )
    )
    edits = [
        Edit(holds="born < 1990 or staff > 3", attempts=0),
        Edit(holds="double <= 5000 or age > 50", attempts=0),
    ]
    passive = {"method": "passive", "expression": "2 * income", "verify": False}
    passive["expression"] = "if(income = -8, -16, 2 * income)"
    plan = Plan(edits=edits, methods={"double": passive})
    frame = gpusynth.synthesize(table, schema, plan, seed=1).to_pandas()
    assert (frame.born == 2020 - frame.age).all()
    assert (frame.double == 2 * frame.income).all()
    assert ((frame.born < 1990) | (frame.staff > 3)).all()
    assert ((frame.double <= 5000) | (frame.age > 50)).all()


def test_repair_never_takes_a_record_that_breaks_a_formula():
    table = survey()
    total = np.asarray(table["total"]).copy()
    total[::2] += 50  # half of the real rows break the identity; verify = false enforces it
    table = table.set_column(7, "total", pa.array(np.round(total, 2)))
    passive = {"method": "passive", "expression": "cost + profit", "verify": False}
    plan = Plan(methods={"total": passive}, edits=[Edit(holds="total <= 60", name="small")])
    frame = synthesize(table, plan)
    assert np.allclose(frame.cost + frame.profit, frame.total, rtol=0, atol=0.0051)
    assert (frame.total <= 60).all()


def test_a_formula_is_repaired_without_attempts(tmp_path):
    passive = {"method": "passive", "expression": "cost + profit"}
    plan = Plan(methods={"total": passive}, edits=[Edit(holds="total <= 100")])
    _, manifest = run(survey(), plan, tmp_path)
    (counts,) = manifest["edits"]
    assert counts["attempts"] == 0
    assert counts["repaired"] == counts["failed"] > 0


def test_rows_that_a_partial_synthesis_keeps_are_counted_and_left_alone(tmp_path):
    table = survey()
    plan = Plan(
        partial=Partial(columns=("pay",), rows="staff > 5"),
        edits=[Edit(holds="pay <= 100", attempts=1)],
    )
    (frame,), manifest = run(table, plan, tmp_path)
    (counts,) = manifest["edits"]
    real = table.to_pandas()
    assert counts["kept"] == ((real.staff <= 5) & (real.pay > 100)).sum() > 0
    assert (frame.pay[frame.staff > 5] <= 100).all()
    assert sorted(frame.pay[frame.staff <= 5]) == sorted(real.pay[real.staff <= 5])


def test_no_donor_agrees_with_what_is_kept():
    plan = Plan(
        methods={"state": "keep"}, edits=[Edit(holds="state != 'AK' or staff < 0", attempts=1)]
    )
    with pytest.raises(PlanError, match=r"\d+ rows cannot satisfy it: no real row with the same"):
        synthesize(survey(), plan)


def test_edits_on_a_user_written_method():
    from gpusynth.methods import register_method

    @register_method("shuffled_for_edits")
    def shuffled(target, predictors, synthetic, uniforms):
        return target[(uniforms[:, 0] * len(target)).astype(int)]

    plan = Plan(
        methods=dict.fromkeys(("pay", "income", "county"), "shuffled_for_edits"),
        edits=[edit.model_copy(update={"attempts": 3}) for edit in EDITS],
    )
    check_edits(synthesize(survey(), plan))


def test_real_utilities_balance(shared_data, tmp_path):
    import pandas as pd

    parts = ["RESREVENUE", "COMREVENUE", "INDREVENUE", "OTHREVENUE"]
    real = pd.read_csv(shared_data("firm/eia_utilities.csv"))[["MONTH", *parts, "TOTREVENUE"]]
    balance = Edit(holds=f"{' + '.join(parts)} = TOTREVENUE", name="revenue", attempts=3)
    done = gpusynth.synthesize(real, plan=Plan(edits=[balance]), output=tmp_path / "out")
    synthetic = pd.read_parquet(done.replicates[0].path)
    assert (synthetic[parts].sum(axis=1) == synthetic.TOTREVENUE).all()
    (counts,) = done.manifest["edits"]
    assert counts["real_rows_failing"] == (real[parts].sum(axis=1) != real.TOTREVENUE).sum()
    assert counts["failed"] > counts["repaired"]
