"""Promise: a passive column is what its expression says in every synthetic row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from gpusynth.errors import PlanError
from gpusynth.methods.model import Block, DrawnColumns, StepData, StepTarget
from gpusynth.methods.passive import Passive
from gpusynth.streams import StreamKey
from gpusynth.table import Column
from gpusynth.trees import ClassTarget, PredictorTable
from tests.expression.survey_cases import Survey, read_real_file

KEY = StreamKey(seed=1, replicate=1, step=1)


def step_data(survey, target, rows=None) -> StepData:
    codes, values = survey.read(target)
    return StepData(
        predictors=PredictorTable.of([], survey.n),
        columns=(),
        target=StepTarget(target, codes, values, ClassTarget(codes, survey.codecs[target].n_codes)),
        rows=rows,
        weight=None,
        n_real=survey.n,
        table=survey.table,
    )


def fit(survey, target, expression, *, rows=None, **parameters):
    return Passive(expression=expression, **parameters).fit(step_data(survey, target, rows))


def draw(model, survey, *, positions=None, first=0, n=None, mix=None):
    """Draw on rows of the real file, each column in an order of its own when `mix` is given."""
    n = survey.n if n is None else n

    def read(name):
        codes, values = survey.read(name)
        order = np.arange(survey.n)
        if mix is not None:
            order = np.random.default_rng([mix, *name.encode()]).permutation(survey.n)
        part = order[first : first + n]
        return codes[part], None if values is None else values[part]

    block = Block(first, n, survey.n, positions=positions)
    return model.draw(DrawnColumns(None, read), KEY, block), read


def answers(survey, target, drawn) -> list:
    return survey.codecs[target].decode(*drawn).to_pylist()


def number(name, storage="int64", **other):
    kind = "integer" if storage.startswith("int") else "numeric"
    return Column(name=name, kind=kind, storage=storage, **other)


@pytest.fixture(scope="module")
def firms() -> Survey:
    rng = np.random.default_rng(4)
    n = 400
    receipts = np.where(rng.random(n) < 0.2, 0, rng.integers(0, 10**6, n))
    cost = np.where(rng.random(n) < 0.1, receipts, rng.integers(0, 10**6, n))
    no_cost = rng.random(n) < 0.1
    staff = rng.integers(1, 50, n)
    profit = receipts - cost
    columns = {
        "receipts": pa.array(receipts),
        "cost": pa.array(cost, mask=no_cost),
        "profit": pa.array(profit, mask=no_cost),
        "staff": pa.array(staff),
        "per_head": pa.array(np.round(receipts / staff, 2)),
        "share": pa.array([Decimal(int(x)) / 8 for x in staff]).cast(pa.decimal128(9, 3)),
        "size": pa.array(np.where(staff < 10, "small", "large")),
        "is_small": pa.array(staff < 10),
        "flag": pa.array(np.where(staff < 10, 1, 2)),
        "founded": pa.array([dt.date(2000, 1, 1) + dt.timedelta(int(x)) for x in staff]),
        "closed": pa.array([dt.date(2000, 1, 1) + dt.timedelta(int(x) + 30) for x in staff]),
    }
    schema = (
        number("receipts", spikes=(0.0,)),
        number("cost"),
        number("profit", spikes=(0.0,), bounds=(-(10.0**6), 10.0**6)),
        number("staff"),
        number("per_head", "double", decimals=2),
        number("share", "decimal128(9, 3)"),
        Column(name="size", kind="categorical", storage="string"),
        Column(name="is_small", kind="boolean", storage="bool", levels=("false", "true")),
        Column(name="flag", kind="categorical", storage="int64"),
        Column(name="founded", kind="date", storage="date32[day]"),
        Column(name="closed", kind="date", storage="date32[day]"),
    )
    return Survey(columns, schema)


EXPRESSIONS = {
    "profit": "receipts - cost",
    "per_head": "receipts / staff",
    "share": "staff / 8",
    "size": "if(staff < 10, 'small', 'large')",
    "is_small": "staff < 10",
    "flag": "if(is_small, 1, 2)",
    "closed": "founded + 30",
}


@pytest.mark.parametrize("target", EXPRESSIONS)
def test_real_columns_come_out_again(firms, target):
    drawn, _ = draw(fit(firms, target, EXPRESSIONS[target]), firms)
    codes, values = firms.read(target)
    assert np.array_equal(drawn[0], codes)
    assert drawn[0].dtype == codes.dtype
    if values is not None:
        assert np.array_equal(drawn[1], values)
    assert answers(firms, target, drawn) == survey_answers(firms, target)


def survey_answers(survey, target):
    return survey.codecs[target].decode(*survey.read(target)).to_pylist()


def test_new_combinations_have_new_numbers(firms):
    drawn, read = draw(fit(firms, "profit", EXPRESSIONS["profit"]), firms, mix=7)
    receipts = firms.codecs["receipts"].decode(*read("receipts")).to_pylist()
    cost = firms.codecs["cost"].decode(*read("cost")).to_pylist()
    profit = answers(firms, "profit", drawn)
    assert profit == [None if c is None else r - c for r, c in zip(receipts, cost, strict=True)]
    known = set(survey_answers(firms, "profit"))
    assert sum(value not in known for value in profit) > 200
    # The spike has its own code, and codes ascend with the numbers.
    n_special = firms.codecs["profit"].n_special
    assert all(
        (code == n_special - 1) == (v == 0) for code, v in zip(drawn[0], profit, strict=True)
    )
    ordinary = [(v, c) for c, v in zip(drawn[0].tolist(), profit, strict=True) if c >= n_special]
    ordered = [code for _, code in sorted(ordinary)]
    assert ordered == sorted(ordered)


def test_chosen_rows_and_blocks_never_matter(firms):
    model = fit(firms, "per_head", EXPRESSIONS["per_head"])
    (codes, values), _ = draw(model, firms, mix=3)
    positions = np.array([0, 5, 17, 99], np.int32)
    (some, their), _ = draw(model, firms, mix=3, positions=positions, first=100, n=100)
    assert np.array_equal(some, codes[100 + positions])
    assert np.array_equal(their, values[100 + positions])


def test_the_check_names_how_many_and_the_first_row(firms):
    with pytest.raises(PlanError, match=r"does not hold in \d+ of 400 real rows") as caught:
        fit(firms, "profit", "receipts + cost")
    message = str(caught.value)
    assert "passive column 'profit': receipts + cost" in message
    first = int(message.split("the first is data row ")[1].split(".")[0])
    receipts, cost = (survey_answers(firms, name) for name in ("receipts", "cost"))
    wrong = [c is not None and c != 0 for c in cost]
    assert first == wrong.index(True) + 1
    assert f"in {sum(wrong)} of" in message
    fit(firms, "profit", "receipts + cost", verify=False)
    fit(firms, "profit", "receipts + cost", rows=np.flatnonzero(~np.array(wrong)))
    assert len(receipts) == firms.n


def test_missing_answers_must_agree():
    survey = Survey(
        {
            "a": pa.array([1, -8, None]),
            "b": pa.array([2, -8, None]),
            "c": pa.array([2, None, None]),
        },
        (number("a", missing_codes=(-8,)), number("b", missing_codes=(-8,)), number("c")),
    )
    with pytest.raises(
        PlanError, match=r"1 of 3 real rows \(1 of them .*the first is data row 2.*missing codes"
    ):
        fit(survey, "b", "2 * a")
    model = fit(survey, "b", "if(a = -8, -8, 2 * a)")
    assert answers(survey, "b", draw(model, survey)[0]) == [2, -8, None]
    assert answers(survey, "c", draw(fit(survey, "c", "2 * a"), survey)[0]) == [2, None, None]
    with pytest.raises(PlanError, match=r"1 of 3 real rows .*the first is data row 2"):
        fit(survey, "c", "if(a = -8, 0, 2 * a)")


def test_missing_answers_need_a_null():
    survey = Survey(
        {"a": pa.array([1, 2, 0]), "b": pa.array([1.0, 0.5, 0.0])},
        (number("a"), number("b", "double", decimals=1)),
    )
    for verify in (True, False):
        with pytest.raises(
            PlanError, match=r"in 1 real rows .* no nulls.* first is row 3.*is missing"
        ):
            fit(survey, "b", "1 / a", verify=verify)
    model = fit(survey, "b", "if(a = 0, 0, 1 / a)")
    assert answers(survey, "b", draw(model, survey)[0]) == [1.0, 0.5, 0.0]


def test_synthetic_rows_that_the_column_cannot_hold_are_an_error():
    survey = Survey(
        {"a": pa.array([1, 2]), "b": pa.array([0, 1]), "c": pa.array([1, 1], pa.int8())},
        (number("a"), number("b"), number("c", "int8")),
    )
    model = fit(survey, "c", "1 / (a - b)")
    (codes, _), _ = draw(model, survey)
    assert len(codes) == 2

    def read(name):
        return {"a": np.array([0, 0], np.uint8), "b": np.array([0, 1], np.uint8)}[name], None

    with pytest.raises(PlanError, match=r"in 1 synthetic rows.*first is row 12"):
        model.draw(DrawnColumns(None, read), KEY, Block(10, 2, 100))
    wide = fit(survey, "c", "if(a > b + 1, 300, 1)")
    with pytest.raises(PlanError, match="beyond its storage"):
        wide.draw(
            DrawnColumns(None, lambda name: (np.array([name == "a"] * 2, np.uint8), None)),
            KEY,
            Block(0, 2, 2),
        )


def test_rounding_and_tolerance():
    exact = [10 / 3, 20 / 3, 0.125]
    survey = Survey(
        {
            "x": pa.array([10, 20, 0.375]),
            "near": pa.array([3.33, 6.67, 0.12]),
            "cut": pa.array([3.33, 6.66, 0.12]),
            "full": pa.array(exact),
        },
        (
            number("x", "double"),
            number("near", "double", decimals=2),
            number("cut", "double", decimals=2),
            number("full", "double"),
        ),
    )
    # 0.125 may have been rounded either way.
    assert answers(survey, "near", draw(fit(survey, "near", "x / 3"), survey)[0])[:2] == [
        3.33,
        6.67,
    ]
    with pytest.raises(PlanError, match=r"1 of 3 real rows .*the first is data row 2"):
        fit(survey, "cut", "x / 3")
    drawn, _ = draw(fit(survey, "cut", "floor(x / 3 * 100) / 100"), survey)
    assert answers(survey, "cut", drawn) == [3.33, 6.66, 0.12]
    fit(survey, "cut", "x / 3", tolerance=0.01)
    assert answers(survey, "full", draw(fit(survey, "full", "x / 3"), survey)[0]) == exact
    # A column of no known decimals holds what the formula gives, to rounding errors.
    with pytest.raises(PlanError, match=r"3 of 3 real rows .*the first is data row 1"):
        fit(survey, "full", "x / 3 + 0.001")


@pytest.mark.parametrize(
    ("expression", "formula", "digits"),
    [
        ("a * a", lambda a: a * a, 2),
        ("a ^ 3", lambda a: a**3, 3),
        ("a - a ^ 2", lambda a: a - a**2, 2),
    ],
)
def test_products_of_rounded_numbers_have_the_digits_of_both(expression, formula, digits):
    """1.1 * 1.1 is 1.21, not 1.2100000000000002."""
    a = [1.1, 0.3, -2.7]
    exact = [round(formula(one), digits) for one in a]
    survey = Survey(
        {"a": pa.array(a), "b": pa.array(exact)},
        (number("a", "double", decimals=1), number("b", "double")),
    )
    drawn, _ = draw(fit(survey, "b", expression), survey)
    assert answers(survey, "b", drawn) == exact


def test_sums_of_rounded_numbers_have_no_digits_of_their_own():
    survey = Survey(
        {
            "a": pa.array([0.3, 0.7]),
            "b": pa.array([0.2, 0.1]),
            "c": pa.array([0.1, 0.1]),
            "d": pa.array([0.0, 0.5]),
        },
        (
            *tuple(number(name, "double", decimals=1) for name in "abc"),
            number("d", "double", spikes=(0.0,)),
        ),
    )
    (codes, values), _ = draw(fit(survey, "d", "a - b - c"), survey)
    assert answers(survey, "d", (codes, values)) == [0.0, 0.5]
    assert codes[0] == 0


@pytest.mark.parametrize(
    ("target", "expression", "reason"),
    [
        ("profit", "profit + 0", "circular, the expression needs the column itself"),
        ("profit", "size", "holds numbers, but the expression gives levels"),
        ("profit", "staff < 3", "gives true or false"),
        ("profit", "founded", "gives dates"),
        ("founded", "staff", "holds dates, but the expression gives numbers"),
        ("size", "if(staff < 10, 'small', 'big')", "no level 'big'"),
        ("size", "staff < 10", "holds levels, but the expression gives true or false"),
        ("size", "staff", "in 400 real rows .*a level that it does not have"),
        ("is_small", "size", "holds true and false"),
        ("size", "founded", "gives dates"),
        ("profit", "receipts - costs", "no column 'costs'.*'cost'"),
    ],
)
def test_expressions_that_do_not_fit(firms, target, expression, reason):
    with pytest.raises(PlanError, match=f"passive column '{target}'.*{reason}") as caught:
        fit(firms, target, expression)
    assert "small" not in str(caught.value).replace(expression, "").replace("is_small", "")


def test_a_column_without_numbers():
    survey = Survey(
        {"a": pa.array([1]), "b": pa.array([None], pa.int64())}, (number("a"), number("b"))
    )
    with pytest.raises(PlanError, match="no number to learn codes from"):
        fit(survey, "b", "a")


def test_the_specification():
    method = Passive(expression="if(a = -8, -8, `b c` * mean(d))")
    assert method.required_columns == ("a", "b c")
    assert Passive(**method.model_dump()) == method
    with pytest.raises(ValidationError, match="closing bracket"):
        Passive(expression="(a")
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Passive(expression="a", tolerance=-1)


def test_levels_of_the_data_are_not_named():
    survey = Survey(
        {"a": pa.array(["x", "secret"]), "b": pa.array(["x", "y"])},
        (
            Column(name="a", kind="categorical", storage="string"),
            Column(name="b", kind="categorical", storage="string"),
        ),
    )
    with pytest.raises(PlanError, match=r"in 1 real rows") as caught:
        fit(survey, "b", "if(a = 'x', 'x', a)")
    assert "secret" not in str(caught.value)


def bmi_of(survey, read, weight: str, height: str):
    kilograms = np.array(survey.codecs[weight].decode(*read(weight)).to_pylist(), float)
    centimetres = np.array(survey.codecs[height].decode(*read(height)).to_pylist(), float)
    return kilograms / (centimetres / 100) ** 2


def test_sd2011_bmi():
    survey = read_real_file("sd2011.csv")
    with pytest.raises(PlanError, match=r"in 8 of 5,000 real rows \(8 of .* data row 592\."):
        fit(survey, "bmi", "weight / (height / 100)^2")
    model = fit(survey, "bmi", "weight / (height / 100)^2", ignore_missing=True)
    drawn, read = draw(model, survey, mix=1)
    wanted = bmi_of(survey, read, "weight", "height")
    bmi = np.array(answers(survey, "bmi", drawn), float)
    assert np.array_equal(bmi, wanted, equal_nan=True)
    assert 0 < np.isnan(bmi).sum() < 200


def test_boys_bmi():
    survey = read_real_file("boys.csv")
    with pytest.raises(PlanError, match="does not hold"):
        fit(survey, "bmi", "wgt / (hgt / 100)^2")
    # The file cuts digits off instead of rounding.
    model = fit(survey, "bmi", "floor(wgt / (hgt / 100)^2 * 100) / 100")
    drawn, read = draw(model, survey, mix=2)
    wanted = np.round(np.floor(bmi_of(survey, read, "wgt", "hgt") * 100) / 100, 2)
    assert np.array_equal(np.array(answers(survey, "bmi", drawn), float), wanted, equal_nan=True)


def test_boys_bmi_where_imputed_rows_are_not_cut_off():
    survey = read_real_file("boys_complete.csv")
    model = fit(survey, "bmi", "wgt / (hgt / 100)^2", tolerance=0.01)
    drawn, read = draw(model, survey, mix=2)
    bmi = np.array(answers(survey, "bmi", drawn), float)
    assert bmi == pytest.approx(bmi_of(survey, read, "wgt", "hgt"), rel=1e-12)
