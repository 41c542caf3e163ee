"""pmm: donors of the nearest predictions, each as often."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gpusynth.methods import Pmm
from gpusynth.methods.pmm import PmmModel
from gpusynth.table import Column, Table
from tests.methods.method_cases import Draws, coded, firms, step, sums_of


@pytest.fixture(scope="module")
def survey() -> Table:
    return firms(3000, seed=8)


def test_pmm_draws_one_of_the_nearest(survey):
    data = step(survey, "sales", ("sector", "age"))
    model = Pmm(n_donors=4).fit(data)
    of_real = sums_of(model, survey, ("sector", "age"))[:, 0]
    draws = Draws(model, survey, ("sector", "age"))
    real = data.target.goal.values
    for row in range(0, 40):
        near = np.abs(of_real - of_real[row])
        limit = np.sort(near)[3]
        donors = set(real[near <= limit + 1e-12])
        for replicate in range(1, 5):
            code, _ = draws(row, 1, replicate=replicate)
            assert survey.codecs["sales"].code_values[code[0]] in donors


@given(
    predicted=st.lists(st.integers(-20, 20), min_size=1, max_size=8, unique=True),
    sizes=st.lists(st.integers(1, 3), min_size=8, max_size=8),
    wanted=st.integers(-60, 60) | st.sampled_from((-np.inf, np.inf)),
)
def test_pmm_passes_over_donors_from_the_nearest(predicted, sizes, wanted):
    """Rank r is the r-th nearest donor; of two equally near predictions the lower one is first."""
    ascending = np.sort(np.array(predicted, np.float64))
    sizes = np.array(sizes[: len(predicted)])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    model = PmmModel(None, ascending, offsets, np.arange(offsets[-1]), None, None, 1)
    goal = min(max(wanted, ascending[0]), ascending[-1])
    order = sorted(range(len(ascending)), key=lambda i: (abs(ascending[i] - goal), ascending[i]))
    rank = np.arange(offsets[-1])
    found = model._group_at(np.full(len(rank), wanted, np.float64), rank)
    assert found.tolist() == np.repeat(order, sizes[order]).tolist()


def test_pmm_draws_each_of_the_nearest_as_often():
    """Row 25 of a line: 25, then 24 before 26, then 23; chi-square of 200, false alarm 1e-4."""
    x = np.arange(50.0)
    table = coded(
        pa.table({"y": 2.0 * x, "x": x}),
        tuple(Column(name=name, kind="numeric", storage="double") for name in "yx"),
    )
    draws = Draws(Pmm(n_donors=4).fit(step(table, "y", ("x",))), table, ("x",))
    drawn = [int(draws(replicate=replicate)[0][25]) for replicate in range(1, 201)]
    counts = np.bincount(drawn, minlength=50)
    assert np.flatnonzero(counts).tolist() == [23, 24, 25, 26]
    assert ((counts[23:27] - 50) ** 2 / 50).sum() < stats.chi2.ppf(1 - 1e-4, 3)


def test_pmm_gives_ties_the_same_chance():
    """One prediction for all: every real row is as near as any other."""
    random = np.random.default_rng(6)
    table = coded(
        pa.table({"y": np.arange(50.0), "x": random.permutation(50) * 1.0}),
        tuple(Column(name=n, kind="numeric", storage="double") for n in "yx"),
    )
    model = Pmm().fit(step(table, "y"))
    draws = Draws(model, table)
    drawn = np.concatenate([draws(replicate=r)[0] for r in range(1, 201)])
    counts = np.bincount(drawn, minlength=50)
    chi2 = ((counts - 200) ** 2 / 200).sum()
    assert chi2 < stats.chi2.ppf(1 - 1e-4, 49)
