"""Associations of pairs: against pandas and scipy, weights, undefined pairs, baselines."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.utility.associations import correlation_ratios, cramers_v, effective_rows
from gpusynth.evaluate.utility.correlations import correlations, standardised
from gpusynth.evaluate.utility.pairs import associate, pair_associations
from tests.evaluate.mixed_files import mixed_codes, mixed_table, numbers_of, weighted_copies

REAL, SYNTHETIC = mixed_table(800, 1), mixed_table(700, 2, effect=0.2)


@pytest.fixture(scope="module")
def codes():
    return mixed_codes(REAL, SYNTHETIC)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_correlations_equal_pandas(codes, kind):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({name: numbers_of(REAL, name) for name in ("staff", "sales")})
    expected = frame.corr(method=kind).to_numpy()
    found = correlations(codes.real)
    assert found.positions == (2, 3)
    assert getattr(found, kind) == pytest.approx(expected, abs=1e-12)


def test_cramers_v_equals_scipy(codes):
    contingency = pytest.importorskip("scipy.stats.contingency")
    plain, _ = cramers_v(codes.real)
    for i in range(4):
        for j in range(i):
            table = np.zeros([codes.real.columns[c].n_codes for c in (i, j)])
            np.add.at(table, (codes.real.codes[i], codes.real.codes[j]), 1)
            table = table[table.any(axis=1)][:, table.any(axis=0)]
            expected = contingency.association(table.astype(int), method="cramer")
            assert plain[i, j] == plain[j, i] == pytest.approx(expected, abs=1e-12)


def test_corrected_v_by_hand():
    """Table (30, 10; 10, 30) of 80: phi2 = 1/4; corrected (1/4 - 1/79) / (1 - 1/79)."""
    x = ["a"] * 40 + ["b"] * 40
    y = ["u"] * 30 + ["v"] * 10 + ["u"] * 10 + ["v"] * 30
    table = REAL.slice(0, 80).set_column(0, "sector", pa.array(x))
    table = table.set_column(1, "region", pa.array(y))
    codes = mixed_codes(table, table, columns=("sector", "region"))
    plain, corrected = cramers_v(codes.real)
    assert plain[0, 1] == pytest.approx(0.5)
    assert corrected[0, 1] == pytest.approx(np.sqrt((1 / 4 - 1 / 79) / (1 - 1 / 79)))


@pytest.mark.parametrize(
    "counts", [[[9, 2], [4, 4], [1, 10]], [[7, 1, 2], [2, 5, 2], [0, 1, 6]], [[8, 2, 1], [1, 3, 9]]]
)
def test_corrected_v_of_more_levels(counts):
    """Bergsma (2013): phi2 - (r-1)(c-1)/(n-1) over the lesser of r - (r-1)^2/(n-1), c likewise."""
    stats = pytest.importorskip("scipy.stats")
    r, c = np.shape(counts)
    n = np.sum(counts)
    row, column = np.divmod(np.repeat(np.arange(r * c), np.ravel(counts)), c)
    table = REAL.slice(0, n).set_column(0, "sector", pa.array([f"s{i}" for i in row]))
    table = table.set_column(1, "region", pa.array([f"r{i}" for i in column]))
    codes = mixed_codes(table, table, columns=("sector", "region"))
    _, corrected = cramers_v(codes.real)
    phi2 = stats.chi2_contingency(counts, correction=False).statistic / n
    less = phi2 - (r - 1) * (c - 1) / (n - 1)
    width = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    assert corrected[0, 1] == corrected[1, 0] == pytest.approx(np.sqrt(less / width))


def test_corrected_v_of_independent_columns_is_near_nothing():
    """Region is independent of sector: the corrected square has mean about 0, the plain has not.

    40 files of 300 rows: phi2 has mean 8 / 300 and standard deviation 4 / 300 for 5 x 3 levels, so
    the corrected V is 0 in over half of the files; fewer than 8 of 40 have a chance below 1e-5.
    """
    found = []
    for seed in range(40):
        table = mixed_table(300, seed)
        codes = mixed_codes(table, table, columns=("sector", "region"))
        found.append([v[0, 1] for v in cramers_v(codes.real)])
    plain, corrected = np.array(found).T
    assert plain.min() > 0
    assert np.count_nonzero(corrected == 0) >= 8


def test_correlation_ratio_equals_the_analysis_of_variance(codes):
    stats = pytest.importorskip("scipy.stats")
    found = associate(codes.real)
    sector, sales = np.array(REAL["sector"].to_pylist(), object), numbers_of(REAL, "sales")
    known = ~np.isnan(sales)
    groups = [sales[known & np.equal(sector, level)] for level in (None, "s0", "s1", "s2", "s3")]
    f = stats.f_oneway(*groups).statistic
    ratio = np.sqrt(1 / (1 + (known.sum() - 5) / (4 * f)))
    assert found.correlation_ratio[0, 3] == pytest.approx(ratio, abs=1e-12)
    h = stats.kruskal(*groups).statistic
    ranked = np.sqrt(h / (known.sum() - 1))
    assert found.rank_correlation_ratio[0, 3] == pytest.approx(ranked, abs=1e-9)
    assert np.isnan(found.correlation_ratio[3, 0])


def test_numbers_too_many_to_count_give_the_same_ratios(codes, monkeypatch):
    counted = correlation_ratios(codes.real)
    monkeypatch.setattr("gpusynth.evaluate.utility.level_numbers._MOST_CODES", 0)
    for a, b in zip(counted, correlation_ratios(codes.real), strict=True):
        assert np.allclose(a, b, rtol=0, atol=1e-12, equal_nan=True)


def test_strength_has_one_figure_for_each_pair(codes):
    found = associate(codes.real)
    strength = found.strength
    assert np.array_equal(strength, strength.T)
    assert not np.isnan(strength).any()
    assert strength[2, 3] == found.spearman[2, 3]
    assert strength[0, 1] == found.cramers_v_corrected[0, 1]
    assert strength[0, 3] == strength[3, 0] == found.rank_correlation_ratio[0, 3]
    assert [found.measure(0, j) for j in (1, 2)] == ["cramers_v", "correlation_ratio"]
    assert found.measure(2, 3) == "spearman"


def test_lost_structure_is_found(codes):
    (found,) = pair_associations(codes, n_worst=3)
    assert found.n_pairs == 6
    assert found.undefined == ()
    assert found.mean_difference > 2 * found.mean_expected_difference
    assert {frozenset(pair.columns) for pair in found.worst} == {
        frozenset(pair) for pair in (("sector", "staff"), ("sector", "sales"), ("staff", "sales"))
    }
    worst = found.worst[0]
    assert worst.difference < -5 * worst.expected_difference
    assert abs(worst.difference) == np.nanmax(np.abs(found.difference))


def test_a_resample_differs_as_much_as_expected():
    """40 resamples against 40 of the baseline; the ratio of means is 1 within a factor of 1.5.

    The mean of 6 pairs' differences has a relative standard deviation of 0.57 (measured), its
    mean over 40 files, on either side, 0.09: log(1.5) is three of sqrt(2) * 0.09.
    """
    rows = [np.random.default_rng(seed).integers(0, 800, 800) for seed in range(40)]
    found = pair_associations(mixed_codes(REAL, *(REAL.take(r) for r in rows)), n_bootstraps=40)
    ratio = np.mean([f.mean_difference for f in found]) / found[0].mean_expected_difference
    assert 1 / 1.5 < ratio < 1.5


def test_equal_files_and_holdout():
    codes = mixed_codes(REAL, REAL, holdout=mixed_table(800, 9))
    (found,) = pair_associations(codes, n_bootstraps=0)
    assert found.mean_difference == 0
    assert found.expected_difference is found.mean_expected_difference is None
    assert found.worst[0].expected_difference is None
    assert 0 < found.mean_holdout_difference < 0.1


def test_weights_equal_repeated_rows():
    """All but the corrected V, which knows that repeated rows are not independent ones."""
    found = [
        associate(mixed_codes(table, table, weighted=True, columns=columns).real)
        for table in (REAL, weighted_copies(REAL))
        for columns in [("sector", "region", "staff", "sales")]
    ]
    for name in ("pearson", "spearman", "correlation_ratio", "rank_correlation_ratio"):
        a, b = (getattr(one, name) for one in found)
        assert np.allclose(a, b, rtol=0, atol=1e-9, equal_nan=True), name
    assert found[0].cramers_v[0, 1] == pytest.approx(found[1].cramers_v[0, 1], abs=1e-9)
    table = mixed_codes(REAL, REAL, weighted=True).real
    weight = REAL["weight"].to_numpy()
    assert effective_rows(table) == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), rel=1e-6)


def test_pairs_that_do_not_vary_are_listed():
    constant = SYNTHETIC.set_column(1, "region", pa.array(["N"] * 700))
    constant = constant.set_column(3, "sales", pa.array([2.5] * 700))
    (found,) = pair_associations(mixed_codes(REAL, constant))
    assert set(found.undefined) == {
        ("sector", "region"),
        ("sector", "sales"),
        ("region", "staff"),
        ("region", "sales"),
        ("staff", "sales"),
    }
    assert found.n_pairs == 1
    assert len(found.worst) == 1
    assert np.isfinite(found.mean_difference)


@pytest.mark.parametrize(
    ("columns", "message"),
    [(("sector",), "need two columns"), (("region", "sales"), "no two columns vary")],
)
def test_what_has_no_association_says_so(columns, message):
    constant = SYNTHETIC.set_column(1, "region", pa.array(["N"] * 700))
    with pytest.raises(IncomputableMetricError, match=message):
        pair_associations(mixed_codes(REAL, constant, columns=columns))


def test_large_numbers_lose_no_digits():
    x = np.array([1e15 + i for i in range(5)])
    z = standardised(x, np.ones(5, np.int64))
    assert z == pytest.approx((np.arange(5) - 2) / np.sqrt(2), abs=1e-12)
    assert standardised(np.array([-1e200, 1e200]), np.array([1, 1])) == pytest.approx([-1, 1])
    assert standardised(x, np.array([0, 7, 0, 0, 0])) is None


def test_sparse_tables_equal_dense_ones(codes, monkeypatch):
    dense = cramers_v(codes.real)
    monkeypatch.setattr("gpusynth.evaluate.marginals._DENSE_CELLS", 0)
    monkeypatch.setattr("gpusynth.evaluate.marginals._CELLS_PER_ROW", 0)
    for a, b in zip(dense, cramers_v(codes.real), strict=True):
        assert np.allclose(a, b, rtol=0, atol=1e-12)
