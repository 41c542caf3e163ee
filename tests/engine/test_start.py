"""Start rows: each real row once, or draws with replacement, or the sizes asked for."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.engine.real.start import Start, start_rows
from gpusynth.engine.real.strata import group_strata
from gpusynth.plan import Strata
from gpusynth.streams import StreamKey
from gpusynth.table import Column, Schema, Table, TableSource, encode_table, fit_codecs

N = 5000
KEY = StreamKey(seed=11, replicate=1)


@pytest.fixture(scope="module")
def real() -> Table:
    import pyarrow as pa

    sector = np.random.default_rng(5).choice(["a", "b", "c"], N, p=[0.7, 0.2, 0.1])
    source = TableSource(pa.table({"sector": sector}))
    schema = Schema(columns=(Column(name="sector", kind="categorical", storage="string"),))
    return encode_table(schema, fit_codecs(schema, source), source)


def test_as_many_rows_are_a_permutation(real):
    rows = start_rows(Start(None, real), KEY, N)
    assert np.array_equal(np.sort(rows), np.arange(N))
    # Row order carries nothing over: the correlation has sd 1 / sqrt(N - 1).
    assert abs(np.corrcoef(rows, np.arange(N))[0, 1]) < 4 / np.sqrt(N - 1)
    assert (start_rows(Start(None, real), KEY.at(replicate=2), N) != rows).mean() > 0.9


@pytest.mark.parametrize("n_total", [1, 100, N - 1, 3 * N])
def test_another_size_draws_with_replacement(real, n_total):
    rows = start_rows(Start(None, real), KEY, n_total)
    assert len(rows) == n_total
    assert rows.min() >= 0
    assert rows.max() < N
    if n_total > N:
        assert len(np.unique(rows)) < N  # all rows once or more: probability below 10^-100


@pytest.mark.parametrize("n_total", [N, 1000, 12_345])
def test_fixed_sizes_are_the_real_shares(real, n_total):
    stage = group_strata(Strata(columns=("sector",), min_rows=1), real).stages[0]
    rows = start_rows(Start(None, real, strata=stage), KEY, n_total)
    have = np.bincount(real.codes["sector"])
    drawn = np.bincount(real.codes["sector"][rows], minlength=len(have))
    assert drawn.sum() == n_total
    assert np.abs(drawn - have * n_total / N).max() < 1


@pytest.mark.parametrize("is_stratified", [False, True])
def test_every_row_has_the_same_chance(real, is_stratified):
    """Ten draws a row: their variance is that of a Poisson, to 1 of 10 (false alarm below 1e-6).

    The variance of N counts of mean 10 is 10 with a standard error of 10 sqrt(2 / N) or 0.2.
    """
    stage = group_strata(Strata(columns=("sector",), min_rows=1), real).stages[0]
    start = Start(None, real, strata=stage if is_stratified else None)
    times = np.bincount(start_rows(start, KEY, 10 * N), minlength=N)
    assert times.mean() == 10
    assert abs(times.var() - 10) < 1
    place = np.arange(N) if not is_stratified else np.argsort(stage.rows)
    first_half = times[place < N // 2].sum() / (10 * N)
    assert abs(first_half - 0.5) < 5 * 0.5 / np.sqrt(10 * N)


def test_asked_sizes_are_met(real):
    stage = group_strata(Strata(columns=("sector",), min_rows=1), real).stages[0]
    sizes = np.array([0, 7, 9000])
    rows = start_rows(Start(9007, real, strata=stage, sizes=sizes), KEY, 9007)
    assert np.bincount(real.codes["sector"][rows], minlength=3).tolist() == [0, 7, 9000]


def test_a_start_table_is_taken_in_order(real):
    rows = start_rows(Start(40, real, is_real=False), KEY, 40)
    assert rows.tolist() == list(range(40))
