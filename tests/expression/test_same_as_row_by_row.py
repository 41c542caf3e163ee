"""Promise: blocks of rows get what each row would get by itself, in exact arithmetic."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.table import Column
from gpusynth.table.expression import bind_expression, parse_expression
from gpusynth.table.expression.nodes import (
    Both,
    Call,
    ColumnName,
    Comparison,
    Either,
    If,
    IsMissing,
    Membership,
    Missing,
    Negative,
    Not,
    Number,
    Power,
    Product,
    Sum,
    Text,
    Truth,
)
from tests.expression.row_by_row import Code, Row, fraction
from tests.expression.survey_cases import Survey

N = 60
ORDERS = {"school": ["none", "low", "high"]}
MISSING_CODES = {"age": {-8, -9}, "rate": {-7}, "sex": {"N"}}
SCHEMA = (
    Column(name="age", kind="integer", storage="int64", missing_codes=(-8, -9), spikes=(0.0,)),
    Column(name="count", kind="integer", storage="int64"),
    Column(name="price", kind="numeric", storage="decimal128(12, 2)"),
    Column(name="rate", kind="numeric", storage="double", missing_codes=(-7.0,), spikes=(0.5,)),
    Column(name="sex", kind="categorical", storage="string", missing_codes=("N",)),
    Column(name="school", kind="ordered", storage="string", levels=tuple(ORDERS["school"])),
    Column(name="works", kind="boolean", storage="bool", levels=("false", "true")),
)


@pytest.fixture(scope="module")
def random_survey():
    rng = np.random.default_rng(12)

    def pick(*answers):
        return [answers[place] for place in rng.integers(0, len(answers), N)]

    answers = {
        "age": pick(None, -8, -9, 0, 0, 1, 2, 3, 5),
        "count": pick(0, 1, 2, 3, 4, 5),
        "price": pick(None, Decimal("0.10"), Decimal("0.20"), Decimal("0.30"), Decimal("-1.25")),
        "rate": pick(None, -7.0, 0.5, 0.5, 0.1, 0.2, 0.3, 1.0, 2.0),
        "sex": pick(None, "N", "F", "M"),
        "school": pick(None, "none", "low", "high"),
        "works": pick(None, True, False),
    }
    arrays = {name: pa.array(column) for name, column in answers.items()}
    arrays["price"] = arrays["price"].cast(pa.decimal128(12, 2))
    survey = Survey(arrays, SCHEMA)
    rows = []
    for position in range(N):
        row = {}
        for name, column in answers.items():
            answer = column[position]
            if answer in MISSING_CODES.get(name, ()):
                answer = Code(answer)
            elif isinstance(answer, (int, float, Decimal)) and not isinstance(answer, bool):
                answer = fraction(answer)
            row[name] = answer
        rows.append(Row(row, MISSING_CODES, ORDERS))
    return survey, rows


NUMBER_COLUMNS = st.sampled_from(["age", "count", "price", "rate"]).map(ColumnName)
LITERALS = st.sampled_from([-8, -9, -7, 0, 1, 2, 3, 0.1, 0.3, 0.5, 2.5, -1.25]).map(Number)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
EQUALITY = st.sampled_from(["=", "!="])
SEX, SCHOOL, WORKS = ColumnName("sex"), ColumnName("school"), ColumnName("works")
SEXES = st.sampled_from(["F", "M", "N"]).map(Text)
SCHOOLS = st.sampled_from(ORDERS["school"]).map(Text)


def members(of):
    return st.lists(of, min_size=1, max_size=3).map(tuple)


SIMPLE_TRUTHS = st.one_of(
    st.builds(Comparison, OPERATORS, NUMBER_COLUMNS, LITERALS),
    st.builds(Comparison, OPERATORS, LITERALS, NUMBER_COLUMNS),
    st.builds(Comparison, OPERATORS, NUMBER_COLUMNS, NUMBER_COLUMNS),
    st.builds(Membership, NUMBER_COLUMNS, members(LITERALS), st.booleans()),
    st.builds(Comparison, EQUALITY, st.just(SEX), SEXES),
    st.builds(Membership, st.just(SEX), members(SEXES), st.booleans()),
    st.builds(Comparison, OPERATORS, st.just(SCHOOL), SCHOOLS),
    st.builds(Comparison, OPERATORS, SCHOOLS, st.just(SCHOOL)),
    st.builds(Membership, st.just(SCHOOL), members(SCHOOLS), st.booleans()),
    st.builds(IsMissing, st.one_of(NUMBER_COLUMNS, st.sampled_from([SEX, SCHOOL])), st.booleans()),
    st.just(WORKS),
    st.builds(Comparison, EQUALITY, st.just(WORKS), st.booleans().map(Truth)),
    st.booleans().map(Truth),
)


def _numbers(inner):
    def several(signs):
        pairs = st.tuples(st.sampled_from(signs), inner)
        return st.lists(pairs, min_size=1, max_size=2).map(tuple)

    not_literal = inner.filter(lambda node: not isinstance(node, Number))
    return st.one_of(
        not_literal.map(Negative),
        st.builds(Sum, inner, several("+-")),
        st.builds(Product, inner, several("*/")),
        st.builds(Power, inner, st.just(Number(2))),
        inner.map(lambda node: Call("abs", (node,))),
        st.builds(lambda f, a, b: Call(f, (a, b)), st.sampled_from(["min", "max"]), inner, inner),
        st.builds(If, SIMPLE_TRUTHS, inner, inner),
    )


NUMBERS = st.recursive(
    st.one_of(NUMBER_COLUMNS, LITERALS, NUMBER_COLUMNS, st.just(Missing())), _numbers, max_leaves=4
)
OPERANDS = NUMBERS.filter(lambda node: not isinstance(node, Missing))


def _truths(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        inner.map(Not),
        several.map(Both),
        several.map(Either),
        st.builds(If, inner, inner, inner),
        st.builds(IsMissing, inner, st.booleans()),
    )


TRUTHS = st.recursive(
    st.one_of(
        SIMPLE_TRUTHS,
        st.builds(Comparison, OPERATORS, OPERANDS, OPERANDS),
        st.builds(IsMissing, NUMBERS, st.booleans()),
        st.builds(Membership, OPERANDS, members(LITERALS), st.booleans()),
    ),
    _truths,
    max_leaves=5,
)


def bound(survey, tree):
    return bind_expression(parse_expression(str(tree)), survey.codecs, table=survey.table)


@settings(max_examples=250, deadline=None)
@given(TRUTHS)
def test_truths(random_survey, tree):
    survey, rows = random_survey
    expected = [row(tree) for row in rows]
    for read in (survey.read, survey.read_with_values):
        true, missing = bound(survey, tree).truth_or_missing(read, N)
        assert true.tolist() == [answer is True for answer in expected], str(tree)
        assert missing.tolist() == [answer is None for answer in expected], str(tree)
        assert np.array_equal(bound(survey, tree).truth(read, N), true)


@settings(max_examples=150, deadline=None)
@given(NUMBERS)
def test_numbers(random_survey, tree):
    survey, rows = random_survey
    expected = [row(tree) for row in rows]
    for read in (survey.read, survey.read_with_values):
        numbers, missing = bound(survey, tree).numbers(read, N)
        assert missing.tolist() == [answer is None for answer in expected], str(tree)
        exact = [0.0 if answer is None else float(answer) for answer in expected]
        assert numbers == pytest.approx(exact, rel=1e-12, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(TRUTHS, st.integers(1, N - 1))
def test_blocks_never_matter(random_survey, tree, cut):
    survey, _ = random_survey
    expression = bound(survey, tree)
    whole = expression.truth(survey.read, N)
    parts = []
    for part in (slice(0, cut), slice(cut, N)):

        def read(name, part=part):
            codes, values = survey.read_with_values(name)
            return codes[part], None if values is None else values[part]

        parts.append(expression.truth(read, part.stop - part.start))
    assert np.array_equal(whole, np.concatenate(parts))
