"""The stated coefficients are those that a logit finds.

Fits by Newton's method on columns that a user sees. Wald statistics are standard normal if the
model is true: with the 31 coefficients below, a limit of 4.5 gives one false alarm in 4,900 files.
"""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.datasets import firms_truth
from gpusynth.datasets.coefficients import COEFFICIENTS
from gpusynth.datasets.firm import EMPLOYMENT_CENTRE, SECTOR_GROUPS, STATE_NAMES
from gpusynth.datasets.targets import LEVEL_SHARES, YES_SHARES

LIMIT = 4.5


def fit_logit(design, outcome):
    beta = np.zeros(design.shape[1])
    for _ in range(25):
        probability = 1 / (1 + np.exp(-design @ beta))
        information = (design * (probability * (1 - probability))[:, None]).T @ design
        step = np.linalg.solve(information, design.T @ (outcome - probability))
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def predictors(survey):
    known = {
        "immigrant": survey["BORNUS1"] == 2,
        "college": np.isin(survey["EDUC1"], (6, 7)),
        "female": survey["SEX1"] == "F",
        "log_employment": np.log1p(survey["EMPLOYMENT_NOISY"]) - EMPLOYMENT_CENTRE,
        "exporter": (survey["EXPORTS"] >= 2) & (survey["EXPORTS"] <= 8),
        "operations_abroad": survey["OPSOUTSIDE"] == 1,
    }
    known["immigrant_trade"] = known["immigrant"] & np.isin(survey["SECTOR"], (31, 42))
    known["immigrant_size"] = known["immigrant"] * known["log_employment"]
    for name, codes in SECTOR_GROUPS.items():
        known[name] = np.isin(survey["SECTOR"], codes)
    for code, name in STATE_NAMES.items():
        known[name] = survey["FIPST"] == code
    return known


@pytest.mark.parametrize("outcome", ["EXPORTS", "OPSOUTSIDE", "OUTSOURCE"])
def test_logits_of_trade_abroad(survey, outcome):
    truth = firms_truth()[outcome]
    exports = (survey["EXPORTS"] >= 1) & (survey["EXPORTS"] <= 8)
    complete = exports & (survey["BORNUS1"] > 0) & (survey["EDUC1"] > 0)
    complete &= (survey["OPSOUTSIDE"] > 0) & (survey["OUTSOURCE"] > 0)
    yes = survey[outcome] >= 2 if outcome == "EXPORTS" else survey[outcome] == 1
    known = predictors(survey)
    design = np.column_stack([np.ones(complete.sum())] + [known[n][complete] for n in truth])
    beta, error = fit_logit(design.astype(float), yes[complete].astype(float))
    statistic = (beta[1:] - np.asarray(list(truth.values()))) / error[1:]
    assert np.abs(statistic).max() < LIMIT


def test_interaction_can_be_seen(survey):
    """The interaction of immigrant ownership and trade is strong enough to be looked for."""
    truth = firms_truth()["EXPORTS"]
    reported = (survey["EXPORTS"] >= 1) & (survey["EXPORTS"] <= 8) & (survey["BORNUS1"] > 0)
    known = predictors(survey)
    design = np.column_stack(
        [np.ones(reported.sum())] + [known[n][reported] for n in truth]
    ).astype(float)
    beta, error = fit_logit(design, (survey["EXPORTS"][reported] >= 2).astype(float))
    place = 1 + list(truth).index("immigrant_trade")
    assert beta[place] / error[place] > 4


def test_every_coefficient_belongs_to_a_draw():
    assert set(COEFFICIENTS) <= set(YES_SHARES) | set(LEVEL_SHARES)
