"""Promise: whatever is planned, blocks, threads, memory and other replicates change no byte."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.engine.draw import replicate
from gpusynth.methods import register_method
from gpusynth.plan import Edit, Partial, Rule
from tests.behaviour.plan_survey import SCHEMA, survey

RULES = [
    Rule(target="marital", when="age < 18", value="single"),
    Rule(target="job", when="age < 16"),
    Rule(target="income", when="age < 16", value=-8),
]
EDITS = [
    Edit(holds="(staff > 0 and pay > 0) or (staff = 0 and pay = 0)", attempts=2),
    Edit(holds="cost + profit = total", attempts=1),
    Edit(holds="income <= 20 * age", attempts=3),
]
SMOOTHING = {"income": "density", "staff": "rmean", "cost": "spline", "age": "density"}
STRATA = {"columns": ["state", "sector"], "min_rows": 60}
MINE = dict.fromkeys(("income", "pay", "county"), "turned_round")

PLANS = {
    "rules_edits": {"rules": RULES, "edits": EDITS},
    "repairs": {"edits": [edit.model_copy(update={"attempts": 0}) for edit in EDITS]},
    "smoothing": {"smoothing": SMOOTHING},
    "smoothing_edits": {"rules": RULES, "edits": EDITS, "smoothing": SMOOTHING},
    "own_method": {"methods": MINE, "edits": EDITS},
    "own_method_strata": {"methods": MINE, "edits": EDITS, "strata": STRATA, "rules": RULES[2:]},
    "own_method_smoothing": {"methods": MINE, "smoothing": SMOOTHING},
    "strata": {"strata": STRATA},
    "strata_drawn": {"strata": {**STRATA, "sizes": "drawn"}},
    "strata_listed": {
        "strata": {
            "columns": ["state"],
            "sizes": [{"levels": ["TX"], "rows": 500}, {"levels": ["AK"], "rows": 150}],
        }
    },
    "partial": {
        "partial": Partial(columns=("pay", "income", "marital"), rows="staff > 2"),
        "edits": EDITS[:1],
        "rules": RULES[:1],
        "smoothing": {"income": "density"},
    },
    "proper": {"proper": "bootstrap", "strata": STRATA},
    "bayesian": {
        "proper": "bayesian",
        "methods": {"county": {"method": "nested", "parent": "state"}},
    },
    "all_at_once": {
        "proper": "bootstrap",
        "strata": STRATA,
        "rules": RULES,
        "edits": EDITS,
        "smoothing": SMOOTHING,
    },
    "resynthesis": {"resynthesize": ["state", "staff"], "edits": EDITS[:1]},
    "resynthesis_smoothing": {"resynthesize": ["age", "staff"], "smoothing": SMOOTHING},
    "nested": {
        "methods": {"county": {"method": "nested", "parent": "state", "min_rows": 50}},
        "edits": [Edit(holds="county != 'TXa' or staff > 0", attempts=1)],
    },
    "passive": {
        "methods": {"total": {"method": "passive", "expression": "cost + profit"}},
        "edits": [Edit(holds="total <= 200")],
    },
    "together": {"together": [["staff", "pay", "marital"], ["income", "job"]]},
    "together_edits": {
        "together": [["income", "job"]],
        "edits": [Edit(holds="income <= 20 * age", attempts=1), EDITS[0]],
        "strata": STRATA,
    },
    "calibration": {
        "calibrate": [
            {"weight": "staff", "margins": [{"columns": ["sector"]}, {"columns": ["marital"]}]},
            {
                "weight": "cost",
                "margins": [{"columns": ["state"]}, {"number": "pay"}],
                "method": "linear",
                "bounds": [0.1, 10],
            },
        ],
        "output": {"shuffle_rows": True},
    },
    "predictors": {"max_predictors": 2, "never_predict": ["age"], "predict_only": ["state"]},
    "regressions": {
        "methods": {"pay": "norm", "income": "pmm", "cost": "lognorm"},
        "edits": EDITS[:1],
    },
    "saturated": {
        "methods": {"marital": "satcat", "job": "satcat"},
        "predictors": {"marital": ["sector"], "job": ["sector"]},
        "edits": [Edit(holds="marital = 'single' or age >= 18", attempts=2)],
    },
    "protected": {
        "default": {"method": "cart", "min_distinct_values": 3, "max_donor_uses": 2},
        "smoothing": {"income": "density"},
        "tails": {
            "pay": {"kind": "noise", "share": 0.1},
            "cost": {"kind": "swap", "share": 0.1},
            "income": {"kind": "code", "share": 0.1},
        },
        "output": {"shuffle_rows": True, "flag": "made"},
    },
    "uniques": {
        "smoothing": {"income": "density", "staff": "rmean"},
        "tails": {"pay": {"kind": "noise", "share": 0.1}},
        "rules": RULES,
        "replicated_uniques": {"keys": ["sector", "pay", "income"], "among": "all", "attempts": 2},
    },
    "uniques_removed": {
        "replicated_uniques": {"keys": ["age", "marital", "staff"], "action": "remove"},
        "output": {"shuffle_rows": True},
    },
    "protected_strata": {
        "default": {"method": "bag", "n_trees": 3, "min_distinct_units": 2, "max_donor_uses": 3},
        "strata": {**STRATA, "sizes": "drawn"},
        "rules": RULES,
        "tails": {"pay": {"kind": "noise", "share": 0.1}},
        "edits": [],
    },
    "start_table": {
        "methods": {"state": "keep", "sector": "keep"},
        "strata": STRATA,
        "edits": EDITS[:1],
    },
}


@pytest.fixture(name="own_method", autouse=True)
def _own_method():
    @register_method("turned_round")
    def turned_round(target, predictors, synthetic, uniforms):
        return target[(uniforms[:, 0] * len(target)).astype(int)]


@pytest.mark.parametrize("feature", PLANS)
def test_blocks_threads_memory_and_replicates_do_not_matter(feature, tmp_path, monkeypatch):
    table, choices, n_rows = survey(600), dict(PLANS[feature]), 650
    if feature == "start_table":
        start = tmp_path / "start.parquet"
        pq.write_table(survey(n_rows, seed=2).select(["state", "sector"]), start)
        choices["start_table"] = str(start)
    plan = Plan(**choices)

    def draw(n_replicates: int, threads: int):
        options = {"seed": 3, "n_rows": n_rows, "n_replicates": n_replicates, "threads": threads}
        drawn = gpusynth.synthesize(table, SCHEMA, plan, **options)
        return drawn if isinstance(drawn, list) else [drawn]

    once = draw(2, 1)
    assert not once[0].equals(once[1])
    monkeypatch.setattr(replicate, "BLOCK_ROWS", 97)
    assert draw(2, 2) == once
    assert draw(1, 3) == once[:1]
    monkeypatch.setattr(replicate, "_MEMORY_SHARE", 0.0)
    assert draw(2, 2) == once


@pytest.mark.parametrize("feature", ["rules_edits", "smoothing_edits", "own_method", "strata"])
def test_fitted_once_gives_the_same_rows(feature):
    table, plan = survey(500), Plan(**PLANS[feature])
    fitted = gpusynth.fit(table, SCHEMA, plan)
    for seed in (1, 2):
        assert fitted.sample(seed=seed) == gpusynth.synthesize(table, SCHEMA, plan, seed=seed)
