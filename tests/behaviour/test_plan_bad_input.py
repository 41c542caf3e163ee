"""Promise: a plan that cannot be carried out ends with code 2, one message, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.cli.main import main
from gpusynth.methods import register_method
from gpusynth.table import write_schema
from tests.behaviour.plan_survey import SCHEMA, survey

SECRET = "Zyxwv"  # an answer of the confidential file


@pytest.fixture(name="fails")
def _fails(tmp_path, capsys):
    """Run a plan, check what every error promises, and return its message."""

    def run(plan: str) -> str:
        table = survey(300)
        county = pa.array([f"{SECRET}{c}" for c in table["county"].to_pylist()])
        pq.write_table(table.set_column(1, "county", county), tmp_path / "survey.parquet")
        write_schema(SCHEMA, tmp_path / "schema.toml")
        (tmp_path / "plan.toml").write_text(plan.replace("HERE", str(tmp_path)))
        before = sorted(tmp_path.rglob("*"))
        code = main(
            [
                *("run", "--data", str(tmp_path / "survey.parquet")),
                *("--schema", str(tmp_path / "schema.toml")),
                *("--plan", str(tmp_path / "plan.toml"), "--output", str(tmp_path / "out")),
            ]
        )
        error = capsys.readouterr().err
        assert code == 2
        assert error.count("error: ") == 1
        assert "Traceback" not in error
        assert SECRET not in error
        assert sorted(tmp_path.rglob("*")) == before
        return " ".join(error[error.index("error: ") :].split())

    return run


RULE = '[[rules]]\ntarget = "{}"\nwhen = "{}"\nvalue = {}\n'
EDIT = '[[edits]]\nholds = "{}"\n'
PASSIVE = '[methods]\n{} = {{ method = "passive", expression = "{}" }}\n'

BAD = {
    "rule that does not parse": (
        RULE.format("marital", "age < ", "'single'"),
        ("rules.0.when", "age < ^"),
    ),
    "edit that does not parse": (EDIT.format("0 < age < 10"), ("edits.0.holds", "not chained")),
    "edit of an unknown column": (EDIT.format("agee > 3"), ("unknown column 'agee'",)),
    "edit of an unknown level": (EDIT.format("state = 'ZZ'"), ("no level 'ZZ'", "state = 'ZZ' ^")),
    "edit that compares kinds": (EDIT.format("state > 3"), ("edit 'state > 3'",)),
    "edit that is no condition": (EDIT.format("age + 3"), ("a condition is needed",)),
    "edit without columns": (EDIT.format("1 = 1"), ("names no column",)),
    "edit on kept columns": (
        EDIT.format("age > 0") + '[methods]\nage = "keep"\n',
        ("asks only for columns that are kept",),
    ),
    "edit that no real row satisfies": (
        EDIT.format("age > 200"),
        ("no donor can satisfy it", "all 300 real rows"),
    ),
    "edits that no real row satisfies together": (
        EDIT.format("age > 40") + EDIT.format("age <= 40 or staff < 0"),
        ("no donor can satisfy it together", "300 real rows"),
    ),
    "edit with bad attempts": (
        EDIT.format("age > 10") + "attempts = -1\n",
        ("edits.0.attempts", "greater than or equal to 0"),
    ),
    "rule of an unknown column": (RULE.format("maritall", "age < 18", "1"), ("'maritall'",)),
    "rule that asks for an unknown column": (
        RULE.format("marital", "agee < 18", "'single'"),
        ("'marital'", "'agee'"),
    ),
    "rule with an unknown value": (
        RULE.format("marital", "age < 18", "'Single'"),
        ("rule 1 of 'marital'", "no real row has the value"),
    ),
    "rule of a missing answer that never occurs": (
        '[[rules]]\ntarget = "marital"\nwhen = "age < 18"\n',
        ("rule 1 of 'marital'", "no real row is missing"),
    ),
    "rule on a kept column": (
        RULE.format("marital", "age < 18", "'single'") + '[methods]\nmarital = "keep"\n',
        ("'marital' is kept as in the real row",),
    ),
    "rule that asks for its own target": (
        RULE.format("marital", "marital = 'single'", "'married'"),
        ("circular: 'marital' needs 'marital'",),
    ),
    "rules in a circle": (
        RULE.format("marital", "age < 18", "'single'") + RULE.format("age", "marital = 'x'", "20"),
        ("circular",),
    ),
    "rules that contradict": (
        RULE.format("marital", "age < 18", "'single'")
        + RULE.format("marital", "age < 40", "'married'"),
        ("rules of 'marital' contradict", "the first is row"),
    ),
    "rule before its columns in a given order": (
        'visit = ["state", "county", "sector", "staff", "pay", "cost", "profit", "total", '
        '"marital", "age", "job", "income"]\n' + RULE.format("marital", "age < 18", "'single'"),
        ("visit puts 'marital' before 'age'",),
    ),
    "formula in a circle": (
        '[methods]\ntotal = { method = "passive", expression = "cost + profit" }\n'
        'cost = { method = "passive", expression = "total - profit" }\n',
        ("circular", "'cost' needs 'total' needs 'cost'"),
    ),
    "formula that does not hold": (PASSIVE.format("total", "cost"), ("does not hold",)),
    "formula of an unknown column": (PASSIVE.format("total", "costs"), ("'total'", "'costs'")),
    "strata of an unknown column": ('strata = ["stat"]\n', ("strata: unknown column 'stat'",)),
    "strata without rows": (
        '[strata]\ncolumns = ["state"]\nsizes = [{ levels = ["ZZ"], rows = 5 }]\n',
        ("no real row is in",),
    ),
    "strata with no rows at all": (
        '[strata]\ncolumns = ["state"]\nsizes = [{ levels = ["TX"], rows = 0 }]\n',
        ("sizes ask for no rows at all",),
    ),
    "strata of two columns with sizes of one": (
        '[strata]\ncolumns = ["state", "sector"]\nsizes = [{ levels = ["TX"], rows = 1 }]\n',
        ("1 levels for 2 columns",),
    ),
    "strata pooled by another column": (
        '[strata]\ncolumns = ["state"]\npool = [["sector"]]\n',
        ("'sector', which is not a stratum column",),
    ),
    "strata in a partial synthesis": (
        'strata = ["state"]\n[partial]\ncolumns = ["state", "pay"]\n',
        ("'state' is to be synthesized by partial, but is a stratum",),
    ),
    "partial of nothing": (
        '[partial]\ncolumns = ["pay"]\nrows = "age > 1000"\n',
        ("no real row satisfies the condition",),
    ),
    "partial of an unknown column": ('[partial]\ncolumns = ["pays"]\n', ("'pays'",)),
    "partial by an unknown column": (
        '[partial]\ncolumns = ["pay"]\nrows = "pays > 3"\n',
        ("partial: unknown column 'pays'",),
    ),
    "partial with a start table": (
        'start_table = "x.parquet"\n[partial]\ncolumns = ["pay"]\n',
        ("cannot have start_table",),
    ),
    "partial that rules a kept column": (
        RULE.format("marital", "age < 18", "'single'") + '[partial]\ncolumns = ["pay"]\n',
        ("'marital' is kept",),
    ),
    "start table that is not there": (
        'start_table = "HERE/none.parquet"\n[methods]\nstate = "keep"\n',
        ("none.parquet",),
    ),
    "start table without kept columns": (
        'start_table = "HERE/survey.parquet"\n',
        ("no column is kept",),
    ),
    "smoothing of levels": (
        '[smoothing]\nstate = "density"\n',
        ("'state' is categorical; only numbers can be smoothed",),
    ),
    "smoothing of a kept column": (
        '[methods]\nage = "keep"\n[smoothing]\nage = "density"\n',
        ("'age' is not drawn but kept",),
    ),
    "smoothing by an unknown kind": ('[smoothing]\nage = "magic"\n', ("smoothing.age",)),
    "predict_only of an unknown column": ('predict_only = ["stat"]\n', ("unknown column 'stat'",)),
    "no predictors allowed": ("max_predictors = 0\n", ("max_predictors",)),
    "unknown entry": ("ruless = 3\n", ("unknown entry 'ruless'",)),
    "unknown entry of a rule": ('[[rules]]\ntargett = "x"\n', ("rules.0",)),
    "a text for a list": ('[predictors]\nage = "sex"\n', ("predictors.age: must be a list",)),
    "a text for a table": ('strata = "state"\n', ("strata: must be a table",)),
    "unknown proper": ('proper = "yes"\n', ("proper",)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_plan(case, fails):
    plan, words = BAD[case]
    message = fails(plan)
    for word in words:
        assert word in message, message


def test_start_table_lacks_a_column(tmp_path, fails):
    pq.write_table(survey(9).select(["state"]), tmp_path / "start.parquet")
    plan = 'start_table = "HERE/start.parquet"\n[methods]\nstate = "keep"\nsector = "keep"\n'
    assert "start.parquet: the start table lacks the column 'sector'" in fails(plan)


def test_own_method_that_returns_too_few_rows(fails):
    @register_method("too_few")
    def too_few(target, predictors, synthetic, uniforms):
        return target[:7]

    message = fails('[methods]\npay = "too_few"\n')
    assert "column 'pay': method too_few returned an array of shape (7,)" in message
    assert "300 rows" in message


def test_own_method_that_returns_what_the_schema_lacks(fails):
    @register_method("invents_levels")
    def invents_levels(target, predictors, synthetic, uniforms):
        return ["no such state"] * len(uniforms)

    assert "column 'state': method invents_levels" in fails('[methods]\nstate = "invents_levels"\n')


def test_own_method_that_fails_names_no_answer(fails):
    @register_method("fails_loudly")
    def fails_loudly(target, predictors, synthetic, uniforms):
        raise RuntimeError(f"cannot work with {target[0]}")

    message = fails('[methods]\ncounty = "fails_loudly"\n')
    assert "method fails_loudly failed with RuntimeError" in message


def test_edit_that_fails_while_drawing_leaves_nothing(fails):
    plan = EDIT.format("state != 'AK' or staff < 0") + 'attempts = 1\n[methods]\nstate = "keep"\n'
    assert "cannot satisfy it: no real row with the same 'state' does" in fails(plan)


def test_no_earlier_run_is_lost(tmp_path, fails):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    message = fails(EDIT.format("age > 200"))
    assert Path(tmp_path / "out" / "manifest.json").read_text() == "{}"
    assert "out" in message or "donor" in message
