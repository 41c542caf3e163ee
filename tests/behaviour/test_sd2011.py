"""Promise: synthpop's examples on SD2011 work: rules, missing codes, semicontinuous numbers.

Nowok, Raab and Dibben (2016), synthpop: Bespoke Creation of Synthetic Data in R, sections 3.3, 3.4.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.io import open_source
from gpusynth.plan import Edit, Rule
from gpusynth.table import infer_schema

COLUMNS = ["sex", "age", "marital", "income", "smoke", "nociga", "nofriend", "wkabdur"]
CODES = {"income": (-8,), "nociga": (-8,), "nofriend": (-8,), "wkabdur": (-8,)}


@pytest.fixture(name="real", scope="module")
def _real(shared_data):
    real = pd.read_csv(shared_data("sd2011.csv"), usecols=COLUMNS)[COLUMNS]
    return real.astype({"wkabdur": "Int64"})


def schema_of(real, **spikes):
    inferred = infer_schema(open_source(real)).schema
    columns = []
    for column in inferred.columns:
        more = {}
        if column.name in CODES:
            codes = CODES[column.name] if (real[column.name] == -8).any() else ()
            more = {"kind": "integer", "levels": None, "missing_codes": codes}
            more["spikes"] = spikes.get(column.name, ())
        columns.append(column.model_copy(update=more))
    return type(inferred)(columns=tuple(columns))


def test_rule_on_marital_status(real):
    # rules = list(marital = "age < 18"), rvalues = list(marital = "SINGLE")
    rule = Rule(target="marital", when="age < 18", value="SINGLE")
    assert (real.marital[real.age < 18] == "SINGLE").all()
    plain = gpusynth.synthesize(real, schema_of(real), seed=1)
    ruled = gpusynth.synthesize(real, schema_of(real), Plan(rules=[rule]), seed=1)
    young = ruled.age < 18
    assert young.sum() > 50
    assert (ruled.marital[young] == "SINGLE").all()
    assert plain.age.equals(ruled.age)  # columns before the target are untouched
    males = Rule(target="marital", when="age < 18 and sex = 'MALE'", value="SINGLE")
    ruled = gpusynth.synthesize(real, schema_of(real), Plan(rules=[males]), seed=1)
    assert (ruled.marital[(ruled.age < 18) & (ruled.sex == "MALE")] == "SINGLE").all()


def test_rule_with_a_missing_code(real, tmp_path):
    # rules = list(nociga = "smoke == 'NO'"), rvalues = list(nociga = -8)
    rule = Rule(target="nociga", when="smoke = 'NO'", value=-8)
    broken = ((real.smoke == "NO") & (real.nociga != -8)).sum()
    done = gpusynth.synthesize(
        real, schema_of(real), Plan(rules=[rule]), seed=2, output=tmp_path / "out"
    )
    assert any(f": {broken} real rows break it" in note for note in done.manifest["notes"])
    synthetic = pd.read_parquet(done.replicates[0].path)
    not_smoking = synthetic.smoke == "NO"
    assert (synthetic.nociga[not_smoking] == -8).all()
    real_smokers = real.nociga[(real.smoke == "YES")]
    smokers = synthetic.nociga[synthetic.smoke == "YES"]
    assert set(smokers.dropna()) <= set(real_smokers.dropna())
    assert abs(smokers[smokers > 0].mean() - real_smokers[real_smokers > 0].mean()) < 1.5


def test_missing_codes_are_states_of_their_own(real):
    # cont.na = list(income = c(NA, -8), nofriend = c(NA, -8))
    plan = Plan(smoothing={"income": "density", "nofriend": "density"})
    synthetic = gpusynth.synthesize(real, schema_of(real), plan, seed=3)
    for name in ("income", "nofriend"):
        states = [(real[name] == -8, synthetic[name] == -8)]
        states.append((real[name].isna(), synthetic[name].isna()))
        for state, drawn in states:
            share = state.mean()
            # 5 standard deviations of a share: false alarms 1 in a million
            assert abs(drawn.mean() - share) <= 5 * np.sqrt(2 * share * (1 - share) / len(real))
        ordinary = synthetic[name][synthetic[name] > -8]
        assert ordinary.min() >= 0  # smoothing never comes near the code


def test_semicontinuous_numbers(real):
    # semicont = list(nociga = 0, ...): the spike stays a spike when the rest is smoothed
    schema = schema_of(real, nofriend=(0,))
    plan = Plan(smoothing={"nofriend": {"kind": "density", "bandwidth": 4.0}})
    synthetic = gpusynth.synthesize(real, schema, plan, seed=4)
    share = (real.nofriend == 0).mean()
    bound = 5 * np.sqrt(2 * share * (1 - share) / len(real))
    assert abs((synthetic.nofriend == 0).mean() - share) < bound
    assert not set(synthetic.nofriend.dropna()) <= set(real.nofriend.dropna())


def test_an_edit_on_top_of_the_rules(real, tmp_path):
    # What synthpop has not: who never smoked has no number of cigarettes, the married are of age.
    plan = Plan(
        rules=[Rule(target="marital", when="age < 18", value="SINGLE")],
        edits=[
            Edit(holds="smoke = 'YES' or nociga = -8"),
            Edit(holds="marital = 'SINGLE' or age >= 16"),
        ],
    )
    done = gpusynth.synthesize(real, schema_of(real), plan, output=tmp_path / "out", seed=5)
    synthetic = pd.read_parquet(done.replicates[0].path)
    assert (synthetic.nociga[synthetic.smoke == "NO"] == -8).all()
    assert (synthetic.marital[synthetic.age < 18] == "SINGLE").all()
    assert [entry["checked_at"] for entry in done.manifest["edits"]] == ["nociga", "marital"]
