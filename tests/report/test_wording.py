"""Numbers as people write them."""

from __future__ import annotations

import pytest

from gpusynth.evaluate.figures import Band
from gpusynth.report.wording import band_text, number, percent, plural, ratio_text, shorten


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (0.5, "0.5"), (0.12345, "0.123"), (0.00621, "0.00621"),
        (989.234, "989"), (12.345, "12.3"), (-1.5, "\u22121.50"), (1234567.0, "1,234,567"),
        (1e-7, "1.00e\u221207"), (1e17, "1.00e+17"), (float("inf"), "\u221e"),
        (float("-inf"), "\u2212\u221e"),
    ],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text


def test_more_digits():
    assert number(989.234, 4) == "989.2"


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [(0.1234, 1, "12.3\u00a0%"), (0.0, 1, "0.0\u00a0%"), (0.0001, 1, "<0.1\u00a0%"),
     (0.0001, 2, "0.01\u00a0%"), (-0.05, 0, "\u22125\u00a0%")],
)  # fmt: skip
def test_percent(share, digits, text):
    assert percent(share, digits) == text


def test_band():
    assert band_text(Band(mean=2.0, lowest=2.0, highest=2.0), "%") == "2\u00a0%"
    assert band_text(Band(mean=2.0, lowest=1.0, highest=3.0)) == "2 (1\u20133)"
    assert band_text(Band(mean=9.5, lowest=9.5, highest=9.5), "degrees") == "9.50\u00b0"


def test_ratio():
    assert ratio_text(0.2, 0.1) == "2.00"
    assert ratio_text(0.2, 0.0) == ""
    assert ratio_text(0.2, None) == ""


def test_words():
    assert plural(1, "row") == "1 row"
    assert plural(2000, "row") == "2,000 rows"
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde\u2026"
