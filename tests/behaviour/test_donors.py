"""Promise: released values are real values, and every missing code stays what it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Cart, Column, Plan, Sample, Schema


def values(table: pa.Table, name: str) -> set:
    return set(table[name].to_pylist())


@pytest.mark.parametrize("method", [Cart(), Sample()])
def test_every_value_is_a_real_value(mixed, method):
    synthetic = gpusynth.synthesize(mixed, plan=Plan(default=method))
    for name in mixed.column_names:
        assert values(synthetic, name) <= values(mixed, name)


def survey(n: int = 4000) -> tuple[pa.Table, Schema]:
    """Sales with null, two missing codes and a spike, all of which depend on the sector."""
    random = np.random.default_rng(8)
    sector = random.integers(0, 4, n)
    state = np.array([random.choice(5, p=p) for p in np.eye(4, 5)[sector] * 0.6 + 0.08])
    money = np.round(np.exp(random.normal(8 + sector, 1.0)), 0)
    sales = np.select([state == 0, state == 1, state == 2], [-8.0, -9.0, 0.0], money)
    table = pa.table(
        {
            "sector": pa.array([f"s{s}" for s in sector]),
            "sales": pa.array(sales, mask=state == 3),
            "weight": pa.array(random.choice([0.0, 1.0, 20.0], n)),
        }
    )
    schema = Schema(
        columns=(
            Column(name="sector", kind="categorical", storage="string"),
            Column(
                name="sales",
                kind="numeric",
                storage="double",
                missing_codes=(-8, -9),
                spikes=(0.0,),
                bounds=(0, None),
            ),
            Column(name="weight", kind="numeric", storage="double", role="weight"),
        )
    )
    return table, schema


def shares(table: pa.Table) -> np.ndarray:
    """Share of null, -8, -9, 0 and money in each sector, shape (4, 5)."""
    sales = table["sales"].to_pylist()
    kind = np.array([{None: 0, -8.0: 1, -9.0: 2, 0.0: 3}.get(value, 4) for value in sales])
    sector = np.array([int(text[1:]) for text in table["sector"].to_pylist()])
    counts = np.zeros((4, 5))
    np.add.at(counts, (sector, kind), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def test_missing_codes_are_kept_apart():
    real, schema = survey()
    synthetic = gpusynth.synthesize(real, schema)
    # Shares of about 1000 rows a sector in both files: sd of a difference at most 0.0224.
    assert np.abs(shares(real) - shares(synthetic)).max() < 4.5 * 0.0224
    money = {value for value in values(synthetic, "sales") if value is not None and value > 0}
    assert len(money) > 100
    assert values(synthetic, "sales") <= values(real, "sales")


def test_numbers_never_come_from_missing_rows():
    real, schema = survey()
    plan = gpusynth.resolve_plan(real, schema)
    assert [(s.target, s.part) for s in plan.steps[:3]] == [
        ("sector", "whole"),
        ("sales", "state"),
        ("sales", "value"),
    ]


def test_weighted_synthesis_stands_for_the_population():
    real, schema = survey()
    plan = Plan(default=Cart(weighted=True))
    synthetic = gpusynth.synthesize(real, schema, plan, n_rows=20_000)
    weight = real["weight"].to_numpy()
    sector = np.array(real["sector"].to_pylist())
    drawn = np.array(synthetic["sector"].to_pylist())
    for name in ("s0", "s1", "s2", "s3"):
        wanted = weight[sector == name].sum() / weight.sum()
        # Binomial with 20,000 rows: sd 0.003; false alarm of four checks below 1 in 1000.
        assert abs((drawn == name).mean() - wanted) < 0.0125


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1.0, None, 2.0], "data row 2"),
        ([1.0, 2.0, -1.0], "data row 3"),
        ([0.0, 0.0, 0.0], "every weight is zero"),
    ],
)
def test_weights_that_cannot_be_used(weight, words):
    real = pa.table({"x": pa.array([1, 2, 3] * 20), "w": pa.array(weight * 20, pa.float64())})
    with pytest.raises(gpusynth.DataError, match=rf"'w'.*{words}"):
        gpusynth.synthesize(real, weighted_schema("numeric"), Plan(default=Cart(weighted=True)))


def weighted_schema(kind: str) -> Schema:
    return Schema(
        columns=(
            Column(name="x", kind="integer", storage="int64"),
            Column(name="w", kind=kind, storage="double", role="weight"),
        )
    )


def test_weight_that_is_no_number():
    real = pa.table({"x": [1, 2, 3], "w": [1.0, 2.0, 4.0]})
    with pytest.raises(gpusynth.DataError, match=r"'w'.*kind is categorical"):
        gpusynth.synthesize(real, weighted_schema("categorical"), Plan(default=Cart(weighted=True)))


def test_kept_columns_keep_their_joint_distribution(mixed):
    schema = gpusynth.infer_schema(mixed).schema
    columns = tuple(
        c.model_copy(update={"role": {"legal": "keep", "sales": "stratum"}.get(c.name, c.role)})
        for c in schema.columns
    )
    synthetic = gpusynth.synthesize(mixed, Schema(columns=columns))
    pairs = [
        sorted(zip(t["legal"].to_pylist(), t["sales"].to_pylist(), strict=True))
        for t in (mixed, synthetic)
    ]
    assert pairs[0] == pairs[1]
    assert synthetic["legal"] != mixed["legal"]
