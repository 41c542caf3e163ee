"""What every reader promises, whatever the format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import SchemaError
from gpusynth.io import ReplicateWriter, Source, file_sha256, open_source

FORMATS = ("parquet", "arrow", "stream", "feather", "csv", "csv.gz", "memory")


def stored(table: pa.Table, kind: str, directory: Path) -> Source:
    """Store a table in a format, in several pieces, and open it."""
    path = directory / f"survey.{'arrow' if kind == 'stream' else kind}"
    match kind:
        case "memory":
            return open_source(pa.concat_tables([table.slice(0, 333), table.slice(333)]))
        case "parquet":
            pq.write_table(table, path, row_group_size=300)
        case "feather":
            feather.write_feather(table, path, chunksize=170)
        case "arrow" | "stream":
            new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
            with pa.OSFile(str(path), "wb") as file, new(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=170)
        case _:
            plain = directory / "survey.csv"
            with ReplicateWriter(plain, table.schema, metadata={}) as writer:
                for batch in table.to_batches():
                    writer.write(batch)
            if kind == "csv.gz":
                with pa.output_stream(str(path), compression="gzip") as file:
                    file.write(plain.read_bytes())
    return open_source(path)


@pytest.fixture(scope="module", params=FORMATS)
def source(request, survey, tmp_path_factory):
    return stored(survey, request.param, tmp_path_factory.mktemp("sources"))


def whole(source: Source, columns: list[str] | None = None, batch_rows: int = 10_000) -> pa.Table:
    return pa.Table.from_batches(source.batches(columns, batch_rows=batch_rows))


def test_a_source_gives_back_what_was_stored(source, survey):
    table = whole(source)
    assert table.schema.equals(source.arrow_schema)
    assert table.column_names == survey.column_names
    assert source.is_text == source.name.startswith("survey.csv")
    assert isinstance(source, Source)
    if source.is_text:
        assert set(table.schema.types) == {pa.string()}
        assert table["text"].to_pylist() == survey["text"].to_pylist()
        assert [t is None for t in table["share"].to_pylist()] == [
            v is None for v in survey["share"].to_pylist()
        ]
    else:
        assert table.equals(survey)
        assert table.schema.equals(survey.schema)
        assert source.n_rows in (None, 1000)


@given(batch_rows=st.integers(1, 1100))
def test_every_batch_has_exactly_the_asked_rows(source, batch_rows):
    lengths = [batch.num_rows for batch in source.batches(["key"], batch_rows=batch_rows)]
    full, rest = divmod(1000, batch_rows)
    assert lengths == [batch_rows] * full + [rest] * (rest > 0)


@given(batch_rows=st.sampled_from([1, 7, 170, 299, 300, 301, 1000]))
def test_the_rows_do_not_depend_on_the_batches(source, batch_rows):
    assert whole(source, batch_rows=batch_rows).equals(whole(source))


def test_columns_come_in_the_asked_order(source):
    some = whole(source, ["text", "key"])
    assert some.column_names == ["text", "key"]
    assert some.equals(whole(source).select(["text", "key"]))


def test_a_source_can_be_streamed_again_and_side_by_side(source):
    pairs = zip(source.batches(batch_rows=100), source.batches(batch_rows=100), strict=True)
    assert all(first.equals(second) for first, second in pairs)


def test_an_abandoned_stream_leaves_nothing_open(source):
    batches = source.batches(batch_rows=10)
    assert next(batches).num_rows == 10
    del batches


@pytest.mark.parametrize("columns", [["key", "absent"], []])
def test_columns_that_are_not_there_are_refused(source, columns):
    with pytest.raises(SchemaError):
        source.batches(columns)


def test_fingerprint_is_the_sha256_of_the_bytes(source, survey, tmp_path):
    if source.name == "table":
        cut = pa.Table.from_batches(survey.to_batches(max_chunksize=10))
        assert source.fingerprint() == open_source(cut).fingerprint()
        assert source.fingerprint() != open_source(survey.slice(1)).fingerprint()
    else:
        path = tmp_path / "bytes"
        path.write_bytes(b"abc")
        assert file_sha256(path) == hashlib.sha256(b"abc").hexdigest()
        assert len(source.fingerprint()) == 64


def test_a_source_is_opened_as_itself(source):
    assert open_source(source) is source


def test_thousands_of_columns(tmp_path):
    table = pa.table({f"c{i}": [i, i + 1] for i in range(3000)})
    for kind in ("parquet", "arrow", "csv"):
        source = stored(table, kind, tmp_path)
        assert whole(source, batch_rows=1).num_columns == 3000
        assert whole(source, ["c2999"]).num_rows == 2


def test_names_with_dots_are_not_paths(tmp_path):
    table = pa.table({"a": [1], "a.b": [2], "a.b.c": [3]})
    source = stored(table, "parquet", tmp_path)
    assert whole(source, ["a.b"]).to_pydict() == {"a.b": [2]}
    assert whole(source, ["a"]).to_pydict() == {"a": [1]}


def test_string_views_become_large_strings():
    if not hasattr(pa, "string_view"):
        pytest.skip("this pyarrow has no string views")
    table = pa.table({"x": pa.array(["a", None], pa.string_view())})
    assert whole(open_source(table)).schema.field("x").type == pa.large_string()


def test_one_large_row_group_is_never_held_as_a_whole(tmp_path):
    # 4 columns x 1,600,000 random float64 = 51 MB in a single row group. A column needs at most
    # a dictionary page and a data page of 1 MB, both packed and unpacked, besides its buffers.
    path = tmp_path / "large.parquet"
    rng = np.random.default_rng(0)
    columns = {name: rng.random(1_600_000) for name in "abcd"}
    pq.write_table(pa.table(columns), path, row_group_size=1_600_000)
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    most = 0
    for batch in open_source(path).batches(batch_rows=10_000):
        most = max(most, pool.bytes_allocated() - before)
        assert batch.num_columns == 4
    assert most < 20e6


@pytest.mark.parametrize(
    "name",
    [
        "nist_acs/national2018.csv",
        "nist_acs/ma2019.csv",
        "firm/ppp_mt_small.csv",
        "firm/eia_utilities.csv",
        "wide/gss2012.csv",
        "sd2011.csv",
        "boys.csv",
    ],
)
def test_a_real_csv_file_is_written_as_it_was_read(real_data, tmp_path, name):
    source = open_source(real_data / name)
    copy = tmp_path / "copy.csv"
    with ReplicateWriter(copy, source.arrow_schema, metadata={}) as writer:
        for batch in source.batches(batch_rows=1000):
            writer.write(batch)
    assert whole(open_source(copy)).equals(whole(source))
    unquoted = (real_data / name).read_bytes().replace(b'"', b"")
    assert copy.read_bytes().replace(b'"', b"") == unquoted
    assert source.fingerprint() == file_sha256(real_data / name)
