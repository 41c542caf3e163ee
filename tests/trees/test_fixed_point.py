"""Numbers and weights become integers as the specification says, checked with exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError
from gpusynth.trees.target import WEIGHT_SUM_BITS, fixed_point, fixed_weight

doubles = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(values=st.lists(doubles, min_size=1, max_size=8), bits=st.sampled_from((24, 31)))
def test_integers_are_the_numbers_to_half_a_unit(values, bits):
    integers, scale = fixed_point(np.array(values), bits)
    assert integers.dtype == np.int64
    assert np.abs(integers).max() < 1 << bits
    order = np.argsort(values, kind="stable")
    assert (np.diff(integers[order]) >= 0).all()
    if scale == math.inf:
        assert max(map(abs, values)) < 1e-280
        return
    assert math.frexp(scale)[0] == 0.5
    middle = math.floor(min(values) / 2 + max(values) / 2)
    unit = 1 / Fraction(scale)
    if max(values) > min(values) and abs(middle) < 2**52:
        for value, integer in zip(values, integers.tolist(), strict=True):
            centred = Fraction(value - middle)
            assert abs(centred - integer * unit) <= unit


@settings(deadline=None, max_examples=200, derandomize=True)
@given(
    low=st.integers(-(2**62), 2**62),
    steps=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8),
)
def test_whole_numbers_keep_their_differences(low, steps):
    values = np.array([low + step for step in steps], np.int64)
    integers, scale = fixed_point(values)
    differences = [int(i) - int(integers[0]) for i in integers]
    assert differences == [(step - steps[0]) * int(scale) for step in steps]


@settings(deadline=None, max_examples=200, derandomize=True)
@given(
    weights=st.lists(
        st.floats(0, 1e300, allow_subnormal=False) | st.sampled_from((0.0, 1.0, 1e-300)),
        min_size=1,
        max_size=8,
    )
)
def test_weights_are_proportional_and_bounded(weights):
    if not any(weights):
        with pytest.raises(DataError):
            fixed_weight(np.array(weights))
        return
    units = fixed_weight(np.array(weights))
    assert 1 << (WEIGHT_SUM_BITS - 2) <= units.sum() <= 1 << WEIGHT_SUM_BITS
    ratio = Fraction(int(units.max())) / Fraction(max(weights))
    near = ratio.numerator.bit_length() - ratio.denominator.bit_length()
    pairs = [(Fraction(w), u) for w, u in zip(weights, units.tolist(), strict=True)]
    scales = [Fraction(2) ** (near + step) for step in (-1, 0, 1)]
    assert any(all(abs(w * scale - u) <= Fraction(1, 2) for w, u in pairs) for scale in scales)


def test_weights_whose_rounding_would_exceed_the_bound():
    """Seven of 2^38 / 7 - 0.04 add up to less than 2^38, rounded up one by one to 2^38 + 3."""
    weight = (2**WEIGHT_SUM_BITS - 4) // 7 + 0.53125
    assert 7 * weight < 2**WEIGHT_SUM_BITS < 7 * np.rint(weight)
    units = fixed_weight(np.full(7, weight))
    assert units.tolist() == [int(np.rint(weight / 2))] * 7


@pytest.mark.parametrize("bits", [24, 31])
def test_whole_numbers_at_the_limit_of_their_range(bits):
    """A range of 2^(bits + 1) - 1 keeps its differences; one more would need a bit more."""
    most = 2 ** (bits + 1)
    kept, scale = fixed_point(np.array([7, 8, 6 + most]), bits)
    assert (np.diff(kept).tolist(), scale) == ([1, most - 2], 1.0)
    halved, scale = fixed_point(np.array([7, 8, 7 + most]), bits)
    assert np.abs(halved).max() < 2**bits
    assert scale < 1.0
