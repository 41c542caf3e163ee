"""Promise: strata are as large as asked for, apart, and pooled as the manifest says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.errors import PlanError
from gpusynth.plan import Strata, StratumSize
from tests.behaviour.plan_survey import SCHEMA, run, survey, synthesize


def tagged(n: int = 900) -> pa.Table:
    """Answers that name the stratum they are from; stratum (n, 3) is tiny."""
    random = np.random.default_rng(4)
    region = random.choice(["e", "n", "w"], n)
    size = np.where(region == "n", random.choice(["1", "2"], n), random.choice(["1", "2", "3"], n))
    region, size = np.append(region, ["n"] * 4), np.append(size, ["3"] * 4)
    stratum = np.char.add(region, size)
    answer = np.char.add(stratum, random.choice(["x", "y"], n + 4))
    money = np.array([10_000 * (ord(s[0]) - 96) + 1000 * int(s[1]) for s in stratum])
    return pa.table(
        {
            "region": region,
            "size": size,
            "answer": answer,
            "money": money + random.integers(0, 900, n + 4),
            "score": random.integers(0, 100, n + 4),
        }
    )


def sizes(frame, columns) -> dict:
    return frame.groupby(columns).size().to_dict()


def test_donors_come_from_the_stratum_or_its_pool(tmp_path):
    # Fits without any predictor: nothing but the strata keeps the answers apart.
    plan = Plan(
        default="sample", strata=Strata(columns=("region", "size"), min_rows=50), screen=False
    )
    (frame,), manifest = run(tagged(), plan, tmp_path, schema=None, n_rows=2000)
    own = frame.region + frame["size"]
    pooled = own == "n3"
    assert pooled.sum() > 0
    assert (frame.answer.str[:2] == own)[~pooled].all()
    assert (frame.money // 10_000 == frame.region.map(lambda r: ord(r) - 96)).mean() > 0.99
    assert ((frame.money % 10_000) // 1000 == frame["size"].astype(int)).all()
    # The first pool leaves the region off: donors are of size 3 in any region.
    assert set(frame.answer[pooled].str[1]) == {"3"}
    assert manifest["pooling"] == [{"stratum": ["n", "3"], "n_rows": 4, "fitted_on": ["size"]}]


def test_a_pool_of_ones_own(tmp_path):
    strata = Strata(columns=("region", "size"), min_rows=50, pool=(("region",),))
    plan = Plan(default="sample", strata=strata, screen=False)
    (frame,), manifest = run(tagged(), plan, tmp_path, schema=None, n_rows=2000)
    pooled = (frame.region + frame["size"]) == "n3"
    assert set(frame.answer[pooled].str[0]) == {"n"}
    assert [entry["fitted_on"] for entry in manifest["pooling"]] == [["region"]]


def test_too_few_rows_anywhere_are_fitted_on_all(tmp_path):
    plan = Plan(strata=Strata(columns=("region", "size"), min_rows=800))
    _, manifest = run(tagged(), plan, tmp_path, schema=None)
    assert len(manifest["pooling"]) == 9
    assert {tuple(entry["fitted_on"]) for entry in manifest["pooling"]} == {()}


def test_fixed_sizes_are_the_real_shares():
    table = survey()
    real = sizes(table.to_pandas(), ["state", "sector"])
    plan = Plan(strata=["state", "sector"])
    assert sizes(synthesize(table, plan), ["state", "sector"]) == real
    n = 1234
    drawn = sizes(synthesize(table, plan, n_rows=n), ["state", "sector"])
    assert sum(drawn.values()) == n
    assert all(abs(drawn.get(key, 0) - n * count / 800) < 1 for key, count in real.items())


def test_drawn_sizes_vary_even_with_as_many_rows():
    table = survey()
    plan = Plan(strata=Strata(columns=("state",), sizes="drawn"))
    tx = [(synthesize(table, plan, seed=seed).state == "TX").sum() for seed in range(12)]
    real = (table.to_pandas().state == "TX").sum()
    # variance of 800 draws with share 1/2 is 200; chi-squared bounds for 12 draws, 1 in 10,000
    assert 2.2 * 200 < sum((count - real) ** 2 for count in tx) < 40 * 200
    assert len(set(tx)) > 3


def test_sizes_as_listed(tmp_path):
    wanted = {"AK": 250, "MA": 1, "TX": 40}
    listed = tuple(StratumSize(levels=(state,), rows=rows) for state, rows in wanted.items())
    plan = Plan(strata=Strata(columns=("state",), sizes=listed))
    for frame in run(survey(), plan, tmp_path, n_replicates=2)[0]:
        assert sizes(frame, "state") == wanted
    with pytest.raises(PlanError, match="291"):
        synthesize(survey(), plan, n_rows=500)


def test_role_stratum_is_a_stratum():
    table = tagged()
    inferred = gpusynth.infer_schema(table).schema
    columns = [
        c.model_copy(update={"role": "stratum"}) if c.name in ("region", "size") else c
        for c in inferred.columns
    ]
    schema = gpusynth.Schema(columns=tuple(columns))
    plan = Plan(default="sample", screen=False)
    frame = gpusynth.synthesize(table, schema, plan, n_rows=500).to_pandas()
    assert ((frame.money % 10_000) // 1000 == frame["size"].astype(int)).all()


def test_strata_that_no_real_row_has_are_pooled(tmp_path):
    table = tagged()
    table = table.slice(0, table.num_rows - 4)  # without the four rows of stratum (n, 3)
    start = tmp_path / "start.parquet"
    pq.write_table(pa.table({"region": ["n"] * 60, "size": ["3"] * 60}), start)
    plan = Plan(
        default="sample",
        methods={"region": "keep", "size": "keep"},
        strata=Strata(columns=("region", "size"), min_rows=20),
        start_table=str(start),
        screen=False,
    )
    frame = gpusynth.synthesize(table, plan=plan).to_pandas()
    assert len(frame) == 60
    assert set(frame.answer.str[1]) == {"3"}
    assert set(frame.answer.str[0]) == {"e", "w"}


def test_strata_see_nothing_of_each_other():
    # Changing the rows of one stratum changes no row of another.
    table = tagged()
    frame = table.to_pandas()
    other = frame.copy()
    west = other.region == "w"
    other.loc[west, "score"] = 99 - other.loc[west, "score"]
    plan = Plan(strata=Strata(columns=("region",), min_rows=50), screen=False)
    first, second = (gpusynth.synthesize(given, plan=plan, seed=3) for given in (frame, other))
    assert (first.region == second.region).all()
    east = first.region != "w"
    assert first[east].equals(second[east])
    assert not first.equals(second)


def test_real_census_file(shared_data, tmp_path):
    import pandas as pd

    real = pd.read_csv(shared_data("nist_acs/national2018.csv"))
    real = real[["PUMA", "SEX", "MSP", "EDU", "HOUSING_TYPE", "AGEP"]]
    plan = Plan(strata=Strata(columns=("PUMA", "HOUSING_TYPE"), min_rows=500, pool=(("PUMA",),)))
    done = gpusynth.synthesize(real, plan=plan, output=tmp_path / "out")
    synthetic = pd.read_parquet(done.replicates[0].path)
    counts = real.groupby(["PUMA", "HOUSING_TYPE"]).size()
    drawn = synthetic.groupby(["PUMA", "HOUSING_TYPE"], observed=True).size()
    drawn.index = drawn.index.set_levels([level.astype(str) for level in drawn.index.levels])
    counts.index = counts.index.set_levels([level.astype(str) for level in counts.index.levels])
    assert counts.to_dict() == drawn.to_dict()
    pooled = {tuple(entry["stratum"]): entry["n_rows"] for entry in done.manifest["pooling"]}
    assert pooled == counts[counts < 500].to_dict()


def test_small_strata_by_default_have_fewer_than_ten_rows_a_variable(tmp_path):
    _, manifest = run(survey(), Plan(strata=["state"]), tmp_path)  # 10 + 10 x 11 = 120 rows
    assert [entry["stratum"] for entry in manifest["pooling"]] == [["AK"]]
    assert manifest["pooling"][0]["fitted_on"] == []
    assert SCHEMA["state"].role == "synthesize"
