"""Cut points: they are complete, and solving them again on other rows gives about the same."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.datasets import calibrate as calibrate_module
from gpusynth.datasets.calibrate import PILOT_ROWS, Calibrator, calibrate
from gpusynth.datasets.calibration import CUTS
from gpusynth.datasets.draws import Draws, expit, logit
from gpusynth.datasets.targets import LEVEL_SHARES, YES_SHARES
from gpusynth.errors import DataError

SMALL = 8_192


@pytest.fixture(scope="module")
def solved():
    return calibrate(SMALL)


def test_one_set_of_cut_points_for_each_draw(solved):
    assert list(solved) == list(CUTS)
    assert set(CUTS) == set(YES_SHARES) | set(LEVEL_SHARES)
    for name, shares in LEVEL_SHARES.items():
        assert len(CUTS[name]) == len(shares) - 1
        assert list(CUTS[name]) == sorted(CUTS[name])


def test_stored_cut_points_are_those_of_the_present_coefficients(solved):
    """A pilot 128 times smaller moves a common cut by a few hundredths.

    A changed coefficient or target moves it by far more. Rare draws, whose few rows decide, are
    left out.
    """
    assert PILOT_ROWS // SMALL == 128
    common = [name for name, share in YES_SHARES.items() if 0.05 < share < 0.95]
    differences = [abs(solved[name][0] - CUTS[name][0]) for name in common if name in solved]
    assert len(differences) > 40
    assert np.median(differences) < 0.05
    for name in ("EMPLOYMENT_NOISY", "RECEIPTS_NOISY", "AGE1", "EXPORTS", "NUMOWNERS"):
        assert np.abs(np.subtract(solved[name], CUTS[name])).max() < 0.6


def test_a_target_out_of_reach_is_an_error(monkeypatch):
    monkeypatch.setattr(calibrate_module, "YES_SHARES", {**YES_SHARES, "HOLIDAYS": 0.01})
    with pytest.raises(DataError, match="HOLIDAYS"):
        calibrate(2_048)


def test_truncated_levels_have_their_target_and_never_go_below():
    calibrator = Calibrator(20_000)
    predictor = calibrator.trait("digital")
    everyone = np.ones(20_000, bool)
    lowest = (np.arange(20_000) % 10 == 0).astype(np.int64) * 2
    level, _, _ = calibrator.level("NUMOWNERS", predictor, everyone, lowest)
    assert np.all(level >= lowest)
    shares = np.bincount(level, minlength=6) / 20_000
    # 5 standard errors of a share at 20,000 rows are at most 0.018.
    assert np.abs(shares - LEVEL_SHARES["NUMOWNERS"]).max() < 0.018


def test_uniform_numbers_are_inside_the_open_interval():
    uniform = Draws(1, 0, 10_000, cuts=CUTS).uniform("AGE1")
    assert 0 < uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert np.allclose(expit(logit(uniform)), uniform)
