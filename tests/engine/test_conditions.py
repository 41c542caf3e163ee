"""Conditions bound to real data: which rows take part, and where edits are settled."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from gpusynth import Plan
from gpusynth.engine.real.conditions import bind_conditions
from gpusynth.errors import PlanError
from gpusynth.plan import Edit, Partial, Rule, resolve
from gpusynth.table import (
    TableSource,
    encode_table,
    exact_numbers,
    fit_codecs,
    infer_schema,
    read_table,
)
from tests.behaviour.plan_survey import SCHEMA, survey


def bound(choices: Plan, table=None, schema=SCHEMA):
    source = TableSource(survey() if table is None else table, name="survey")
    codecs = fit_codecs(schema, source)
    real = encode_table(schema, codecs, source)
    return bind_conditions(resolve(schema, codecs, choices), real), real


def test_rows_of_rules_and_of_partial_do_not_take_part():
    frame = survey().to_pandas()
    conditions, real = bound(Plan(rules=[Rule(target="income", when="age < 16", value=-8)]))
    assert np.array_equal(conditions.taking_part("income", real), frame.age >= 16)
    assert conditions.taking_part("job", real) is None
    conditions, real = bound(
        Plan(
            rules=[Rule(target="income", when="age < 16", value=-8)],
            partial=Partial(columns=("income", "job"), rows="staff > 3"),
        )
    )
    wanted = (frame.age >= 16) & (frame.staff > 3)
    assert np.array_equal(conditions.taking_part("income", real), wanted)
    assert np.array_equal(conditions.taking_part("job", real), frame.staff > 3)
    assert conditions.taking_part("age", real) is None


def test_an_edit_is_settled_at_its_last_step():
    edits = [Edit(holds="staff > 0 or pay = 0"), Edit(holds="total > cost or staff < 0")]
    conditions, _ = bound(Plan(edits=edits))
    ((first,), (second,)) = conditions.edits.values()
    assert (first.target, second.target) == ("pay", "total")
    assert first.columns == ("staff", "pay")
    again, _ = bound(Plan(edits=edits[:1], resynthesize=["staff"]))
    ((settled,),) = again.edits.values()
    assert settled.target == "staff"
    assert settled.step > max(first.step, second.step)


def test_failing_counts_definite_failures_only():
    conditions, real = bound(Plan(edits=[Edit(holds="job = 'a'", name="a")]))
    ((edit,),) = conditions.edits.values()
    frame = survey().to_pandas()
    assert edit.n_real_failing == (frame.job.notna() & (frame.job != "a")).sum()
    any_of, (each,) = conditions.failing([edit], read_table(real), real.n_rows)
    assert np.array_equal(any_of, each)
    assert each.sum() == edit.n_real_failing


def test_rows_of_a_reader():
    _, real = bound(Plan())
    rows = np.array([5, 2, 2])
    codes, values = read_table(real, rows)("age")
    assert np.array_equal(codes, real.codes["age"][rows])
    assert values is None


def test_exact_numbers_of_codes():
    _, real = bound(Plan())
    numbers = exact_numbers(real.codecs["income"], real.codes["income"], np.int64)
    income = np.asarray(survey()["income"])
    assert np.array_equal(numbers, np.where(income > 0, income, 0))  # 0 where a code is special


@pytest.mark.parametrize("value", [3, 3.0, "3.00"])
def test_values_of_decimals(value):
    table = pa.table(
        {
            "kind": ["a", "b", "b"] * 20,
            "price": pa.array([Decimal("3.00"), Decimal("4.50"), Decimal("1.25")] * 20),
        }
    )
    schema = infer_schema(TableSource(table, name="prices")).schema
    rule = Rule(target="price", when="kind = 'b'", value=value)
    conditions, real = bound(Plan(rules=[rule]), table, schema)
    (made,) = conditions.rules["price"]
    assert made.code == real.codes["price"][0]
    assert conditions.notes == (
        "rule of 'price' (kind = 'b'): 40 real rows break it; every synthetic row keeps it",
    )


def test_rules_with_equal_values_do_not_contradict():
    rules = [
        Rule(target="marital", when="age < 18", value="single"),
        Rule(target="marital", when="age < 20", value="single"),
    ]
    conditions, _ = bound(Plan(rules=rules))
    assert len(conditions.rules["marital"]) == 2
    rules[1] = Rule(target="marital", when="age >= 17", value="married")
    n = (survey().to_pandas().age == 17).sum()
    with pytest.raises(PlanError, match=rf"{n} real rows would get two"):
        bound(Plan(rules=rules))
