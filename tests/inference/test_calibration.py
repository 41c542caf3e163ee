"""The calibration study in small: coverage of every rule, and its table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.calibration import CASES, coverage_of, main, table, with_table
from benchmarks.studies.populations import POPULATIONS
from gpusynth.errors import BackendUnavailableError
from gpusynth.inference.extra import imported

ROOT = Path(__file__).parents[2]


def case_name(case) -> str:
    return f"{case.rule}-{case.made}-{case.m}"


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.m < 100 and case.rule != "none"], ids=case_name
)
def test_coverage(case):
    """300 repetitions, two estimands; false alarm about 1e-4 a case (4 standard errors).

    The published degrees of freedom of raghunathan_full make it cover more with few replicates.
    """
    results = list(coverage_of(case, POPULATIONS[0], repetitions=300, seed=5))
    error = np.sqrt(0.95 * 0.05 / 300)
    for one in results:
        assert one["coverage"] > 0.95 - 4 * error
        if case.rule != "raghunathan_full":
            assert one["coverage"] < 0.95 + 4 * error


def test_taken_for_real_covers_too_little():
    """T = u where 2 u is right: coverage of 0.834 (expected), 300 repetitions, 4 errors."""
    case = next(case for case in CASES if case.rule == "none")
    for one in coverage_of(case, POPULATIONS[0], repetitions=300, seed=5):
        assert abs(one["coverage"] - 0.834) < 4 * np.sqrt(0.834 * 0.166 / 300)


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda one: one.name)
def test_populations_have_their_truth(population):
    """Estimates from many real files average to the truth (4 standard errors)."""
    x, y = population.sample(np.random.default_rng(3), 300)
    estimates, variances = population.analyse(x, y)
    error = np.sqrt(variances.mean(0) / 300)
    # The logit's slope has a bias of about 1 % at this size.
    bias = 0.015 * np.abs(population.truth)
    assert (np.abs(estimates.mean(0) - population.truth) < 4 * error + bias).all()
    np.testing.assert_allclose(estimates.var(0), variances.mean(0), rtol=0.35)


def test_table_goes_between_the_markers(tmp_path):
    results = [
        one
        for case in CASES[:3]
        for one in coverage_of(case, POPULATIONS[0], repetitions=20, seed=1)
    ]
    made = table(results)
    assert made.count("\n") == 4
    assert made.splitlines()[2].startswith("|  | real file | 1 |")
    stored, document = tmp_path / "results.json", tmp_path / "document.md"
    stored.write_text(json.dumps({"results": results}))
    document.write_text("before\n<!-- calibration -->\nold\n<!-- /calibration -->\nafter\n")
    main(["--write", "--results", str(stored), "--document", str(document)])
    text = document.read_text()
    assert made in text
    assert "old" not in text
    assert with_table(text, made) == text
    with pytest.raises(ValueError, match="once each"):
        with_table("nothing", made)


def test_table_in_the_guide_is_that_of_the_results():
    stored = json.loads(
        (ROOT / "benchmarks" / "results" / "study_calibration.json").read_text(encoding="utf-8")
    )
    text = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")
    assert with_table(text, table(stored["results"])) == text


def test_missing_extra_is_named():
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[inference\]"):
        imported("no_such_package.of_statistics")
