"""Strata: groups of real rows, pools and the rows that start synthetic ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.engine.real.start import Start, start_rows
from gpusynth.engine.real.strata import group_strata, level_codes
from gpusynth.errors import PlanError
from gpusynth.plan import Strata
from gpusynth.streams import StreamKey
from gpusynth.table import TableSource, encode_table, fit_codecs, infer_schema, read_table


def encoded(**columns):
    source = TableSource(pa.table(columns), name="survey")
    schema = infer_schema(source).schema
    return encode_table(schema, fit_codecs(schema, source), source)


cells = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1, max_size=60)


@settings(max_examples=30)
@given(cells, st.integers(1, 20))
def test_every_row_is_in_a_group_that_is_large_enough(rows, least):
    table = encoded(region=[row[0] for row in rows], size=[row[1] for row in rows])
    groups = group_strata(Strata(columns=("region", "size"), min_rows=least), table)
    group_of = groups.group_of(read_table(table), len(rows))
    assert group_of.min() >= 0
    for group in groups.groups:
        fitted = groups.training_rows(group, None)
        drawn = np.flatnonzero(group_of == group.number)
        assert set(drawn) <= set(fitted.tolist())
        assert np.array_equal(fitted, np.unique(fitted))
        stage = groups.stages[group.places[0][0]]
        assert len(fitted) >= least or not stage.columns
        for name in stage.columns:
            assert len(set(table.codes[name][fitted].tolist())) == 1
    pooled = {tuple(entry["stratum"]): entry["n_rows"] for entry in groups.pooling(table)}
    assert pooled == {cell: n for cell in set(rows) if (n := rows.count(cell)) < least}


def test_rows_that_take_no_part_send_a_group_to_its_pool():
    table = encoded(region=["n"] * 30 + ["s"] * 30, size=(["x"] * 10 + ["y"] * 20) * 2)
    groups = group_strata(Strata(columns=("region", "size"), min_rows=5), table)
    first = groups.groups[int(groups.group_of(read_table(table), 60)[0])]
    part = np.ones(60, np.bool_)
    assert groups.training_rows(first, part).tolist() == list(range(10))
    part[:10] = False
    assert groups.training_rows(first, part).tolist() == list(range(30, 40))  # size x elsewhere
    part[30:40] = False
    assert groups.training_rows(first, part).tolist() == np.flatnonzero(part).tolist()


def test_numbers_without_a_code_each_are_no_strata():
    money = np.arange(70_000) * 1.5
    with pytest.raises(PlanError, match="'money' is a stratum but has too many different numbers"):
        group_strata(Strata(columns=("money",), min_rows=5), encoded(money=money))


def test_missing_and_numeric_levels_have_names():
    table = encoded(code=["1", None, "2"] * 5)
    assert set(level_codes(table.codecs["code"])) == {"", "1", "2"}


def stage_of(counts):
    region = np.repeat([f"r{i}" for i in range(len(counts))], counts)
    table = encoded(region=region, x=np.arange(len(region)) % 7)
    return table, group_strata(Strata(columns=("region",), min_rows=1), table).stages[0]


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 300))
def test_shares_are_exact_up_to_rounding(counts, n_total):
    table, stage = stage_of(counts)
    rows = start_rows(Start(None, table, strata=stage), StreamKey(3, replicate=1), n_total)
    drawn = np.bincount(table.codes["region"][rows], minlength=len(counts) + 1)
    real = np.bincount(table.codes["region"], minlength=len(counts) + 1)
    assert drawn.sum() == n_total
    assert np.abs(drawn - n_total * real / real.sum()).max() < 1


def test_as_many_rows_are_a_permutation_unless_sizes_are_drawn():
    table, stage = stage_of([30, 20, 50])
    key = StreamKey(3, replicate=1)
    for start in (Start(None, table), Start(None, table, strata=stage)):
        rows = start_rows(start, key, 100)
        assert sorted(rows.tolist()) == list(range(100))
    drawn = start_rows(Start(None, table, is_drawn=True), key, 100)
    assert len(set(drawn.tolist())) < 90
    table_rows = start_rows(Start(100, table, is_real=False), key, 100)
    assert table_rows.tolist() == list(range(100))


def test_pooled_strata_have_their_own_levels_where_two_codes_have_no_text():
    code = [None] * 20 + [""] * 20 + ["a"] * 2 + ["b"] * 20
    groups = group_strata(Strata(columns=("code",), min_rows=5), table := encoded(code=code))
    assert [entry["stratum"] for entry in groups.pooling(table)] == [["a"]]


def test_more_combinations_than_64_bits_can_number():
    names = tuple(f"x{number}" for number in range(62))
    table = encoded(**{name: ["a", "b", "a"] for name in names})
    with pytest.raises(PlanError, match="too many combinations"):
        group_strata(Strata(columns=names, min_rows=1), table)
    groups = group_strata(Strata(columns=names[:61], min_rows=1), table)
    assert groups.group_of(read_table(table), 3).tolist() == [0, 1, 0]
