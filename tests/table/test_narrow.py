"""Booleans and short whole numbers are told by their distinct values, to the same end."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import CodecError
from gpusynth.table import Column, Schema, TableSource, encode_table, fit_codecs, infer_schema
from gpusynth.table.code_counts import count_codes
from gpusynth.table.narrow import narrow_batch
from gpusynth.table.sketch import sketch_batch, sketch_distinct

KINDS = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.bool_()]


@st.composite
def arrays(draw):
    """Part of an array that is long enough, often with nulls, over few or many values."""
    kind = draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    n_rows = draw(st.integers(2048, 5000))
    if pa.types.is_boolean(kind):
        numbers = rng.random(n_rows) < draw(st.sampled_from([0.0, 0.4, 1.0]))
    else:
        limits = np.iinfo(kind.to_pandas_dtype())
        low = draw(st.integers(limits.min, limits.max))
        numbers = rng.integers(low, draw(st.integers(low, limits.max)), n_rows, endpoint=True)
    missing = rng.random(n_rows) < draw(st.sampled_from([0.0, 0.2, 1.0]))
    array = pa.array(numbers, mask=missing).cast(kind)
    return array.slice(draw(st.integers(0, n_rows - 2048)))


def parts(sketch):
    texts = sketch.texts and sketch.texts.in_order()
    numbers = sketch.numbers
    return (
        sketch.arrow_type,
        sketch.n_rows,
        sketch.n_null,
        texts and (texts.texts.to_pylist(), texts.counts.tolist()),
        numbers and (numbers.values.dtype, numbers.values.tolist(), numbers.counts.tolist()),
    )


@settings(max_examples=60)
@given(arrays())
def test_a_sketch_by_distinct_values_is_that_of_the_rows(array):
    assert parts(sketch_distinct(narrow_batch(array))) == parts(sketch_batch(array))


@settings(max_examples=60)
@given(arrays())
def test_what_stands_for_values_comes_to_their_rows(array):
    told = narrow_batch(array)
    assert told.n_rows == len(array)
    stands_for = np.arange(100, 100 + len(told.values) + 1)
    number = {value: 100 + i for i, value in enumerate(told.values.to_pylist())}
    expected = [number.get(value, stands_for[-1]) for value in array.to_pylist()]
    assert told.spread(stands_for).tolist() == expected


@pytest.mark.parametrize(
    "array",
    [pa.array(range(5000)), pa.array([1.0] * 5000), pa.array([1] * 2047, pa.int8())],
    ids=["wide", "float", "short"],
)
def test_others_are_not_told(array):
    assert narrow_batch(array) is None


@pytest.fixture
def survey():
    rng = np.random.default_rng(5)
    n_rows = 9000
    missing = rng.random(n_rows) < 0.1
    return pa.table(
        {
            "sex": pa.array(rng.integers(1, 3, n_rows), pa.int8(), mask=missing),
            "year": pa.array(rng.integers(-300, 2000, n_rows), pa.int16()),
            "owner": pa.array(rng.random(n_rows) < 0.3, mask=~missing),
            "pay": pa.array(rng.lognormal(9, 2, n_rows).round(2), mask=missing),
            "level": pa.array(rng.choice(["b", "a"], n_rows)).dictionary_encode(),
        }
    )


def encoded(table, **options):
    source = TableSource(table, name="firms.parquet")
    inferred = infer_schema(source, **options)
    codecs = fit_codecs(inferred.schema, source, **options)
    made = encode_table(inferred.schema, codecs, source, **options)
    columns = {**made.codes, **{f"{name}, values": v for name, v in made.values.items()}}
    about = {name: codec.to_json() for name, codec in codecs.items()}
    return inferred.reasons, about, {name: (a.dtype, a.tolist()) for name, a in columns.items()}


def test_threads_and_batches_change_nothing(survey):
    one = encoded(survey)
    assert encoded(survey, n_threads=3, batch_rows=2500) == one
    # Batches that are too short to be told are encoded row by row.
    assert encoded(survey, n_threads=2, batch_rows=2000) == one


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_unknown_value_is_named_by_its_row(survey, n_threads):
    schema = Schema(
        columns=(
            Column(name="year", kind="categorical", storage="int16"),
            Column(name="sex", kind="categorical", storage="int8"),
        )
    )
    codecs = fit_codecs(schema, TableSource(survey))
    sex = survey["sex"].to_pylist()
    sex[7001] = 77
    year = survey["year"].to_pylist()
    year[8000] = 3000
    odd = pa.table({"year": pa.array(year, pa.int16()), "sex": pa.array(sex, pa.int8())})
    source = TableSource(odd, name="odd.parquet")
    # The first batch with an unknown value, and there the column that the schema names first.
    with pytest.raises(CodecError, match=r"odd\.parquet: column 'sex', row 7002"):
        encode_table(schema, codecs, source, batch_rows=4000, n_threads=n_threads)
    with pytest.raises(CodecError, match="column 'year', row 8001"):
        encode_table(schema, codecs, source, n_threads=n_threads)


def test_codes_are_counted_in_parts():
    codes = np.random.default_rng(1).integers(0, 300, 150_000).astype(np.uint16)
    assert count_codes(codes, 301).tolist() == np.bincount(codes, minlength=301).tolist()
    assert count_codes(codes[:0], 2).tolist() == [0, 0]
