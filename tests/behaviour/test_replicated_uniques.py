"""Promise: synthetic rows that equal a unique real row on the keys are drawn again or removed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.methods import Cart
from gpusynth.plan import ReplicatedUniques, Rule, SynthesisPlan, plan_to_toml, read_plan
from tests.behaviour.plan_survey import SCHEMA, survey

KEYS = ("state", "sector", "age", "marital")


def rows_of(table, keys):
    return list(zip(*(table[name].to_pylist() for name in keys), strict=True))


def replicated(real, synthetic, keys, among="unique"):
    """Count by the definition, row by row."""
    unique = {row for row, n in Counter(rows_of(real, keys)).items() if n == 1}
    counts = Counter(rows_of(synthetic, keys))
    return sum(n for row, n in counts.items() if row in unique and (among == "all" or n == 1))


def run(table, plan, directory, **options):
    done = gpusynth.synthesize(table, SCHEMA, plan, output=directory / "out", seed=5, **options)
    return [pq.read_table(r.path) for r in done.replicates], done.manifest


@pytest.mark.parametrize("among", ["unique", "all"])
@pytest.mark.parametrize("keys", [KEYS, ("county", "staff", "cost"), ("state", "income")])
def test_none_is_left_and_the_manifest_counts_them(keys, among, tmp_path):
    table = survey(700)
    plan = Plan(default=Cart(min_leaf=2), smoothing={"staff": "rmean"})
    before = gpusynth.synthesize(table, SCHEMA, plan, seed=5)
    n_before = replicated(table, before, keys, among)
    assert n_before > 0
    choice = ReplicatedUniques(keys=keys, among=among)
    drawn, manifest = run(table, plan.model_copy(update={"replicated_uniques": choice}), tmp_path)
    assert replicated(table, drawn[0], keys, among) == 0
    counted = manifest["replicated_uniques"]
    assert counted["found"] == n_before
    assert counted["drawn_again"] >= n_before
    assert counted["unique_real_rows"] == sum(
        n == 1 for n in Counter(rows_of(table, keys)).values()
    )


def test_earlier_columns_stay_and_other_rows_too():
    table = survey(700)
    keys = ("staff", "age")
    plan = Plan(replicated_uniques=ReplicatedUniques(keys=keys))
    before = gpusynth.synthesize(table, SCHEMA, seed=5).to_pandas()
    after = gpusynth.synthesize(table, SCHEMA, plan, seed=5).to_pandas()
    first = list(SCHEMA.names[:3])
    assert after[first].equals(before[first])
    changed = (after[list(keys)] != before[list(keys)]).any(axis=1)
    assert 0 < changed.sum() < 200
    # Columns after the keys are drawn from the new answers, with the same random numbers.
    assert after[~changed].equals(before[~changed])


def test_rules_hold_in_rows_that_were_drawn_again():
    table = survey(700)
    rules = [
        Rule(target="marital", when="age < 18", value="single"),
        Rule(target="job", when="age < 16"),
        Rule(target="income", when="age < 16", value=-8),
    ]
    choice = ReplicatedUniques(keys=("age", "income", "staff"), among="all")
    drawn = gpusynth.synthesize(
        table, SCHEMA, Plan(rules=rules, replicated_uniques=choice), seed=5
    ).to_pandas()
    assert (drawn.loc[drawn["age"] < 18, "marital"] == "single").all()
    assert drawn.loc[drawn["age"] < 16, "job"].isna().all()
    assert (drawn.loc[drawn["age"] < 16, "income"] == -8).all()


def test_rows_that_cannot_be_right_take_another_record(tmp_path):
    """Cost is unique in every real row, so that every draw of it replicates a unique."""
    table = survey(300)
    choice = ReplicatedUniques(keys=("state", "cost"), attempts=2)
    drawn, manifest = run(table, Plan(replicated_uniques=choice), tmp_path)
    assert manifest["replicated_uniques"]["replaced"] > 0
    assert replicated(table, drawn[0], ("state", "cost")) == 0
    assert drawn[0].num_rows == 300
    # Seventeen rows take the record of others, up to the cost, and not all that of one.
    copies = Counter(rows_of(drawn[0], SCHEMA.names[: SCHEMA.names.index("cost") + 1]))
    assert 1 < max(copies.values()) < 6


def test_removal_leaves_holes_and_counts_them(tmp_path):
    table = survey(700)
    choice = ReplicatedUniques(keys=KEYS, action="remove", among="all")
    plain, _ = run(table, Plan(), tmp_path)
    drawn, manifest = run(
        table, Plan(replicated_uniques=choice), tmp_path, n_replicates=2, overwrite=True
    )
    gone = replicated(table, plain[0], KEYS, "all")
    assert drawn[0].num_rows == 700 - gone < 700
    counted = manifest["replicated_uniques"]
    assert counted["removed"] == counted["found"] == 1400 - sum(t.num_rows for t in drawn)
    assert [entry["n_rows"] for entry in manifest["outputs"]] == [t.num_rows for t in drawn]
    kept = Counter(rows_of(drawn[0], SCHEMA.names))
    assert not kept - Counter(rows_of(plain[0], SCHEMA.names))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"replicated_uniques": {"keys": ["nobody"]}}, "unknown column 'nobody'"),
        ({"replicated_uniques": {"keys": []}}, "replicated_uniques.keys"),
        ({"replicated_uniques": {"keys": ["age", "age"]}}, "twice"),
        ({"replicated_uniques": {"keys": ["age"], "action": "hide"}}, "action"),
        ({"replicated_uniques": {"keys": ["age"], "attempts": 0}}, "attempts"),
        (
            {"replicated_uniques": {"keys": ["age"]}, "methods": {"age": "keep"}},
            "all keys are kept",
        ),
        (
            {"replicated_uniques": {"keys": ["age"]}, "partial": {"columns": ["age"]}},
            "partial synthesis puts real rows out",
        ),
        (
            {"replicated_uniques": {"keys": ["age"]}, "edits": [{"holds": "age > 5 or cost > 1"}]},
            "an edit may draw or repair it",
        ),
        (
            {
                "replicated_uniques": {"keys": ["age"]},
                "default": {"method": "cart", "max_donor_uses": 9},
            },
            "it has max_donor_uses",
        ),
        (
            {
                "replicated_uniques": {"keys": ["age"]},
                "tails": {"age": {"kind": "swap", "share": 0.1}},
            },
            "its tails are swapped",
        ),
    ],
)
def test_bad_plans(choices, words, tmp_path):
    with pytest.raises(PlanError, match=words):
        gpusynth.synthesize(survey(), SCHEMA, Plan.from_mapping(choices), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("action", ["redraw", "remove"])
def test_keys_that_every_row_replicates_are_refused(action):
    table = pa.table({"a": ["x", "y"], "n": [1, 2]})
    choice = ReplicatedUniques(keys=("n",), action=action, among="all", attempts=2)
    with pytest.raises(PlanError, match="every synthetic row replicates"):
        gpusynth.synthesize(table, plan=Plan(replicated_uniques=choice, screen=False))


def test_missing_codes_and_states_are_compared_as_what_they_are():
    random = np.random.default_rng(2)
    numbers = random.integers(0, 40, 400)
    income = pa.array(
        [None if n < 5 else -8 if n < 9 else int(n) * 1000 + i % 3 for i, n in enumerate(numbers)]
    )
    table = pa.table({"g": random.choice(["a", "b"], 400), "income": income})
    keys = ("g", "income")
    choice = ReplicatedUniques(keys=keys, among="all")
    before = gpusynth.synthesize(table, seed=1)
    after = gpusynth.synthesize(table, plan=Plan(replicated_uniques=choice), seed=1)
    assert replicated(table, before, keys, "all") > 0
    assert replicated(table, after, keys, "all") == 0


def test_plans_keep_it(tmp_path):
    plan = Plan(replicated_uniques=ReplicatedUniques(keys=("age", "cost"), attempts=3))
    (tmp_path / "plan.toml").write_text(plan_to_toml(plan))
    assert read_plan(tmp_path / "plan.toml") == plan
    resolved = gpusynth.fit(survey(60), SCHEMA, plan).plan
    assert SynthesisPlan.from_json(resolved.to_json()) == resolved
