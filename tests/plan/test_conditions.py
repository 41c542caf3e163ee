"""Rules, edits and all other entries of a plan: written, read back, told apart."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from gpusynth.errors import PlanError
from gpusynth.plan import (
    Edit,
    Partial,
    Plan,
    Rule,
    Strata,
    SynthesisPlan,
    plan_to_toml,
    read_plan,
    resolve,
)

RULE = Rule(target="sales", when="staff = 0", value=0)
EDIT = Edit(holds="sales >= 0", name="no losses", attempts=3)
ENTRIES = {
    "nothing": {},
    "visit": {"visit": "levels"},
    "default": {"default": {"method": "cart", "min_leaf": 9}},
    "methods": {"methods": {"sales": "sample"}},
    "predictors": {"predictors": {"sales": ("staff",)}},
    "never_predict": {"never_predict": ("sector",)},
    "predict_only": {"predict_only": ("state",)},
    "rule": {"rules": (RULE,)},
    "rule of a missing value": {"rules": (RULE.model_copy(update={"value": None}),)},
    "rule of true": {"rules": (RULE.model_copy(update={"value": True}),)},
    "rule of 1": {"rules": (RULE.model_copy(update={"value": 1}),)},
    "rule of a text": {"rules": (RULE.model_copy(update={"value": "1"}),)},
    "two rules": {"rules": (RULE, RULE.model_copy(update={"when": "staff = 3"}))},
    "edit": {"edits": (EDIT,)},
    "edit without a name": {"edits": (EDIT.model_copy(update={"name": ""}),)},
    "edit without attempts": {"edits": (EDIT.model_copy(update={"attempts": 0}),)},
    "strata": {"strata": Strata(columns=("state", "sector"))},
    "strata with a pool": {"strata": Strata(columns=("state", "sector"), pool=(("state",),))},
    "strata that are drawn": {"strata": Strata(columns=("state",), sizes="drawn")},
    "strata as listed": {
        "strata": Strata(columns=("state",), sizes=({"levels": ("TX",), "rows": 5},))
    },
    "strata of 60": {"strata": Strata(columns=("state", "sector"), min_rows=60)},
    "partial": {"partial": Partial(columns=("sales",))},
    "partial rows": {"partial": Partial(columns=("sales",), rows="staff > 3")},
    "proper": {"proper": "bootstrap"},
    "bayesian": {"proper": "bayesian"},
    "smoothing": {"smoothing": {"sales": "density"}},
    "smoothing with a parameter": {"smoothing": {"sales": {"kind": "rmean", "window": 7}}},
    "start table": {"start_table": "start.csv", "methods": {"state": "keep"}},
    "resynthesize": {"resynthesize": ("state",)},
}
# Settled by the data in `refine`; without data nothing of them is in the resolved plan.
REFINED = {"max_predictors": {"max_predictors": 3}, "screen": {"screen": False}}


@pytest.mark.parametrize("entry", [*ENTRIES, *REFINED])
def test_plan_files_give_equal_plans_back(entry, tmp_path):
    plan = Plan(**{**ENTRIES, **REFINED}[entry])
    path = tmp_path / "plan.toml"
    path.write_text(plan_to_toml(plan))
    assert read_plan(path) == plan
    if plan.rules:
        assert [type(rule.value) for rule in read_plan(path).rules] == [
            type(rule.value) for rule in plan.rules
        ]


@pytest.mark.parametrize("entry", ENTRIES)
def test_resolved_plans_round_trip(entry, survey):
    schema, codecs = survey()
    plan = resolve(schema, codecs, Plan(**ENTRIES[entry]))
    again = SynthesisPlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.fingerprint() == plan.fingerprint()


def test_every_entry_changes_the_fingerprint(survey):
    schema, codecs = survey()
    prints = {
        entry: resolve(schema, codecs, Plan(**choices)).fingerprint()
        for entry, choices in ENTRIES.items()
    }
    assert len(set(prints.values())) == len(ENTRIES)


def test_plans_of_another_format_are_refused(survey):
    schema, codecs = survey()
    made = resolve(schema, codecs, Plan(rules=[RULE])).to_json()
    with pytest.raises(PlanError, match="format 1"):
        SynthesisPlan.from_json({**made, "format": 1})
    with pytest.raises(PlanError, match="not a synthesis plan"):
        SynthesisPlan.from_json({key: made[key] for key in made if key != "edits"})
    with pytest.raises(PlanError, match="not a synthesis plan"):
        SynthesisPlan.from_json({**made, "rules": [{"target": "x"}]})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Rule(target="x", when="a <"), "is expected here"),
        (lambda: Rule(target="x", when=""), "expression"),
        (lambda: Rule(target="x", when="a = 1", rvalue=3), "Extra inputs"),
        (lambda: Edit(holds="a < b < c"), "not chained"),
        (lambda: Edit(holds="a", attempts=1001), "less than or equal to 1000"),
        (lambda: Partial(columns=()), "at least 1 item"),
        (lambda: Partial(columns=("a",), rows="import os"), "expect|unknown|end"),
    ],
)
def test_what_conditions_cannot_say(make, words):
    with pytest.raises(ValidationError, match=words):
        make()


def test_an_edit_without_a_name_is_called_by_its_text():
    assert EDIT.title == "no losses"
    assert Edit(holds="a > 1").title == "a > 1"


def test_columns_that_rules_and_methods_tie(survey):
    schema, codecs = survey()
    choices = Plan(
        rules=[RULE, Rule(target="sales", when="sector = 'x' and staff > 3", value=1)],
        methods={"sector": {"method": "nested", "parent": "state"}},
    )
    plan = resolve(schema, codecs, choices)
    assert plan.ties() == {"sector": ("state",), "sales": ("staff", "sector")}
