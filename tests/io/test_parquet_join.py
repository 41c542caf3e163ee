"""Row groups that are encoded apart and joined make the very file that Arrow writes."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.errors import OutputError, SchemaError
from gpusynth.io import ReplicateWriter, parquet_join, write
from gpusynth.io.compact_thrift import read_whole, struct_fields, write_whole
from gpusynth.io.parquet_join import (
    RowGroupJoin,
    encode_row_group,
    joins_like_arrow,
    open_parquet,
)

SUFFIXES = (".parquet", ".csv")


def groups_of(table: pa.Table, rows: int) -> list[pa.RecordBatch]:
    return table.combine_chunks().to_batches(max_chunksize=rows)


def by_arrow(table: pa.Table, rows: int) -> bytes:
    file = io.BytesIO()
    with open_parquet(file, table.schema) as writer:
        for batch in groups_of(table, rows):
            writer.write_batch(batch, row_group_size=batch.num_rows)
    return file.getvalue()


def joined(table: pa.Table, rows: int) -> bytes:
    file = io.BytesIO()
    join = RowGroupJoin(file, table.schema)
    for batch in groups_of(table, rows):
        join.append(encode_row_group(batch, table.schema))
    join.finish()
    return file.getvalue()


@pytest.mark.parametrize("rows", [1000, 999, 300, 64, 7])  # 1, 2, 4, 16 and 143 row groups
def test_every_type(survey, rows):
    assert joined(survey, rows) == by_arrow(survey, rows)


def test_places_of_many_bytes():
    numbers = np.random.default_rng(2).integers(0, 2**62, (4, 40_000))
    table = pa.table({f"column {i}": column for i, column in enumerate(numbers)})
    content = joined(table, 9000)
    assert len(content) > 1 << 20
    assert content == by_arrow(table, 9000)
    assert pq.read_table(io.BytesIO(content)).equals(table)


def test_no_rows(survey):
    assert joined(survey.slice(0, 0), 10) == by_arrow(survey.slice(0, 0), 10)


def test_it_is_tried_before_it_is_relied_upon(monkeypatch):
    assert joins_like_arrow()

    def other_places(batch, schema):
        part = encode_row_group(batch, schema)
        return parquet_join.RowGroupPart(
            part.pages, part.footer, part.n_rows, part.group, part.places[:-1], part.ordinal
        )

    def other_footer(batch, schema):
        raise KeyError(4)

    for changed in (other_places, other_footer):
        monkeypatch.setattr(parquet_join, "encode_row_group", changed)
        assert not joins_like_arrow.__wrapped__()


def written(path, table, n_threads, rows=300):
    done = []
    options = {"metadata": {"k": "v"}, "row_group_rows": rows, "n_threads": n_threads}
    with ReplicateWriter(path, table.schema, **options) as writer:
        writer.write_groups(
            lambda first, last: table.slice(first, last - first).combine_chunks().to_batches()[0],
            table.num_rows,
            written=done.append,
        )
    assert sum(done) == writer.n_rows == table.num_rows
    return path.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_threads_do_not_change_the_file(survey, tmp_path, monkeypatch, suffix):
    path = tmp_path / f"r{suffix}"
    with ReplicateWriter(path, survey.schema, metadata={"k": "v"}, row_group_rows=300) as writer:
        for first, last in pairwise([0, 250, 300, 1000]):
            writer.write(survey.slice(first, last - first).combine_chunks().to_batches()[0])
    expected = path.read_bytes()
    assert {written(path, survey, n_threads) for n_threads in (1, 2, 5)} == {expected}
    monkeypatch.setattr(write, "joins_like_arrow", lambda: False)
    assert written(path, survey, 2) == expected


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_leaves_nothing(survey, tmp_path, suffix, n_threads):
    def make(first, last):
        if first >= 600:
            raise OutputError("no more")
        return survey.slice(first, last - first).combine_chunks().to_batches()[0]

    options = {"metadata": {}, "row_group_rows": 100, "n_threads": n_threads}
    with (
        pytest.raises(OutputError, match="no more"),
        ReplicateWriter(tmp_path / f"r{suffix}", survey.schema, **options) as writer,
    ):
        writer.write_groups(make, survey.num_rows, written=lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_threads", [1, 3])
def test_columns_are_checked(survey, tmp_path, n_threads):
    other = survey.drop_columns(["key"]).to_batches()[0]
    with (
        pytest.raises(SchemaError, match="not those of the file"),
        ReplicateWriter(
            tmp_path / "r.parquet", survey.schema, metadata={}, n_threads=n_threads
        ) as writer,
    ):
        writer.write_groups(lambda *_: other, 1000, written=lambda _: None)


@pytest.mark.parametrize("number", [0, 1, 63, 64, 8191, 8192, 2**40, 2**62])
def test_whole_numbers(number):
    assert read_whole(write_whole(number), 0) == number


def test_a_field_of_an_unknown_kind():
    with pytest.raises(ValueError, match="no kind of field"):
        list(struct_fields(bytes([0x1D, 0, 0]), 0))
