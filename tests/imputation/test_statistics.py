"""Answers from imputed and synthesized files are right: bias and coverage on generated data."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth.inference import pool
from tests.imputation.conftest import holed

pytest.importorskip("scipy")

N_ROWS, SAMPLES = 300, 60


def sample(seed: int) -> tuple[pa.Table, pa.Table]:
    """A sample of x and y = x / 2 + noise; y is missing more often where x is large."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 1, N_ROWS)
    y = x / 2 + random.normal(0, 1, N_ROWS)
    gone = random.random(N_ROWS) < 0.3 / (1 + np.exp(-2 * x)) * 2
    full = pa.table({"x": x, "y": y})
    return full, pa.table({"x": x, "y": holed(full["y"].combine_chunks(), gone)})


def mean_of(table: pa.Table) -> tuple[float, float]:
    y = table["y"].to_numpy()
    return y.mean(), y.var(ddof=1) / len(y)


def slope_of(table: pa.Table) -> tuple[float, float]:
    x, y = table["x"].to_numpy(), table["y"].to_numpy()
    x = x - x.mean()
    slope = x @ y / (x @ x)
    rest = y - y.mean() - slope * x
    return slope, rest @ rest / (N_ROWS - 2) / (x @ x)


@pytest.mark.slow
def test_coverage_of_both_stages():
    """0.95 intervals of 60 samples: each of four counts is below 50 with probability 0.0006."""
    truth = {mean_of: 0.0, slope_of: 0.5}
    hits = {(what, stage): 0 for what in truth for stage in ("rubin", "reiter_two_stage")}
    schema = gpusynth.infer_schema(sample(0)[1])
    for number in range(SAMPLES):
        both = gpusynth.impute_and_synthesize(
            sample(number)[1],
            schema,
            n_imputations=5,
            n_syntheses=5,
            iterations=1,  # one incomplete column: nothing to iterate
            seed=number,
        )
        for what, value in truth.items():
            outer = np.array([what(table) for table in both.imputations.tables()])
            inner = np.array([[what(table) for table in nest] for nest in both.syntheses])
            for stage, found in (("rubin", outer), ("reiter_two_stage", inner)):
                pooled = pool(found[..., 0], found[..., 1], rule=stage)
                hits[what, stage] += bool(pooled.lower <= value <= pooled.upper)
    assert min(hits.values()) >= 50, hits


def test_imputation_removes_the_bias_of_leaving_rows_out():
    """20 samples: the mean of complete rows is off by far, the imputed one within 4 errors."""
    left_out, imputed = [], []
    for number in range(20):
        full, gaps = sample(number)
        truth = mean_of(full)[0]
        left_out.append(np.nanmean(gaps["y"].to_numpy()) - truth)
        tables = gpusynth.impute(gaps, n_imputations=3, iterations=1, seed=number).tables()
        imputed.append(np.mean([mean_of(table)[0] for table in tables]) - truth)
    error = np.std(imputed, ddof=1) / 20**0.5
    assert np.mean(left_out) < -0.08
    assert abs(np.mean(imputed)) < max(4 * error, 0.02)
