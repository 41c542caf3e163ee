"""Imputations: gaps are filled, what was answered stays, and the same seed gives the same bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpusynth
from gpusynth import Column, DataError, Plan, Rule, Schema
from gpusynth.imputation.chain import Chain
from gpusynth.imputation.seeds import imputation_seed, synthesis_seed
from tests.behaviour.conftest import mixed_table
from tests.imputation.conftest import BMI, holed

PLAN = Plan(methods=BMI)
FEW = {"n_imputations": 2, "iterations": 3}


def answered_stay(before: pa.Table, after: pa.Table) -> bool:
    """Whether types and all given answers are as they were."""
    return after.schema.equals(before.schema) and all(
        after[name].filter(before[name].is_valid()).to_pylist()
        == before[name].drop_null().to_pylist()
        for name in before.column_names
    )


def test_gaps_are_filled_and_answers_stay(gaps):
    imputations = gpusynth.impute(gaps, plan=PLAN, **FEW)
    assert len(imputations) == 2
    assert imputations.n_imputed == {
        name: gaps[name].null_count for name in gaps.column_names if gaps[name].null_count
    }
    assert not any(imputations.n_left.values())
    first, second = imputations.tables()
    for table in (first, second):
        assert answered_stay(gaps, table)
        assert sum(column.null_count for column in table.columns) == 0
    assert not first.equals(second)
    assert "2 imputations of table: height (" in repr(imputations)


def test_chains_begin_with_answers_drawn_at_random(monkeypatch):
    """Each of ten answers is as frequent among 1,000 fills; chi-square, false alarm 1e-4."""
    fills = []
    fill = Chain.fill

    def spy(chain: Chain) -> None:
        fill(chain)
        fills.append({name: codes.tolist() for name, (codes, _) in chain.cells().items()})

    monkeypatch.setattr(Chain, "fill", spy)
    answers = np.arange(2000) % 10
    table = pa.table({"x": pa.array(answers, mask=np.arange(2000) < 1000), "y": answers % 3})
    gpusynth.impute(table, n_imputations=2, iterations=1)
    first, second = (np.array(one["x"]) for one in fills)
    assert (first != second).mean() > 0.8
    for codes in (first, second):
        _, counts = np.unique(codes, return_counts=True)
        assert len(counts) == 10
        assert ((counts - 100) ** 2 / 100).sum() < 33.7


def test_every_imputed_answer_is_some_answered_one(gaps):
    for table in gpusynth.impute(gaps, plan=PLAN, **FEW).tables():
        for name in ("height", "weight", "income", "region", "works"):
            assert set(table[name].to_pylist()) <= set(gaps[name].drop_null().to_pylist())


def test_all_kinds_of_columns():
    table = mixed_table(400).drop_columns(["fax", "telex", "year"])
    random = np.random.default_rng(5)
    columns = {
        name: holed(table[name].combine_chunks(), random.random(400) < 0.15)
        for name in table.column_names
    }
    given = pa.table(columns)
    for done in gpusynth.impute(given, **FEW).tables():
        assert answered_stay(given, done)
        assert sum(column.null_count for column in done.columns) == 0


@pytest.mark.parametrize("proper", ["bootstrap", "none"])
def test_same_seed_same_bytes_for_any_threads_and_batches(gaps, proper):
    asked = {"plan": PLAN, "seed": 7, "iterations": 2, "proper": proper}
    one = gpusynth.impute(gaps, n_imputations=3, threads=1, **asked)
    many = gpusynth.impute(gaps, n_imputations=3, threads=5, batch_rows=37, **asked)
    assert one.traces == many.traces
    for number in (1, 2, 3):
        assert one.arrow(number).equals(many.arrow(number))
    fewer = gpusynth.impute(gaps, n_imputations=1, **asked)
    assert fewer.arrow(1).equals(one.arrow(1))
    other = gpusynth.impute(gaps, n_imputations=1, **{**asked, "seed": 8})
    assert not other.arrow(1).equals(one.arrow(1))


def test_seeds_of_stages_differ():
    seeds = [imputation_seed(1), imputation_seed(2), *(synthesis_seed(1, i) for i in (1, 2, 3))]
    assert len(set(seeds)) == 5
    assert all(0 <= seed < 1 << 64 for seed in seeds)


def test_chosen_codes_are_imputed_and_others_are_answers():
    random = np.random.default_rng(2)
    age = random.integers(18, 80, 300)
    hours = np.where(age > 65, -9, random.integers(1, 60, 300))  # -9: does not work
    hours[random.random(300) < 0.1] = -8  # no answer
    other = holed(pa.array(random.normal(0, 1, 300)), random.random(300) < 0.1)
    given = pa.table({"age": age, "hours": hours, "other": other})
    schema = Schema(
        columns=(
            Column(name="age", kind="integer", storage="int64"),
            Column(name="hours", kind="integer", storage="int64", missing_codes=(-9, -8)),
            Column(name="other", kind="numeric", storage="double"),
        )
    )
    done = gpusynth.impute(given, schema, impute={"hours": [-8]}, n_imputations=1).arrow(1)
    assert done["other"].equals(given["other"])
    found = done["hours"].to_numpy()
    assert -8 not in found
    assert (found[hours != -8] == hours[hours != -8]).all()
    drawn = found[hours == -8]
    assert (drawn[age[hours == -8] > 67] == -9).all()  # the state is learnt from age
    assert (drawn[age[hours == -8] < 60] > 0).all()
    both = gpusynth.impute(given, schema, impute={"hours": ["-8"], "other": [None]}, **FEW)
    assert both.n_imputed == {"hours": int((hours == -8).sum()), "other": other.null_count}


def test_spikes_and_numbers_beyond_the_codes():
    random = np.random.default_rng(3)
    sales = np.where(random.random(900) < 0.4, 0.0, np.exp(random.normal(5, 2, 900)))
    given = pa.table(
        {
            "staff": random.integers(0, 9, 900),
            "sales": holed(pa.array(sales), random.random(900) < 0.2),
        }
    )
    schema = gpusynth.infer_schema(given).schema
    spiked = Schema(
        columns=(schema["staff"], schema["sales"].model_copy(update={"spikes": (0.0,)}))
    )
    done = gpusynth.impute(given, spiked, n_imputations=1, iterations=2).arrow(1)
    assert answered_stay(given, done)
    drawn = done["sales"].filter(given["sales"].is_null()).to_numpy()
    assert 0.2 < (drawn == 0.0).mean() < 0.6
    assert set(drawn) <= set(sales)


def test_nan_is_a_blank():
    given = pa.table({"x": [1.0, float("nan"), 2.0, 3.0] * 10, "y": list(range(40))})
    imputations = gpusynth.impute(given, **FEW)
    assert imputations.n_imputed == {"x": 10}
    assert not np.isnan(imputations.arrow(1)["x"].to_numpy()).any()


def test_rules_decide_before_models():
    random = np.random.default_rng(4)
    children = random.integers(0, 3, 300)
    ages = [
        None if c == 0 or random.random() < 0.2 else int(random.integers(0, 17)) for c in children
    ]
    given = pa.table({"children": children, "youngest": pa.array(ages, pa.int64())})
    plan = Plan(rules=(Rule(target="youngest", when="children = 0", value=None),))
    imputations = gpusynth.impute(given, plan=plan, **FEW)
    for table in imputations.tables():
        blank = table["youngest"].is_null().to_numpy(zero_copy_only=False)
        assert (blank == (children == 0)).all()
    assert imputations.n_left["youngest"] == int((children == 0).sum())


def test_formulas_hold_in_every_imputation(gaps):
    for table in gpusynth.impute(gaps, plan=PLAN, n_imputations=3, iterations=2).tables():
        exact = table["weight"].to_numpy() / (table["height"].to_numpy() / 100) ** 2
        assert np.abs(table["bmi"].to_numpy() - exact).max() <= 0.00501 + 0.01


def test_formulas_of_formulas_and_no_feedback():
    random = np.random.default_rng(6)
    a, b = random.integers(0, 50, 300), random.integers(0, 50, 300)
    gone = random.random(300) < 0.2
    given = pa.table(
        {
            "a": holed(pa.array(a), gone),
            "b": b,
            "sum": holed(pa.array(a + b), gone),
            "double": holed(pa.array(2 * (a + b)), gone),
        }
    )
    plan = Plan(
        methods={
            "sum": {"method": "passive", "expression": "a + b"},
            "double": {"method": "passive", "expression": "2 * sum"},
        }
    )
    imputations = gpusynth.impute(given, plan=plan, **FEW)
    (target,) = imputations.setup.targets
    assert target.steps[0].predictors == ("b",)
    for table in imputations.tables():
        total = table["a"].to_numpy() + b
        assert (table["sum"].to_numpy() == total).all()
        assert (table["double"].to_numpy() == 2 * total).all()


def test_predictors_visit_and_methods(gaps):
    imputations = gpusynth.impute(
        gaps,
        plan=Plan(methods=BMI, never_predict=("region",)),
        predictors={"income": ["age", "works"]},
        methods={"region": "sample", "height": {"method": "cart", "min_leaf": 20}},
        visit=["region", "works", "income", "weight", "height"],
        **FEW,
    )
    steps = {target.name: target.steps[-1] for target in imputations.setup.targets}
    assert list(steps) == ["region", "works", "income", "weight", "height"]
    assert steps["income"].predictors == ("age", "works")
    assert steps["works"].predictors == ("age", "height", "weight", "bmi", "income")
    assert steps["region"].method.name == "sample"
    assert steps["height"].method.min_leaf == 20
    missing = gpusynth.impute(gaps, plan=PLAN, **FEW).setup.targets
    counts = [len(target.missing) for target in missing]
    assert counts == sorted(counts)
    in_file_order = gpusynth.impute(gaps, plan=PLAN, visit="file", **FEW).setup.targets
    assert [t.name for t in in_file_order] == ["height", "weight", "income", "region", "works"]


@pytest.mark.parametrize("method", ["sample", "norm", "normrank", "pmm", "bag"])
def test_methods_for_numbers(gaps, method):
    pytest.importorskip("scipy")
    done = gpusynth.impute(
        gaps, plan=PLAN, methods={"income": method}, n_imputations=1, iterations=2
    ).arrow(1)
    assert answered_stay(gaps, done)
    assert done["income"].null_count == 0


def test_polyreg_for_levels(gaps):
    pytest.importorskip("scipy")
    done = gpusynth.impute(
        gaps, plan=PLAN, methods={"region": "polyreg"}, n_imputations=1, iterations=2
    ).arrow(1)
    assert done["region"].null_count == 0


def test_pandas_and_polars_come_back(gaps):
    frame = gaps.to_pandas()
    frame.index = pd.Index([f"person {row}" for row in range(len(frame))], name="who")
    done = gpusynth.impute(frame, plan=PLAN, n_imputations=1, iterations=1).tables()[0]
    assert isinstance(done, pd.DataFrame)
    assert list(done.columns) == list(frame.columns)
    assert (done.dtypes == frame.dtypes).all()
    assert done.index.equals(frame.index)  # a completed row is the row that was given
    assert done.where(frame.notna()).equals(frame.where(frame.notna()))
    frame = pl.DataFrame(gaps)
    done = gpusynth.impute(frame, plan=PLAN, n_imputations=1, iterations=1).tables()[0]
    assert done.schema == frame.schema


def test_text_files_get_their_types(gaps, tmp_path):
    plain = gaps.set_column(5, "region", gaps["region"].cast(pa.string()))
    path = tmp_path / "people.csv"
    pc.write_csv(plain, path)
    imputations = gpusynth.impute(path, plan=PLAN, n_imputations=1, iterations=2)
    done = imputations.arrow(1)
    assert done.schema.field("income").type == pa.int64()
    assert sum(column.null_count for column in done.columns) == 0
    given = plain["weight"].drop_null().to_pylist()
    assert done["weight"].filter(plain["weight"].is_valid()).to_pylist() == given


def test_kept_columns_and_minimums_of_donors(gaps):
    plan = Plan(default=gpusynth.Cart(min_distinct_values=4), methods={**BMI, "region": "keep"})
    targets = gpusynth.impute(gaps, plan=plan, **FEW).setup.targets
    assert {step.method.name for target in targets for step in target.steps} == {"cart"}
    assert {target.steps[0].method.min_distinct_values for target in targets} == {1}


@given(
    st.integers(2, 30),
    st.integers(0, 1000),
    st.floats(0.0, 0.9),
    st.sampled_from(["bootstrap", "none"]),
)
@settings(max_examples=25)
def test_any_pattern_of_gaps(n_rows, seed, share, proper):
    random = np.random.default_rng(seed)
    columns = {
        "number": pa.array(random.normal(0, 1, n_rows)),
        "count": pa.array(random.integers(0, 3, n_rows)),
        "level": pa.array(random.choice(["a", "b"], n_rows)),
    }
    table = pa.table({k: holed(v, random.random(n_rows) < share) for k, v in columns.items()})
    empty = any(column.null_count == n_rows for column in table.columns)
    complete = not any(column.null_count for column in table.columns)
    if empty or complete:
        with pytest.raises(DataError, match="nothing to impute" if complete else "no answer"):
            gpusynth.impute(table, n_imputations=1, iterations=1, proper=proper)
        return
    done = gpusynth.impute(table, n_imputations=1, iterations=2, proper=proper, seed=seed).arrow(1)
    assert answered_stay(table, done)
    assert not any(column.null_count for column in done.columns)
