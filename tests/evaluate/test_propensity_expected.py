"""What a propensity model is expected to find in a right synthesis, whole files and samples."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.utility.propensity_cart import propensity_cart
from gpusynth.evaluate.utility.propensity_logit import propensity_logit
from tests.evaluate.mixed_files import mixed_codes, mixed_table


def test_expected_pmse_of_a_right_synthesis():
    """Synthetic rows drawn from the model of the real ones have ratio 1, as do their AUCs.

    Columns are independent in the model, so the model is "shares of each column": 60 syntheses of
    400 rows. k = 6 parameters give the ratio a standard deviation of sqrt(2 / 6) = 0.58, its mean
    one of 0.075; the band of 4 of them raises a false alarm once in 15,000 seeds. The mean AUC has
    a standard error below 0.002, of which 0.01 is five.
    """
    rng = np.random.default_rng(8)
    names = ("sector", "region")
    real = mixed_table(400, 3)
    synthetic = [
        real.set_column(0, "sector", real["sector"].take(rng.integers(0, 400, 400))).set_column(
            1, "region", real["region"].take(rng.integers(0, 400, 400))
        )
        for _ in range(60)
    ]
    found = propensity_logit(mixed_codes(real, *synthetic, columns=names))
    assert found[0].size == 6
    assert np.mean([one.pmse_ratio for one in found]) == pytest.approx(1, abs=0.3)
    auc = np.mean([one.auc for one in found])
    assert auc == pytest.approx(found[0].expected_auc, abs=0.01)


def test_expected_pmse_and_auc_of_a_logit_by_hand():
    """V = k (1 - f c) / (N c (1 - c)): E(pMSE) = (c (1 - c))^2 V, AUC = Phi(sqrt(V / 2))."""
    stats = pytest.importorskip("scipy.stats")
    codes = mixed_codes(mixed_table(600, 3), mixed_table(300, 4), columns=("sector", "region"))
    for max_rows, n_real, f in ((None, 600, 1.0), (400, 400, 400 / 600)):
        (found,) = propensity_logit(codes, max_rows=max_rows)
        n, c = n_real + 300, 300 / (n_real + 300)
        spread = found.size * (1 - f * c) / (n * c * (1 - c))
        assert found.expected_pmse == pytest.approx((c * (1 - c)) ** 2 * spread, rel=1e-12)
        assert found.expected_auc == pytest.approx(stats.norm.cdf(np.sqrt(spread / 2)), rel=1e-12)


def test_as_many_parameters_as_are_allowed():
    codes = mixed_codes(mixed_table(600, 3), mixed_table(300, 4), columns=("sector", "region"))
    (found,) = propensity_logit(codes)
    assert propensity_logit(codes, max_parameters=found.size) == (found,)
    with pytest.raises(IncomputableMetricError, match="parameters, more than max_parameters"):
        propensity_logit(codes, max_parameters=found.size - 1)


@pytest.mark.parametrize(("n_real", "n_synthetic", "max_rows"), [(800, 800, 200), (800, 300, 300)])
def test_expected_pmse_of_a_sample_of_the_real_rows(n_real, n_synthetic, max_rows):
    """A sample of the real rows misses what the synthetic rows were drawn from, so both vary.

    60 syntheses by the shares of sector and region, k = 6, as above: 0.3 is four standard
    errors of 0.075. Without the allowance the ratios are 1.75 and 1.6.
    """
    rng = np.random.default_rng(9)
    real = mixed_table(n_real, 5)
    drawn = [
        pa.table(
            {
                name: real[name].take(rng.integers(0, n_real, n_synthetic))
                for name in real.column_names
            }
        )
        for _ in range(60)
    ]
    codes = mixed_codes(real, *drawn, columns=("sector", "region"))
    # each file gets a sample of the real rows of its own, as one file and another seed would
    found = [
        propensity_logit(CommonCodes(codes.real, (one,)), max_rows=max_rows, seed=number)[0]
        for number, one in enumerate(codes.synthetic)
    ]
    assert np.mean([one.pmse_ratio for one in found]) == pytest.approx(1, abs=0.3)
    auc = np.mean([one.auc for one in found])
    assert auc == pytest.approx(found[0].expected_auc, abs=0.01)


def test_expected_pmse_of_a_tree_knows_the_lengths_of_the_files():
    """Permuted labels of c and of 1 - c are alike; what is expected is 1 - f c of their pMSE.

    40 permutations of a relative standard deviation below 0.15 (measured): the ratio of two means
    has one of 0.035, and 0.15 is over four of it. A half for both would give a ratio of 1.
    """
    few, many = mixed_table(300, 11), mixed_table(900, 12)
    expected = [
        propensity_cart(mixed_codes(*files), n_permutations=40, **rows)[0].expected_pmse
        for files, rows in (
            ((few, many), {}),
            ((many, few), {}),
            ((pa.concat_tables([few] * 3), many), {"max_rows": 300}),
            ((few, many), {"max_rows": 300}),
        )
    ]
    assert expected[1] / expected[0] == pytest.approx(0.75 / 0.25, rel=0.15)
    assert expected[2] / expected[3] == pytest.approx((1 - 1 / 6) / (1 - 1 / 2), rel=0.25)
