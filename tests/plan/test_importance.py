"""Importances against their plain definitions, and who is chosen by them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.plan import importance
from gpusynth.plan.importance import CoarseColumns, limit_predictors, most_important
from gpusynth.table import Column, Schema, Table


class SurveyCodec:
    """A codec that says only what importances ask."""

    def __init__(self, kind, n_codes, n_special=0):
        storage = "string" if kind in ("categorical", "ordered") else "int64"
        self.column = Column(name="column", kind=kind, storage=storage)
        self.n_codes, self.n_special, self.is_exact = n_codes, n_special, True
        self.is_ordered = kind != "categorical"


def table_of(**columns):
    """Columns are (kind, codes, n_codes, n_special)."""
    codecs = {name: SurveyCodec(kind, *sizes) for name, (kind, _, *sizes) in columns.items()}
    codes = {name: np.asarray(given[1]).astype(np.uint16) for name, given in columns.items()}
    schema = Schema(columns=tuple(Column(name=n, kind="integer", storage="int64") for n in columns))
    return Table(schema, codecs, codes, {}, len(next(iter(codes.values()))))


def one(table, target, candidate):
    return CoarseColumns.of(table, table.schema.names).importance(target, [candidate])[0]


def adjusted(share, n, n_codes):
    return 1 - (1 - share) * Fraction(n - 1, n - n_codes) if n > n_codes else Fraction(0)


def plain_tau(x, y):
    """Goodman & Kruskal's tau as the fall of the Gini impurity, in fractions."""
    n = len(x)

    def gini(rows):
        answers = [y[row] for row in rows]
        return 1 - sum(Fraction(answers.count(a), len(answers)) ** 2 for a in set(answers))

    before = gini(range(n))
    if before == 0:
        return Fraction(0)
    groups = [[row for row in range(n) if x[row] == code] for code in set(x)]
    after = sum(Fraction(len(rows), n) * gini(rows) for rows in groups)
    return adjusted((before - after) / before, n, len(groups))


def plain_eta(x, y):
    """The correlation ratio of the mid-rank, in fractions."""
    n = len(x)
    ranks = [Fraction(2 * sum(b < a for b in y) + sum(b == a for b in y), 2) for a in y]
    mean = Fraction(sum(ranks), max(n, 1))
    total = sum((rank - mean) ** 2 for rank in ranks)
    if total == 0:
        return Fraction(0)
    between = Fraction(0)
    groups = [[ranks[row] for row in range(n) if x[row] == code] for code in set(x)]
    for rows in groups:
        between += len(rows) * (Fraction(sum(rows), len(rows)) - mean) ** 2
    return adjusted(between / total, n, len(groups))


rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_tau_by_its_plain_definition(pairs):
    x, y = map(list, zip(*pairs, strict=True))
    table = table_of(x=("categorical", x, 4), y=("categorical", y, 5))
    assert one(table, "y", "x") == pytest.approx(float(plain_tau(x, y)), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_eta_by_its_plain_definition(pairs):
    x, y = map(list, zip(*pairs, strict=True))
    table = table_of(x=("categorical", x, 4), y=("integer", y, 5))
    assert one(table, "y", "x") == pytest.approx(float(plain_eta(x, y)), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_numbers_with_states_have_the_larger_of_both(pairs):
    """Codes 0 and 1 of y are special."""
    x, y = map(list, zip(*pairs, strict=True))
    table = table_of(x=("categorical", x, 4), y=("integer", y, 5, 2))
    state = plain_tau(x, [min(code, 2) for code in y])
    ordinary = [row for row in range(len(y)) if y[row] >= 2]
    value = plain_eta([x[row] for row in ordinary], [y[row] for row in ordinary])
    assert one(table, "y", "x") == pytest.approx(float(max(state, value)), abs=1e-8)


def test_known_shares():
    """x says all of y, of a third column nothing: by hand."""
    random = np.random.default_rng(1)
    x = random.integers(0, 4, 400)
    table = table_of(
        x=("categorical", x, 4),
        y=("categorical", x // 2, 2),
        z=("categorical", np.arange(400) % 2, 2),
        staff=("integer", x, 4),
    )
    assert one(table, "y", "x") == 1.0
    assert one(table, "staff", "x") == 1.0
    assert one(table, "x", "y") < 1.0
    assert abs(one(table, "x", "z")) < 0.02


def test_chance_gains_nothing_by_many_codes():
    """1000 codes on 4000 rows explain a quarter by chance; adjusted, nothing.

    Under independence (n - 1)(classes - 1) tau is chi-squared [Light & Margolin 1971]: a standard
    deviation of sqrt(2 / 999) of its mean, times (n - 1) / (n - k), is 0.015; 4 of them.
    """
    random = np.random.default_rng(2)
    table = table_of(
        town=("categorical", random.integers(0, 1000, 4000), 1000),
        sex=("categorical", random.integers(0, 2, 4000), 2),
        pay=("integer", random.integers(0, 30, 4000), 30),
    )
    assert abs(one(table, "sex", "town")) < 0.06
    assert abs(one(table, "pay", "town")) < 0.06


def wide_table(n=3000):
    """y depends on strong, then weak; a copy of strong comes later."""
    random = np.random.default_rng(3)
    strong, weak, noise = (random.integers(0, 3, n) for _ in range(3))
    y = np.where(random.random(n) < 0.7, strong, np.where(random.random(n) < 0.5, weak, noise))
    return table_of(
        noise=("categorical", noise, 3),
        other=("categorical", random.integers(0, 5, n), 5),
        weak=("categorical", weak, 3),
        strong=("categorical", strong, 3),
        again=("categorical", strong, 3),
        y=("categorical", y, 3),
    )


def test_the_strongest_are_chosen_in_visit_order():
    table = wide_table()
    columns = CoarseColumns.of(table, table.schema.names)
    candidates = table.schema.names[:5]

    def chosen(k, *always):
        return most_important(columns, "y", candidates=candidates, k=k, always=always)

    assert chosen(0) == ()
    assert chosen(1) == ("strong",)  # before its copy, which explains as much
    assert chosen(2) == ("strong", "again")
    assert chosen(3) == ("weak", "strong", "again")
    assert chosen(2, "other") == ("other", "strong")
    assert chosen(1, "other", "weak", "unknown") == ("other", "weak")
    assert chosen(5) == candidates


def test_all_targets_at_once():
    table = wide_table()
    names = table.schema.names
    predictors = {target: names[:place] for place, target in enumerate(names)}
    limited = limit_predictors(table, predictors, k=2, always=("other",))
    columns = CoarseColumns.of(table, names)
    for target, candidates in predictors.items():
        alone = most_important(columns, target, candidates=candidates, k=2, always=("other",))
        assert limited[target] == alone
    assert limited["y"] == ("other", "strong")


def test_how_tables_are_counted_together_does_not_matter(monkeypatch):
    table = wide_table()
    columns = CoarseColumns.of(table, table.schema.names)
    together = columns.importance("y", table.schema.names[:5])
    for cells in (1, 9, 20):
        monkeypatch.setattr(importance, "_MOST_CELLS", cells)
        assert np.array_equal(columns.importance("y", table.schema.names[:5]), together)


def test_rows_beyond_the_limit_are_evenly_spaced():
    table = table_of(x=("categorical", np.arange(1000) % 7, 7))
    columns = CoarseColumns.of(table, ["x"], most_rows=100)
    assert np.array_equal(columns.codes[0], (np.arange(100) * 10) % 7)
    assert CoarseColumns.of(table, ["x"]).n_rows == 1000


def test_numbers_become_few_groups_in_order():
    codes = np.concatenate([[0, 1], np.repeat(np.arange(2, 402), 5), np.full(3000, 150)])
    table = table_of(x=("integer", codes, 402, 2))
    groups = CoarseColumns.of(table, ["x"]).codes[0]
    assert groups[:2].tolist() == [0, 1]
    assert np.all(np.diff(groups[2:2002].astype(int)) >= 0)
    sizes = np.bincount(groups[2:])[2:]
    assert 12 <= len(sizes) <= 32
    # Equal numbers stay together, and the frequent one does not take many others with it.
    assert 3000 <= sizes.max() <= 3000 + 2 * 5000 / 32


def test_rare_levels_of_many_become_one():
    codes = np.concatenate([np.repeat(np.arange(500), 4), np.arange(500, 2500)])
    columns = CoarseColumns.of(table_of(x=("categorical", codes, 2500)), ["x"])
    groups = columns.codes[0]
    assert columns.n_codes[0] == 1024
    assert np.array_equal(np.unique(groups[:2000]), np.arange(500))
    assert len(np.unique(groups[2000:])) == 524


def test_a_column_without_variation_explains_and_is_explained_by_nothing():
    table = table_of(
        flat=("categorical", np.zeros(50), 1),
        zero=("integer", np.full(50, 1), 3, 1),
        x=("categorical", np.arange(50) % 5, 5),
        unique=("categorical", np.arange(50), 50),
    )
    assert one(table, "flat", "x") == 0.0
    assert one(table, "zero", "x") == 0.0
    assert one(table, "x", "flat") == 0.0
    assert one(table, "x", "unique") == 0.0
