"""Tails: limits, what stands for them, exchanges and noise, on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth import Column
from gpusynth.errors import PlanError
from gpusynth.methods.tails import Tail, fit_tail, parse_tail

MONEY = Column(name="sales", kind="integer", storage="int64", spikes=(0,), missing_codes=(-8,))


def fitted(tail, numbers, units=None, column=MONEY):
    numbers = np.asarray(numbers, float)
    return fit_tail(
        tail, numbers, np.arange(len(numbers)) if units is None else units, column=column
    )


def test_a_limit_leaves_at_most_the_share_beyond_it():
    numbers = np.arange(1, 1001) * 7
    side = fitted(Tail(kind="code", share=0.02, digits=15), numbers).sides[0]
    assert side.limit == 980 * 7
    assert side.n_rows == side.n_units == 20
    assert side.code == round(np.mean(np.arange(981, 1001) * 7))
    rounded = fitted(Tail(kind="code", share=0.02), numbers).sides[0]
    assert (rounded.limit, rounded.code) == (6860, 6930)
    low = fitted(Tail(kind="code", share=0.02, side="both", replaced_by="median"), numbers).sides
    assert [side.sign for side in low] == [-1, 1]
    assert low[0].n_rows == 20
    assert low[0].code == 74  # median of 7, 14, ..., 140 is 73.5, rounded half to even


def test_code_replaces_what_lies_beyond():
    treatment = fitted(Tail(kind="code", above=100, below=10), np.arange(200))
    drawn = np.array([5.0, 10, 50, 100, 101, 199])
    assert treatment.apply(drawn, np.zeros((6, 2))).tolist() == [4, 10, 50, 100, 150, 150]
    assert "above 100 were replaced by 150" in treatment.describe()
    assert "below 10 were replaced by 4" in treatment.describe()


def test_limits_are_in_the_unit_of_the_column():
    cents = Column(name="pay", kind="numeric", storage="decimal128(12, 2)", decimals=2)
    side = fitted(Tail(kind="code", above=1.5), np.arange(100, 300), column=cents).sides[0]
    assert side.limit == 150
    assert side.code == 225


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), neighbours=st.integers(2, 40))
def test_an_exchange_keeps_the_numbers_and_moves_them_less_than_k_ranks(seed, neighbours):
    random = np.random.default_rng(seed)
    real = random.permutation(400) + 1.0
    treatment = fitted(Tail(kind="swap", share=0.25, neighbours=neighbours, digits=15), real)
    uniforms = random.random((400, 2))
    after = treatment.exchange(real, uniforms)
    assert np.array_equal(np.sort(after), np.sort(real))
    moved = np.abs(after - real)
    assert (moved[real <= 300] == 0).all()
    assert moved.max() < neighbours
    assert moved.max() > 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_noise_is_never_close_to_one_and_never_far_from_it(seed):
    random = np.random.default_rng(seed)
    real = np.round(np.exp(random.normal(12, 1, 3000)))
    treatment = fitted(Tail(kind="noise", share=0.1, least=0.05, most=0.3), real)
    after = treatment.apply(real, random.random((3000, 2)))
    beyond = real > treatment.sides[0].limit
    assert np.array_equal(after[~beyond], real[~beyond])
    distance = np.abs(after[beyond] / real[beyond] - 1)
    slack = 1 / real[beyond].min()  # results are whole
    assert distance.min() > 0.05 - slack
    assert distance.max() < 0.3 + slack


def test_noise_has_the_ramp_of_its_source():
    # Mean distance of the ramp is least + (most - least) / 3; 5 standard errors of 40,000 draws.
    treatment = fitted(Tail(kind="noise", above=1, least=0.1, most=0.4), np.full(50, 1e9))
    after = treatment.apply(np.full(40_000, 1e9), np.random.default_rng(4).random((40_000, 2)))
    distance = np.abs(after / 1e9 - 1)
    assert abs(distance.mean() - 0.2) < 5 * distance.std() / 200
    assert abs(after.mean() / 1e9 - 1) < 5 * (after / 1e9).std() / 200


def test_nothing_becomes_a_missing_code_or_spike():
    column = Column(name="x", kind="integer", storage="int64", spikes=(150,), missing_codes=(151,))
    treatment = fitted(Tail(kind="code", above=100), np.arange(200), column=column)
    assert treatment.sides[0].code == 152


def test_a_spike_among_large_floats_is_left_by_a_step_that_moves_them():
    column = Column(name="x", kind="numeric", storage="double", spikes=(2e11,))
    tail = Tail(kind="code", above=1e11, min_units=2, digits=1)
    treatment = fitted(tail, [1e10, 1.9e11, 2.1e11], column=column)
    assert treatment.sides[0].code == np.nextafter(2e11, np.inf)


@pytest.mark.parametrize(
    ("storage", "decimals", "spikes", "most"),
    [("int64", None, (100,), 99), ("int64", None, (99, 100), 98), ("double", 1, (100.0,), 99.9)],
)
def test_a_spike_at_the_bound_is_not_reached(storage, decimals, spikes, most):
    """Shares of up to 100 per cent: noise and codes stop short of what means the whole."""
    column = Column(
        name="x",
        kind="integer" if decimals is None else "numeric",
        storage=storage,
        decimals=decimals,
        bounds=(0, 100),
        spikes=spikes,
    )
    noise = fitted(Tail(kind="noise", above=60, most=0.5), np.arange(98), column=column)
    after = noise.apply(np.full(5000, 95.0), np.random.default_rng(6).random((5000, 2)))
    assert after.max() == most
    assert not np.isin(after, spikes).any()
    code = fitted(Tail(kind="code", above=94.6, min_units=2, digits=1), [90, 95, 96], column=column)
    assert code.sides[0].code == most


@pytest.mark.parametrize(
    ("tail", "numbers", "words"),
    [
        (Tail(kind="code", share=0.01), np.arange(100), "1 real rows of 1 units in its top tail"),
        (Tail(kind="noise", above=500), np.arange(100), "0 real rows"),
        (Tail(kind="swap", share=0.3), np.full(100, 3.0), "0 real rows"),
    ],
)
def test_too_thin_a_tail_is_refused(tail, numbers, words):
    with pytest.raises(PlanError, match=words) as raised:
        fitted(tail, numbers)
    assert "min_units = 10" in str(raised.value)


def test_units_count_once():
    units = np.arange(100) // 20
    with pytest.raises(PlanError, match="30 real rows of 2 units"):
        fitted(Tail(kind="code", share=0.3), np.arange(100), units)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("cut", "kind"),
        (7, "a tail must be a kind or a table"),
        ({"share": 0.1}, "kind"),
        ({"kind": "code", "share": 0.9}, "'share'"),
        ({"kind": "code", "neighbours": 7}, "'code' has no parameter 'neighbours'"),
        ({"kind": "noise", "least": 0.5}, "least must be below most"),
        ({"kind": "noise", "above": 5, "share": 0.1}, "leave share and side out"),
        ({"kind": "swap", "above": 5, "below": 9}, "below must be less than above"),
        ({"kind": "swap", "colour": 1}, "no parameter 'colour'"),
        ({"kind": "swap", "above": float("nan")}, "'above'"),
    ],
)
def test_bad_choices(given, words):
    with pytest.raises(PlanError, match=words):
        parse_tail(given)


@pytest.mark.parametrize(
    "given", ["swap", {"kind": "noise", "least": 0.1}, {"kind": "code", "above": 9.5}]
)
def test_a_tail_is_read_back(given):
    tail = parse_tail(given)
    assert parse_tail(tail.to_json()) == tail
