"""Promise: what each construct means on a small file, missing answers and kinds included."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import PlanError
from gpusynth.table import Column
from gpusynth.table.expression import bind_expression, parse_expression
from tests.expression.survey_cases import Survey


def bind(survey, text):
    expression = parse_expression(text, place="rule 1")
    return bind_expression(expression, survey.codecs, table=survey.table)


def truths(survey, text) -> str:
    """Return one character a row: 1 true, 0 false, ? missing."""
    results = []
    for read in (survey.read, survey.read_with_values):
        true, missing = bind(survey, text).truth_or_missing(read, survey.n)
        results.append(
            "".join("?" if m else "01"[int(t)] for t, m in zip(true, missing, strict=True))
        )
    assert results[0] == results[1]
    return results[0]


def numbers(survey, text) -> list[float | None]:
    expression = bind(survey, text)
    values, missing = expression.numbers(survey.read, survey.n)
    assert not values[missing].any()
    return [None if m else v for v, m in zip(values.tolist(), missing.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # age: 10, 20, null, -8 and -9 (missing codes), 0 (a spike)
        ("age < 16", "10??1?"),
        ("age = -8", "00?100"),
        ("age != -8", "11?011"),
        ("age in (-8, -9)", "00?101"),
        ("age in (10, -8)", "10?10?"),
        ("age not in (10, -8)", "01?01?"),
        ("age = 0", "00??1?"),
        ("-8 = age", "00?100"),
        ("age is missing", "001101"),
        ("age is not missing", "110010"),
        ("age + 0 = -8", "00??0?"),
        ("age < 10.5", "10??1?"),
        ("age <= 9.5", "00??1?"),
        ("age > 9.5", "11??0?"),
        ("age >= 10.5", "01??0?"),
        ("age = 10.5", "00??0?"),
        ("age > 1e300", "00??0?"),
        ("age > -1e300", "11??1?"),
        ("10 < age", "01??0?"),
        ("not age < 16", "01??0?"),
        ("age < 16 and sex = 'F'", "10??10"),
        ("age < 16 or sex = 'F'", "10??1?"),
        ("true and missing", "??????"),
        ("false and missing", "000000"),
        ("true or missing", "111111"),
        ("not missing", "??????"),
        ("(age > 1) is missing", "001101"),
        ("(age > 15) = works", "00??1?"),
        # price: cents in decimal storage
        ("price = 0.1", "100?00"),
        ("price < 0.3", "110?01"),
        ("price in (0.1, 0.3, 100)", "101?10"),
        ("price = 0.105", "000?00"),
        ("price + price = 0.2", "100?00"),
        ("price * 3 = 0.3", "100?00"),
        # rate: 0.30000000000000004 is not 0.3 itself, but is when computed
        ("rate = 0.3", "00??00"),
        ("rate + 0 = 0.3", "00??10"),
        ("rate + 0 <= 0.3", "11??11"),
        ("rate + 0 < 0.3", "11??01"),
        ("rate = -1.5", "00?100"),
        ("rate < -1.4", "00??01"),
        # single: float32
        ("single = 0.1", "1000?0"),
        ("single <= 0.3", "1110?1"),
        # big: beyond the whole numbers of float64
        ("big = 1152921504606846976", "10000?"),
        ("big > 1152921504606846976", "01000?"),
        ("big in (1152921504606846977, 3)", "01001?"),
        ("big = 99999999999999999999", "00000?"),
        ("big < 99999999999999999999", "11111?"),
        # levels; N is a missing code of sex, but a level of region
        ("sex = 'F'", "10??10"),
        ("sex = 'N'", "00?100"),
        ("sex != 'N'", "11?011"),
        ("sex in ('F', 'N')", "10?110"),
        ("sex is missing", "001100"),
        ("sex = region", "10???1"),
        ("code = 1", "1001?0"),
        ("code in (1, '2')", "1101?1"),
        ("school < 'high'", "110?10"),
        ("'high' > school", "110?10"),
        ("school >= 'low'", "011?11"),
        ("school in ('none', 'degree')", "100?00"),
        ("if(works, school, 'none') = 'none'", "11??10"),
        ("if(works, school, missing) is missing", "011110"),
        ("works", "10?101"),
        ("works = true", "10?101"),
        ("false = works", "01?010"),
        ("not works and age < 16", "00?010"),
        # dates
        ("born > '2000-01-01'", "01?001"),
        ("born = '2000-01-01'", "10?000"),
        ("born <= '2000-01-01 12:00'", "10?110"),
        ("born in ('2000-01-01', '1970-01-01')", "10?010"),
        ("seen = '2000-01-01 12:00:00'", "1?0000"),
        ("seen >= '2000-01-01'", "1?1011"),
        ("born <= seen", "1??111"),
        ("born - '2000-01-01' = 1", "00?001"),
        ("born + 1 = '2000-01-02'", "10?000"),
        ("min(born, '2000-01-01') = '2000-01-01'", "11?001"),
        ("`my col's ``x``` > 5", "000001"),
    ],
)
def test_conditions(survey, text, expected):
    assert truths(survey, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age", [10, 20, None, None, 0, None]),
        ("price", [0.1, 0.2, 0.3, None, 100, -5.25]),
        ("single", [float(np.float32(x)) for x in (0.1, 0.2, 0.3, 1)] + [None, -1]),
        ("if(works, age, -1)", [10, -1, None, None, -1, None]),
        ("if(works, price, missing)", [0.1, None, None, None, None, -5.25]),
        ("age / (age - 10)", [None, 2, None, None, 0, None]),
        ("log(age)", [math.log(10), math.log(20), None, None, None, None]),
        ("sqrt(price)", [math.sqrt(0.1), math.sqrt(0.2), math.sqrt(0.3), None, 10, None]),
        ("exp(`my col's ``x``` * 1000)", [None] * 6),
        ("exp(age - 10)", [1, math.exp(10), None, None, math.exp(-10), None]),
        ("floor(price) + ceil(price)", [1, 1, 1, None, 200, -11]),
        ("round(price)", [0, 0, 0, None, 100, -5]),
        ("round(price / 7, 2)", [0.01, 0.03, 0.04, None, 14.29, -0.75]),
        ("round(age * 7, -2)", [100, 100, None, None, 0, None]),
        ("age ^ 0", [1, 1, None, None, 1, None]),
        ("1 ^ age", [1, 1, None, None, 1, None]),
        ("age ^ -1", [0.1, 0.05, None, None, None, None]),
        ("age ^ 0.5", [math.sqrt(10), math.sqrt(20), None, None, 0, None]),
        ("-age ^ 2", [-100, -400, None, None, 0, None]),
        ("abs(price - 1)", [0.9, 0.8, 0.7, None, 99, 6.25]),
        ("max(age, price, 1)", [10, 20, None, None, 100, None]),
        ("born - '2000-01-01'", [0, 4442, None, -10958, -10957, 1]),
        ("seen - born", [0.5, None, None, 1, 10957, 365]),
        ("mean(age)", [10] * 6),
        ("quantile(age, 0.75)", [15] * 6),
        ("quantile(price, 0)", [-5.25] * 6),
        ("missing", [None] * 6),
        ("min(missing, missing)", [None] * 6),
    ],
)
def test_numbers(survey, text, expected):
    actual = numbers(survey, text)
    assert [value is None for value in actual] == [value is None for value in expected]
    for value, wanted in zip(actual, expected, strict=True):
        assert value is None or value == pytest.approx(wanted, rel=1e-14, abs=1e-14)


def test_kinds_and_levels(survey):
    kinds = {
        "age": "number",
        "born + 1": "time",
        "sex": "level",
        "works": "truth",
        "1 = 1": "truth",
    }
    assert {text: bind(survey, text).kind for text in kinds} == kinds
    chosen = bind(survey, "if(age = -8, 'new', if(age >= 10, region, missing))")
    names = [*chosen.level_names, None]
    levels = chosen.levels(survey.read, survey.n)
    assert [names[place] for place in levels] == ["F", "North", None, "new", None, None]


def test_whole_numbers_and_cents_are_compared_exactly_however_large():
    survey = Survey(
        {"a": pa.array([10**12, 10**12]), "b": pa.array([1, 2]), "c": pa.array([1.25, 1.24])},
        (
            Column(name="a", kind="integer", storage="int64"),
            Column(name="b", kind="integer", storage="int64"),
            Column(name="c", kind="numeric", storage="double", decimals=2),
        ),
    )
    assert truths(survey, "a + b = 1000000000001") == "10"
    assert truths(survey, "a + c = 1000000000001.25") == "10"
    # Without known decimals: 1e-9 of the largest term.
    assert truths(survey, "a + c / 1 = 1000000000001.25") == "11"
    assert truths(survey, "0.1 + 0.2 - 0.3 = 0") == "11"
    assert truths(survey, "c / 3 - c / 3 + 1e-12 = 0") == "11"


def test_statistics_are_exact_and_leave_missing_answers_out():
    rng = np.random.default_rng(3)
    values = np.round(rng.normal(1e6, 1e5, 999), 2)
    whole = rng.integers(2**61, 2**62, 999)
    survey = Survey(
        {"x": pa.array(values), "y": pa.array(whole), "z": pa.array([-8, None, *range(997)])},
        (
            Column(name="x", kind="numeric", storage="double"),
            Column(name="y", kind="integer", storage="int64"),
            Column(name="z", kind="integer", storage="int64", missing_codes=(-8,)),
        ),
    )
    assert numbers(survey, "mean(x)")[0] == math.fsum(values) / 999
    assert numbers(survey, "mean(y)")[0] == sum(whole.tolist()) / 999
    assert numbers(survey, "mean(z)")[0] == 498
    for share in (0.05, 0.5, 0.95):
        assert numbers(survey, f"quantile(x, {share})")[0] == pytest.approx(
            np.quantile(values, share), rel=1e-15
        )
    assert truths(survey, "z > quantile(z, 0.95)").count("1") == 50
    # The quantile is one of the numbers: compared exactly.
    assert truths(survey, "x = quantile(x, 0.5)").count("1") == 1


def test_a_boolean_in_another_spelling():
    column = Column(name="owner", kind="boolean", storage="string", levels=("FALSE", "TRUE"))
    survey = Survey({"owner": pa.array(["TRUE", "FALSE", None])}, (column,))
    for text in ("owner", "owner = true", "owner = 'TRUE'", "not owner = false"):
        assert truths(survey, text) == "10?"


def test_empty_blocks(survey):
    def read(name):
        return survey.table.codes[name][:0], None

    assert bind(survey, "age < 16").truth(read, 0).shape == (0,)
    assert bind(survey, "true").truth(read, 0).shape == (0,)
    assert bind(survey, "age + 1").numbers(read, 0)[0].dtype == np.float64


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("aeg < 16", 0, "no column 'aeg'.*did you mean 'age'"),
        ("xyzzy < 16", 0, r"no column 'xyzzy' \(columns to drop and keys do not count\)$"),
        ("sex = 'X'", 6, "'sex' has no level 'X' among its 2 levels"),
        ("sex in ('F', 'f')", 13, "no level 'f'"),
        ("code = 9", 7, "no level 9"),
        ("sex < 'M'", 0, "no order: make it ordered"),
        ("region < sex", 7, "no common order"),
        ("age = 'ten'", 6, "write them without quotes"),
        ("age < '-8'", 6, "write them without quotes"),
        ("age = true", 6, "'age' has numbers"),
        ("born > 2000", 7, "write them as 'YYYY-MM-DD'"),
        ("born > '2000-02-30'", 7, "write them as 'YYYY-MM-DD'"),
        ("born > age", 7, "this is a number, but it is set beside a date"),
        ("age + sex", 6, "a number is needed here, but this is a level"),
        ("age + 'x'", 6, "a number is needed here, but this is a level"),
        ("born + born", 0, "only a date minus a date"),
        ("age - born", 0, "only a date minus a date"),
        ("born * 2", 0, "a number is needed here, but this is a date"),
        ("-born", 1, "a number is needed here, but this is a date"),
        ("log(sex)", 4, "a number is needed"),
        ("max(sex, region)", 0, "needs numbers or dates"),
        ("max(age, born)", 9, "set beside a number"),
        ("age and works", 0, "a condition is needed here, but this is a number"),
        ("not sex", 4, "a condition is needed here, but this is a level"),
        ("if(age, 1, 2)", 3, "a condition is needed"),
        ("if(works, 1, 'x')", 13, "this is a level, but it is set beside a number"),
        ("mean(sex) > 1", 0, "needs numbers"),
        ("works > true", 0, "no order"),
        ("(age > 1) < works", 10, "no common order"),
        ("school < if(works, 'low', 'high')", 7, "no common order"),
    ],
)
def test_errors_show_the_place(survey, text, place, reason):
    with pytest.raises(PlanError, match=reason.removesuffix("$")) as caught:
        bind(survey, text)
    first, shown, caret = str(caught.value).split("\n")
    assert first.startswith("rule 1: ")
    assert shown == f"  {text}"
    assert caret == " " * (2 + place) + "^"
    for level in ("North", "South", "degree", "none"):
        assert level not in first


def test_statistics_need_the_real_file(survey):
    expression = parse_expression("age > mean(age)")
    with pytest.raises(PlanError, match="computed from the real file"):
        bind_expression(expression, survey.codecs)


def test_a_statistic_of_nothing():
    column = Column(name="x", kind="integer", storage="int64")
    survey = Survey({"x": pa.array([None, None], pa.int64())}, (column,))
    with pytest.raises(PlanError, match="every answer of 'x' is missing"):
        bind(survey, "x > quantile(x, 0.5)")


@pytest.mark.parametrize(
    ("text", "ask", "wanted"),
    [
        ("age", "truth", "a condition"),
        ("sex", "numbers", "a number"),
        ("age > 1", "levels", "a level"),
    ],
)
def test_asking_for_another_kind(survey, text, ask, wanted):
    with pytest.raises(PlanError, match=f"rule 1: {wanted} is needed here"):
        getattr(bind(survey, text), ask)(survey.read, survey.n)


@pytest.mark.parametrize("text", ["log(x)", "exp(x)", "x ^ 0.37", "x ^ 3 / 7", "round(x / 3, 3)"])
def test_a_row_is_the_same_in_any_block(text):
    x = np.random.default_rng(8).random(1003) * 50
    column = Column(name="x", kind="numeric", storage="double")
    survey = Survey({"x": pa.array(x)}, (column,))
    expression = bind(survey, text)
    codes, _ = survey.read("x")
    whole, _ = expression.numbers(survey.read, survey.n)
    for first, n in ((0, 1), (1, 2), (5, 3), (7, 996), (3, 1000)):

        def read(name, part=slice(first, first + n)):
            return codes[part], None

        block, _ = expression.numbers(read, n)
        assert np.array_equal(block.view(np.int64), whole[first : first + n].view(np.int64))
