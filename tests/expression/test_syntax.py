"""Promise: text is parsed into a tree or refused with the place and the reason; never evaluated."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import RuleSyntaxError
from gpusynth.table.expression import parse_expression
from gpusynth.table.expression.cursor import MOST_DEEP, MOST_NODES
from gpusynth.table.expression.nodes import (
    KEYWORDS,
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
    Statistic,
    Sum,
    Text,
    Truth,
)
from gpusynth.table.expression.tokens import MOST_CHARACTERS

A, B, C = ColumnName("a"), ColumnName("b"), ColumnName("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (
            "a < 16 & b == 'x'",
            Both((Comparison("<", A, Number(16)), Comparison("=", B, Text("x")))),
        ),
        ("a OR b And Not c", Either((A, Both((B, Not(C)))))),
        ("! a | b", Either((Not(A), B))),
        ("a + b * c", Sum(A, (("+", Product(B, (("*", C),))),))),
        ("a - b - c", Sum(A, (("-", B), ("-", C)))),
        ("a - (b - c)", Sum(A, (("-", Sum(B, (("-", C),))),))),
        ("a / b * c", Product(A, (("/", B), ("*", C)))),
        ("-2^2", Negative(Power(Number(2), Number(2)))),
        ("(-2) ** 2", Power(Number(-2), Number(2))),
        ("a^b^c", Power(A, Power(B, C))),
        ("2 ^ -b", Power(Number(2), Negative(B))),
        ("- -3", Negative(Number(-3))),
        ("+a", A),
        ("a <> 'it''s'", Comparison("!=", A, Text("it's"))),
        ('a != "say ""x"""', Comparison("!=", A, Text('say "x"'))),
        (
            "a in (1, -2.5, 'x', true)",
            Membership(A, (Number(1), Number(-2.5), Text("x"), Truth(True)), False),
        ),
        ("a not in (1)", Membership(A, (Number(1),), True)),
        ("not a in (1)", Not(Membership(A, (Number(1),), False))),
        ("a is MISSING", IsMissing(A, False)),
        ("a + b is not missing", IsMissing(Sum(A, (("+", B),)), True)),
        ("IF(a, b, missing)", If(A, B, Missing())),
        ("Round(a, -2)", Call("round", (A, Number(-2)))),
        ("max(a, b, c)", Call("max", (A, B, C))),
        (
            "quantile(`a`, .5) + mean(b)",
            Sum(Statistic("quantile", "a", 0.5), (("+", Statistic("mean", "b")),)),
        ),
        ("`and` < min", Comparison("<", ColumnName("and"), ColumnName("min"))),
        ("`a ``b``` > 1e3", Comparison(">", ColumnName("a `b`"), Number(1000))),
        ("boys.hgt = größe_2", Comparison("=", ColumnName("boys.hgt"), ColumnName("größe_2"))),
        ("9007199254740993 = a", Comparison("=", Number(9007199254740993), A)),
    ],
)
def test_trees(text, tree):
    expression = parse_expression(text)
    assert expression.tree == tree
    assert parse_expression(str(expression)) == expression
    assert hash(parse_expression(str(expression))) == hash(expression)
    assert expression.text == text


def test_columns_come_in_order_of_appearance_and_statistics_apart():
    expression = parse_expression("b > quantile(c, 0.9) and a < b or mean(d) < a")
    assert expression.columns == ("b", "a")
    assert expression.statistics == (Statistic("quantile", "c", 0.9), Statistic("mean", "d"))


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("", 0, "empty"),
        ("  ", 2, "empty"),
        ("a <", 3, "expected here"),
        ("a < b < c", 6, "not chained"),
        ("a = b in (1)", 6, "not chained"),
        ("a b", 2, "should end here"),
        ("(a", 2, "closing bracket"),
        ("a)", 1, "no bracket is open"),
        ("a in 3", 5, "list in brackets"),
        ("a in (b)", 6, "a list holds"),
        ("a in ()", 6, "a list holds"),
        ("a in (1 2)", 8, "comma"),
        ("a in (missing)", 6, "is missing"),
        ("a in (-'x')", 10, "a list holds"),
        ("a = missing", 2, "is missing"),
        ("a is null", 5, "`missing`"),
        ("a not b", 6, "`in`"),
        ("foo(a)", 0, "no such function"),
        ("abs(a, b)", 0, "1 arguments, not 2"),
        ("round(a, b)", 0, "whole number of digits"),
        ("round(a, 99)", 0, "at most 15"),
        ("if a", 3, "opening bracket"),
        ("if(a, b)", 0, "3 arguments"),
        ("mean(1)", 5, "name of a column"),
        ("quantile(a)", 10, "share"),
        ("quantile(a, 2)", 12, "from 0 to 1"),
        ("'abc", 0, "never closed"),
        ("a = `b", 4, "never closed"),
        ("a = \u2018b\u2019", 4, "plain one"),
        ("a # b", 2, "no meaning"),
        ("2nd > 1", 1, "backquotes"),
        ("``", 0, "empty"),
        ("1e999", 0, "out of the range"),
        ("1e-999", 0, "out of the range"),
        ("__import__('os')", 0, "no such function"),
        ("a.__class__()", 0, "no such function"),
    ],
)
def test_errors_show_the_place(text, place, reason):
    with pytest.raises(RuleSyntaxError) as caught:
        parse_expression(text, place="rule 2 of receipts")
    first, shown, caret = str(caught.value).split("\n")
    assert first.startswith("rule 2 of receipts: ")
    assert reason in first
    assert shown == f"  {text}"
    assert caret == " " * (2 + place) + "^"


def test_a_long_text_is_cut_around_the_place():
    text = "a = 1 and " * 100 + "b < < c" + " or d = 1" * 100
    with pytest.raises(RuleSyntaxError) as caught:
        parse_expression(text)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 140
    assert shown[caret.index("^")] == "<"
    assert shown[caret.index("^") + 1 :].startswith(" c or d")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "not " * 20_000,
        "-" * 90_000 + "1",
        "2^" * 40_000 + "2",
        "abs(" * 5_000 + "1" + ")" * 5_000,
        "if(a," * 5_000,
        "a in (" + "1," * 40_000 + "1)",
        "a+" * 40_000 + "a",
        "a" * (MOST_CHARACTERS + 1),
        "`" * 99_999,
        "'" + "''" * 45_000,
        "1" * 99_999,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_text_is_refused_quickly(text):
    with pytest.raises(RuleSyntaxError):
        parse_expression(text)


def test_what_is_allowed_is_large():
    members = ", ".join(map(str, range(MOST_NODES - 5_000)))
    parse_expression(f"a in ({members})".replace(", ", ","))
    parse_expression(" and ".join(["a"] * 5_000))
    parse_expression("(" * MOST_DEEP + "a" + ")" * MOST_DEEP)
    with pytest.raises(RuleSyntaxError, match="nested more than"):
        parse_expression("(" * (MOST_DEEP + 1) + "a" + ")" * (MOST_DEEP + 1))


PIECES = ["a", "`b c`", "1", "2.5", "'x'", "(", ")", ",", "+", "-", "*", "/", "^", "=", "<", ">="]
PIECES += ["and", "or", "not", "in", "is", "missing", "if(", "abs(", "mean(", "true", "&", "!", "'"]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join),
        st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    )
)
def test_any_text_parses_or_is_refused(text):
    try:
        expression = parse_expression(text)
    except RuleSyntaxError as error:
        assert len(str(error).split("\n")) == 3
    else:
        assert parse_expression(str(expression)) == expression


NAMES = st.one_of(
    st.sampled_from(["a", "b.c", "größe", "min", "mean", *KEYWORDS]),
    st.text(min_size=1, max_size=8),
)
FLOATS = st.floats(min_value=1e-300, max_value=1e300).map(
    lambda number: int(number) if number == int(number) and number < 2**53 else number
)
NUMBERS = st.one_of(st.integers(-(10**18), 10**18), FLOATS, FLOATS.map(lambda x: -x)).map(Number)
LITERALS = st.one_of(NUMBERS, st.text(max_size=8).map(Text), st.booleans().map(Truth))
STATISTICS = st.one_of(
    NAMES.map(lambda name: Statistic("mean", name)),
    st.builds(Statistic, st.just("quantile"), NAMES, st.sampled_from([0, 1, 0.25, 0.95])),
)


def _with_parts(inner):
    not_missing = inner.filter(lambda node: not isinstance(node, Missing))
    negative = inner.filter(lambda node: not isinstance(node, Number) or node.value < 0)
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        negative.map(Negative),
        st.builds(Power, inner, inner),
        st.builds(
            Product,
            inner,
            st.lists(st.tuples(st.sampled_from("*/"), inner), min_size=1, max_size=3).map(tuple),
        ),
        st.builds(
            Sum,
            inner,
            st.lists(st.tuples(st.sampled_from("+-"), inner), min_size=1, max_size=3).map(tuple),
        ),
        st.builds(
            Comparison, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), not_missing, not_missing
        ),
        st.builds(
            Membership, inner, st.lists(LITERALS, min_size=1, max_size=3).map(tuple), st.booleans()
        ),
        st.builds(IsMissing, inner, st.booleans()),
        inner.map(Not),
        several.map(Both),
        several.map(Either),
        several.map(lambda nodes: Call("max", nodes)),
        st.builds(If, inner, inner, inner),
        inner.map(lambda node: Call("log", (node,))),
    )


TREES = st.recursive(
    st.one_of(LITERALS, NAMES.map(ColumnName), STATISTICS, st.just(Missing())),
    _with_parts,
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_trees_print_and_parse_to_themselves(tree):
    assert parse_expression(str(tree)).tree == tree
