"""Univariate utility: distances against scipy and numpy, counts, notes, weights, baselines."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.utility.column_counts import count_columns
from gpusynth.evaluate.utility.distribution import (
    kolmogorov_smirnov,
    mean_and_deviation,
    quantiles,
    wasserstein,
)
from gpusynth.evaluate.utility.univariate import univariate
from tests.evaluate.mixed_files import mixed_codes, mixed_table, numbers_of, weighted_copies

REAL, SYNTHETIC = mixed_table(400, 1), mixed_table(300, 2, effect=0.3)


@pytest.fixture(scope="module")
def found():
    (columns,) = univariate(mixed_codes(REAL, SYNTHETIC, holdout=mixed_table(350, 3)))
    return {column.name: column for column in columns}


@settings(deadline=None, max_examples=50)
@given(
    real=st.lists(st.integers(-9, 9), min_size=1, max_size=30),
    synthetic=st.lists(st.integers(-9, 9), min_size=1, max_size=30),
)
def test_distances_equal_scipy(real, synthetic):
    stats = pytest.importorskip("scipy.stats")
    x = np.unique([*real, *synthetic]).astype(float)
    counts = [np.bincount(np.searchsorted(x, v), minlength=len(x)) for v in (real, synthetic)]
    ks = max(abs(np.mean(np.less_equal(real, v)) - np.mean(np.less_equal(synthetic, v))) for v in x)
    assert kolmogorov_smirnov(*counts) == pytest.approx(ks, abs=1e-12)
    assert wasserstein(x, *counts) == pytest.approx(
        stats.wasserstein_distance(real, synthetic), abs=1e-12
    )
    shares = [0, 0.01, 0.25, 0.5, 0.77, 1]
    assert quantiles(x, counts[0], shares) == pytest.approx(np.quantile(real, shares), abs=1e-12)
    assert mean_and_deviation(x, counts[0]) == pytest.approx((np.mean(real), np.std(real)))


def test_weighted_quantiles_are_the_inverse_of_the_distribution():
    """Weights 1, 2, 5 of 8: F is 1/8, 3/8, 1."""
    x = np.array([1.0, 2.0, 9.0])
    found = quantiles(x, np.array([1, 2, 5]), [0, 0.125, 0.126, 0.375, 0.38, 1], are_weights=True)
    assert list(found) == [1, 1, 2, 2, 9, 9]
    # 2^53 + 3 has no float64; the next one is beyond all weights.
    assert list(quantiles(x[:2], np.array([1, 2**53 + 2]), [0, 1], are_weights=True)) == [1, 2]


def test_numbers_are_exact(found):
    for name in ("staff", "sales"):
        real, synthetic = (
            values[~np.isnan(values)] for values in (numbers_of(t, name) for t in (REAL, SYNTHETIC))
        )
        numbers = found[name].numbers
        stats = pytest.importorskip("scipy.stats")
        assert numbers.ks == pytest.approx(stats.ks_2samp(real, synthetic).statistic)
        assert numbers.wasserstein == pytest.approx(stats.wasserstein_distance(real, synthetic))
        assert numbers.wasserstein_ratio == pytest.approx(numbers.wasserstein / real.std())
        assert numbers.real_quantiles == pytest.approx(np.quantile(real, numbers.shares))
        assert numbers.synthetic_quantiles == pytest.approx(np.quantile(synthetic, numbers.shares))
        assert numbers.real_mean == pytest.approx(real.mean())
        assert numbers.synthetic_deviation == pytest.approx(synthetic.std())
        assert numbers.real_zero_share == np.mean(numbers_of(REAL, name) == 0)


def test_levels_and_missing_codes_are_counted(found):
    sector = found["sector"]
    assert sector.labels == ("(missing)", "s0", "s1", "s2", "s3")
    values = REAL["sector"].to_pylist()
    assert list(sector.real_counts) == [values.count(v) for v in (None, "s0", "s1", "s2", "s3")]
    assert sector.real_missing_share == values.count(None) / 400
    assert sector.numbers is None
    assert sector.note == ""
    staff = found["staff"]
    assert staff.labels[:2] == ("-8", "0")
    assert staff.label_kinds[:3] == ("missing", "spike", "bin")
    assert staff.real_missing_share == REAL["staff"].to_pylist().count(-8) / 400
    assert staff.synthetic_missing_share == SYNTHETIC["staff"].to_pylist().count(-8) / 300
    assert staff.real_shares.sum() == pytest.approx(1)


def test_baselines_are_those_of_sampling_error(found):
    """Sales differ by the effect, region by nothing but chance.

    The total variation of three equal levels has a mean of 0.03 here and a standard deviation of
    half of it, so four times the mean is six of it away.
    """
    sales, region = found["sales"], found["region"]
    assert sales.numbers.ks > 2 * sales.numbers.expected_ks
    assert sales.numbers.wasserstein > sales.numbers.holdout_wasserstein
    assert 0 < region.total_variation < 4 * region.expected_total_variation
    assert 0 < region.holdout_total_variation < 0.15


def test_equal_files_have_no_distance():
    (columns,) = univariate(mixed_codes(REAL, REAL), n_bootstraps=0)
    assert [column.total_variation for column in columns] == [0.0] * 4
    assert [c.numbers.ks for c in columns if c.numbers] == [0.0, 0.0]
    assert columns[3].expected_total_variation is None
    assert columns[3].numbers.expected_ks is None
    assert columns[3].numbers.holdout_ks is None


def test_weights_equal_repeated_rows():
    weighted = mixed_codes(REAL, SYNTHETIC, weighted=True)
    repeated = mixed_codes(weighted_copies(REAL), weighted_copies(SYNTHETIC), weighted=True)
    for a, b in zip(*(univariate(c, n_bootstraps=0)[0] for c in (weighted, repeated)), strict=True):
        if a.numbers is None:  # bins follow rows, which differ; exact numbers do not
            assert a.real_shares == pytest.approx(b.real_shares, abs=1e-12)
            assert a.total_variation == pytest.approx(b.total_variation, abs=1e-12)
        else:
            assert a.numbers.ks == pytest.approx(b.numbers.ks, abs=1e-12)
            assert a.numbers.wasserstein == pytest.approx(b.numbers.wasserstein, rel=1e-9)
            assert list(a.numbers.real_quantiles) == list(b.numbers.real_quantiles)


def test_blocks_change_nothing():
    real = mixed_codes(REAL, SYNTHETIC, weighted=True).real
    whole = count_columns(real)
    parts = [count_columns(block) for block in real.blocks(37)]
    for counted, *of_blocks in zip(whole, *parts, strict=True):
        assert np.array_equal(counted.codes, sum(part.codes for part in of_blocks))
        if counted.numbers is not None:
            assert np.array_equal(counted.numbers, sum(part.numbers for part in of_blocks))


def test_every_file_has_its_own_figures():
    both = univariate(mixed_codes(REAL, SYNTHETIC, REAL))
    assert both[0][0].total_variation > both[1][0].total_variation == 0
    assert both[0][1].expected_total_variation != both[1][1].expected_total_variation


def test_a_column_without_numbers_says_so():
    nothing = SYNTHETIC.set_column(3, "sales", pa.nulls(300, pa.float64()))
    sales = univariate(mixed_codes(REAL, nothing))[0][3]
    assert sales.numbers is None
    assert sales.note == "the synthetic file has no number in this column"
    assert sales.total_variation == pytest.approx(sales.real_shares[1:].sum())


def test_a_constant_number_has_no_ratio():
    """All real numbers are 5: the distance is 2 on average, in units of no deviation."""
    real = REAL.set_column(3, "sales", pa.array([5.0] * 400))
    other = SYNTHETIC.set_column(3, "sales", pa.array([3.0, 7.0] * 150))
    numbers = univariate(mixed_codes(real, other))[0][3].numbers
    assert numbers.wasserstein == 2.0
    assert numbers.wasserstein_ratio is None
    assert numbers.ks == 0.5


def test_a_resample_without_weight_is_an_error():
    codes = mixed_codes(REAL, SYNTHETIC, weighted=True)
    nobody = codes.real.take(np.arange(0))
    with pytest.raises(IncomputableMetricError, match="no rows or no weight"):
        univariate(CommonCodes(codes.real, (nobody,)), n_bootstraps=0)
    with pytest.raises(IncomputableMetricError, match="no number"):
        kolmogorov_smirnov(np.array([0, 0]), np.array([1, 0]))
    with pytest.raises(IncomputableMetricError, match="no mean"):
        quantiles(np.array([1.0]), np.array([0]), [0.5])
