"""The study's models: their stated coefficients are those that fits find on new files.

Wald statistics are standard normal if a stated coefficient is the true one. Over the 151
coefficients below a limit of 5 gives one false alarm in 10,000 files.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from formulaic import model_matrix

from gpusynth.datasets import STUDY_MODELS, firms, firms_schema, study_variables, write_firms
from gpusynth.datasets.facts_columns import COLUMN_NAMES
from gpusynth.datasets.project import project
from gpusynth.datasets.study import STUDY_COLUMNS
from gpusynth.datasets.study_projections import PROJECTIONS
from gpusynth.datasets.targets import RARE_SHARE
from gpusynth.errors import DataError

LIMIT = 5.0
MODELS = {model.name: model for model in STUDY_MODELS}


@pytest.fixture(scope="module")
def survey():
    names = [*STUDY_COLUMNS, "JOBSABROAD"]
    return firms(400_000, seed=31, rare_outcome=True).select(names)


@pytest.fixture(scope="module")
def variables(survey):
    return study_variables(survey).to_pandas()


def fitted(model, variables):
    sides = model_matrix(model.formula, variables, output="pandas")
    outcome, design = sides.lhs.iloc[:, 0], sides.rhs
    if model.model == "logit":
        return sm.Logit(outcome, design).fit(disp=0, maxiter=100)
    return sm.OLS(outcome, design).fit(cov_type="HC1")


@pytest.mark.parametrize("name", MODELS)
def test_coefficients_are_found(name, variables):
    model = MODELS[name]
    found = fitted(model, variables)
    assert set(found.params.index) == set(model.truth) == set(model.error)
    for term, truth in model.truth.items():
        error = np.hypot(found.bse[term], model.error[term])
        assert abs(found.params[term] - truth) / error < LIMIT, term


def test_interactions_are_large_enough_to_be_looked_for():
    """Several standard errors of a million firms (0.012 to 0.02 for amounts, 0.2 for the rare)."""
    for amount in PROJECTIONS:
        interaction = MODELS[amount].truth["immigrant:transnational"]
        assert 0.2 < interaction < 0.5
        assert MODELS[amount].error["immigrant:transnational"] < 0.004
    assert MODELS["jobs_abroad"].truth["immigrant:college:exports"] == 1.4
    assert set(PROJECTIONS) == {"log_employment", "log_payroll", "log_receipts"}


def test_projections_are_those_of_the_present_coefficients():
    """128,000 firms again: within 5 standard errors, the smaller pilot's own."""
    again = project(1 << 17)
    for outcome, terms in again.items():
        for term, (value, error) in terms.items():
            stored, its_error = PROJECTIONS[outcome][term]
            assert abs(value - stored) < LIMIT * np.hypot(error, its_error), (outcome, term)


def test_the_rare_outcome_is_rare_and_optional(survey):
    moved = survey["JOBSABROAD"]
    asked = moved.length() - moved.null_count
    assert set(moved.unique().to_pylist()) == {None, 1, 2}
    share = np.sum(moved.drop_null().to_numpy() == 1) / asked
    assert abs(share - RARE_SHARE) < 5 * np.sqrt(RARE_SHARE / asked)
    assert (moved.is_null().to_numpy() == survey["OUTSOURCE"].is_null().to_numpy()).all()
    assert "JOBSABROAD" not in COLUMN_NAMES
    assert firms(10).column_names == list(COLUMN_NAMES)
    with_it = firms(10, rare_outcome=True)
    assert with_it.column_names == [*COLUMN_NAMES, "JOBSABROAD"]
    assert with_it.drop_columns(["JOBSABROAD"]).equals(firms(10))


def test_files_and_schemas_have_it_when_asked(tmp_path):
    path = tmp_path / "firms.parquet"
    write_firms(path, 50, seed=3, columns=5, rare_outcome=True)
    table = pa.parquet.read_table(path)
    assert table.equals(firms(50, seed=3, columns=5, rare_outcome=True))
    schema = firms_schema(5, rare_outcome=True)
    assert list(schema.names) == table.column_names
    assert schema["JOBSABROAD"].levels == ("1", "2")
    assert "made up" in schema["JOBSABROAD"].note


def test_variables_by_their_definitions():
    table = pa.table(
        {
            "SECTOR": [31, 72, 81],
            "EMPLOYMENT_NOISY": [0, 9, 34],
            "PAYROLL_NOISY": [0, 10, 900],
            "RECEIPTS_NOISY": [20, 30, 5000],
            "BORNUS1": [2, 1, 2],
            "EDUC1": [6, 5, 7],
            "EXPORTS": [1, 2, 8],
            "OPSOUTSIDE": [2, 2, 1],
            "OUTSOURCE": [2, 2, 1],
            "FIPST": ["48", "01", "S1"],
            "SEX1": ["F", "M", "M"],
        }
    )
    found = study_variables(table).to_pydict()
    assert found["immigrant"] == [1, 0, 1]
    assert found["college"] == [1, 0, 1]
    assert found["female"] == [1, 0, 0]
    assert found["exports"] == [0, 1, 1]
    assert found["transnational"] == [0, 1, 1]
    assert found["trade_sector"] == [1, 0, 0]
    assert found["sector"] == ["manufacturing", "food", "all other"]
    assert found["state"] == ["texas", "alabama", "alaska_wyoming"]
    assert found["size"][1] == pytest.approx(np.log(10) - 1.7)
    assert found["log_receipts"][2] == pytest.approx(np.log(5001))
    assert "jobs_abroad" not in found


@pytest.mark.parametrize("name", ["BORNUS1", "EDUC1", "EXPORTS", "OPSOUTSIDE", "OUTSOURCE"])
def test_firms_that_did_not_answer_are_left_out(name):
    table = firms(4000, seed=2).select(STUDY_COLUMNS)
    values = table[name].to_pylist()
    told = [v is not None and v >= 1 and (name != "EXPORTS" or v <= 8) for v in values]
    assert study_variables(table).equals(study_variables(table.filter(pa.array(told))))
    assert study_variables(table).num_rows < sum(told)


def test_files_as_text_give_the_same_variables():
    table = firms(500, seed=2, rare_outcome=True)
    text = pa.table({name: table[name].cast(pa.string()) for name in table.column_names})
    assert study_variables(text).equals(study_variables(table))


def test_a_survey_that_lacks_or_garbles_columns():
    table = firms(20, columns=8)
    with pytest.raises(DataError, match="BORNUS1, EDUC1"):
        study_variables(table)
    garbled = firms(20).to_pandas().assign(EXPORTS="much")
    with pytest.raises(DataError, match="'EXPORTS'") as caught:
        study_variables(pa.Table.from_pandas(garbled))
    assert "much" not in str(caught.value)
