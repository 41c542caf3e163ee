"""The study of imputation in small: gaps, estimates and tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import statsmodels.api as sm

from benchmarks.studies import imputation
from benchmarks.studies.imputation_surveys import (
    MECHANISMS,
    delete_answers,
    draw_sample,
    read_survey,
)
from benchmarks.studies.imputation_tables import missed, report, with_report

ROOT = Path(__file__).parents[2]


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    """A folder with 300 generated boys."""
    random = np.random.default_rng(5)
    age = np.round(random.uniform(0.1, 20.0, 300), 3)
    height = np.round(55 + 7 * age + random.normal(0, 5, 300), 1)
    weight = np.round((height / 100) ** 2 * (16 + 0.3 * age + random.normal(0, 1.5, 300)), 2)
    maturity = np.clip(np.round(age + random.normal(0, 3, 300)), 1, 25).astype(np.int64)
    table = pa.table(
        {
            "age": age,
            "hgt": height,
            "wgt": weight,
            "bmi": np.round(weight / (height / 100) ** 2, 2),
            "hc": np.round(45 + 0.6 * age + random.normal(0, 1.5, 300), 1),
            "gen": [f"G{1 + min(m // 5, 4)}" for m in maturity],
            "phb": [f"P{1 + min(m // 4, 5)}" for m in maturity],
            "tv": maturity,
            "reg": random.choice(["north", "south"], 300),
        }
    )
    folder = tmp_path_factory.mktemp("data")
    pyarrow.csv.write_csv(table, folder / "boys_complete.csv")
    return folder


def test_gaps_are_a_fifth_and_depend_on_age_only_when_told(data):
    survey, random = read_survey("boys", data), np.random.default_rng(1)
    sample = draw_sample(survey, random)
    assert sample.num_rows == 748
    age = sample["age"].to_numpy()
    for mechanism in MECHANISMS:
        gaps = delete_answers(survey, sample, mechanism, random)
        assert gaps.schema.equals(sample.schema)
        gone = gaps["hc"].is_null().to_numpy()
        assert abs(gone.mean() - 0.2) < 4 * 0.4 / 748**0.5
        older = gone[age > np.median(age)].mean() - gone[age < np.median(age)].mean()
        assert (older > 0.08) == (mechanism == "mar")
        both = gaps["hgt"].is_null().to_numpy() | gaps["wgt"].is_null().to_numpy()
        assert (gaps["bmi"].is_null().to_numpy() == both).all()
        assert gaps["age"].null_count == 0


def test_regressions_are_those_of_statsmodels(data):
    survey = read_survey("boys", data)
    table = survey.population
    found = survey.estimate(table)
    design = np.column_stack([table["age"].to_numpy(), table["hgt"].to_numpy()])
    fit = sm.OLS(table["wgt"].to_numpy(), sm.add_constant(design)).fit(cov_type="HC3")
    for place, name in ((1, "age"), (2, "hgt")):
        estimate, variance = found[f"wgt: {name}"]
        assert estimate == pytest.approx(fit.params[place], rel=1e-9)
        assert variance == pytest.approx(fit.bse[place] ** 2, rel=1e-9)


def test_parts_make_the_same_figures_however_they_are_divided(data):
    survey = read_survey("boys", data)
    whole = imputation.run_part(survey, "none", [1, 2], seed=3)
    parts = [imputation.run_part(survey, "none", [number], seed=3) for number in (1, 2)]
    figures = imputation.collect([whole])["figures"]
    assert imputation.collect(parts)["figures"] == figures
    assert set(figures) == {"complete", "mcar rubin", "mar rubin"}
    assert figures["complete"]["mean hgt"]["width"] == 1.0


def test_what_counts_as_missed():
    assert missed(0.91, 0.95, 200)
    assert not missed(0.93, 0.95, 200)
    assert not missed(0.91, 0.92, 200)


def test_the_document_shows_the_committed_results():
    results = json.loads((ROOT / "benchmarks/results/study_imputation.json").read_text())
    text = (ROOT / "docs/study-imputation.md").read_text()
    assert with_report(text, report(results)) == text
    surveys = results["surveys"]
    assert {found["samples"] for one in surveys.values() for found in one.values()} == {200}
