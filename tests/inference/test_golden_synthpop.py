"""synthpop 1.9-2: glm.synds, summary and compare on the golden firms.

R's glm stops when the deviance changes by less than 1e-8 of itself and takes the variance from the
weights of the step before, so its variances are a little off (up to 1e-4 where an estimate is
large). `stopped_like_r` repeats that, which lets everything else be compared to 1e-6.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpusynth.inference import Model, compare, fit
from gpusynth.inference.comparing import compared
from gpusynth.inference.model import NamedModel
from gpusynth.inference.pool_terms import Pooling

FORMULA = "exports ~ immig + sector + log1p(emp)"


def stopped_like_r(table) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and covariance of R's glm.fit(epsilon = 1e-8), binomial."""
    y = np.array(table["exports"].to_pylist()) == "1"
    sector = np.array(table["sector"].to_pylist())
    columns = [np.ones(len(y)), np.array(table["immig"].to_pylist()) == "1"]
    columns += [sector == level for level in np.unique(sector)[1:]]
    matrix = np.column_stack([*columns, np.log1p(table["emp"].to_numpy())]).astype(float)
    mean = (y + 0.5) / 2
    linear = np.log(mean / (1 - mean))

    def deviance(mean):
        return -2 * np.log(np.where(y, mean, 1 - mean)).sum()

    before = deviance(mean)
    while True:
        weight = mean * (1 - mean)
        working = linear + (y - mean) / weight
        bread = np.linalg.inv((matrix * weight[:, None]).T @ matrix)
        coefficients = bread @ ((matrix * weight[:, None]).T @ working)
        linear = matrix @ coefficients
        mean = 1 / (1 + np.exp(-linear))
        now = deviance(mean)
        if abs(now - before) / (abs(now) + 0.1) < 1e-8:
            return coefficients, bread
        before = now


def test_each_replicate(golden_firms, expected):
    fitted = fit(FORMULA, golden_firms[1], model="logit")
    coefficients = np.stack([one.parameters for one in fitted.replicates])
    variances = np.stack([np.diagonal(one.covariance) for one in fitted.replicates])
    np.testing.assert_allclose(coefficients, expected["glm.syn.each"]["beta"], rtol=1e-6)
    # R's early stop: see above.
    np.testing.assert_allclose(variances, expected["glm.syn.each"]["avar"], rtol=1e-5)


@pytest.mark.parametrize(
    ("inference", "key"), [("sample", "summary_expected"), ("population", "summary_popinf")]
)
def test_summary(golden_firms, expected, inference, key):
    fitted = fit(FORMULA, golden_firms[1], model="logit", inference=inference).pooled
    values = np.array(expected[key], dtype=float)
    np.testing.assert_allclose(fitted.estimate, values[:, 0], rtol=1e-6)
    np.testing.assert_allclose(fitted.standard_error, values[:, 1], rtol=1e-6)
    np.testing.assert_allclose(fitted.statistic, values[:, 2], rtol=1e-6)
    np.testing.assert_allclose(fitted.p_value, values[:, 3], atol=1e-6)


@pytest.mark.parametrize(
    ("inference", "key"), [("sample", "compare"), ("population", "compare_pop")]
)
def test_compare(golden_firms, expected, inference, key):
    real, synthetic = golden_firms
    named = NamedModel("exports", Model(formula=FORMULA, kind="logit"))
    exact = compare(real, synthetic, named, inference=inference)[0]
    coefficients, covariance = stopped_like_r(real)
    theirs = np.array(expected["glm.obs"], dtype=float)
    np.testing.assert_allclose(np.sqrt(np.diagonal(covariance)), theirs[:, 1], rtol=1e-9)
    pooling = Pooling(
        rule="raab_simple",
        n_real=real.num_rows,
        n_synthetic=real.num_rows,
        proper=False,
        inference=inference,
        confidence=0.95,
    )
    as_r = replace(exact.real, parameters=coefficients, covariance=covariance)
    found = compared(named, as_r, exact.synthetic, pooling)
    values = np.array(expected[key]["coef.diff"], dtype=float)
    np.testing.assert_allclose([t.synthetic for t in found.terms], values[:, 0], rtol=1e-6)
    np.testing.assert_allclose([t.real for t in found.terms], values[:, 1], rtol=1e-6)
    np.testing.assert_allclose([t.difference for t in found.terms], values[:, 3], rtol=1e-6)
    overlaps = [row["CI overlap"] for row in expected[key]["ci.overlap"]]
    np.testing.assert_allclose([t.overlap_synthpop for t in found.terms], overlaps, rtol=1e-6)
    assert found.mean_overlap_synthpop == pytest.approx(expected[key]["mean.ci.overlap"], 1e-6)
    if key == "compare":
        expected_difference = expected[key]["mean.abs.std.diff"]
        assert found.mean_absolute_difference == pytest.approx(expected_difference, 1e-6)
        assert found.lack_of_fit is not None
        assert found.lack_of_fit.statistic == pytest.approx(
            np.ravel(expected[key]["lack.of.fit"])[0], 1e-6
        )
        assert found.lack_of_fit.p_value == pytest.approx(
            np.ravel(expected[key]["lof.pval"])[0], 1e-4
        )
    # Without the early stop everything is the same to R's own precision.
    np.testing.assert_allclose([t.difference for t in exact.terms], values[:, 3], rtol=2e-4)
