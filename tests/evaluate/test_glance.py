"""Utility at a glance: what it shows for files that are equal, resampled or wrong."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate import glance
from gpusynth.evaluate.glance import utility_at_a_glance
from gpusynth.table.schema import Column, Schema


def survey(n_rows: int, seed: int) -> pa.Table:
    """Sector decides state and receipts; receipts have a spike at 0 and nulls."""
    rng = np.random.default_rng(seed)
    sector = rng.integers(0, 4, n_rows)
    receipts = np.where(rng.random(n_rows) < 0.3, 0, np.exp(rng.normal(sector, 1, n_rows)) * 100)
    return pa.table(
        {
            "sector": pa.array([f"s{code}" for code in sector]).dictionary_encode(),
            "state": pa.array((sector + (rng.random(n_rows) < 0.2)) % 4),
            "receipts": pa.array(receipts.round(), mask=rng.random(n_rows) < 0.1),
            "online": pa.array(rng.random(n_rows) < 0.1 + 0.2 * sector),
        }
    )


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(
        columns=(
            Column(name="sector", kind="categorical", storage="dictionary<...>"),
            Column(name="state", kind="categorical", storage="int64"),
            Column(name="receipts", kind="numeric", storage="double", spikes=(0.0,)),
            Column(name="online", kind="boolean", storage="bool"),
        )
    )


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return survey(4000, 1)


def test_equal_files(real, schema):
    glance = utility_at_a_glance(real, real, schema=schema)
    assert (glance.one_way, glance.two_way, glance.score) == (0.0, 0.0, 1000.0)
    assert glance.bootstrap_two_way > 0
    assert glance.two_way_ratio == 0
    assert (glance.n_real, glance.n_synthetic, glance.n_columns) == (4000, 4000, 4)
    assert len(glance.worst_columns) == 4


def test_a_resample_has_ratio_one(real, schema):
    """20 resamples: the mean ratio lies within 0.1 of 1.

    The ratio of one resample has a standard deviation below 0.08 here (measured), so the mean of 20
    has one below 0.018, and 0.1 is over five of them.
    """
    ratios = []
    for seed in range(20):
        rows = np.random.default_rng(seed).integers(0, 4000, 4000)
        ratios.append(
            utility_at_a_glance(real, real.take(rows), schema=schema, seed=seed).two_way_ratio
        )
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_lost_structure_shows_in_pairs_only(real, schema):
    rng = np.random.default_rng(0)
    shuffled = pa.table(
        {name: real[name].take(rng.permutation(4000)) for name in real.column_names}
    )
    glance = utility_at_a_glance(real, shuffled, schema=schema)
    assert glance.one_way == 0
    assert glance.two_way_ratio > 5
    assert glance.score < glance.bootstrap_score - 50
    assert glance.worst_columns[0].name == "sector"


def test_a_wrong_column_is_the_worst(real, schema):
    spoilt = real.set_column(3, "online", pa.array([True] * 4000))
    glance = utility_at_a_glance(real, spoilt, schema=schema)
    assert glance.worst_columns[0].name == "online"
    assert glance.worst_columns[0].one_way > 0.4


def test_a_wrong_share_of_zeros_shows(real, schema):
    receipts = real["receipts"].to_numpy(zero_copy_only=False)
    lost = pa.array(np.where(receipts == 0, 1.0, receipts), from_pandas=True)
    glance = utility_at_a_glance(real, real.set_column(2, "receipts", lost), schema=schema)
    assert glance.worst_columns[0].name == "receipts"
    assert glance.worst_columns[0].one_way == pytest.approx(0.27, abs=0.03)


def test_files_of_any_format_agree(real, schema, tmp_path):
    plain = real.set_column(0, "sector", real["sector"].cast(pa.string()))
    pyarrow.parquet.write_table(plain, tmp_path / "real.parquet", row_group_size=700)
    pyarrow.csv.write_csv(plain, tmp_path / "synthetic.csv")
    memory = utility_at_a_glance(real, survey(3000, 2), schema=schema)
    assert utility_at_a_glance(tmp_path / "real.parquet", survey(3000, 2), schema=schema) == memory
    mixed = utility_at_a_glance(
        tmp_path / "real.parquet", tmp_path / "synthetic.csv", schema=schema
    )
    assert mixed.two_way == 0


def test_columns_may_be_read_in_any_groups(real, schema, monkeypatch):
    synthetic = real.slice(0, 600)
    whole = utility_at_a_glance(real, synthetic, schema=schema)
    for size in (1, 2):
        monkeypatch.setattr(glance, "_COLUMNS_AT_A_TIME", size)
        assert utility_at_a_glance(real, synthetic, schema=schema) == whole


def test_schema_is_inferred(real):
    assert utility_at_a_glance(real, real).two_way == 0


def test_seed_decides_the_baseline(real, schema):
    first, again, other = (
        utility_at_a_glance(real, survey(500, 3), schema=schema, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.bootstrap_two_way != other.bootstrap_two_way
    assert first.two_way == other.two_way


def test_json(real, schema):
    glance = utility_at_a_glance(real, survey(500, 3), schema=schema)
    figures = json.loads(json.dumps(glance.to_json()))
    assert figures["two_way_ratio"] == glance.two_way / glance.bootstrap_two_way
    assert figures["worst_columns"][0]["name"] == glance.worst_columns[0].name


def test_weights_count_rows_by_their_weight():
    """A row of weight 3 equals three rows; only the baseline, made of rows, differs."""
    columns = [Column(name=n, kind="categorical", storage="string") for n in "xy"]
    weight = Column(name="w", kind="integer", storage="int64", role="weight")
    schema = Schema(columns=(*columns, weight))
    weighted = pa.table({"x": ["a", "b", "b"], "y": ["u", "u", "v"], "w": [3, 1, 2]})
    plain = pa.table({"x": list("aaabbb"), "y": list("uuuuvv"), "w": [1] * 6})
    other = pa.table({"x": ["b", "a"], "y": ["u", "v"], "w": [1, 3]})
    found = [
        utility_at_a_glance(real, other, schema=schema, weight="w") for real in (weighted, plain)
    ]
    assert found[0].n_columns == 2
    assert found[0].two_way == pytest.approx(found[1].two_way, rel=1e-12)
    assert found[0].one_way == pytest.approx(found[1].one_way, rel=1e-12)


def test_one_column_has_no_pairs(real):
    column = Schema(columns=(Column(name="online", kind="boolean", storage="bool"),))
    with pytest.raises(IncomputableMetricError, match="2-way marginals need 2 columns"):
        utility_at_a_glance(real, real, schema=column)


def test_constant_files(schema):
    constant = pa.table({"a": ["x"] * 5, "b": ["y"] * 5})
    columns = tuple(Column(name=n, kind="categorical", storage="string") for n in "ab")
    glance = utility_at_a_glance(constant, constant, schema=Schema(columns=columns))
    assert glance.two_way_ratio == 1.0
    other = pa.table({"a": ["x"] * 5, "b": ["z"] * 5})
    glance = utility_at_a_glance(constant, other, schema=Schema(columns=columns))
    assert glance.two_way_ratio == float("inf")
    assert glance.to_json()["two_way_ratio"] is None


@pytest.mark.parametrize("name", ["ma2018.csv", "ma2019.csv"])
def test_one_year_against_the_other(survey_data, name):
    """A second year of the same survey differs from the first by more than a resample does."""
    folder = survey_data / "nist_acs"
    glance = utility_at_a_glance(folder / "ma2018.csv", folder / name)
    assert glance.n_columns == 24
    if name == "ma2018.csv":
        assert glance.two_way == 0
    else:
        assert 1.2 < glance.two_way_ratio < 3
        assert 850 < glance.score < glance.bootstrap_score
