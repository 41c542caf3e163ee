"""Distance to the closest record, and membership inference by it."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.disclosure.closest import LEVELS, _clustered, closest_records
from gpusynth.evaluate.disclosure.gower import Gower
from gpusynth.evaluate.disclosure.intervals import sample_rows, wilson
from gpusynth.evaluate.disclosure.membership import (
    _attack,
    area_under_curve,
    membership_inference,
)
from tests.evaluate.disclosure.tables import common, mixed, plain_distances, population, table


@pytest.fixture(scope="module")
def files():
    """A real file, a holdout, rows of the population, and a file that copies half the real one."""
    columns = mixed(14)
    whole = population(columns, 3000, 11)
    real, holdout, fresh = (whole.take(slice(i, i + 1000)) for i in (0, 1000, 2000))
    rows = [np.stack(t.codes, axis=1) for t in (real, fresh)]
    copy = table(columns, np.concatenate((rows[0][:500], rows[1][:500])))
    return common(real, fresh, copy, holdout=holdout)


def test_quantiles_of_all_pairs(files):
    (fresh, _) = closest_records(files, n_compared=None, n_baseline=None)
    unit = Gower.of(files.real).unit * len(files.real.columns)
    plain = np.sort(plain_distances(files.synthetic[0], files.real), axis=1)
    assert fresh.to_real == pytest.approx(
        np.quantile(plain[:, 0] / unit, LEVELS, method="inverted_cdf")
    )
    ratio = np.where(plain[:, 1] > 0, plain[:, 0] / np.maximum(plain[:, 1], 1), 1.0)
    assert fresh.ratio == pytest.approx(np.quantile(ratio, LEVELS, method="inverted_cdf"))
    assert fresh.identical.value == pytest.approx((plain[:, 0] == 0).mean())
    own = plain_distances(files.real, files.real)
    np.fill_diagonal(own, 10**9)
    assert fresh.real_to_real == pytest.approx(
        np.quantile(own.min(axis=1) / unit, LEVELS, method="inverted_cdf")
    )
    other = np.sort(plain_distances(files.synthetic[0], files.holdout), axis=1)
    closer, tied = (plain[:, 0] < other[:, 0]).mean(), (plain[:, 0] == other[:, 0]).mean()
    assert closer <= fresh.holdout.closest_is_real.value <= closer + tied
    assert fresh.holdout.expected == 0.5
    assert fresh.holdout.share.value == pytest.approx(fresh.holdout.closest_is_real.value)
    assert fresh.holdout.to_holdout == pytest.approx(
        np.quantile(other[:, 0] / unit, LEVELS, method="inverted_cdf")
    )
    assert fresh.n_compared == fresh.n_real == 1000


def test_copies_are_found_and_fresh_rows_are_not(files):
    fresh, copy = closest_records(files, n_compared=None)
    assert fresh.holdout.share.low < 0.5 < fresh.holdout.share.high
    assert copy.holdout.share.low > 0.65
    assert copy.identical.value >= 0.5
    assert copy.holdout.holdout_identical == fresh.holdout.holdout_identical


def test_share_is_fair_when_the_sizes_differ():
    """Ten pairs of independent files, one longer; false alarms of 20 intervals of 99.9 %: 2 %.

    Many rows are equal here, so ties must be broken fairly.
    """
    columns = mixed(6)
    shares = []
    for seed in range(10):
        whole = population(columns, 1500, 50 + seed)
        real, holdout = whole.take(slice(0, 1000)), whole.take(slice(1000, 1200))
        made = whole.take(slice(1200, 1500))
        for first, second in ((real, holdout), (holdout, real)):
            (found,) = closest_records(common(first, made, holdout=second), confidence=0.999)
            assert found.holdout.expected == first.n_rows / 1200
            assert found.holdout.share.low < 0.5 < found.holdout.share.high
            shares.append(found.holdout.share.value)
    assert abs(np.mean(shares) - 0.5) < 0.05


def test_interval_knows_that_few_rows_are_closest_to_many():
    """400 synthetic rows, 60 others; 95 % is nominal, 33 or fewer of 40 a false alarm 1 in 300.

    With independent trials 82 % of such intervals hold, and 33 of these.
    """
    columns = mixed(14)
    hits = 0
    for seed in range(40):
        whole = population(columns, 460, 900 + seed)
        real, holdout, made = (whole.take(slice(*ends)) for ends in ((0, 30), (30, 60), (60, 460)))
        (found,) = closest_records(common(real, made, holdout=holdout), n_baseline=20)
        hits += found.holdout.share.low < 0.5 < found.holdout.share.high
    assert hits > 33


def test_trials_that_an_interval_is_worth():
    """Four draws of rows 0, 0, 1, 2 of ten: 1 / ((4 + 1 + 1) / 16 - 1 / 10) = 3.64 trials."""
    is_real = np.array([True, True, False, True])
    found = _clustered(np.array([0, 0, 1, 2]), is_real, 10, 0.95)
    expected = wilson(0.75 / 0.275, 1 / 0.275, confidence=0.95)
    assert (found.value, found.n) == (0.75, 4)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    # Never more than there are draws: each row once, of as many rows or of many more.
    four = wilson(3, 4, confidence=0.95)
    for n_all in (4, 1000):
        even = _clustered(np.arange(4), is_real, n_all, 0.95)
        assert (even.low, even.high) == pytest.approx((four.low, four.high), rel=0.01)
        assert even.low >= four.low - 1e-12


def test_share_tells_how_many_rows_are_copies(files):
    """Half of the rows are copies; a holdout of a tenth of the real file tells it too."""
    few = common(*(files.real, files.synthetic[1]), holdout=files.holdout.take(slice(0, 100)))
    for codes, place in ((files, 1), (few, 0)):
        share = closest_records(codes, n_compared=None)[place].holdout.share
        assert share.low < (1 + 0.5) / 2 < share.high


def test_samples_are_stated_and_repeatable(files):
    first, _ = closest_records(files, n_compared=100, n_baseline=50)
    again, _ = closest_records(files, n_compared=100, n_baseline=50)
    other, _ = closest_records(files, n_compared=100, n_baseline=50, seed=1)
    assert first == again != other
    assert (first.n_compared, first.n_real_compared) == (100, 50)


def test_without_holdout_there_is_no_comparison(files):
    (found,) = closest_records(common(files.real, files.synthetic[0]))
    assert found.holdout is None
    with pytest.raises(IncomputableMetricError, match="needs a holdout"):
        membership_inference(common(files.real, files.synthetic[0]))


def test_membership(files):
    fresh, copy = membership_inference(files)
    assert fresh.auc_low < 0.5 < fresh.auc_high
    assert fresh.advantage_low < 0 < fresh.advantage_high
    assert fresh.hits_at_low_rate < 0.05
    assert copy.auc_low > 0.6
    assert copy.advantage_low > 0.3
    assert copy.hits_at_low_rate > 0.3
    # half of the members are copied
    assert copy.advantage_high < 0.6


def test_membership_needs_rows(files):
    few = common(files.real.take(slice(0, 3)), files.synthetic[0], holdout=files.holdout)
    with pytest.raises(IncomputableMetricError, match="four rows"):
        membership_inference(few)
    some = common(files.real, files.synthetic[0], holdout=files.holdout.take(slice(0, 50)))
    assert membership_inference(some)[0].hits_at_low_rate is None


def test_area_equals_scikit_learn():
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 9, 70), rng.integers(2, 12, 50)
    area, low, high = area_under_curve(members, others)
    labels = np.repeat([1, 0], [70, 50])
    assert area == pytest.approx(roc_auc_score(labels, -np.concatenate((members, others))))
    assert low < area < high
    with pytest.raises(IncomputableMetricError, match="at least two"):
        area_under_curve(members, others[:1])


def test_delong_interval_holds_the_truth():
    """Shifted normals, 400 repeats: nominal 95 %; 3.5 deviations below is 91 % (1 in 4,000)."""
    rng = np.random.default_rng(5)
    truth = stats.norm.cdf(1 / sqrt(2))
    hits = 0
    for _ in range(400):
        _, low, high = area_under_curve(rng.normal(0, 1, 60), rng.normal(1, 1, 40))
        hits += low < truth < high
    assert hits / 400 > 0.91


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (250, 500)])
def test_wilson_equals_scipy(hits, n):
    rate = wilson(hits, n, confidence=0.9)
    low, high = stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-12)
    assert rate.value == hits / n


@pytest.mark.parametrize(("hits", "n", "confidence"), [(2, 1, 0.95), (0, 0, 0.95), (1, 2, 1.0)])
def test_wilson_refuses(hits, n, confidence):
    with pytest.raises(ValueError, match=r"got"):
        wilson(hits, n, confidence=confidence)


def test_sampled_rows():
    rows = sample_rows(1000, 100, seed=3, step=7)
    assert len(np.unique(rows)) == 100
    assert np.array_equal(rows, np.sort(rows))
    assert np.array_equal(sample_rows(5, 9, seed=3, step=7), np.arange(5))
    assert not np.array_equal(rows, sample_rows(1000, 100, seed=3, step=8))


def test_thresholds_are_judged_by_the_other_half():
    """Even places call up to 0 members, which finds none at the odd ones; odd ones up to 2."""
    members, others = np.tile([0, 2], 4), np.tile([3, 4], 4)
    found = _attack(members, others, 0.95)
    assert (found.advantage, found.advantage_low, found.advantage_high) == (0.5, 0.5, 0.5)
    assert found.auc == 1.0
