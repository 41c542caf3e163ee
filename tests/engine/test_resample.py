"""Resampled rows: a bootstrap's multiplicities and Bayesian weights."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.engine.real.resample import bayesian_weights, bootstrap_rows
from gpusynth.streams import StreamKey

KEY = StreamKey(5, replicate=2, step=7)


@given(st.sets(st.integers(0, 10_000), min_size=1, max_size=200))
def test_as_many_rows_ascending_of_those_given(given_rows):
    rows = np.array(sorted(given_rows), np.int32)
    drawn = bootstrap_rows(rows, KEY)
    assert drawn.dtype == np.int32
    assert len(drawn) == len(rows)
    assert (np.diff(drawn) >= 0).all()
    assert set(drawn.tolist()) <= given_rows


def test_multiplicities_are_nearly_poisson():
    # Shares of rows drawn 0, 1, 2 times are e^-1 / k!; sd below 0.002 for 100,000 rows.
    drawn = bootstrap_rows(np.arange(100_000, dtype=np.int32), KEY)
    times = np.bincount(drawn, minlength=100_000)
    for k, share in enumerate((np.exp(-1), np.exp(-1), np.exp(-1) / 2)):
        assert abs((times == k).mean() - share) < 0.01


def test_weights_are_exponential():
    # Mean and standard deviation 1; both have an error of 0.003 to 0.006 with 100,000 rows.
    weights = bayesian_weights(100_000, KEY)
    assert weights.min() > 0
    assert abs(weights.mean() - 1) < 0.02
    assert abs(weights.std() - 1) < 0.03
    assert abs((weights < np.log(2)).mean() - 0.5) < 0.01


def test_every_replicate_step_and_stratum_has_its_own():
    rows = np.arange(500, dtype=np.int32)
    seen = {
        bootstrap_rows(rows, key).tobytes()
        for key in (KEY, KEY.at(step=8), KEY.at(stratum=3), KEY.at(replicate=3))
    }
    assert len(seen) == 4
    assert np.array_equal(bootstrap_rows(rows, KEY), bootstrap_rows(rows, KEY))
