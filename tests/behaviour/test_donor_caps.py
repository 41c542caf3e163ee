"""Promise: no real row is a donor more often than the cap says, in any column that has one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan, Schema
from gpusynth.errors import PlanError
from gpusynth.methods import Cart
from gpusynth.plan import Edit, Rule
from tests.behaviour.plan_survey import SCHEMA, survey

N = 600
SIGNED = Schema(
    columns=(*SCHEMA.columns, gpusynth.Column(name="mark", kind="integer", storage="int64"))
)
"""`mark` is another number in every row: a synthetic one names its donor."""


def marked():
    marks = np.random.default_rng(1).permutation(10 * N)[:N]
    return survey(N).append_column("mark", pa.array(marks))


CASES = {
    "cart": {"methods": {"mark": Cart(max_donor_uses=1)}},
    "sample": {"methods": {"mark": {"method": "sample", "max_donor_uses": 2}}},
    "bag": {"methods": {"mark": {"method": "bag", "n_trees": 3, "max_donor_uses": 2}}},
    "strata": {
        "methods": {"mark": Cart(max_donor_uses=3)},
        "strata": {"columns": ["state"], "sizes": "drawn", "min_rows": 90},
    },
    "nested": {
        "methods": {
            "mark": {
                "method": "nested",
                "parent": "sector",
                "min_rows": 250,
                "within": {"method": "cart", "max_donor_uses": 2},
            }
        }
    },
    "rule": {
        "methods": {"mark": Cart(max_donor_uses=2)},
        "rules": [Rule(target="mark", when="age < 16")],
    },
    "proper": {"methods": {"mark": Cart(max_donor_uses=2)}, "proper": "bootstrap"},
    "minimums": {"methods": {"mark": Cart(max_donor_uses=1, min_distinct_units=9)}},
}
MOST = {"cart": 1, "minimums": 1, "strata": 3}


@pytest.mark.parametrize("case", CASES)
def test_the_cap_holds(case, tmp_path):
    choices = dict(CASES[case])
    table = marked()
    if "rules" in choices:
        table = table.set_column(
            12,
            "mark",
            pa.array(
                [
                    None if a < 16 else m
                    for a, m in zip(
                        table["age"].to_pylist(), table["mark"].to_pylist(), strict=True
                    )
                ]
            ),
        )
    run = gpusynth.synthesize(
        table, SIGNED, Plan(**choices), n_replicates=2, seed=3, output=tmp_path / "out"
    )
    most = MOST.get(case, 2)
    largest = 0
    for replicate in run.replicates:
        marks = pq.read_table(replicate.path)["mark"].drop_null().to_pylist()
        counts = np.unique(marks, return_counts=True)[1]
        largest = max(largest, int(counts.max()))
    assert largest <= most
    steps = {e["name"]: e["steps"] for e in run.manifest["variables"]}["mark"]
    assert steps[-1]["largest_donor_use"] == largest
    assert steps[-1]["rows_dealt_anew"] > 0


def test_without_a_cap_some_donors_serve_more():
    marks = gpusynth.synthesize(marked(), SIGNED, seed=3)["mark"].to_pylist()
    assert np.unique(marks, return_counts=True)[1].max() > 2


@pytest.mark.parametrize(
    ("choices", "n_rows", "words"),
    [
        ({"methods": {"mark": Cart(max_donor_uses=2)}}, 1300, "leaves 100 of 1300 synthetic rows"),
        (
            {
                "methods": {"mark": Cart(max_donor_uses=1)},
                "edits": [Edit(holds="mark > 0 or age > 0")],
            },
            None,
            "an edit may draw or repair",
        ),
    ],
)
def test_caps_that_cannot_hold(choices, n_rows, words, tmp_path):
    with pytest.raises(PlanError, match=words):
        gpusynth.synthesize(
            marked(), SIGNED, Plan(**choices), n_rows=n_rows, output=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [0, 1.5, "one"])
def test_a_cap_is_a_count(given):
    with pytest.raises(PlanError, match="max_donor_uses"):
        Plan.from_mapping({"default": {"method": "cart", "max_donor_uses": given}})
