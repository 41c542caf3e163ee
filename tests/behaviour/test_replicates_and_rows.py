"""Promise: replicates differ, any number of rows can be had, and rows match no real rows' order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth


def test_replicates_differ(mixed):
    tables = gpusynth.synthesize(mixed, n_replicates=3)
    assert len(tables) == 3
    assert not any(tables[i] == tables[j] for i in range(3) for j in range(i))


@pytest.mark.parametrize("n_rows", [1, 400, 4000])
def test_number_of_rows(mixed, n_rows):
    synthetic = gpusynth.synthesize(mixed, n_rows=n_rows)
    assert synthetic.num_rows == n_rows
    assert synthetic.schema == mixed.schema


def test_more_rows_begin_with_the_same_rows(mixed):
    few, many = (gpusynth.synthesize(mixed, n_rows=n) for n in (100, 2000))
    assert many.slice(0, 100) == few


def test_rows_are_not_in_the_order_of_the_real_rows():
    n = 3000
    random = np.random.default_rng(1)
    real = pa.table(
        {"place": np.arange(n) // 3, "size": np.arange(n) // 10 + random.integers(0, 5, n)}
    )
    synthetic = gpusynth.synthesize(real)
    for column in synthetic.columns:
        rank = np.corrcoef(column.to_numpy(), np.arange(n))[0, 1]
        assert abs(rank) < 4 / np.sqrt(n - 1)  # sd of a correlation by chance: 1 / sqrt(n - 1)


@pytest.mark.parametrize("n_rows", [1, 2, 9])
def test_tiny_surveys(mixed, n_rows):
    real = mixed.slice(0, n_rows)
    assert gpusynth.synthesize(real, n_rows=20).schema == real.schema


def test_what_comes_back_is_what_was_given(mixed):
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    frame = mixed.to_pandas()
    synthetic = gpusynth.synthesize(frame)
    assert isinstance(synthetic, pandas.DataFrame)
    assert (synthetic.dtypes == frame.dtypes).all()
    frame = polars.DataFrame(mixed.drop(["telex"]))
    synthetic = gpusynth.synthesize(frame, n_replicates=2)
    assert isinstance(synthetic, list)
    assert synthetic[1].schema == frame.schema
