"""Methods in whole runs: plans name them, and draw every kind of column with them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth.errors import DataError, PlanError
from gpusynth.methods import Nested, registry
from gpusynth.plan import SynthesisPlan, plan_to_toml, read_plan
from tests.behaviour.conftest import mixed_table

EVERY_KIND = {
    "staff": "norm",
    "sales": "lognorm",
    "tax": "normrank",
    "opened": "pmm",
    "seen": "norm",
    "exports": "polyreg",
    "legal": {"method": "satcat"},
    "grade": "polyreg",
    "ratio": "cubertnorm",
}


@pytest.fixture(scope="module")
def survey() -> pa.Table:
    return mixed_table(600)


def synthesize(survey, methods, **settings) -> pa.Table:
    chosen = {"legal": ("region", "exports")}
    plan = gpusynth.Plan(
        methods=methods,
        predictors={name: chosen[name] for name in methods if name in chosen},
        **settings.pop("choices", {}),
    )
    return gpusynth.synthesize(survey, plan=plan, seed=5, **settings)


@pytest.fixture(scope="module")
def synthetic(survey) -> pa.Table:
    return synthesize(survey, EVERY_KIND)


def test_every_kind_of_column(survey, synthetic):
    assert synthetic.schema.names == survey.schema.names
    assert synthetic.schema.types == survey.schema.types
    for name in ("staff", "exports"):
        ours, theirs = (table[name].null_count / table.num_rows for table in (synthetic, survey))
        assert abs(ours - theirs) < 4.9 * np.sqrt(2 * 0.1 * 0.9 / 600)  # 1 in 10^6
    for name in ("tax", "opened", "grade"):
        assert set(synthetic[name].to_pylist()) <= set(survey[name].to_pylist())
    new = set(synthetic["sales"].to_pylist()) - set(survey["sales"].to_pylist())
    assert len(new) > 300
    assert all(round(value, 2) == value for value in new)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_never_matter(survey, synthetic, threads):
    assert synthesize(survey, EVERY_KIND, threads=threads).equals(synthetic)


def test_parametric_as_the_default(survey):
    drawn = synthesize(survey, {}, choices={"default": "parametric"})
    assert set(drawn["staff"].to_pylist()) <= set(survey["staff"].to_pylist())
    assert 0 < drawn["staff"].null_count < 120
    assert set(drawn["fax"].to_pylist()) == {None}


@pytest.mark.parametrize("proper", ["bootstrap", "bayesian"])
def test_proper_synthesis_of_every_kind(survey, proper):
    drawn = synthesize(survey, EVERY_KIND, choices={"proper": proper})
    assert drawn.num_rows == survey.num_rows
    assert set(drawn["tax"].to_pylist()) <= set(survey["tax"].to_pylist())


def test_strata_of_every_kind(survey):
    choices = {"strata": {"columns": ["region"], "min_rows": 60}}
    drawn = synthesize(survey, EVERY_KIND, choices=choices)
    assert drawn.num_rows == survey.num_rows
    regions, taxes = (survey[name].to_pylist() for name in ("region", "tax"))
    real = set(zip(regions, taxes, strict=True))
    pairs = zip(drawn["region"].to_pylist(), drawn["tax"].to_pylist(), strict=True)
    assert set(pairs) <= real


def test_nested_codes_in_a_run():
    random = np.random.default_rng(4)
    two = random.choice(["11", "23", "44"], 900)
    four = np.char.add(two, random.choice(["10", "20", "30"], 900))
    six = np.char.add(four, random.choice(["01", "09"], 900))
    table = pa.table({"six": six, "two": two, "four": four})
    plan = gpusynth.Plan(
        visit=("two", "four", "six"),
        methods={"four": Nested(parent="two", min_rows=50), "six": Nested(parent="four")},
    )
    drawn = gpusynth.synthesize(table, plan=plan, seed=1)
    for a, b, c in zip(*(drawn[n].to_pylist() for n in ("two", "four", "six")), strict=True):
        assert c.startswith(b)
        assert b.startswith(a)


def test_a_plan_file_names_them(survey, tmp_path):
    plan = gpusynth.Plan(
        methods={
            **EVERY_KIND,
            "legal": {"method": "nested", "parent": "region", "within": {"method": "bag"}},
            "exports": {"method": "catall", "columns": ["region", "exports"], "prior": 2.5},
        }
    )
    path = tmp_path / "plan.toml"
    path.write_text(plan_to_toml(plan), encoding="utf-8")
    assert read_plan(path) == plan


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    monkeypatch.setattr(registry, "METHODS", registry._methods)


def test_a_method_of_ones_own(survey, own_registry):
    @gpusynth.methods.register_method("steps")
    def steps(target, predictors, synthetic, uniforms, *, width: float = 10.0):
        assert len(uniforms) == 700
        return np.floor(uniforms[:, 0] * 5) * width

    plan = gpusynth.Plan(methods={"sales": {"method": "steps", "width": 7}})
    drawn = gpusynth.synthesize(survey, plan=plan, seed=5, n_rows=700)
    assert set(drawn["sales"].to_pylist()) == {0, 7, 14, 21, 28}
    fitted = gpusynth.fit(survey, plan=plan)
    given = json.loads(json.dumps(fitted.plan.to_json()))
    assert SynthesisPlan.from_json(given) == fitted.plan
    del registry._methods["steps"]
    with pytest.raises(PlanError, match="unknown method 'steps'"):
        SynthesisPlan.from_json(given)


def test_a_method_that_returns_nonsense_writes_nothing(survey, own_registry, tmp_path):
    @gpusynth.methods.register_method("short")
    def short(target, predictors, synthetic, uniforms):
        return np.zeros(3)

    plan = gpusynth.Plan(methods={"sales": "short"})
    with pytest.raises(DataError, match=r"column 'sales': method short .* 600 rows"):
        gpusynth.synthesize(survey, plan=plan, output=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
