"""Promise: conditions on real files select the rows that plain Python selects."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.table import Column
from gpusynth.table.expression import bind_expression, parse_expression
from tests.expression.survey_cases import Survey, read_real_file


def answers(survey: Survey, name: str) -> list:
    return survey.codecs[name].decode(*survey.read(name)).to_pylist()


SD2011 = [
    ("age < 20", ("age",), lambda age: age is not None and age < 20),
    (
        "sex = 'FEMALE' & marital == 'MARRIED' | nociga == -8",
        ("sex", "marital", "nociga"),
        lambda sex, marital, nociga: (sex == "FEMALE" and marital == "MARRIED") or nociga == -8,
    ),
    (
        "marital in ('SINGLE', 'WIDOWED') and income is missing",
        ("marital", "income"),
        lambda marital, income: marital in ("SINGLE", "WIDOWED") and income in (None, -8),
    ),
    (
        "not (smoke = 'YES' or height > weight * 2)",
        ("smoke", "height", "weight"),
        lambda smoke, height, weight: (
            smoke is not None
            and smoke != "YES"
            and None not in (height, weight)
            and not height > weight * 2
        ),
    ),
    (
        "bmi > quantile(bmi, 0.95)",
        ("bmi",),
        None,
    ),
]


@pytest.mark.parametrize(("text", "names", "rule"), SD2011, ids=[case[0] for case in SD2011])
def test_sd2011(text, names, rule):
    survey = read_real_file("sd2011.csv")
    columns = [answers(survey, name) for name in names]
    if rule is None:
        known = np.array([x for x in columns[0] if x is not None])
        limit = np.quantile(known, 0.95)
        expected = [x is not None and x > limit for x in columns[0]]
    else:
        expected = [bool(rule(*row)) for row in zip(*columns, strict=True)]
    bound = bind_expression(parse_expression(text), survey.codecs, table=survey.table)
    assert bound.truth(survey.read, survey.n).tolist() == expected
    assert 0 < sum(expected) < survey.n


def test_boys_stages():
    survey = read_real_file("boys.csv")
    assert isinstance(survey.table.codes["gen"], np.ndarray)
    bound = bind_expression(parse_expression("gen = 'G5' and age >= 15.5"), survey.codecs)
    expected = [
        gen == "G5" and age >= 15.5
        for gen, age in zip(answers(survey, "gen"), answers(survey, "age"), strict=True)
    ]
    assert bound.truth(survey.read, survey.n).tolist() == expected
    assert sum(expected) > 50


def test_a_balance_holds_in_all_utilities():
    """The totals of the file are the sums of its parts."""
    survey = read_real_file("firm/eia_utilities.csv")
    text = "RESREVENUE + COMREVENUE + INDREVENUE + OTHREVENUE = TOTREVENUE"
    bound = bind_expression(parse_expression(text), survey.codecs)
    true, missing = bound.truth_or_missing(survey.read, survey.n)
    parts = [answers(survey, name) for name in bound.expression.columns]
    expected = [
        None if None in row else sum(row[:-1]) == row[-1] for row in zip(*parts, strict=True)
    ]
    assert true.tolist() == [answer is True for answer in expected]
    assert missing.tolist() == [answer is None for answer in expected]
    assert true.mean() > 0.5


def test_text_storage_of_numbers_and_missing_codes():
    columns = {"income": pa.array(["100", "N", None, "7", "-8"])}
    column = Column(name="income", kind="integer", storage="string", missing_codes=("N", -8))
    survey = Survey(columns, (column,))
    for text, expected in {
        "income = 'N'": [False, True, False, False, False],
        "income = -8": [False, False, False, False, True],
        "income > 7": [True, False, False, False, False],
        "income is missing": [False, True, True, False, True],
        "income in ('N', 7)": [False, True, False, True, False],
    }.items():
        bound = bind_expression(parse_expression(text), survey.codecs)
        assert bound.truth(survey.read, 5).tolist() == expected
