"""Propensity models: golden values of synthpop, scipy, statsmodels, null behaviour, bad input."""

from __future__ import annotations

import builtins

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import BackendUnavailableError, IncomputableMetricError
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.utility.propensity import random_order, stack_rows
from gpusynth.evaluate.utility.propensity_boosting import propensity_boosting
from gpusynth.evaluate.utility.propensity_cart import propensity_cart
from gpusynth.evaluate.utility.propensity_logit import fit_logit, propensity_logit
from gpusynth.evaluate.utility.propensity_scores import score_statistics
from gpusynth.streams import Purpose, StreamKey
from tests.evaluate.mixed_files import mixed_codes, mixed_table, weighted_copies

REAL, SYNTHETIC = mixed_table(600, 1), mixed_table(500, 2, effect=0.2)
GOLDEN = {"pMSE": "pmse", "S_pMSE": "pmse_ratio", "SPECKS": "specks", "PO50": "po50", "U": "u"}


@pytest.fixture(scope="module")
def codes():
    return mixed_codes(REAL, SYNTHETIC)


@pytest.fixture(scope="module")
def golden_logits(firms, firm_schema):
    four = ("sector", "state", "immig", "exports")
    (main,) = propensity_logit(code_together(*firms, schema=firm_schema))
    (pairs,) = propensity_logit(code_together(*firms, schema=firm_schema, columns=four), order=1)
    return {"logit_main": main, "logit_2way_4cat": pairs}


@pytest.mark.parametrize("model", ["logit_main", "logit_2way_4cat"])
@pytest.mark.parametrize("statistic", GOLDEN)
def test_synthpop_golden_logit(golden_logits, expected, model, statistic):
    golden = expected["utility.gen"][model]
    found = golden_logits[model]
    assert getattr(found, GOLDEN[statistic]) == pytest.approx(golden[statistic], rel=1e-6)
    assert found.size == golden["ncoef"] - 1


@pytest.fixture(scope="module")
def golden_cart(firms, firm_schema):
    return propensity_cart(code_together(*firms, schema=firm_schema), n_permutations=40)[0]


@pytest.mark.parametrize("statistic", ["pMSE", "SPECKS", "PO50", "U"])
def test_synthpop_golden_cart(golden_cart, expected, statistic):
    """The tree is rpart's to the last leaf; only the permutations are random in synthpop."""
    golden = expected["utility.gen"]["cart_perm20"][statistic]
    assert getattr(golden_cart, GOLDEN[statistic]) == pytest.approx(golden, rel=1e-9)


def test_synthpop_golden_cart_ratio_is_near(golden_cart, expected):
    """Its 20 permutations and our 40 differ by chance.

    pMSE of permuted labels has a relative standard deviation of 0.08 here (measured), so the two
    means differ by sqrt(1/20 + 1/40) * 0.08 = 0.022; 0.12 is over five of that.
    """
    golden = expected["utility.gen"]["cart_perm20"]["S_pMSE"]
    assert golden_cart.pmse_ratio == pytest.approx(golden, rel=0.12)


def test_statistics_equal_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    p, t = rng.integers(0, 9, 200) / 9, rng.random(200) < 0.4
    found = score_statistics(p, t)
    assert found.u == stats.mannwhitneyu(p[t], p[~t]).statistic
    assert found.specks == pytest.approx(stats.ks_2samp(p[t], p[~t]).statistic)
    assert found.auc == pytest.approx(found.u / (t.sum() * (~t).sum()))
    assert found.pmse == pytest.approx(np.mean((p - t.mean()) ** 2))
    assert found.po50 == pytest.approx(100 * np.mean((p > 0.5) == t) - 50)
    low, high = found.auc_interval
    assert low < found.auc < high


def test_interval_of_the_auc_by_hand():
    """AUC 1/2 of m and n rows: variance ((m + n - 2) / 12 + 1/4) / (m n)."""
    p, t = np.tile([0.2, 0.8], 50), np.repeat([False, True], 50)
    low, high = score_statistics(p, t).auc_interval
    assert high - 0.5 == pytest.approx(1.959964 * np.sqrt((98 / 12 + 1 / 4) / 2500), rel=1e-6)
    assert low == pytest.approx(1 - high)


def test_weights_count_rows_by_their_weight():
    p, t = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])
    weight = np.array([3, 1, 2, 2])
    weighted, repeated = (
        score_statistics(p, t, weight.astype(float)),
        score_statistics(np.repeat(p, weight), np.repeat(t, weight)),
    )
    for name in ("pmse", "specks", "po50", "u", "auc"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name


def test_logit_equals_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(300), rng.normal(size=300), rng.exponential(1e4, 300)])
    y = (rng.random(300) < 1 / (1 + np.exp(-x[:, 1] - x[:, 2] / 2e4))).astype(float)
    w = rng.integers(1, 4, 300).astype(float)
    peer = sm.GLM(y, x, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-12)
    probability, rank = fit_logit(x, y, w)
    assert probability == pytest.approx(peer.fittedvalues, abs=1e-7)
    assert rank == 2


def test_collinear_and_separating_columns_do_not_break_the_fit():
    """The last column is the sum of two others; "a" occurs on one side only."""
    rng = np.random.default_rng(4)
    y = np.repeat([0.0, 1.0], 100)
    a = (np.arange(200) < 10).astype(float)
    b = rng.normal(size=200)
    x = np.column_stack([np.ones(200), a, b, a + b])
    probability, rank = fit_logit(x, y)
    assert rank == 2
    assert probability[:10].max() < 1e-4
    assert probability.sum() == pytest.approx(100, abs=1e-6)


@pytest.mark.parametrize(
    "model", [propensity_logit, propensity_cart, propensity_boosting], ids=lambda m: m.__name__
)
class TestEveryModel:
    def test_lost_structure_is_told_apart(self, model, codes):
        (found,) = model(codes)
        assert found.auc > found.expected_auc + 0.05
        assert found.auc_interval[0] > 0.5
        assert (found.n_real, found.n_synthetic) == (600, 500)
        assert found.left_out == ()
        if found.pmse_ratio is not None:
            assert found.pmse_ratio > 3
            assert found.pmse_ratio == pytest.approx(found.pmse / found.expected_pmse)

    def test_the_same_call_gives_the_same_figures(self, model, codes):
        assert model(codes, max_rows=300, seed=4) == model(codes, max_rows=300, seed=4)
        assert model(codes, max_rows=300, seed=4) != model(codes, max_rows=300, seed=5)

    def test_weights_take_part(self, model):
        (found,) = model(mixed_codes(REAL, SYNTHETIC, weighted=True))
        (plain,) = model(mixed_codes(REAL, SYNTHETIC))
        assert found.pmse != plain.pmse
        assert found.auc > 0.5

    def test_columns_with_one_level_are_left_out(self, model):
        both = [t.set_column(1, "region", pa.array(["N"] * t.num_rows)) for t in (REAL, SYNTHETIC)]
        (found,) = model(mixed_codes(*both))
        assert found.left_out == ("region",)
        with pytest.raises(IncomputableMetricError, match="single level in both files"):
            model(mixed_codes(*both, columns=("region",)))


def test_equal_rows_cannot_be_told_apart(codes):
    (logit,) = propensity_logit(mixed_codes(REAL, REAL))
    assert logit.pmse == pytest.approx(0, abs=1e-12)
    assert logit.auc == pytest.approx(0.5, abs=1e-9)
    (cart,) = propensity_cart(mixed_codes(REAL, REAL), n_permutations=2)
    assert cart.pmse == 0
    assert cart.importance == ()


def test_copies_of_real_rows_are_noted():
    """A real row that is held back meets its copy on the other side: an AUC below one half."""
    (found,) = propensity_boosting(mixed_codes(REAL, REAL))
    assert found.auc_interval[1] < 0.5
    assert "nearer to the real ones" in found.note


def test_boosting_has_no_bias_without_structure():
    """A second sample of the same population: the AUC of six has mean 1/2, or hardly less.

    An AUC of 400 and 400 rows has a standard deviation of 0.024 (measured over 30 samples, where
    the mean was 0.487: rows that are held back make those like them rarer in the rest), so six
    have one of 0.01; 0.04 leaves nearly three of it.
    """
    real = mixed_table(400, 20)
    others = [mixed_table(400, seed) for seed in range(30, 36)]
    found = propensity_boosting(mixed_codes(real, *others), n_trees=20)
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.04)


def test_permutations_give_boosting_an_expectation(codes):
    (found,) = propensity_boosting(codes, n_trees=10, n_folds=2, n_permutations=2)
    assert found.pmse_ratio == pytest.approx(found.pmse / found.expected_pmse)
    assert found.pmse_ratio > 2
    assert found.note == ""


def test_boosting_uses_one_thread(codes, monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    model = pytest.importorskip("sklearn.ensemble").HistGradientBoostingClassifier
    genuine, seen = model.fit, set()

    def fit(self, *args, **kwargs):
        seen.update(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
        return genuine(self, *args, **kwargs)

    monkeypatch.setattr(model, "fit", fit)
    propensity_boosting(codes, n_trees=1, n_folds=2)
    assert seen == {1}


def test_trees_name_the_columns_that_give_it_away(codes):
    (found,) = propensity_cart(codes, n_permutations=0)
    names = [name for name, _ in found.importance]
    assert set(names[:2]) == {"staff", "sales"}
    assert sum(share for _, share in found.importance) == pytest.approx(1)
    assert found.expected_pmse is found.pmse_ratio is found.expected_auc is None
    assert "without permutations" in found.note


def test_pairs_of_synthetic_files_are_a_null():
    """Files drawn from the real shares of each column, against pairs and against permutations.

    Both nulls are of two samples of 500 rows, 45 trees each. A pMSE has a relative standard
    deviation of 0.37 (measured), a mean of 45 one of 0.055, or about 0.08 for pairs, which share
    files; a factor of 1.5 is four of sqrt(0.055^2 + 0.08^2) on the scale of logarithms.
    """
    rng = np.random.default_rng(2)
    real = mixed_table(500, 3).select(["sector", "region", "weight"])
    files = [
        real.set_column(0, "sector", real["sector"].take(rng.integers(0, 500, 500))).set_column(
            1, "region", real["region"].take(rng.integers(0, 500, 500))
        )
        for _ in range(10)
    ]
    codes = mixed_codes(real, *files, columns=("sector", "region"))
    pairs = propensity_cart(codes, null="pairs", n_permutations=45, cp=0.0)
    first = CommonCodes(codes.real, codes.synthetic[:1])
    (permuted,) = propensity_cart(first, n_permutations=45, cp=0.0)
    assert pairs[0].pmse == permuted.pmse
    assert pairs[0].expected_pmse == pairs[9].expected_pmse
    ratio = pairs[0].expected_pmse / permuted.expected_pmse
    assert 1 / 1.5 < ratio < 1.5
    with pytest.raises(IncomputableMetricError, match="need two of them"):
        propensity_cart(mixed_codes(REAL, SYNTHETIC), null="pairs")


def test_missing_codes_are_told_apart_from_zero():
    """-8 instead of 0 in the synthetic file: the logit and the tree must see it."""
    staff = REAL["staff"].to_numpy()
    spoilt = REAL.set_column(2, "staff", pa.array(np.where(staff == 0, -8, staff)))
    codes = mixed_codes(REAL, spoilt, columns=("staff",))
    assert propensity_logit(codes)[0].auc > 0.6
    assert propensity_cart(codes, n_permutations=2)[0].auc > 0.55
    assert propensity_boosting(codes)[0].auc > 0.55


def test_logit_with_weights_has_no_expectation():
    (found,) = propensity_logit(mixed_codes(REAL, SYNTHETIC, weighted=True))
    assert found.expected_pmse is found.pmse_ratio is found.expected_auc is None
    assert "not known" in found.note


def test_weighted_logit_equals_repeated_rows():
    """Each file's weights are scaled to its rows, so repeat both by 2.5 on average."""
    weighted = mixed_codes(REAL, REAL.slice(0, 300), weighted=True, columns=("sector", "staff"))
    rows = stack_rows(weighted, 0)
    assert rows.weight[:600].sum() == pytest.approx(600)
    assert rows.weight[600:].sum() == pytest.approx(300)
    repeated = weighted_copies(REAL)
    half = weighted_copies(REAL.slice(0, 300))
    codes = mixed_codes(repeated, half, columns=("sector", "staff"))
    share = rows.share, stack_rows(codes, 0).share
    assert share[0] == pytest.approx(share[1], abs=0.02)
    found = [propensity_logit(c)[0] for c in (weighted, codes)]
    assert found[0].specks == pytest.approx(found[1].specks, abs=0.01)


def test_samples_of_rows():
    codes = mixed_codes(REAL, SYNTHETIC, SYNTHETIC)
    samples = [stack_rows(codes, number, max_rows=100, seed=1) for number in (0, 1)]
    first, second = samples
    assert np.array_equal(first.codes(3)[:100], second.codes(3)[:100])
    assert not np.array_equal(first.codes(3)[100:], second.codes(3)[100:])
    assert stack_rows(codes, 0, max_rows=None).real.n_rows == 600
    order = random_order(StreamKey(1, purpose=Purpose.EVALUATE), 50)
    assert sorted(order) == list(range(50))


def test_weights_that_a_sample_lacks_are_an_error():
    few = REAL.set_column(4, "weight", pa.array([0.0] * 599 + [1.0]))
    with pytest.raises(IncomputableMetricError, match="weight 0"):
        propensity_logit(mixed_codes(few, SYNTHETIC, weighted=True), max_rows=5)


def test_too_many_parameters_are_an_error(codes):
    with pytest.raises(IncomputableMetricError, match="more than max_parameters = 3"):
        propensity_logit(codes, max_parameters=3)


def test_rare_levels_share_the_reference(codes):
    (few,) = propensity_logit(codes, max_levels=2)
    (all_levels,) = propensity_logit(codes)
    assert few.size < all_levels.size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda c: propensity_boosting(c, n_folds=1), "n_folds"),
        (lambda c: propensity_logit(c, max_levels=1), "max_levels"),
    ],
)
def test_wrong_settings_are_refused(codes, arguments, message):
    with pytest.raises(ValueError, match=message):
        arguments(codes)


def test_fewer_rows_than_folds_are_an_error(codes):
    with pytest.raises(IncomputableMetricError, match="lower n_folds"):
        propensity_boosting(codes, max_rows=3)


def test_without_scikit_learn_the_extra_is_named(codes, monkeypatch):
    genuine = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BackendUnavailableError, match=r'pip install "gpusynth\[evaluate\]"'):
        propensity_boosting(codes)
