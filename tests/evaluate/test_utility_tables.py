"""synthpop's table statistics: golden values, one table by hand, invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.marginals import lay_out
from gpusynth.evaluate.metric import measure
from gpusynth.evaluate.utility.tables import (
    STATISTICS,
    TableUtility,
    cell_differences,
    table_statistics,
    table_utility,
)

TABLES = {
    "sector_state": ("sector", "state"),
    "sector_state_exports": ("sector", "state", "exports"),
    "sales_exports": ("sales", "exports"),
}


@pytest.fixture(scope="module")
def codes(firms, firm_schema):
    binning = Binning("synthpop", 5, spikes_apart=False)
    return code_together(*firms, schema=firm_schema, binning=binning)


@pytest.fixture(scope="module")
def made_up(made_up_firms, firm_schema):
    binning = Binning("synthpop", 5, spikes_apart=False)
    return code_together(*made_up_firms, schema=firm_schema, binning=binning)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("table", TABLES)
def test_synthpop_golden(codes, expected, table, statistic):
    columns = TABLES[table]
    (result,) = table_utility(codes, len(columns), marginals=[columns])
    golden = expected["utility.tab"][table][statistic]
    assert result.breakdown[statistic][0] == pytest.approx(golden, rel=1e-9)


def test_expectations_of_ratios():
    """Rows drawn from the real shares, and second samples of the population, three times as long.

    12 cells, 400 tables: a ratio has a standard deviation of about sqrt(2 / 11) = 0.43 times its
    mean, the mean of 400 one of 0.021 of it; 0.1 is over four of them.
    """
    rng = np.random.default_rng(1)
    share = rng.dirichlet(np.full(12, 3.0))
    right = {name: [] for name in ("S_VW", "S_FT", "S_G", "S_JSD", "S_WMabsDD")}
    second = {name: [] for name in right}
    real = rng.multinomial(2000, share)
    for _ in range(400):
        for found, pair in (
            (right, (real, rng.multinomial(6000, real / 2000))),
            (second, (rng.multinomial(2000, share), rng.multinomial(6000, share))),
        ):
            statistics = table_statistics(*pair)
            for name, values in found.items():
                values.append(statistics[name])
    for name in ("S_VW", "S_FT", "S_G"):
        assert np.mean(right[name]) == pytest.approx(1, rel=0.1)
        assert np.mean(second[name]) == pytest.approx(1 + 3, rel=0.1)
    assert np.mean(right["S_JSD"]) == pytest.approx(0.52 / 0.75, rel=0.1)
    assert np.mean(right["S_WMabsDD"]) == pytest.approx(12 / 11, rel=0.1)


def test_by_hand():
    """Cells d = (3, 1, 0), s = (1, 1, 2): c = 1/2, e = (2, 1, 1), D = (-2, 0, 2)."""
    found = table_statistics(np.array([3, 1, 0, 0]), np.array([1, 1, 2, 0]))
    assert found["VW"] == pytest.approx(4 / 2 + 0 + 4)
    assert found["df"] == 2
    assert found["S_pMSE"] == found["S_VW"] == pytest.approx(3)
    assert found["pMSE"] == pytest.approx(6 * 0.5 * 0.25 / 8)
    assert found["FT"] == pytest.approx(4 * ((math.sqrt(3) - 1) ** 2 + 2))
    assert found["MabsDD"] == pytest.approx(1)
    # scores 1/4, 1/2, 1: cumulative shares of s (1/4, 1/2, 1), of d (3/4, 1, 1)
    assert found["SPECKS"] == pytest.approx(0.5)
    # pairs in which the synthetic row has the higher score, ties one half: 1.5 + 3.5 + 2 * 4
    assert found["U"] == pytest.approx(13)
    # p_s > p_d in the third cell only
    assert found["PO50"] == pytest.approx(100 * (2 + 4) / 8 - 50)
    assert found["dBhatt"] == pytest.approx(
        math.sqrt(1 - math.sqrt(3 / 4 * 1 / 4) - math.sqrt(1 / 16))
    )
    # G over the first two cells, shares of s (1/2, 1/2) and of d (3/4, 1/4)
    assert found["G"] == pytest.approx(2 * (math.log(2 / 3) + math.log(2)))
    assert found["dfG"] == 1
    jsd = (
        0.75 * math.log2(0.75 / 0.5) + 0.25 * math.log2(0.25 / 0.5) + 0.5 * math.log2(0.5 / 0.25)
    ) / 2
    assert found["JSD"] == pytest.approx(jsd)
    assert found["S_JSD"] == pytest.approx(2 * 8 * jsd / 2 / math.log(2))
    assert table_statistics(np.array([3, 1]), np.array([1, 1]), n_rows_fixed=False)["df"] == 2


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=12))
def test_scores_equal_scipy(cells):
    stats = pytest.importorskip("scipy.stats")
    d, s = np.array(cells).T
    if d.sum() == 0 or s.sum() == 0:
        return
    found = table_statistics(d, s)
    keep = (d > 0) | (s > 0)
    score = s[keep] / (s[keep] + d[keep])
    synthetic, real = np.repeat(score, s[keep]), np.repeat(score, d[keep])
    ks = stats.ks_2samp(synthetic, real, method="asymp")
    assert found["SPECKS"] == pytest.approx(ks.statistic)
    assert found["U"] == pytest.approx(
        stats.mannwhitneyu(synthetic, real, method="asymptotic").statistic
    )


def test_equal_files_differ_in_nothing(made_up):
    same = CommonCodes(made_up.real, (made_up.real,))
    (result,) = table_utility(same, 2)
    for statistic in ("VW", "FT", "G", "JSD", "SPECKS", "MabsDD", "WMabsDD", "dBhatt", "pMSE"):
        assert np.allclose(result.breakdown[statistic], 0, atol=1e-7)
    assert result.expected == 1.0


@pytest.mark.parametrize(("resampled", "ratio"), [(True, 1.0), (False, 2.0)])
def test_ratio_of_a_resample_is_one_and_of_a_second_sample_two(resampled, ratio):
    """S_pMSE is chi-squared(29) / 29 in the limit when rows are drawn from the real shares.

    A second sample of the population is twice as far from the first as a resample of it. The mean
    of 400 tables has standard error ``ratio * sqrt(2 / 29 / 400)``; four of them are exceeded in
    one seed of 16,000.
    """
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.full(30, 5.0))
    ratios = []
    for _ in range(400):
        real = rng.multinomial(20_000, shares)
        synthetic = rng.multinomial(20_000, real / real.sum() if resampled else shares)
        ratios.append(table_statistics(real, synthetic)["S_pMSE"])
    assert np.mean(ratios) == pytest.approx(ratio, abs=4 * ratio * math.sqrt(2 / 29 / 400))


def test_blocks_change_nothing(made_up):
    real, synthetic = made_up.real, made_up.synthetic[0]
    metric = TableUtility(lay_out(real.n_codes, np.array([[0, 1], [0, 5]]), n_rows=600), real.names)
    whole = measure(metric, [(real, synthetic)])
    blocks = zip(real.blocks(120), synthetic.blocks(100), strict=True)
    parts = measure(metric, blocks)
    assert all(np.array_equal(whole.breakdown[x], parts.breakdown[x]) for x in STATISTICS)


def test_cell_differences_square_to_vw(made_up):
    real, synthetic = made_up.real, made_up.synthetic[0]
    metric = TableUtility(lay_out(real.n_codes, np.array([[0, 1]]), n_rows=600), real.names)
    pair = metric.partial(real, synthetic)
    cells, z = cell_differences(pair, 0)
    assert np.sum(z**2) == pytest.approx(metric.finalize(pair).breakdown["VW"][0])
    assert cells.max(axis=0).tolist() == [4, 3]


def test_constant_columns_and_weights_cannot_be_tested(made_up):
    with pytest.raises(IncomputableMetricError, match="no rows"):
        table_statistics(np.array([1, 0]), np.array([0, 0]))
    real = made_up.real
    metric = TableUtility(lay_out([1], np.zeros((1, 1)), n_rows=2), ("x",))
    constant = type(real)(real.columns[:1], (np.zeros(2, np.uint8),), 2)
    with pytest.raises(IncomputableMetricError, match="single cell"):
        measure(metric, [(constant, constant)])
    weighted = type(real)(constant.columns, constant.codes, 2, np.ones(2, np.int64))
    with pytest.raises(IncomputableMetricError, match="no weighted version"):
        metric.partial(weighted, weighted)
