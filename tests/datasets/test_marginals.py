"""Every published marginal is met; shares that are ours are met as well.

Chance alone gives a marginal of K shares a mean total variation of
sum(sqrt(2 p (1 - p) / (pi n))) / 2: at 200,000 rows below 0.0040 for all 56, with a standard
deviation below 0.0007, so a limit of 0.01 is more than 8 standard deviations above it.
"""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.datasets.amounts import WEIGHT_ENDS
from gpusynth.datasets.facts_counts import BIN_LEFT_ENDS, BLANK, COUNTS, N_RECORDS
from gpusynth.datasets.targets import LEVEL_SHARES, OURS, YES_SHARES

LIMIT = 0.01


def published_bins(name, values):
    """Return the number of the published bin of each value, ``(left, next left]``."""
    ends = WEIGHT_ENDS if name == "TABWGT" else BIN_LEFT_ENDS[name]
    return np.searchsorted(np.asarray(ends[1:], float), np.asarray(values, float))


def shares_of(name, values):
    if name in BIN_LEFT_ENDS:
        numbers = published_bins(name, values)
        return np.bincount(numbers, minlength=len(COUNTS[name])) / len(values)
    text = values.astype(str)
    text[text == "-1"] = BLANK
    found, counts = np.unique(text, return_counts=True)
    assert set(found) <= set(COUNTS[name]), "a code that was never published"
    shares = dict(zip(found, counts / len(values), strict=True))
    return np.asarray([shares.get(code, 0.0) for code in COUNTS[name]])


@pytest.mark.parametrize("name", COUNTS)
def test_published_marginal(survey, name):
    target = np.asarray(list(COUNTS[name].values())) / N_RECORDS
    distance = np.abs(shares_of(name, survey[name]) - target).sum() / 2
    assert distance <= LIMIT


def test_all_distances_together_are_those_of_chance(survey):
    """The mean over 56 columns stays within 1.8 x its expectation by chance.

    The share of blank questionnaires moves 45 columns together: over 20 seeds the ratio lay
    between 0.72 and 1.59.
    """
    distances, expected = [], []
    for name, counts in COUNTS.items():
        target = np.asarray(list(counts.values())) / N_RECORDS
        n_rows = len(survey[name])
        distances.append(np.abs(shares_of(name, survey[name]) - target).sum() / 2)
        expected.append(np.sqrt(2 * target * (1 - target) / (np.pi * n_rows)).sum() / 2)
    assert np.mean(distances) <= 1.8 * np.mean(expected)


@pytest.mark.parametrize("name", sorted(set(OURS) - {"female", "hispanic", "immigrant"}))
def test_our_marginal(survey, name):
    """Shares of "yes" among the answers, within 5 standard errors and the calibration's own."""
    answers = survey[name]
    reported = (answers == 1) | (answers == 2)
    share = np.mean(answers[reported] == 1)
    target = OURS[name]
    error = np.sqrt(target * (1 - target) / reported.sum())
    assert abs(share - target) <= 5 * error + 0.002


@pytest.mark.parametrize(
    ("column", "code", "name"),
    [("SEX1", "F", "female"), ("ETH1", "H", "hispanic"), ("BORNUS1", 2, "immigrant")],
)
def test_our_demography(survey, column, code, name):
    answers = survey[column]
    if column == "BORNUS1":
        answers = answers[answers > 0]
    assert np.mean(answers == code) == pytest.approx(OURS[name], abs=0.005)


def test_targets_are_shares():
    assert all(0 < share < 1 for share in YES_SHARES.values())
    for shares in LEVEL_SHARES.values():
        assert min(shares) > 0
        assert sum(shares) == pytest.approx(1)


def test_decimal_ends_of_the_weight_have_the_published_whole_parts():
    assert tuple(int(end) for end in WEIGHT_ENDS) == BIN_LEFT_ENDS["TABWGT"]
