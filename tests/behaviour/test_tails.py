"""Promise: drawn numbers beyond a limit are coded, exchanged or perturbed, and the file says so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.io import read_metadata
from gpusynth.plan import Edit, SynthesisPlan, plan_to_toml, read_plan
from tests.behaviour.plan_survey import SCHEMA, survey


def column(table, plan, name, **options):
    return gpusynth.synthesize(table, SCHEMA, plan, seed=6, **options)[name].to_numpy()


def test_coded_tails_end_at_the_code_and_the_file_says_it(tmp_path):
    table = survey(800)
    plan = Plan(
        tails={"cost": {"kind": "code", "share": 0.05}, "income": {"kind": "noise", "share": 0.05}}
    )
    run = gpusynth.synthesize(table, SCHEMA, plan, seed=6, output=tmp_path / "out")
    path = run.replicates[0].path
    drawn, plain = pq.read_table(path)["cost"].to_numpy(), column(table, None, "cost")
    told = {entry["column"]: entry for entry in run.manifest["tails"]}
    assert told["cost"]["real_rows"][0] in range(30, 41)
    described = read_metadata(path).schema
    note = described["cost"].note
    limit, code = float(note.split()[2]), float(note.split()[6].rstrip(","))
    assert np.array_equal(drawn, np.where(plain > limit, code, plain))
    assert (plain > limit).any()
    assert "random factors" in described["income"].note
    assert note in (tmp_path / "out" / "schema.toml").read_text()
    assert gpusynth.read_schema(tmp_path / "out" / "schema.toml") == SCHEMA


def test_states_stay_and_swapped_numbers_are_the_drawn_ones():
    table = survey(800)
    plain = column(table, None, "income")
    swapped = column(table, Plan(tails={"income": {"kind": "swap", "share": 0.3}}), "income")
    assert np.array_equal(np.sort(plain), np.sort(swapped))
    assert not np.array_equal(plain, swapped)
    assert np.array_equal(plain <= 0, swapped <= 0)
    noisy = column(table, Plan(tails={"income": {"kind": "noise", "share": 0.3}}), "income")
    assert np.array_equal(plain <= 0, noisy <= 0)
    moved = (noisy != plain) & (plain > 0)
    assert 0.2 < moved.sum() / (plain > 0).sum() < 0.4
    # Factors up and down, each row its own.
    factors = noisy[moved] / plain[moved]
    assert 0.3 < (factors > 1).mean() < 0.7
    assert len(np.unique(factors)) > 0.5 * len(factors)


def test_tails_come_after_smoothing_and_edits_still_hold():
    table = survey(800)
    plan = Plan(
        smoothing={"cost": "density"},
        tails={"cost": {"kind": "code", "above": 90}},
        edits=[Edit(holds="cost <= 1.5 * total", attempts=2)],
    )
    drawn = gpusynth.synthesize(table, SCHEMA, plan, seed=6).to_pandas()
    assert (drawn["cost"] <= 1.5 * drawn["total"]).all()
    above = drawn["cost"][drawn["cost"] > 90]
    assert len(set(above.tolist())) < 10  # one code, and repaired rows


def test_rows_drawn_again_are_treated_too():
    table = survey(600)
    plan = Plan(
        tails={"profit": {"kind": "code", "above": 40}},
        edits=[Edit(holds="profit < 30 or profit > 40.01", attempts=30)],
    )
    drawn = column(table, plan, "profit")
    above = set(drawn[drawn > 40].tolist())
    assert len(above) == 1


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"tails": {"nobody": "code"}}, "tails: unknown column 'nobody'"),
        ({"tails": {"state": "code"}}, "only numbers can be treated"),
        ({"tails": {"age": "code"}, "methods": {"age": "keep"}}, "not drawn but kept"),
        ({"tails": {"age": {"kind": "code", "above": 1000}}}, "0 real rows of 0 units"),
        (
            {"tails": {"age": "swap"}, "edits": [Edit(holds="age > 3 or cost > 5")]},
            "swapped among rows, but an edit",
        ),
    ],
)
def test_bad_plans(choices, words, tmp_path):
    with pytest.raises(PlanError, match=words):
        gpusynth.synthesize(survey(), SCHEMA, Plan(**choices), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_units_decide_how_thin_a_tail_is():
    table = survey(800).append_column("firm", pa.array(["one"] * 800))
    schema = gpusynth.Schema(
        columns=(
            *SCHEMA.columns,
            gpusynth.Column(name="firm", kind="categorical", storage="string", role="drop"),
        )
    )
    with pytest.raises(PlanError, match="of 1 units"):
        gpusynth.synthesize(table, schema, Plan(unit="firm", tails={"cost": "code"}))


def test_plans_keep_them(tmp_path):
    plan = Plan(tails={"cost": {"kind": "swap", "neighbours": 9}, "age": "code"})
    (tmp_path / "plan.toml").write_text(plan_to_toml(plan))
    assert read_plan(tmp_path / "plan.toml") == plan
    resolved = gpusynth.fit(survey(1100), SCHEMA, Plan(tails={"cost": "swap"})).plan
    assert SynthesisPlan.from_json(resolved.to_json()) == resolved
    assert "tail" not in str(gpusynth.fit(survey(60), SCHEMA).plan.to_json())
