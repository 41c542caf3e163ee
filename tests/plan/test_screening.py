"""Screening: constant columns, copies under other names, collinear numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.io import open_source
from gpusynth.plan.screening import screen
from gpusynth.table import TableSource, encode_table, fit_codecs, infer_schema

DATA = Path(__file__).parents[3] / "shared" / "data"


def screened(columns, *, visit=None, missing_codes=None):
    source = TableSource(pa.table(columns), name="survey.parquet")
    schema = infer_schema(source).schema
    told = [
        column.model_copy(
            update={
                "role": "synthesize",
                "missing_codes": (missing_codes or {}).get(column.name, ()),
            }
        )
        for column in schema.columns
    ]
    schema = schema.model_copy(update={"columns": tuple(told)})
    table = encode_table(schema, fit_codecs(schema, source), source)
    return screen(table, visit or schema.names)


def survey(n=2000, seed=0):
    random = np.random.default_rng(seed)
    state = random.integers(0, 6, n)
    pay = np.round(random.lognormal(8, 1, n), 2)
    return {
        "state": pa.array([f"s{code}" for code in state]),
        "year": pa.array(np.full(n, 2007)),
        "fips": pa.array([17 + 3 * code for code in (5 - state)]),
        "pay": pa.array(pay),
        "pay_in_thousands": pa.array(pay / 1000),
        "refund": pa.array(50.0 - 2 * pay),
        "region": pa.array([f"r{code // 2}" for code in state]),
        "other": pa.array(random.normal(size=n)),
    }


def test_what_is_found():
    found = screened(survey())
    assert found.constant == ("year",)
    assert dict(found.copies)["fips"] == "state"
    assert "region" not in found.copies
    assert "other" not in found.collinear
    # pay repeats at least 3 answers of 2000, so its multiples part the rows alike.
    both = {**found.copies, **found.collinear}
    assert both == {"fips": "state", "pay_in_thousands": "pay", "refund": "pay"}
    assert found.not_predictors == {"year", *both}


def test_the_visit_order_says_which_is_the_copy():
    columns = survey()
    found = screened(columns, visit=("region", "fips", "refund", "state", "pay"))
    assert found.copies["state"] == "fips"
    assert {**found.copies, **found.collinear}["pay"] == "refund"


def test_notes_name_columns_and_no_values():
    found = screened(survey())
    assert found.notes == tuple(sorted(found.notes, key=lambda note: _place(note)))
    text = " ".join(found.notes)
    for word in ("'year'", "'fips'", "'state'"):
        assert word in text
    for value in ("2007", "17", "s0"):
        assert value not in text


def _place(note):
    return list(survey()).index(note.split("'")[1])


def test_a_pair_of_columns_without_repetition_is_no_copy():
    random = np.random.default_rng(1)
    found = screened(
        {"a": pa.array(random.normal(size=500)), "b": pa.array(random.normal(size=500))}
    )
    assert not found.copies
    assert not found.collinear


def test_one_row_that_differs_is_enough():
    columns = survey()
    fips = columns["fips"].to_pylist()
    fips[1234] = fips[1234] + 3 if fips[1234] < 30 else fips[1234] - 3
    found = screened({**columns, "fips": pa.array(fips)})
    assert "fips" not in found.copies


def test_missing_answers_are_answers():
    """Missing in other rows: collinear, not a copy, and still a predictor."""
    columns = survey()
    pay = columns["pay"].to_pylist()
    pay[7], pay[99] = None, None
    found = screened({"pay": columns["pay"], "asked_again": pa.array(pay)})
    assert found.collinear == {"asked_again": "pay"}
    assert not found.not_predictors
    assert "stays a predictor" in found.notes[0]
    same = screened({"pay": pa.array(pay), "asked_again": pa.array(pay)})
    assert {**same.copies, **same.collinear} == {"asked_again": "pay"}
    assert same.not_predictors == {"asked_again"}


def test_missing_codes_do_not_enter_correlations():
    random = np.random.default_rng(2)
    a = random.integers(0, 1000, 3000)
    b = 2 * a + 1
    b[::50] = -99999
    found = screened({"a": pa.array(a), "b": pa.array(b)}, missing_codes={"b": (-99999,)})
    assert found.collinear == {"b": "a"}
    assert "b" not in screened({"a": pa.array(a), "b": pa.array(b)}).collinear


@pytest.mark.parametrize(("noise", "is_found"), [(0.0, True), (0.001, True), (0.01, False)])
def test_how_close_is_collinear(noise, is_found):
    """Noise of 0.01 standard deviations: a correlation of 0.99995."""
    random = np.random.default_rng(3)
    a = random.normal(size=6000)
    found = screened({"a": pa.array(a), "b": pa.array(a + noise * random.normal(size=6000))})
    assert ("b" in found.collinear) is is_found


def test_one_far_row_makes_no_collinearity():
    random = np.random.default_rng(4)
    a, b = random.normal(size=(2, 9001))
    a[4501] = b[4501] = 1e6
    assert np.corrcoef(a, b)[0, 1] > 0.99999
    assert not screened({"a": pa.array(a), "b": pa.array(b)}).collinear


def test_numbers_of_any_size():
    random = np.random.default_rng(5)
    a = random.normal(size=800)
    found = screened(
        {"a": pa.array(a), "large": pa.array(a * 1e305), "small": pa.array(a * 1e-290)}
    )
    assert found.collinear == {"large": "a", "small": "a"}


def test_more_numbers_than_codes_are_compared_by_their_values():
    """70,000 distinct numbers are binned: codes alone would call both columns copies."""
    random = np.random.default_rng(6)
    a = random.permutation(np.concatenate([np.arange(70_000), np.arange(50)])).astype(float)
    b = np.sqrt(a)
    moved = a.copy()
    first, second = np.flatnonzero(a == 20_000)[0], np.flatnonzero(a == 20_001)[0]
    moved[[first, second]] = moved[[second, first]]
    twins = np.flatnonzero(a == 7)
    moved[twins[0]] = 20_000.5
    found = screened({"a": pa.array(a), "b": pa.array(b), "moved": pa.array(moved)})
    assert found.copies == {"b": "a"}
    assert found.collinear == {"moved": "a"}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=8, max_size=30),
    st.permutations(range(4)),
    st.integers(0, 29),
)
def test_copies_by_their_plain_definition(answers, names, moved):
    """Renamed answers are a copy; with one answer moved, only a one-to-one relation is."""
    renamed = [names[a] for a in answers]
    place = moved % len(answers)
    renamed_moved = [(r + (row == place)) % 4 for row, r in enumerate(renamed)]

    def one_to_one(a, b):
        pairs = set(zip(a, b, strict=True))
        return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})

    for other in (renamed, renamed_moved):
        found = screened(
            {
                "a": pa.array([f"a{a}" for a in answers]),
                "b": pa.array([f"b{b}" for b in other]),
            }
        )
        varied = len(set(answers)) > 1
        assert ("b" in found.copies) == (varied and one_to_one(answers, other))


def test_one_row():
    found = screened({"a": pa.array([1.5]), "b": pa.array(["x"])})
    assert found.constant == ("a", "b")
    assert not found.copies


@pytest.mark.parametrize("name", ["sd2011.csv", "wide/gss2012.csv"])
def test_real_surveys(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    source = open_source(path)
    schema = infer_schema(source).schema
    codecs = fit_codecs(schema, source)
    table = encode_table(schema, codecs, source)
    visit = tuple(codecs)
    found = screen(table, visit)
    for later, earlier in found.copies.items():
        pairs = np.unique(np.column_stack([table.codes[earlier], table.codes[later]]), axis=0)
        assert len(pairs) == len(np.unique(table.codes[earlier]))
        assert len(pairs) == len(np.unique(table.codes[later]))
        assert visit.index(earlier) < visit.index(later)
    doubled = screen(
        type(table)(
            schema,
            {**codecs, "again": codecs[visit[1]]},
            {**table.codes, "again": table.codes[visit[1]]},
            table.values,
            table.n_rows,
        ),
        (*visit, "again"),
    )
    assert doubled.copies == {**found.copies, "again": found.copies.get(visit[1], visit[1])}
