"""Presets: what they choose, and how it is overridden."""

from __future__ import annotations

import pytest

import gpusynth
from gpusynth.errors import PlanError
from gpusynth.methods import Cart
from gpusynth.plan import Output, Plan, ReplicatedUniques, plan_to_toml, read_plan, resolve
from tests.behaviour.plan_survey import SCHEMA
from tests.behaviour.plan_survey import survey as table_of


def test_release_says_what_it_chooses():
    plan = Plan(preset="release")
    assert plan.default == Cart(min_leaf=15, min_distinct_units=5)
    assert plan.output.shuffle_rows
    assert plan.replicated_uniques == ReplicatedUniques(keys="all", among="all", redraw_last=5)


def test_each_choice_is_overridden_by_itself():
    plan = Plan(preset="release", default=Cart(min_leaf=7), output={"flag": "made"})
    assert plan.default == Cart(min_leaf=7)
    assert plan.output == Output(flag="made", shuffle_rows=True)
    assert plan.replicated_uniques is not None
    off = Plan.from_mapping(
        {"preset": "release", "replicated_uniques": False, "output": {"shuffle_rows": False}}
    )
    assert off.replicated_uniques is None
    assert not off.output.shuffle_rows
    assert off.default.min_leaf == 15


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"default": {"method": "cart", "min_leaf": 9}},
        {"replicated_uniques": False},
        {"output": {"shuffle_rows": False, "prefix": "s_"}},
        {"replicated_uniques": {"keys": ["age"]}},
    ],
)
def test_a_plan_file_says_all_of_it(given, tmp_path):
    plan = Plan.from_mapping({"preset": "release", **given})
    text = plan_to_toml(plan)
    (tmp_path / "plan.toml").write_text(text)
    assert read_plan(tmp_path / "plan.toml") == plan
    assert "min_leaf" in text


def test_the_resolved_plan_is_the_written_out_one(survey):
    schema, codecs = survey()
    plan = Plan(preset="release")
    spelled = Plan(
        default=plan.default, output=plan.output, replicated_uniques=plan.replicated_uniques
    )
    resolved = resolve(schema, codecs, plan)
    assert resolved == resolve(schema, codecs, spelled)
    assert resolved.replicated_uniques.keys == resolved.visit


def test_no_whole_record_of_a_unique_row_comes_out():
    table = table_of(400).select(["state", "sector", "staff", "age", "marital"])
    schema = gpusynth.Schema(columns=tuple(SCHEMA[name] for name in table.column_names))
    synthetic = gpusynth.synthesize(table, schema, Plan(preset="release"), seed=2)
    plain = gpusynth.synthesize(table, schema, seed=2)

    def matched(drawn):
        real = table.to_pandas().value_counts()
        unique = set(real[real == 1].index)
        return sum(tuple(row) in unique for row in drawn.to_pandas().itertuples(index=False))

    assert matched(plain) > 10
    assert matched(synthetic) == 0


@pytest.mark.parametrize("given", ["publish", 3, ["release"]])
def test_unknown_presets_are_refused(given):
    with pytest.raises(PlanError, match="unknown preset"):
        Plan.from_mapping({"preset": given})
