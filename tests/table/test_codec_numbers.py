import json
import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import CodecError
from gpusynth.table import Column, codec_from_json
from gpusynth.table.bins import TAIL, _starts, bin_starts
from gpusynth.table.counts import ValueCounts
from gpusynth.table.storage import parse_storage


def test_special_codes_come_in_the_stated_order(fitted):
    array = pa.array([None, float("nan"), -9, -8, 0, 0, 7, 3], pa.float64(), from_pandas=False)
    column = Column(
        name="x", kind="numeric", storage="double", missing_codes=(-8, -9), spikes=(0.0,)
    )
    codec = fitted(column, array)
    codes, values = codec.encode(array)
    assert codes.tolist() == [0, 1, 3, 2, 4, 4, 6, 5]
    assert (codec.n_special, codec.n_codes, values) == (5, 7, None)
    assert codec.code_values.tolist() == [3.0, 7.0]


def test_text_codes_and_the_files_style_come_back(fitted):
    texts = ["17000.0", "N", None, "0.0", "-8.0", "1000000.0", "."]
    array = pa.array(texts, pa.string())
    column = Column(
        name="x",
        kind="integer",
        storage="string",
        missing_codes=("N", ".", -8),
        spikes=(0.0,),
        decimals=1,
        trailing_zeros=True,
    )
    codec = fitted(column, array)
    codes, values = codec.encode(array)
    assert codes.tolist() == [5, 1, 0, 4, 3, 6, 2]
    assert codec.decode(codes, values).to_pylist() == texts
    assert codec.code_values.tolist() == [17000, 1000000]


def test_shortest_numbers_come_back(fitted):
    texts = ["3.65", "35", "0.1", "-2", "1250.5"]
    codec = fitted(Column(name="x", kind="numeric", storage="string"), pa.array(texts))
    codes, _ = codec.encode(pa.array(texts))
    assert codec.decode(codes, None).to_pylist() == texts


def test_declared_numbers_may_be_written_loosely(fitted):
    array = pa.array(["007", " 8 ", "+9", "1e2"])
    codec = fitted(Column(name="x", kind="integer", storage="int64"), array)
    codes, _ = codec.encode(array)
    assert codec.decode(codes, None).to_pylist() == [7, 8, 9, 100]


def test_eighteen_digits_are_exact(fitted):
    texts = ["123456789012345678", "123456789012345679"]
    codec = fitted(Column(name="x", kind="integer", storage="int64"), pa.array(texts))
    assert codec.code_values.tolist() == [int(text) for text in texts]


def test_dates_with_text_codes(fitted):
    array = pa.array(["2012-12-31", "refused", None, "1999-01-01"])
    column = Column(name="x", kind="date", storage="string", missing_codes=("refused",))
    codec = fitted(column, array)
    codes, _ = codec.encode(array)
    assert codes.tolist() == [3, 1, 0, 2]
    assert codec.decode(codes, None).equals(array)


def test_a_date_can_be_a_missing_code(fitted):
    array = pa.array(["2012-12-31", "9999-12-31"]).cast(pa.date32())
    column = Column(name="x", kind="date", storage="date32[day]", missing_codes=("9999-12-31",))
    codec = fitted(column, array)
    assert codec.encode(array)[0].tolist() == [1, 0]
    assert codec.decode(*codec.encode(array)).equals(array)


def test_decimal_spikes_are_given_in_ordinary_units(fitted):
    array = pa.array(["0.00", "12.50", "-8.00", "3.25"]).cast(pa.decimal128(10, 2))
    column = Column(
        name="x", kind="numeric", storage="decimal128(10, 2)", missing_codes=(-8,), spikes=(12.5,)
    )
    codec = fitted(column, array)
    assert codec.encode(array)[0].tolist() == [2, 1, 0, 3]
    assert codec.decode(*codec.encode(array)).equals(array)


@pytest.mark.parametrize("storage", [pa.float32(), pa.float16()], ids=str)
def test_narrow_floats_have_their_special_codes(fitted, storage):
    array = pa.array([0.1, -9.9, 3.25, -9.9], pa.float64()).cast(storage)
    column = Column(
        name="x", kind="numeric", storage=str(storage), missing_codes=(-9.9,), spikes=(0.1,)
    )
    codec = fitted(column, array)
    assert codec.encode(array)[0].tolist() == [1, 0, 2, 0]
    assert codec.decode(*codec.encode(array)).equals(array)


@pytest.mark.parametrize("storage", [pa.int64(), pa.float64()], ids=str)
def test_more_values_than_codes(fitted, storage):
    rng = np.random.default_rng(7)
    numbers = np.concatenate([np.exp(rng.normal(14, 2, 150_000)).round(), [0, 0, -8]])
    array = pa.array(numbers, mask=np.arange(numbers.size) < 3).cast(storage)
    column = Column(
        name="x", kind="numeric", storage=str(storage), missing_codes=(-8,), spikes=(0.0,)
    )
    codec = fitted(column, array)
    codes, values = codec.encode(array)
    assert not codec.is_exact
    assert codec.n_codes <= 65_535
    assert codec.decode(codes, values).equals(array)
    again = codec_from_json(json.loads(json.dumps(codec.to_json())))
    assert again.decode(codes, values).equals(array)
    assert np.array_equal(again.code_values, codec.code_values)
    assert values[codes < codec.n_special].tolist() == [0] * 6
    ordinary = np.flatnonzero(codes >= codec.n_special)
    order = ordinary[np.argsort(values[ordinary], kind="stable")]
    assert (np.diff(codes[order].astype(int)) >= 0).all(), "codes ascend with the numbers"
    distinct = np.unique(values[ordinary])
    for tail in (distinct[:TAIL], distinct[-TAIL:]):
        own = codes[np.isin(values, tail) & (codes >= codec.n_special)]
        assert np.unique(own).size == TAIL, "tails stay separable"
    with pytest.raises(CodecError, match="needs values"):
        codec.decode(codes, None)


def test_middle_bins_hold_about_equally_many_rows():
    rng = np.random.default_rng(1)
    counts = ValueCounts(np.arange(100_000), rng.integers(1, 50, 100_000))
    starts = bin_starts(counts, 12_000)
    assert starts.size <= 12_000
    middle = (counts.values >= TAIL) & (counts.values < 100_000 - TAIL)
    bins = np.searchsorted(starts, counts.values[middle], side="right")
    rows = np.bincount(bins, counts.counts[middle])[bins.min() :]
    target = counts.counts[middle].sum() / 10_000
    # A bin may be off by the rows of one value (at most 49) at either end.
    assert np.abs(rows - target).max() <= 49


def test_a_heavy_value_does_not_empty_the_others():
    weights = np.ones(100_000, np.int64)
    weights[50_000] = 10**9
    starts = bin_starts(ValueCounts(np.arange(100_000), weights), 5_000)
    assert 4_900 <= starts.size <= 5_000
    assert {50_000, 50_001} <= set(starts.tolist())
    light = starts[(starts > TAIL) & (starts < 100_000 - TAIL)]
    assert np.diff(light).max() <= 40, "the light values still share 3,000 bins equally"


@given(
    st.lists(st.integers(1, 10**6) | st.just(1), min_size=30, max_size=400),
    st.integers(1, 29),
)
def test_bins_never_exceed_their_number(rows, most_bins):
    starts = _starts(np.array(rows, np.int64), most_bins)
    assert starts[0]
    assert starts.sum() <= most_bins


@pytest.mark.parametrize(
    ("kind", "storage", "fit_on", "answers", "says"),
    [
        ("integer", "int64", [1, 2], [1, 31337], "did not occur"),
        ("integer", "int64", [1, 2], [1, None], "is missing"),
        ("integer", "double", [1.0, 2.0], [1.0, 31337.5], "does not read as integer"),
        ("integer", "string", ["1", "2"], ["1", "31337x"], "does not read as integer"),
        ("date", "date32[day]", ["2012-12-31"], ["2012-12-31", "2012-02-30"], "read as date"),
    ],
)
def test_refusals_name_column_and_row_but_no_value(fitted, kind, storage, fit_on, answers, says):
    codec = fitted(Column(name="pay", kind=kind, storage=storage), pa.array(fit_on))
    with pytest.raises(CodecError, match=says) as refused:
        codec.encode(pa.array(answers), first_row=100)
    assert "column 'pay', row 102" in str(refused.value)
    assert not re.search("31337|02-30", str(refused.value))


def test_special_codes_that_the_storage_cannot_hold(fitted):
    array = pa.array([1, 2])
    with pytest.raises(CodecError, match="missing code 1 is text"):
        fitted(Column(name="x", kind="integer", storage="int64", missing_codes=("N",)), array)
    with pytest.raises(CodecError, match="spike 1 is not a whole number"):
        fitted(Column(name="x", kind="integer", storage="int64", spikes=(0.5,)), array)
    with pytest.raises(CodecError, match="'x': spike 1 lies beyond what int64 can hold"):
        fitted(Column(name="x", kind="integer", storage="int64", spikes=(2.0**63,)), array)
    nanoseconds = Column(
        name="x", kind="timestamp", storage="timestamp[ns]", missing_codes=("9999-12-31 00:00:00",)
    )
    with pytest.raises(CodecError, match=r"missing code 1 lies beyond what timestamp\[ns\] can"):
        fitted(nanoseconds, array.cast("timestamp[ns]"))


@pytest.mark.parametrize(
    ("kind", "storage", "codes", "holds"),
    [
        ("timestamp", "timestamp[s]", ("9999-12-31 23:59:59.5",), False),
        ("timestamp", "timestamp[ms]", ("9999-12-31 23:59:59.5",), True),
        ("numeric", "decimal128(9, 2)", (-8.555,), False),
        ("numeric", "decimal128(9, 2)", (-8.55, -999999.99), True),
    ],
)
def test_special_codes_finer_than_the_storage(fitted, kind, storage, codes, holds):
    array = pa.array([Decimal(1), Decimal(2)], pa.decimal128(9, 2))
    if kind == "timestamp":
        array = pa.array([1, 2]).cast(storage)
    column = Column(name="x", kind=kind, storage=storage, missing_codes=codes)
    if holds:
        assert fitted(column, array).column == column
    else:
        with pytest.raises(CodecError, match="'x': missing code 1 is finer than") as refused:
            fitted(column, array)
        assert storage in str(refused.value)


def test_timestamps_in_text_with_codes(fitted):
    array = pa.array(["2012-12-31 23:59:00", "N", "1999-01-01 00:00:01"])
    column = Column(name="x", kind="timestamp", storage="string", missing_codes=("N",))
    codec = fitted(column, array)
    assert codec.decode(*codec.encode(array)).equals(array)


@pytest.mark.parametrize("first", ["2020-01-01 00:00:00.5", "2020-01-01 00:00:00"])
@pytest.mark.parametrize("most_codes", [1000, 60])
def test_times_are_written_alike_however_rows_are_cut(fitted, monkeypatch, first, most_codes):
    monkeypatch.setattr("gpusynth.table.codec_numbers.MOST_CODES", most_codes)
    monkeypatch.setattr("gpusynth.table.bins.TAIL", 5)
    texts = [first, *(f"2020-01-01 00:{n // 60:02}:{n % 60:02}" for n in range(1, 200))]
    texts[77] += ".25"
    codec = fitted(Column(name="x", kind="timestamp", storage="string"), pa.array(texts))
    assert codec.is_exact == (most_codes == 1000)
    codes, values = codec.encode(pa.array(texts))
    whole = codec.decode(codes, values).to_pylist()
    for part in (slice(0, 70), slice(70, 80), slice(80, 200)):
        found = codec.decode(codes[part], None if values is None else values[part])
        assert found.to_pylist() == whole[part]
    assert whole[77].startswith("2020-01-01 00:01:17.25")
    assert pa.array(whole).cast(pa.timestamp("us")).equals(pa.array(texts).cast(pa.timestamp("us")))


def test_given_values_count_also_where_codes_are_exact(fitted):
    array = pa.array([10, None, 20, 0])
    codec = fitted(Column(name="x", kind="integer", storage="int64", spikes=(0.0,)), array)
    codes, _ = codec.encode(array)
    assert codec.decode(codes, np.array([11, 99, 21, 99])).to_pylist() == [11, None, 21, 0]


def test_more_whole_floats_than_codes(fitted):
    """Kept as int64, without a special code."""
    array = pa.array(np.arange(70_000) * 3.0)
    codec = fitted(Column(name="x", kind="integer", storage="double"), array)
    codes, values = codec.encode(array)
    assert (codec.is_exact, codec.n_special, values.dtype) == (False, 0, np.int64)
    assert codec.decode(codes, values).equals(array)
    with pytest.raises(CodecError, match="does not read as integer"):
        codec.encode(pa.array([1.5]))


@pytest.mark.parametrize("storage", ["int64", "double", "string"])
def test_a_missing_answer_where_there_was_none(fitted, storage):
    array = pa.array([1, 2]).cast(storage)
    codec = fitted(Column(name="x", kind="numeric", storage=storage), array)
    with pytest.raises(CodecError, match="'x', row 12: the answer is missing, but none was"):
        codec.encode(pa.array([1, None]).cast(storage), first_row=10)


@pytest.mark.parametrize(
    ("kind", "storage"),
    [
        ("date", "date32[day]"),
        ("date", "date64[ms]"),
        ("timestamp", "timestamp[s]"),
        ("timestamp", "timestamp[ms]"),
        ("timestamp", "timestamp[us]"),
        ("timestamp", "timestamp[ns]"),
    ],
)
def test_a_time_as_missing_code_in_any_unit(fitted, kind, storage):
    code = "2199-12-31" if kind == "date" else "2199-12-31 12:00:00"
    texts = ["2012-12-31", code, "1999-01-01"]
    array = pa.array(texts).cast("timestamp[us]").cast(parse_storage(storage))
    column = Column(name="x", kind=kind, storage=storage, missing_codes=(code,))
    codec = fitted(column, array)
    codes, values = codec.encode(array)
    assert codes.tolist() == [2, 0, 1]
    assert codec.decode(codes, values).equals(array)
