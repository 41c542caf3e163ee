"""Promise: in every leaf of a fitted model there are enough different donor values and units."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Plan, Schema
from gpusynth.errors import DataError, PlanError
from gpusynth.methods import Cart, CartModel, ForestModel, GroupedModel, Sample, SampleModel
from gpusynth.methods.donor_minimums import hold_in_tree
from gpusynth.methods.registry import method_to_json
from gpusynth.plan import SynthesisPlan, plan_to_toml, read_plan
from tests.behaviour.plan_survey import SCHEMA, survey

FIRM_SCHEMA = Schema(
    columns=(
        gpusynth.Column(name="firm", kind="integer", storage="int64", role="key"),
        *SCHEMA.columns,
    )
)


def firm_survey(n: int = 700) -> pa.Table:
    """Establishments of firms: a third of all rows belongs to four of them."""
    random = np.random.default_rng(3)
    firm = np.where(random.random(n) < 0.33, random.integers(0, 4, n), 10 + np.arange(n))
    return survey(n).add_column(0, "firm", pa.array(firm))


def leaves(model):
    """Yield the donor rows of every leaf of a model, groups and forests included."""
    if isinstance(model, GroupedModel):
        for part in model.models.values():
            yield from leaves(part)
    elif isinstance(model, ForestModel):
        for _, donors in model.trees:
            yield from np.split(donors.rows, donors.offsets[1:-1])
    elif isinstance(model, CartModel):
        yield from np.split(model.donors.rows, model.donors.offsets[1:-1])
    elif isinstance(model, SampleModel):
        yield np.arange(700) if model.rows is None else model.rows


def fitted_leaves(plan: Plan, table: pa.Table):
    fitted = gpusynth.fit(table, FIRM_SCHEMA, plan, threads=2)
    for step in fitted.plan.steps:
        for model in fitted._models[step.number].models:
            for rows in leaves(model):
                yield step, rows


RULES = {"min_distinct_values": 4, "min_distinct_units": 3, "min_leaf": 2}
CASES = {
    "cart": {"default": {"method": "cart", **RULES}},
    "rpart": {"default": {"method": "cart", "prune": "rpart", **RULES}},
    "strata": {
        "default": {"method": "cart", **RULES},
        "strata": {"columns": ["state"], "min_rows": 90},
    },
    "bag": {"default": {"method": "bag", "n_trees": 3, **RULES}},
    "forest": {"default": {"method": "forest", "n_trees": 3, **RULES}},
    "nested": {
        "methods": {
            "county": {
                "method": "nested",
                "parent": "state",
                "min_rows": 50,
                "within": {"method": "cart", **RULES},
            }
        }
    },
}


@pytest.mark.parametrize("case", CASES)
def test_minimums_hold_in_every_leaf(case):
    table = firm_survey()
    firms = table["firm"].to_numpy()
    plan = Plan(unit="firm", **CASES[case])
    n_leaves = 0
    for step, rows in fitted_leaves(plan, table):
        if "min_distinct_units" not in str(method_to_json(step.method)):
            continue
        n_leaves += 1
        assert len(set(firms[rows].tolist())) >= 3
        column = table[step.target].to_numpy()
        if step.part == "value" or (step.part == "whole" and FIRM_SCHEMA[step.target].is_number):
            assert len(set(column[rows].tolist())) >= 4
    assert n_leaves > 3


@pytest.mark.parametrize("proper", ["bootstrap", "bayesian"])
def test_minimums_hold_in_resampled_fits(proper, monkeypatch):
    table, held = firm_survey(), []

    def spy(*arguments):
        held.append(hold_in_tree(*arguments))
        return held[-1]

    monkeypatch.setattr("gpusynth.methods.cart.hold_in_tree", spy)
    plan = Plan(unit="firm", proper=proper, default=Cart(min_leaf=2, min_distinct_units=3))
    gpusynth.synthesize(table, FIRM_SCHEMA, plan, n_replicates=2)
    firms = table["firm"].to_numpy()
    assert len(held) > 20
    for _, donors in held:
        for rows in np.split(donors.rows, donors.offsets[1:-1]):
            assert len(set(firms[rows].tolist())) >= 3


def test_without_minimums_some_leaves_hold_fewer():
    table = firm_survey()
    firms = table["firm"].to_numpy()
    plan = Plan(default=Cart(min_leaf=2))
    assert min(len(set(firms[rows].tolist())) for _, rows in fitted_leaves(plan, table)) == 1


def test_units_are_rows_where_no_unit_is_named():
    table = firm_survey()
    plan = Plan(default=Cart(min_leaf=2, min_distinct_units=6))
    assert min(len(set(rows.tolist())) for _, rows in fitted_leaves(plan, table)) >= 6


def test_all_counts_values_of_classes_too():
    table = firm_survey()
    plan = Plan(methods={"sector": Cart(min_distinct_values=2, distinct_in="all")})
    for step, rows in fitted_leaves(plan, table):
        if step.target == "sector":
            assert len(set(table["sector"].to_numpy()[rows].tolist())) >= 2


def test_rows_of_weight_zero_do_not_count():
    table = survey(700).append_column("w", pa.array((np.arange(700) % 2 * 2.0).tolist()))
    schema = Schema(
        columns=(
            *SCHEMA.columns,
            gpusynth.Column(name="w", kind="numeric", storage="double", role="weight"),
        )
    )
    cart = Cart(min_leaf=2, weighted=True, min_distinct_values=5)
    fitted = gpusynth.fit(table, schema, Plan(methods={"cost": cart}))
    number = next(step.number for step in fitted.plan.steps if step.target == "cost")
    cost = table["cost"].to_numpy()
    for rows in leaves(fitted._models[number].models[0]):
        assert len(set(cost[rows].tolist())) >= 5
        assert (rows % 2 == 1).all()


@pytest.mark.parametrize(("least", "is_held"), [(350, True), (351, False)])
def test_rows_of_weight_zero_do_not_count_for_a_method_without_a_tree(least, is_held):
    """Of 700 rows 350 weigh something; the others are never drawn and protect nobody."""
    table = survey(700).append_column("w", pa.array((np.arange(700) % 2 * 2.0).tolist()))
    schema = Schema(
        columns=(
            *SCHEMA.columns,
            gpusynth.Column(name="w", kind="numeric", storage="double", role="weight"),
        )
    )
    plan = Plan(methods={"state": Sample(weighted=True, min_distinct_units=least)})
    if is_held:
        gpusynth.fit(table, schema, plan)
        return
    with pytest.raises(PlanError, match="the 350 real rows that take part hold 350 different"):
        gpusynth.fit(table, schema, plan)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (
            {"methods": {"age": Cart(min_distinct_values=500)}},
            ["column 'age'", "min_distinct_values = 500", "all ", "Lower"],
        ),
        ({"methods": {"staff": Cart(min_distinct_values=500)}}, ["values of column 'staff'"]),
        (
            {"methods": {"state": {"method": "sample", "min_distinct_units": 800}}},
            ["column 'state'", "1 leaf", "700"],
        ),
        ({"methods": {"job": Cart(min_distinct_values=9, distinct_in="all")}}, ["column 'job'"]),
        (
            {
                "methods": {"cost": Cart(min_distinct_units=20)},
                "strata": {"columns": ["state"], "min_rows": 5},
            },
            ["column 'cost'", "stratum (state) of data row", "raise min_rows"],
        ),
        ({"unit": "nobody"}, ["unit: unknown column 'nobody'"]),
        ({"methods": {"cost": {"method": "bag", "min_distinct_units": 800}}}, ["column 'cost'"]),
    ],
)
def test_thresholds_that_leave_no_donor(choices, words, tmp_path):
    with pytest.raises(PlanError) as raised:
        gpusynth.synthesize(firm_survey(), FIRM_SCHEMA, Plan(**choices), output=tmp_path / "out")
    for word in words:
        assert word in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_row_without_a_unit_is_named():
    table = firm_survey()
    firms = table["firm"].to_pylist()
    firms[41] = None
    table = table.set_column(0, "firm", pa.array(firms))
    with pytest.raises(DataError, match="data row 42 has none"):
        gpusynth.synthesize(table, FIRM_SCHEMA, Plan(unit="firm"))


def test_plans_keep_them_and_older_plans_their_fingerprint(tmp_path):
    plan = Plan(unit="firm", default=Cart(min_distinct_values=3))
    (tmp_path / "plan.toml").write_text(plan_to_toml(plan))
    assert read_plan(tmp_path / "plan.toml") == plan
    resolved = gpusynth.fit(firm_survey(), FIRM_SCHEMA, plan).plan
    assert SynthesisPlan.from_json(resolved.to_json()) == resolved
    assert resolved.unit == "firm"
    assert "distinct" not in str(Plan().model_dump(mode="json"))
    assert "distinct" not in str(method_to_json(Cart()))


@pytest.mark.parametrize("given", [0, -1, 1.5, "two"])
def test_a_minimum_is_a_count(given):
    with pytest.raises(PlanError, match="min_distinct_units"):
        Plan.from_mapping({"default": {"method": "cart", "min_distinct_units": given}})
