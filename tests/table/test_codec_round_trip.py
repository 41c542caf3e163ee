"""decode(encode(x)) == x for every storage, also after the codec went through JSON."""

import datetime as dt
import decimal
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.table import Column, codec_from_json, fit_codec
from gpusynth.table.infer import infer_column
from gpusynth.table.sketch import sketch_batch
from gpusynth.table.storage import take

WHOLE = {
    pa.int8(): (-(2**7), 2**7 - 1),
    pa.int16(): (-(2**15), 2**15 - 1),
    pa.int32(): (-(2**31), 2**31 - 1),
    pa.int64(): (-(2**63), 2**63 - 1),
    pa.uint8(): (0, 2**8 - 1),
    pa.uint16(): (0, 2**16 - 1),
    pa.uint32(): (0, 2**32 - 1),
    pa.uint64(): (0, 2**63 - 1),
    pa.timestamp("s"): (-(2**40), 2**40),
    pa.timestamp("ms", "UTC"): (-(2**40), 2**40),
    pa.timestamp("us", "Europe/Paris"): (-(2**50), 2**50),
    pa.timestamp("ns"): (-(2**62), 2**62),
    pa.date32(): (-700_000, 2_000_000),
    pa.time32("s"): (0, 86_399),
    pa.time64("us"): (0, 86_399_999_999),
    pa.duration("ms"): (-(2**50), 2**50),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


def as_storage(numbers, storage):
    mask = np.array([number is None for number in numbers], bool)
    filled = np.array([0 if number is None else number for number in numbers])
    if pa.types.is_uint64(storage):
        filled = filled.astype(np.uint64)
    small = pa.types.is_date32(storage) or pa.types.is_time32(storage)
    array = pa.array(filled.astype(np.int32) if small else filled, mask=mask)
    return array.cast(storage)


def check(array, column):
    """Assert the round trip of one array with a column, and of its codec through JSON."""
    codec = fit_codec(column, sketch_batch(array).finalize())
    again = codec_from_json(json.loads(json.dumps(codec.to_json())))
    codes, values = codec.encode(array)
    assert codes.dtype == (np.uint8 if codec.n_codes <= 256 else np.uint16)
    assert codes.max(initial=0) < codec.n_codes
    for fitted in (codec, again):
        decoded = fitted.decode(codes, values)
        assert decoded.type == array.type
        decoded.validate(full=True)
        assert decoded.equals(array)
        if values is None:  # where rows lie on a device they take what their codes stand for
            meanings = fitted.decode(np.arange(fitted.n_codes), None)
            assert take(meanings, pa.array(codes)).equals(decoded)
    return codec


def check_inferred(array):
    proposal = infer_column("x", sketch_batch(array).finalize(), from_text_file=False)
    if proposal.column.role == "synthesize":
        check(array, proposal.column)


@pytest.mark.parametrize("storage", WHOLE, ids=str)
@given(data=st.data())
def test_whole_numbers(storage, data):
    low, high = WHOLE[storage]
    numbers = data.draw(st.lists(st.none() | st.integers(low, high), min_size=1, max_size=30))
    array = as_storage(numbers, storage)
    kind = "integer"
    if pa.types.is_date(storage) or pa.types.is_timestamp(storage):
        kind = "date" if pa.types.is_date(storage) else "timestamp"
    check(array, Column(name="x", kind=kind, storage=str(storage)))
    check_inferred(array)


@pytest.mark.parametrize("storage", [pa.float64(), pa.float32(), pa.float16()], ids=str)
@given(data=st.data())
def test_floats_with_nan_and_infinity(storage, data):
    width = storage.bit_width
    numbers = data.draw(st.lists(st.none() | st.floats(width=width), min_size=1, max_size=30))
    # The sign of zero is no answer: -0.0 comes back as 0.0.
    numbers = [0.0 if number == 0 else number for number in numbers]
    array = pa.array(numbers, pa.float64()).cast(storage)
    codec = fit_codec(
        Column(name="x", kind="numeric", storage=str(storage)), sketch_batch(array).finalize()
    )
    codes, values = codec.encode(array)
    decoded = codec.decode(codes, values)
    assert decoded.type == storage
    assert repr(decoded.to_pylist()) == repr(array.to_pylist())
    null_code = codes[[number is None for number in numbers]]
    nan_code = codes[[number is not None and number != number for number in numbers]]
    assert not set(null_code.tolist()) & set(nan_code.tolist())


def test_minus_zero_becomes_zero():
    array = pa.array([-0.0, 0.0, 1.5])
    codec = fit_codec(
        Column(name="x", kind="numeric", storage="double"), sketch_batch(array).finalize()
    )
    codes, _ = codec.encode(array)
    assert codes[0] == codes[1]
    assert repr(codec.decode(codes, None).to_pylist()) == "[0.0, 0.0, 1.5]"


@given(
    st.integers(1, 38),
    st.integers(0, 6),
    st.lists(st.none() | st.integers(-(10**9), 10**9), min_size=1, max_size=30),
)
def test_decimals(precision, scale, units):
    storage = pa.decimal128(max(precision, 10 + scale), scale)
    context = decimal.Context(prec=40)
    numbers = [
        None if unit is None else decimal.Decimal(unit).scaleb(-scale, context) for unit in units
    ]
    array = pa.array(numbers, storage)
    codec = check(array, Column(name="x", kind="numeric", storage=str(storage)))
    assert codec.code_values.dtype == np.int64
    check_inferred(array)
    check(array.slice(len(array) // 2), Column(name="x", kind="numeric", storage=str(storage)))


@pytest.mark.parametrize("storage", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@given(texts=st.lists(st.none() | TEXTS, min_size=1, max_size=30))
def test_texts(storage, texts):
    array = pa.array(texts, pa.string()).cast(storage)
    check(array, Column(name="x", kind="categorical", storage=str(storage)))
    check_inferred(array)


@given(st.lists(st.none() | st.booleans(), min_size=1, max_size=30))
def test_booleans(answers):
    array = pa.array(answers, pa.bool_())
    check(array, Column(name="x", kind="boolean", storage="bool", levels=("false", "true")))
    check_inferred(array)


@pytest.mark.parametrize("index", [pa.int8(), pa.uint16(), pa.int64()], ids=str)
@pytest.mark.parametrize("ordered", [False, True])
@given(data=st.data())
def test_dictionaries_keep_order_and_unused_levels(index, ordered, data):
    levels = data.draw(st.lists(TEXTS, min_size=1, max_size=8, unique=True))
    places = data.draw(st.lists(st.none() | st.integers(0, len(levels) - 1), min_size=1))
    array = pa.DictionaryArray.from_arrays(
        pa.array(places, index), pa.array(levels, pa.string()), ordered=ordered
    )
    kind = "ordered" if ordered else "categorical"
    column = Column(name="x", kind=kind, storage=str(array.type))
    codec = check(array, column)
    codes, _ = codec.encode(array)
    assert codec.decode(codes).dictionary.to_pylist() == levels
    assert codec.is_ordered == ordered
    check_inferred(array)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([3, 1, 2], pa.int16()),
        pa.array([0.5, 1.0, -2.5]),
        pa.array([dt.date(2012, 12, 31), dt.date(1999, 1, 1)]),
        pa.array(["b", "a"], pa.large_string()),
        pa.array([True, False]),
    ],
    ids=lambda values: str(values.type),
)
def test_dictionaries_of_any_value_type(values):
    places = pa.array([0, None, 1, 1], pa.int8())
    check_inferred(pa.DictionaryArray.from_arrays(places, values))


@given(st.lists(st.none() | st.integers(0, 5), min_size=1, max_size=40))
def test_coded_integers_as_categories(numbers):
    for storage in (pa.int8(), pa.int64(), pa.float64(), pa.float16(), pa.decimal128(19, 0)):
        array = pa.array(numbers, pa.int64()).cast(storage)
        check(array, Column(name="x", kind="categorical", storage=str(storage)))


def test_whole_floats_may_be_integers():
    array = pa.array([3.0, None, -1.0, 2.0**40])
    codec = check(array, Column(name="x", kind="integer", storage="double"))
    assert codec.code_values.dtype == np.int64


def test_all_missing_columns_stay_missing():
    for storage in (pa.null(), pa.string(), pa.int32(), pa.bool_(), pa.float64()):
        check_inferred(pa.nulls(5, storage))


def test_dates_in_milliseconds():
    days = pa.array([dt.date(2012, 12, 31), None, dt.date(1969, 7, 20)], pa.date64())
    check(days, Column(name="x", kind="date", storage="date64[ms]"))
