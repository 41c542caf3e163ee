"""What cannot be imputed: one clear message, no value of the data, nothing written."""

from __future__ import annotations

import pyarrow as pa
import pytest

import gpusynth
from gpusynth import Column, Plan, Rule, Schema
from gpusynth.errors import DataError, OutputError, PlanError
from tests.imputation.conftest import BMI

CODED = Schema(
    columns=(
        Column(name="x", kind="integer", storage="int64", missing_codes=(-8, -9)),
        Column(name="y", kind="integer", storage="int64"),
        Column(name="id", kind="integer", storage="int64", role="key"),
    )
)


def passive(expression: str) -> dict[str, str]:
    return {"method": "passive", "expression": expression}


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"impute": {"no": [None]}}, PlanError, "impute: unknown column 'no'"),
        ({"impute": {"income": [-8]}}, PlanError, "code 1 given for column 'income' is none"),
        ({"impute": {"income": []}}, PlanError, "needs a list of missing codes"),
        ({"impute": {"income": "-8"}}, PlanError, "needs a list of missing codes"),
        ({"impute": {"age": [None]}}, DataError, "nothing to impute, no row has a code"),
        ({"n_imputations": 0}, PlanError, "n_imputations must be from 1"),
        ({"iterations": 0}, PlanError, "iterations must be from 1"),
        ({"iterations": 2.5}, PlanError, "iterations must be a whole number"),
        ({"seed": -1}, PlanError, "seed must be from 0"),
        ({"seed": None}, PlanError, "seed must be a whole number, got NoneType"),
        ({"threads": 0}, PlanError, "threads must be from 1"),
        ({"proper": "yes"}, PlanError, "proper must be bootstrap or none"),
        ({"visit": "roman"}, PlanError, 'visit must be "missing", "file"'),
        ({"visit": ["income"]}, PlanError, "visit must name every column that is imputed"),
        ({"visit": ["no"]}, PlanError, "unknown column 'no'"),
        ({"predictors": {"income": ["no"]}}, PlanError, "unknown column 'no'"),
        ({"predictors": {"income": ["income"]}}, PlanError, "is to predict itself"),
        ({"methods": {"no": "cart"}}, PlanError, "methods of the imputation: unknown column"),
        ({"methods": {"income": "polyreg"}}, PlanError, "is for levels"),
        ({"methods": {"income": "catall"}}, PlanError, "which cannot impute"),
    ],
)
def test_choices_that_cannot_be(gaps, asked, error, said):
    with pytest.raises(error, match=said):
        gpusynth.impute(gaps, plan=Plan(methods=BMI), **asked)


def test_nothing_missing():
    with pytest.raises(DataError, match="nothing to impute, no column has a blank"):
        gpusynth.impute(pa.table({"x": [1, 2, 3]}))


def test_a_column_without_any_answer():
    given = pa.table({"x": [1, 2, None], "y": pa.nulls(3, pa.int64())})
    with pytest.raises(DataError, match="column 'y' has no answer to learn from, all 3 rows"):
        gpusynth.impute(given)
    assert gpusynth.impute(given, impute={"x": [None]}, iterations=1).n_imputed == {"x": 1}


def test_a_key_is_never_imputed():
    given = pa.table({"x": [-8, 5], "y": [1, 2], "id": [1, 2]})
    with pytest.raises(PlanError, match="column 'id' has role key and is never imputed"):
        gpusynth.impute(given, CODED, impute={"id": [None]})
    with pytest.raises(PlanError, match="column 'id' has role key and takes no part"):
        gpusynth.impute(given, CODED, impute={"x": [-8]}, predictors={"x": ["id"]})


def test_a_weight_is_imputed_only_when_named():
    given = pa.table({"x": [1, None, 3, 4], "w": [1.0, 2.0, None, 1.0]})
    weighted = Schema(
        columns=(
            Column(name="x", kind="integer", storage="int64"),
            Column(name="w", kind="numeric", storage="double", role="weight"),
        )
    )
    with pytest.raises(DataError, match="'w' is the weight, and 1 rows have none, first in data"):
        gpusynth.impute(given, weighted)
    named = gpusynth.impute(given, weighted, impute={"x": [None]}, iterations=1)
    assert named.arrow(1)["w"].null_count == 1


def test_formulas_in_a_circle():
    given = pa.table({"a": [1, None, 3], "b": [1, None, 3]})
    plan = Plan(methods={"a": passive("b"), "b": passive("a")})
    with pytest.raises(PlanError, match="circular"):
        gpusynth.impute(given, plan=plan)


def test_a_formula_that_is_answered_where_its_input_is_not():
    given = pa.table({"a": [1, None, 3, None], "b": [2, 4, 6, None]})
    plan = Plan(methods={"b": passive("2 * a")})
    with pytest.raises(PlanError, match=r"answered in 1 rows .* the first is data row 2"):
        gpusynth.impute(given, plan=plan)
    plan = Plan(methods={"b": {**passive("2 * a"), "verify": False}})
    done = gpusynth.impute(given, plan=plan, iterations=1).arrow(1).to_pylist()
    assert done[1]["b"] == 4
    assert done[3]["b"] == 2 * done[3]["a"]


def test_a_formula_that_does_not_hold():
    given = pa.table({"a": [1, 2, None], "b": [2, 5, None]})
    with pytest.raises(PlanError, match="does not hold in 1 of 2 real rows"):
        gpusynth.impute(given, plan=Plan(methods={"b": passive("2 * a")}))


def test_rules_that_leave_nothing_to_learn_from():
    given = pa.table({"a": [1, 1, 2, 2] * 5, "b": [None, 7, None, None] * 5})
    plan = Plan(rules=(Rule(target="b", when="a = 1", value=7),))
    with pytest.raises(DataError, match="its rules fix every answered row"):
        gpusynth.impute(given, plan=plan)


def test_a_resolved_plan_is_refused(gaps):
    with pytest.raises(PlanError, match="takes a Plan or the path of one, not a SynthesisPlan"):
        gpusynth.impute(gaps, plan=gpusynth.resolve_plan(gaps))


def test_a_file_needs_an_output(tmp_path):
    with pytest.raises(OutputError, match="name it with output="):
        gpusynth.impute_and_synthesize(tmp_path / "survey.csv")
    with pytest.raises(PlanError, match="n_syntheses"):
        gpusynth.impute_and_synthesize(pa.table({"x": [1, None]}), n_syntheses=-1)


def test_nothing_is_left_after_an_error(tmp_path):
    output = tmp_path / "run"
    with pytest.raises(DataError):
        gpusynth.impute_and_synthesize(pa.table({"x": [1, 2, 3]}), output=output)
    assert not output.exists()
    output.mkdir()
    (output / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match="not empty"):
        gpusynth.impute(pa.table({"x": [1, None, 3]}), iterations=1).save(output)
    assert [file.name for file in output.iterdir()] == ["mine.txt"]


def test_a_formula_of_imputed_answers_that_its_column_cannot_hold():
    """b is 20 wherever it is known, so that 120 + 20 does not fit into eight bits."""
    a = [*range(1, 21), 120]
    given = pa.table(
        {
            "a": a,
            "b": [20] * 20 + [None],
            "sum": pa.array([one + 20 for one in a[:20]] + [None], pa.int8()),
        }
    )
    schema = Schema(
        columns=tuple(
            Column(name=name, kind="integer", storage=storage)
            for name, storage in (("a", "int64"), ("b", "int64"), ("sum", "int8"))
        )
    )
    plan = Plan(methods={"sum": passive("a + b")})
    with pytest.raises(PlanError, match=r"in 1 rows with imputed answers a \+ b gives something"):
        gpusynth.impute(given, schema, plan, iterations=1)
    fits = given.set_column(0, "a", pa.array([*a[:20], 100]))
    done = gpusynth.impute(fits, schema, plan, iterations=1).tables()[0]
    assert done["sum"][20].as_py() == 120
