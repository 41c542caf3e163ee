"""Bands over replicates."""

from __future__ import annotations

import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.utility.bands import Band, band, band_of


def test_mean_lowest_highest():
    assert band([1.0, 4.0, 1.0]) == Band(2.0, 1.0, 4.0, 3)
    assert band_of(["a", "bcd"], lambda text: len(text)) == Band(2.0, 1.0, 3.0, 2)


def test_what_is_undefined_is_left_out():
    assert band([None, 3.0]) == Band(3.0, 3.0, 3.0, 1)
    assert band([None]) is None
    with pytest.raises(IncomputableMetricError, match="must be None"):
        band([float("nan")])
