"""Exact numbers, holdouts and types in common codes."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError, IncomputableMetricError
from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CodedTable, TypeDifference
from gpusynth.evaluate.coding import code_together
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource
from tests.evaluate.mixed_files import MIXED, mixed_codes, mixed_table

NUMBER = Column(name="x", kind="numeric", storage="double", missing_codes=(-8, "N"), spikes=(0.0,))


def coded(*columns: pa.Array, column: Column = NUMBER, **kwargs):
    sources = [TableSource(pa.table({"x": x}), name=f"file{i}") for i, x in enumerate(columns)]
    return code_together(*sources, schema=Schema(columns=(column,)), **kwargs)


def test_numbers_are_kept_exactly_spikes_included():
    real = pa.array([0.0, -8.0, 2.5, None, 2.5, float("inf")])
    codes = coded(real, pa.array([7.25, 0.0]))
    (column,) = codes.real.columns
    assert list(column.numbers) == [0.0, 2.5, 7.25]
    assert codes.real.number_codes[0].dtype == np.uint8
    assert list(codes.real.number_codes[0]) == [0, 3, 1, 3, 1, 3]
    assert codes.real.numbers(0) == pytest.approx(
        [0, np.nan, 2.5, np.nan, 2.5, np.nan], nan_ok=True
    )
    assert list(codes.synthetic[0].numbers(0)) == [7.25, 0.0]
    assert codes.real.number_columns == (0,)
    assert column.labels == ("", "-8", "0", "inf")


def test_spikes_need_not_be_apart():
    codes = coded(pa.array([0.0, -8.0, 3.0]), pa.array([1.0]), binning=Binning(spikes_apart=False))
    assert list(codes.real.columns[0].numbers) == [0.0, 1.0, 3.0]
    assert list(codes.real.number_codes[0]) == [0, 3, 2]


def test_texts_in_a_column_of_numbers_are_levels():
    codes = coded(pa.array(["1", "N", "many", "2.5"]), pa.array(["2.5", "1e3", None, "N"]))
    assert codes.real.columns[0].labels == ("", "N", "many")
    assert list(codes.real.columns[0].numbers) == [1.0, 2.5, 1000.0]
    assert list(codes.synthetic[0].number_codes[0]) == [1, 2, 3, 3]


def test_a_column_of_nulls_has_no_numbers():
    codes = coded(pa.nulls(3, pa.float64()), pa.nulls(2, pa.float64()))
    assert len(codes.real.columns[0].numbers) == 0
    assert np.isnan(codes.real.numbers(0)).all()


def test_dates_are_days():
    column = Column(name="x", kind="date", storage="date32[day]")
    day = dt.date(1970, 1, 3)
    codes = coded(pa.array([day, None]), pa.array([day]), column=column)
    assert list(codes.real.columns[0].numbers) == [2.0]
    assert codes.real.columns[0].kind == "date"


@settings(deadline=None, max_examples=40)
@given(
    real=st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1, max_size=40),
    synthetic=st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1, max_size=40),
    batch=st.integers(1, 40),
)
def test_numbers_survive_any_batches(real, synthetic, batch):
    tables = [pa.table({"x": pa.array(v, pa.float64())}) for v in (real, synthetic)]
    pieces = [pa.Table.from_batches(t.to_batches(max_chunksize=batch)) for t in tables]
    column = Column(name="x", kind="integer", storage="int64", spikes=(3.0,))
    codes = code_together(*map(TableSource, pieces), schema=Schema(columns=(column,)))
    for table, values in ((codes.real, real), (codes.synthetic[0], synthetic)):
        expected = [np.nan if v is None else v for v in values]
        assert table.numbers(0) == pytest.approx(expected, nan_ok=True)
        (described,) = table.columns
        for code, value in zip(table.codes[0], expected, strict=True):
            if np.isnan(value):
                assert described.labels[code] == ""
            elif value == 3:
                assert described.labels[code] == "3"
            else:
                place = code - len(described.labels)
                side = "left" if described.closed == "right" else "right"
                assert place == np.searchsorted(described.cuts, value, side=side)


def test_tables_without_numbers_have_none():
    codes = mixed_codes(mixed_table(20, 1), mixed_table(20, 2))
    bare = CodedTable(codes.real.columns, codes.real.codes, 20)
    assert bare.number_columns == ()
    with pytest.raises(IncomputableMetricError, match="'sales' holds no numbers"):
        bare.numbers(3)
    with pytest.raises(IncomputableMetricError, match="'sector' holds no numbers"):
        codes.real.numbers(0)


def test_taken_rows_keep_their_numbers():
    real = mixed_codes(mixed_table(50, 1), mixed_table(20, 2)).real
    rows = np.array([7, 3, 3])
    assert real.take(rows).numbers(3) == pytest.approx(real.numbers(3)[rows], nan_ok=True)
    blocks = list(real.blocks(20))
    assert np.concatenate([b.number_codes[2] for b in blocks]).tolist() == list(
        real.number_codes[2]
    )


def test_a_holdout_decides_no_bin():
    """Wild numbers and a new missing code in the holdout move nothing in the other files."""
    real, synthetic = mixed_table(300, 1), mixed_table(300, 2)
    wild = mixed_table(300, 3)
    staff = np.where(np.arange(300) < 9, -8, 10**6 + np.arange(300))
    wild = wild.set_column(2, "staff", pa.array(staff))
    clean = [
        t.set_column(2, "staff", pa.array(np.maximum(t["staff"].to_numpy(), 1)))
        for t in (real, synthetic)
    ]
    with_holdout = mixed_codes(*clean, holdout=wild)
    without = mixed_codes(*clean)
    assert without.holdout is None
    for a, b in zip(with_holdout.real.columns, without.real.columns, strict=True):
        assert (a.cuts is None) == (b.cuts is None)
        assert a.cuts is None or list(a.cuts) == list(b.cuts)
    assert len(with_holdout.synthetic) == 1
    assert with_holdout.holdout.n_rows == 300
    assert with_holdout.holdout.numbers(2)[9] == 10**6 + 9


def test_a_holdout_may_be_one_of_the_files():
    source = TableSource(mixed_table(50, 1))
    codes = code_together(source, source, schema=MIXED, holdout=source)
    plain = code_together(source, source, schema=MIXED)
    for a, b in zip(codes.holdout.codes, plain.real.codes, strict=True):
        assert np.array_equal(a, b)


def test_types_that_differ_are_listed():
    schema = Schema(
        columns=tuple(Column(name=n, kind="categorical", storage="string") for n in "abcd")
    )
    real = pa.table({"a": [1], "b": ["u"], "c": pa.array([1], pa.int8()), "d": [True]})
    other = pa.table(
        {
            "a": ["1"],
            "b": pa.array(["u"]).dictionary_encode(),
            "c": [1.0],
            "d": [True],
        }
    )
    codes = code_together(TableSource(real), TableSource(other, name="syn"), schema=schema)
    assert codes.different_types == (TypeDifference("a", "int64", "string", "syn"),)
    assert codes.real.columns[0].labels == ("1",)
    text = TableSource(other.select(["a"]), name="syn", is_text=True)
    assert code_together(TableSource(real), text, schema=schema).different_types == ()


def test_numbers_against_words_are_compared_as_levels():
    """A number column that another file fills with words: far apart, and said so."""
    codes = coded(pa.array([1.5, 2.5]), pa.array(["low", "high"]))
    assert codes.different_types[0].other_type == "string"
    assert codes.real.columns[0].labels == ("high", "low")
    assert not set(codes.real.codes[0]) & set(codes.synthetic[0].codes[0])


def test_no_synthetic_file_is_an_error():
    with pytest.raises(IncomputableMetricError, match="name one synthetic file or more"):
        coded(pa.array([1.0]))


def test_an_empty_holdout_is_an_error():
    with pytest.raises(IncomputableMetricError, match="holdout has no rows"):
        mixed_codes(mixed_table(9, 1), mixed_table(9, 2), holdout=mixed_table(0, 3))


def test_weights_that_are_zero_in_one_file_are_an_error():
    none = mixed_table(9, 1).set_column(4, "weight", pa.array([0.0] * 9))
    with pytest.raises(DataError, match="all weights are zero in one of the files"):
        mixed_codes(mixed_table(9, 2), none, weighted=True)
