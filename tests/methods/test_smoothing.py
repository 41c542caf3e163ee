"""Smoothers: what they change, what they must not change, and that order never matters."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gpusynth.errors import BackendUnavailableError, DataError, PlanError
from gpusynth.methods.smoothing import Smoothing, fit_smoother, parse_smoothing
from gpusynth.streams import StreamKey, uniform
from gpusynth.table import Column, as_numbers, code_numbers, fit_codec
from gpusynth.table.sketch import sketch_batch

KINDS = ("spline", "rmean", "density")
KEY = StreamKey(seed=4, replicate=1, step=2)


def column(**given):
    return Column(**{"name": "pay", "kind": "numeric", "storage": "double", **given})


def wages(n=4000, seed=0):
    return np.round(np.random.default_rng(seed).lognormal(3, 0.8, n), 2)


def smoothed(kind, numbers, target=None, **choices):
    smoother = fit_smoother(Smoothing(kind=kind), numbers, column=target or column(), **choices)
    return smoother.apply(numbers, uniform(KEY, 0, len(numbers)))


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_change_a_little(kind):
    numbers = wages()
    result = smoothed(kind, numbers)
    assert np.mean(result != numbers) > 0.5
    assert np.corrcoef(np.argsort(np.argsort(result)), np.argsort(np.argsort(numbers)))[0, 1] > 0.99


def test_none_changes_nothing():
    numbers = wages()
    smoother = fit_smoother(Smoothing(), numbers, column=column())
    assert not smoother.changes_numbers
    result = smoother.apply(numbers, uniform(KEY, 0, len(numbers)))
    assert np.array_equal(result, numbers)
    assert result is not numbers


@pytest.mark.parametrize("kind", KINDS)
def test_neither_order_nor_blocks_matter(kind):
    numbers, shares = wages(), uniform(KEY, 0, 4000)
    target = column(decimals=2)
    whole = fit_smoother(Smoothing(kind=kind), numbers, column=target).apply(numbers, shares)
    order = np.random.default_rng(1).permutation(4000)
    shuffled = fit_smoother(Smoothing(kind=kind), numbers[order], column=target)
    for part in np.array_split(order, [1, 700, 3000]):
        assert np.array_equal(shuffled.apply(numbers[part], shares[part]), whole[part])


@pytest.mark.parametrize("kind", ["spline", "rmean"])
def test_equal_numbers_become_one_number(kind):
    numbers = np.round(wages())
    result = smoothed(kind, numbers)
    pairs = np.unique(np.column_stack([numbers, result]), axis=0)
    assert len(pairs) == len(np.unique(numbers))


@pytest.mark.parametrize("kind", KINDS)
def test_decimals(kind):
    result = smoothed(kind, wages(), column(decimals=1))
    assert np.array_equal(result, np.round(result, 1))
    whole = smoothed(kind, np.round(wages()), column(kind="integer", storage="int64"))
    assert np.array_equal(whole, np.rint(whole))


@pytest.mark.parametrize("kind", KINDS)
def test_bounds(kind):
    numbers = np.clip(wages(), 5.0, 60.0)
    numbers = numbers[(numbers > 5.0) & (numbers < 60.0)]
    result = smoothed(kind, numbers, column(bounds=(5.25, 59.75)))
    assert result.min() >= 5.25
    assert result.max() <= 59.75
    whole = column(kind="integer", storage="int64", bounds=(5.5, 40.5))
    result = smoothed(kind, np.rint(numbers[numbers < 40]), whole)
    assert result[numbers[numbers < 40] > 6].min() >= 6
    assert result.max() <= 40


@pytest.mark.parametrize("kind", KINDS)
def test_range_of_the_numbers(kind):
    numbers = wages()
    smoother = fit_smoother(Smoothing(kind=kind), numbers, column=column())
    result = smoother.apply(numbers, uniform(KEY, 0, len(numbers)))
    assert result.min() >= numbers.min()
    assert result.max() <= numbers.max() + smoother.bandwidth


def test_density_keeps_to_the_real_range():
    smoother = fit_smoother(
        Smoothing(kind="density"), wages(), column=column(), real_range=(1.0, 5000.0)
    )
    far = np.array([1.0, 5000.0] * 500)
    result = smoother.apply(far, uniform(KEY, 0, 1000))
    assert result.min() == 1.0
    assert result.max() == 5000.0 + smoother.bandwidth


@pytest.mark.parametrize("kind", KINDS)
def test_top_code_is_left_alone(kind):
    """More than 11 times as frequent as the next number; at 11 times it is none."""
    below = np.repeat(np.arange(10.0, 60.0), 20)
    numbers = np.concatenate([below, np.full(221, 60.0)])
    result = smoothed(kind, numbers)
    assert np.array_equal(result == 60.0, numbers == 60.0)
    assert result.max() == 60.0
    assert np.mean(result != numbers) > 0.02
    ordinary = np.concatenate([below, np.full(220, 60.0)])
    assert fit_smoother(Smoothing(kind=kind), ordinary, column=column()).left_alone.size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_frequent_number_is_left_alone(kind):
    random = np.random.default_rng(3)
    numbers = np.where(np.arange(1000) < 701, 40.0, random.normal(40, 10, 1000))
    random.shuffle(numbers)
    result = smoothed(kind, numbers)
    assert np.array_equal(result == 40.0, numbers == 40.0)
    at_most = np.where(np.arange(1000) < 700, 40.0, random.normal(40, 10, 1000))
    assert fit_smoother(Smoothing(kind=kind), at_most, column=column()).left_alone.size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_becomes_a_spike_or_a_missing_code(kind):
    numbers = np.rint(np.random.default_rng(5).normal(0, 12, 5000))
    numbers = numbers[~np.isin(numbers, [-9, 0, 10])]
    target = column(kind="integer", storage="int64", missing_codes=(-9,), spikes=(0.0, 10.0))
    result = smoothed(kind, numbers, target)
    assert not np.isin(result, [-9, 0, 10]).any()


def test_decimal_storage_is_smoothed_in_its_units():
    """decimal128(9, 2) holds cents; one decimal means tens of cents, bounds mean money."""
    target = column(storage="decimal128(9, 2)", decimals=1, bounds=(0, 50), missing_codes=(20,))
    numbers = np.rint(wages() * 10) * 10
    numbers = numbers[(numbers <= 5000) & (numbers != 2000)]
    result = smoothed("density", numbers, target)
    assert np.array_equal(result % 10, np.zeros(len(result)))
    assert result.min() >= 0
    assert result.max() <= 5000
    assert not (result == 2000).any()


@pytest.mark.parametrize(
    ("kind", "storage", "unit"),
    [
        ("date", "date32[day]", 1),
        ("date", "date64[ms]", 86_400_000),
        ("timestamp", "timestamp[us]", 10**6),
    ],
)
def test_points_in_time_keep_their_unit(kind, storage, unit):
    random = np.random.default_rng(6)
    numbers = np.rint(random.normal(15_000, 900, 3000)) * unit
    result = smoothed("density", numbers, column(kind=kind, storage=storage))
    assert np.array_equal(result % unit, np.zeros(3000))
    assert np.mean(result != numbers) > 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [3000, 90_000])
def test_a_column_from_codes_to_codes(kind, n):
    """As an engine does it: ordinary rows are smoothed and coded again; 90,000 are binned."""
    random = np.random.default_rng(8)
    pay = random.permutation(n) / 100 + np.round(random.lognormal(3, 1, n), 2)
    pay[::7], pay[1::50] = 0.0, -8.0
    target = column(missing_codes=(-8,), spikes=(0.0,), bounds=(0, None), decimals=2)
    codec = fit_codec(target, sketch_batch(pa.array(np.round(pay, 2))).finalize())
    codes, values = codec.encode(pa.array(np.round(pay, 2)))
    ordinary = codes >= codec.n_special
    numbers = as_numbers(codec, codes, values)[ordinary]
    smoother = fit_smoother(Smoothing(kind=kind), numbers, column=target)
    rows = np.flatnonzero(ordinary)
    coded, made = code_numbers(codec, smoother.apply(numbers, uniform(KEY, 0, n)[rows]))
    assert (coded >= codec.n_special).all()
    codes[rows] = coded
    whole = np.zeros(n) if values is None else values
    whole[rows] = made
    result = codec.decode(codes, whole).to_numpy()
    assert np.array_equal(result == 0.0, pay == 0.0)
    assert np.array_equal(result == -8.0, pay == -8.0)
    assert np.array_equal(result, np.round(result, 2))
    assert result[rows].min() > 0
    assert np.mean(result[rows] != numbers) > (0.5 if n == 3000 else 0.0)


@given(
    st.lists(st.integers(-40, 40), max_size=60),
    st.sampled_from(KINDS),
    st.sampled_from([None, (-20, 20)]),
)
def test_any_numbers(values, kind, bounds):
    low, high = bounds or (-40, 40)
    numbers = np.clip(np.array(values, float), low, high)
    target = column(kind="integer", storage="int64", bounds=bounds, spikes=(7.0,))
    smoother = fit_smoother(Smoothing(kind=kind), numbers, column=target)
    result = smoother.apply(numbers, uniform(KEY, 0, len(numbers)))
    assert np.array_equal(result, np.rint(result))
    assert np.array_equal(result == 7.0, numbers == 7.0)
    if len(numbers):
        assert result.min() >= numbers.min()
        assert result.max() <= (high if bounds else numbers.max() + smoother.bandwidth + 0.5)


def test_a_fixed_bandwidth_is_used():
    numbers = np.linspace(0, 1000, 2001)
    smoother = fit_smoother(Smoothing(kind="density", bandwidth=2.0), numbers, column=column())
    moved = smoother.apply(np.full(4000, 500.0), uniform(KEY, 0, 4000)) - 500.0
    # Standard error of a standard deviation of 4000 normal numbers: 1.1 %; 5 of them.
    assert moved.std() == pytest.approx(2.0, rel=0.056)
    extreme = smoother.apply(np.array([500.0]), np.zeros((1, 2)))
    assert 480 < extreme[0] < 490


@pytest.mark.parametrize("given_", ["density", {"kind": "density"}, Smoothing(kind="density")])
def test_plans_name_a_kind_or_a_table(given_):
    assert parse_smoothing(given_) == Smoothing(kind="density")


@pytest.mark.parametrize(
    "choice",
    [
        {"kind": "none"},
        {"kind": "spline", "n_knots": 12},
        {"kind": "rmean", "window": 7},
        {"kind": "density", "bandwidth": 2.5, "n_bins": 500},
    ],
)
def test_json_round_trip(choice):
    smoothing = parse_smoothing(choice)
    assert smoothing.to_json() == choice
    assert parse_smoothing(smoothing.to_json()) == smoothing


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("kernel", "parameter 'kind'"),
        (3, "a kind or a table"),
        ({"kind": "rmean", "window": 4}, "odd"),
        ({"kind": "rmean", "window": 1}, "parameter 'window'"),
        ({"kind": "density", "bandwidth": 0}, "parameter 'bandwidth'"),
        ({"kind": "density", "bandwidth": float("inf")}, "parameter 'bandwidth'"),
        ({"kind": "density", "width": 2}, "no parameter 'width'"),
        ({"kind": "density", "window": 7}, "'density' has no parameter 'window'"),
        ({"kind": "spline", "n_knots": 2}, "parameter 'n_knots'"),
    ],
)
def test_bad_choices_are_errors_of_one_line(given_, words):
    with pytest.raises(PlanError, match=words) as caught:
        parse_smoothing(given_)
    assert "\n" not in str(caught.value)


def test_a_specification_is_frozen():
    with pytest.raises(ValidationError):
        Smoothing(kind="density").kind = "spline"


def test_columns_that_cannot_be_smoothed():
    text = column(kind="categorical", storage="string")
    with pytest.raises(DataError, match="'pay' is categorical"):
        fit_smoother(Smoothing(kind="density"), np.arange(9.0), column=text)
    nanoseconds = column(kind="timestamp", storage="timestamp[ns]")
    with pytest.raises(DataError, match="2\\^53") as caught:
        fit_smoother(Smoothing(kind="density"), np.arange(9.0) + 1.7e18, column=nanoseconds)
    assert "17000" not in str(caught.value)


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[parametric\]"):
        fit_smoother(Smoothing(kind="density"), wages(), column=column())
