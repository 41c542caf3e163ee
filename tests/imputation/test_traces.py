"""Traces: measured as said, R-hat by its formula, and a plot that parses."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpusynth
from gpusynth import Plan
from gpusynth.imputation import TraceRow, Traces, split_rhat
from tests.imputation.conftest import BMI


def test_last_trace_is_of_the_completed_file(gaps):
    imputations = gpusynth.impute(gaps, plan=Plan(methods=BMI), n_imputations=2, iterations=3)
    traces = imputations.traces
    for number, table in enumerate(imputations.tables()):
        for name in ("height", "bmi", "income"):
            drawn = table[name].filter(gaps[name].is_null()).to_numpy()
            assert traces.of(name)[number, -1] == pytest.approx(drawn.mean(), rel=1e-12)
            assert traces.of(name, "variance")[number, -1] == pytest.approx(drawn.var(ddof=1))
        region = np.array(table["region"].filter(gaps["region"].is_null()).to_pylist())
        answers = gaps["region"].drop_null().to_pylist()
        modal = max(sorted(set(answers)), key=answers.count)
        assert traces.of("region", "share")[number, -1] == pytest.approx((region == modal).mean())
    assert traces.of("height").shape == (2, 3)


def test_one_gap_has_no_variance():
    table = pa.table({"x": [1.0, None, 3.0], "y": ["a", "b", None]})
    traces = gpusynth.impute(table, n_imputations=1, iterations=2).traces
    assert np.isnan(traces.of("x", "variance")).all()
    assert traces.rhat() == {"x": None, "y": None}
    assert "polyline" in traces.svg()


def test_rhat_by_hand():
    # halves (1, 3), (2, 4), (3, 5), (0, 2): each of variance 2, means 2, 3, 4, 1 of variance 5/3.
    assert split_rhat(np.array([[1.0, 3, 2, 4], [3, 5, 0, 2]])) == pytest.approx(
        math.sqrt((0.5 * 2 + 5 / 3) / 2)
    )
    assert split_rhat(np.array([[9.0, 1, 3, 2, 4], [9, 3, 5, 0, 2]])) == split_rhat(
        np.array([[1.0, 3, 2, 4], [3, 5, 0, 2]])
    )
    assert split_rhat(np.ones((3, 8))) is None
    assert split_rhat(np.arange(6.0).reshape(2, 3)) is None
    assert split_rhat(np.array([[1.0, 2, np.nan, 4]])) is None


@given(st.integers(0, 10_000), st.floats(-1e3, 1e3), st.floats(0.01, 100), st.integers(1, 5))
def test_rhat_has_no_unit(seed, shift, scale, n_chains):
    traces = np.random.default_rng(seed).normal(0, 1, (n_chains, 12))
    assert split_rhat(shift + scale * traces) == pytest.approx(split_rhat(traces), rel=1e-6)


def test_rhat_sees_chains_that_do_not_meet():
    random = np.random.default_rng(1)
    mixed = random.normal(0, 1, (5, 20))
    assert split_rhat(mixed) < 1.2
    assert split_rhat(mixed + 3 * np.arange(5)[:, None]) > 2
    assert split_rhat(mixed + np.arange(20) / 4) > 1.2


def test_names_are_escaped_in_the_plot():
    rows = [TraceRow("<b>&", i, t, float(i * t), 1.0, 0.5) for i in (1, 2) for t in range(1, 6)]
    picture = ET.fromstring(Traces(tuple(rows)).svg())
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert any(word.startswith("<b>&: mean, R-hat") for word in words)
