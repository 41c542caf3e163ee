"""What the encoded data settle: copies, repeated predictors, the most important predictors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.plan import Partial, Plan, Rule, Strata, refine, resolve
from gpusynth.table import Column, Schema, TableSource, encode_table, fit_codecs


def real(n: int = 400):
    """`other` copies `code`, `twice` copies `x`; `y` follows `x`, `z` follows `code`."""
    random = np.random.default_rng(2)
    code, x = random.integers(0, 5, n), random.integers(0, 50, n)
    table = pa.table(
        {
            "code": code.astype(str),
            "x": x,
            "noise": random.integers(0, 9, n),
            "other": np.char.add("s", code.astype(str)),
            "twice": 2 * x,
            "y": x + random.integers(0, 3, n),
            "z": np.where(random.random(n) < 0.9, code, 0).astype(str),
        }
    )
    text = ("code", "other", "z")
    schema = Schema(
        columns=tuple(
            Column(
                name=name,
                kind="categorical" if name in text else "integer",
                storage="string" if name in text else "int64",
            )
            for name in table.column_names
        )
    )
    source = TableSource(table, name="real")
    codecs = fit_codecs(schema, source)
    return schema, codecs, encode_table(schema, codecs, source)


def refined(**choices):
    schema, codecs, table = real()
    plan = Plan(**choices)
    made, notes = refine(resolve(schema, codecs, plan), table, plan)
    return {step.target: step for step in made.steps}, notes


def test_copies_are_looked_up_and_predict_nothing():
    steps, notes = refined()
    for copy, source in (("other", "code"), ("twice", "x")):
        assert steps[copy].method.name == "lookup"
        assert steps[copy].method.column == source
        assert steps[copy].predictors == ()
        assert any(copy in note for note in notes)
    assert set(steps["y"].predictors) == {"code", "x", "noise"}
    assert [step.number for step in steps.values()] == list(range(1, len(steps) + 1))


@pytest.mark.parametrize(
    "choices",
    [
        {"screen": False},
        {"methods": {"twice": "cart"}},
        {"smoothing": {"twice": "density"}},
        {"smoothing": {"x": "density"}},  # a smoothed number has no row to look up
        {"methods": {"x": "norm"}},
        {"rules": [Rule(target="twice", when="code = '1'", value=0)]},
        {"rules": [Rule(target="x", when="code = '1'", value=0)]},
        {"resynthesize": ["x"]},
        {"partial": Partial(columns=("twice",))},
        {"start_table": "start.csv", "methods": {"x": "keep"}},
    ],
)
def test_copies_of_which_more_was_said_are_drawn(choices):
    steps, _ = refined(**choices)
    assert steps["twice"].method.name != "lookup"
    assert steps["twice"].predictors


def test_lists_of_predictors_stay_as_they_are():
    steps, _ = refined(predictors={"y": ("x", "twice", "noise")}, max_predictors=1)
    assert steps["y"].predictors == ("x", "noise", "twice")
    assert len(steps["z"].predictors) == 1


def test_the_most_important_predictors():
    steps, notes = refined(max_predictors=1)
    assert steps["y"].predictors == ("x",)
    assert steps["z"].predictors == ("code",)
    assert notes[-1].endswith("columns keep their 1 most important predictors")


def test_stratum_columns_stay_predictors():
    steps, _ = refined(max_predictors=2, strata=Strata(columns=("noise",), min_rows=9))
    assert "noise" in steps["y"].predictors
    assert "x" in steps["y"].predictors
    assert "noise" in steps["z"].predictors
