import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import CodecError, DataError, SchemaError
from gpusynth.table import (
    Column,
    Schema,
    TableSource,
    codec_from_json,
    decode_batch,
    encode_table,
    fit_codecs,
    infer_schema,
    output_schema,
    parse_storage,
)


class UnknownLength(TableSource):
    @property
    def n_rows(self):
        return None


@pytest.fixture
def source():
    rng = np.random.default_rng(3)
    n_rows = 5_000
    return TableSource(
        pa.table(
            {
                "id": pa.array(np.arange(n_rows)),
                "sex": pa.array(rng.integers(1, 3, n_rows), pa.int8()),
                "pay": pa.array(
                    rng.lognormal(9, 2, n_rows).round(2), mask=rng.random(n_rows) < 0.1
                ),
                "level": pa.array(rng.choice(["b", "a"], n_rows)).dictionary_encode(),
            }
        ),
        name="firms.parquet",
    )


@pytest.mark.parametrize("batch_rows", [1, 333, 4_999, 100_000])
def test_batches_do_not_change_codecs_or_table(source, batch_rows):
    if batch_rows == 1:
        source = TableSource(source._table.slice(0, 200))
    schema = infer_schema(source).schema
    whole = fit_codecs(schema, source)
    cut = fit_codecs(schema, source, batch_rows=batch_rows)
    assert {n: c.to_json() for n, c in cut.items()} == {n: c.to_json() for n, c in whole.items()}
    one = encode_table(schema, whole, source)
    unknown = UnknownLength(source._table)
    for other in (
        encode_table(schema, cut, source, batch_rows=batch_rows),
        encode_table(schema, cut, unknown, batch_rows=batch_rows),
    ):
        assert other.n_rows == one.n_rows
        for name in one.codes:
            assert other.codes[name].dtype == one.codes[name].dtype
            assert np.array_equal(other.codes[name], one.codes[name])


def test_values_of_inexact_columns_are_encoded_in_batches():
    numbers = np.random.default_rng(5).normal(size=70_000)
    source = UnknownLength(pa.table({"x": numbers}))
    schema = infer_schema(source).schema
    codecs = fit_codecs(schema, source)
    table = encode_table(schema, codecs, source, batch_rows=9_999)
    assert np.array_equal(table.values["x"], numbers)
    assert np.array_equal(table.codes["x"], codecs["x"].encode(pa.array(numbers))[0])


def test_decoding_gives_the_inputs_types_without_keys(source):
    schema = infer_schema(source).schema
    codecs = fit_codecs(schema, source)
    assert list(codecs) == ["sex", "pay", "level"]
    table = encode_table(schema, codecs, source)
    output = output_schema(schema, source.arrow_schema)
    assert output.names == ["sex", "pay", "level"]
    batch = decode_batch(schema, codecs, table.codes, table.values, output)
    expected = source._table.drop_columns(["id"]).combine_chunks().to_batches()[0]
    assert batch.equals(expected)
    again = {name: codec_from_json(codec.to_json()) for name, codec in codecs.items()}
    assert decode_batch(schema, again, table.codes, table.values, output).equals(expected)


def test_sketches_of_inference_serve_the_codecs(source):
    inferred = infer_schema(source)
    streamed = fit_codecs(inferred.schema, source)
    reused = fit_codecs(inferred.schema, source, sketches=inferred.sketches)
    for name, codec in streamed.items():
        assert codec.to_json() == reused[name].to_json()


def test_a_value_outside_the_schema_names_file_column_and_row(source):
    schema = Schema(
        columns=[
            Column(name="id", kind="integer", storage="int64", role="key"),
            Column(name="sex", kind="categorical", storage="int8", levels=("1",)),
        ]
    )
    codecs = fit_codecs(schema, source)
    row = 1 + source._table["sex"].to_pylist().index(2)
    with pytest.raises(CodecError, match=rf"firms\.parquet: column 'sex', row {row}:"):
        encode_table(schema, codecs, source, batch_rows=1)


def test_schemas_without_any_coded_column_are_refused(source):
    column = Column(name="id", kind="integer", storage="int64", role="key")
    with pytest.raises(CodecError, match="no column is left"):
        fit_codecs(Schema(columns=[column]), source)


def test_no_rows_are_refused():
    empty = TableSource(pa.table({"x": pa.array([], pa.int64())}), name="empty.parquet")
    schema = Schema(columns=[Column(name="x", kind="integer", storage="int64")])
    with pytest.raises(DataError, match=r"empty\.parquet: no rows"):
        fit_codecs(schema, empty)


def test_decoding_an_unknown_column_or_type_is_refused(source):
    schema = infer_schema(source).schema
    codecs = fit_codecs(schema, source)
    table = encode_table(schema, codecs, source)
    for field, says in (("id", "'id' cannot be decoded"), ("sex", "decodes to int8, but")):
        with pytest.raises(CodecError, match=says):
            output = pa.schema([(field, pa.int64())])
            decode_batch(schema, codecs, table.codes, table.values, output)


@pytest.mark.parametrize(
    "storage",
    [
        pa.int8(),
        pa.float16(),
        pa.large_string(),
        pa.string_view(),
        pa.date32(),
        pa.date64(),
        pa.timestamp("ns", "America/New_York"),
        pa.decimal128(38, 9),
        pa.dictionary(pa.int8(), pa.string(), ordered=True),
        pa.dictionary(pa.uint32(), pa.timestamp("us", "UTC")),
        pa.time64("ns"),
        pa.duration("s"),
    ],
    ids=str,
)
def test_storage_names_are_read_back(storage):
    assert parse_storage(str(storage)) == storage


def test_storage_names_that_arrow_does_not_know():
    with pytest.raises(SchemaError, match="storage 'integer' is not the name of an Arrow type"):
        parse_storage("integer")


def test_codec_descriptions_that_are_none():
    with pytest.raises(CodecError, match="not the description of a codec"):
        codec_from_json({"codec": "other"})


def test_text_source_must_be_text():
    with pytest.raises(DataError, match="column 'x' of a text source must be string"):
        TableSource(pa.table({"x": [1]}), is_text=True)


def test_fingerprint_does_not_depend_on_chunks():
    one = pa.table({"x": [1, 2, 3]})
    cut = pa.concat_tables([one.slice(0, 1), one.slice(1)])
    assert TableSource(one).fingerprint() == TableSource(cut).fingerprint()
    assert TableSource(one).fingerprint() != TableSource(one.slice(1)).fingerprint()
