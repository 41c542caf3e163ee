"""The three definitions against R 4.2: bw.SJ, smooth.spline and a mean of five by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import gaussian_kde
from threadpoolctl import threadpool_limits

from gpusynth.methods.smoothing.bandwidth import bandwidth_of
from gpusynth.methods.smoothing.running_mean import running_mean
from gpusynth.methods.smoothing.spline import _default_knots, smoothing_spline


def scores(n):
    """Normal scores of a golden-ratio sequence: the same numbers in R and here."""
    return ndtri((np.arange(1, n + 1) * 0.6180339887498949) % 1)


@dataclass(frozen=True)
class Golden:
    numbers: np.ndarray
    total: float  # shows that R smoothed the same numbers
    bandwidth: float  # bw.SJ(y, tol = 1e-12 * sd(y))
    default_bandwidth: float  # bw.SJ(y)
    spline: tuple[float, ...]  # at round(seq(1, n, length.out = 9))
    means: tuple[float, ...]

    @property
    def places(self):
        return np.rint(np.linspace(1, len(self.numbers), 9)).astype(int) - 1

    @property
    def counted(self):
        return np.unique(self.numbers, return_counts=True)


GOLDEN = {
    "temperature": Golden(
        np.round(50 + 10 * scores(30), 1),
        1514.9,
        6.11608866686,
        6.1158409819,
        (31.8, 40.9, 43.9, 47.9, 51, 53, 56.5, 60.5, 70.3),
        (34.53333333, 40.18, 43.84, 47.58, 50.9, 53.16, 57, 61.02, 66.83333333),
    ),
    "price": Golden(
        np.round(np.exp(3 + scores(300)), 2),
        9778.22,
        3.44012924668,
        3.43820448466,
        (
            1.117685214,
            6.427249307,
            10.29738306,
            14.64968224,
            20.03397222,
            27.51678362,
            39.24643908,
            62.91621003,
            307.8504404,
        ),
        (1.54, 6.432, 10.298, 14.666, 20.028, 27.558, 39.272, 62.97, 258.8966667),
    ),
    "age": Golden(
        np.round(45 + 15 * scores(1500)),
        67487,
        3.87853959925,
        3.87854762512,
        (
            -2.439572757,
            27.84184497,
            35.10847458,
            39.86142977,
            44.97163301,
            50.14630895,
            54.92882747,
            61.9565624,
            94.41149855,
        ),
        (-0.3333333333, 28, 35, 40, 45, 50, 55, 62, 91.66666667),
    ),
    "payroll": Golden(
        np.round(np.exp(7 + 0.5 * scores(5000))),
        6210567,
        78.6038687587,
        78.60717676,
        (
            186.2155583,
            617.2008318,
            782.6537173,
            935.0496967,
            1096.731426,
            1285.597221,
            1535.998262,
            1948.366203,
            6038.734381,
        ),
        (194, 617.2, 782.6, 935, 1096.6, 1285.6, 1535.8, 1948, 5943),
    ),
}


@pytest.fixture(params=GOLDEN, name="golden_numbers")
def _golden_numbers(request):
    golden = GOLDEN[request.param]
    assert golden.numbers.sum() == pytest.approx(golden.total, abs=1e-6)
    return golden


def test_bandwidth_is_the_one_of_r(golden_numbers):
    found = bandwidth_of(*golden_numbers.counted)
    assert found == pytest.approx(golden_numbers.bandwidth, rel=1e-6)
    # R's default stops within 0.01 * 1.144 * min(sd, IQR / 1.349) * n^-0.2 of the root.
    y = golden_numbers.numbers
    slack = 0.01 * 1.144 * y.std(ddof=1) * len(y) ** -0.2
    assert abs(found - golden_numbers.default_bandwidth) <= slack


def test_spline_is_the_one_of_r(golden_numbers):
    """Penalties are searched to 1e-4 on both sides: values agree to 2e-4 standard deviations."""
    ascending = np.sort(golden_numbers.numbers)
    found = smoothing_spline(ascending)[golden_numbers.places]
    np.testing.assert_allclose(found, golden_numbers.spline, rtol=0, atol=2e-4 * ascending.std())


def test_running_mean_is_the_mean_of_five(golden_numbers):
    ascending = np.sort(golden_numbers.numbers)
    found = running_mean(ascending, 5)[golden_numbers.places]
    np.testing.assert_allclose(found, golden_numbers.means, rtol=1e-8)


def test_running_mean_by_its_plain_definition():
    ascending = np.sort(np.random.default_rng(1).normal(size=40))
    for window in (3, 7, 101):
        half = window // 2
        plain = [ascending[max(0, i - half) : i + half + 1].mean() for i in range(40)]
        np.testing.assert_allclose(running_mean(ascending, window), plain, rtol=1e-12)


@pytest.mark.parametrize("deviation", [0.5, 1.0, 2.0, 3.0])
def test_bandwidth_of_skewed_numbers_is_sensible(deviation):
    """R's 1000 bins give 0.03 of Silverman's bandwidth and less; more bins do not."""
    numbers = np.exp(5 + deviation * scores(100_000))
    counted = np.unique(numbers, return_counts=True)
    quartiles = np.subtract(*np.percentile(numbers, [75, 25]))
    silverman = 0.9 * quartiles / 1.34 * len(numbers) ** -0.2
    assert 0.05 * silverman < bandwidth_of(*counted) < 1.1 * silverman
    if deviation >= 2.0:
        assert bandwidth_of(*counted, n_bins=1000) < 0.01 * silverman


def test_bandwidth_where_the_equation_has_no_root():
    """Silverman's rule: 3 of 4 numbers are equal, so that the quartiles are."""
    distinct, counts = np.array([0.0, 1.0]), np.array([300, 20])
    n, deviation = 320, np.repeat(distinct, counts).std(ddof=1)
    assert bandwidth_of(distinct, counts) == pytest.approx(0.9 * deviation * n**-0.2)
    assert bandwidth_of(distinct[:1], counts[:1]) == 0.0


def test_density_of_smoothed_numbers_is_the_kernel_estimate():
    """Adding normal numbers draws from the kernel estimate: compared at its own quantiles."""
    golden = GOLDEN["payroll"]
    h = bandwidth_of(*golden.counted)
    random = np.random.default_rng(2)
    moved = np.repeat(golden.numbers, 20) + h * random.normal(size=100_000)
    estimate = gaussian_kde(golden.numbers, bw_method=h / golden.numbers.std(ddof=1))
    for place in (400, 800, 1200, 2500):
        expected = estimate.integrate_box_1d(-np.inf, place)
        # Four standard errors: false alarms in 6 of 100,000 seeds for each place.
        error = 4 * np.sqrt(expected * (1 - expected) / 100_000)
        assert abs(np.mean(moved <= place) - expected) <= error


@pytest.mark.parametrize("n", [4, 5, 49, 50, 199, 200, 801, 3300, 20_000])
def test_spline_keeps_a_straight_line(n):
    line = 3.0 + 2.0 * np.arange(n)
    np.testing.assert_allclose(smoothing_spline(line), line, rtol=1e-7)


def test_threads_do_not_matter():
    ascending = np.sort(np.exp(scores(30_000)))
    results = []
    for n_threads in (1, 2):
        with threadpool_limits(limits=n_threads):
            counted = np.unique(np.round(ascending, 2), return_counts=True)
            results.append((smoothing_spline(ascending).tobytes(), bandwidth_of(*counted)))
    assert results[0] == results[1]


@pytest.mark.parametrize("n", [4, 6, 11, 25, 49, 50, 75, 300])
def test_spline_of_any_numbers_is_finite(n):
    """Few numbers, jumps and ties: where the score of the penalty degenerates."""
    random = np.random.default_rng(n)
    for numbers in (
        random.lognormal(0, 2, n),
        np.round(random.normal(size=n)) + np.arange(n) // (n - 1),
        np.where(np.arange(n) < n - 1, 0.0, 1e9),
    ):
        ascending = np.sort(numbers)
        fitted = smoothing_spline(ascending)
        assert np.isfinite(fitted).all()
        assert np.abs(fitted).max() <= 2 * np.abs(ascending).max()


def test_spline_residuals_follow_the_normal_equations():
    """The mean is kept: a constant is in the spline's space and is not penalised."""
    ascending = np.sort(np.random.default_rng(3).gamma(2, size=2000))
    for n_knots in (None, 4, 30):
        fitted = smoothing_spline(ascending, n_knots=n_knots)
        assert fitted.mean() == pytest.approx(ascending.mean(), rel=1e-9)
    assert np.array_equal(smoothing_spline(np.array([1.0, 5.0, 6.0])), [1.0, 5.0, 6.0])


def test_one_number_has_no_bandwidth():
    for count in (1, 5):
        assert bandwidth_of(np.array([3.0]), np.array([count])) == 0.0


@pytest.mark.parametrize(
    ("n", "n_knots"),
    [
        *[(49, 49), (51, 50), (100, 62), (199, 99), (201, 100), (500, 118), (799, 139), (801, 140)],
        *[(2000, 167), (3199, 199), (3200, 200), (4000, 203), (1_000_000, 215)],
    ],
)
def test_as_many_knots_as_r_takes(n, n_knots):
    """R 4.2, stats::.nknots.smspl."""
    assert _default_knots(n) == n_knots
