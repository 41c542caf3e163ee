from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import uuid
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import OutputError, SchemaError
from gpusynth.io import ReplicateWriter, open_source

SUFFIXES = (".parquet", ".csv")


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def write(path: Path, table: pa.Table, cuts: tuple[int, ...] = (), **options: object) -> bytes:
    edges = [0, *sorted(cuts), table.num_rows]
    with ReplicateWriter(path, table.schema, metadata={"k": "v"}, **options) as writer:
        for start, stop in pairwise(edges):
            part = table.slice(start, stop - start).combine_chunks()
            for batch in part.to_batches():
                writer.write(batch)
    assert writer.n_rows == table.num_rows
    return path.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(cuts=st.lists(st.integers(0, 1000), max_size=6).map(tuple))
def test_bytes_do_not_depend_on_how_the_caller_cuts(survey, tmp_path_factory, suffix, cuts):
    path = tmp_path_factory.mktemp("cuts") / f"r{suffix}"
    assert write(path, survey, cuts, row_group_rows=300) == write(path, survey, row_group_rows=300)


def test_parquet_has_the_types_the_metadata_and_the_row_groups(survey, tmp_path):
    path = tmp_path / "r.parquet"
    write(path, survey, (1, 450), row_group_rows=300)
    found = pq.ParquetFile(path)
    with found:
        groups = [found.metadata.row_group(i) for i in range(found.num_row_groups)]
        assert [group.num_rows for group in groups] == [300, 300, 300, 100]
        assert {group.column(0).compression for group in groups} == {"ZSTD"}
        assert found.schema_arrow.equals(survey.schema)
        assert found.schema_arrow.metadata == {b"pandas": b"kept as it is", b"k": b"v"}
        assert found.read().equals(survey)


def test_a_file_without_rows_has_its_columns(survey, tmp_path):
    none = survey.slice(0, 0)
    write(tmp_path / "r.parquet", none)
    assert pq.read_table(tmp_path / "r.parquet").schema.equals(survey.schema)
    assert write(tmp_path / "r.csv", none).decode() == ",".join(survey.column_names) + "\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_file_is_there_when_it_is_whole(survey, tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    path.write_text("of an earlier run")
    with ReplicateWriter(path, survey.schema, metadata={}) as writer:
        writer.write(survey.to_batches()[0])
        assert path.read_text() == "of an earlier run"
        assert (tmp_path / f"r{suffix}.partial").exists()
    assert path.stat().st_size > 10_000
    assert names(tmp_path) == [f"r{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, ConnectionError])
def test_an_error_leaves_what_was_there(survey, tmp_path, suffix, error):
    path = tmp_path / f"r{suffix}"
    path.write_text("of an earlier run")
    with (
        pytest.raises(error) as caught,
        ReplicateWriter(path, survey.schema, metadata={}, row_group_rows=100) as writer,
    ):
        writer.write(survey.to_batches()[0])
        raise error("the caller's own")
    assert type(caught.value) is error
    assert names(tmp_path) == [f"r{suffix}"]
    assert path.read_text() == "of an earlier run"
    gc.collect()  # a writer that was left open would complain here


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_parent(survey, tmp_path, suffix):
    path = tmp_path / "absent" / f"r{suffix}"
    with pytest.raises(OutputError, match="Make the directory first"):
        write(path, survey)
    assert names(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_permission(survey, tmp_path, suffix):
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Ask for the permission to write"):
        write(tmp_path / f"r{suffix}", survey)


def test_unknown_format(survey, tmp_path):
    with pytest.raises(OutputError, match=r"Use one of \.parquet, \.csv"):
        ReplicateWriter(tmp_path / "r.xlsx", survey.schema, metadata={})


@pytest.fixture(params=["small disk", "failing file"])
def full_disk(request, tmp_path, monkeypatch):
    """Directory on a disk with room for 64 KiB; where none can be mounted, one that says so."""
    if request.param == "failing file":
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", fsync)
        yield tmp_path
        return
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / uuid.uuid4().hex
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    yield disk
    gc.collect()
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("row_group_rows", [1000, 100_000], ids=["while writing", "at the end"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_disk_full(full_disk, suffix, row_group_rows):
    table = pa.table({"x": np.random.default_rng(0).random(50_000)})
    with pytest.raises(OutputError, match=r"No space left on device\. Free some space") as caught:
        write(full_disk / f"r{suffix}", table, row_group_rows=row_group_rows)
    assert f"r{suffix} cannot be written" in str(caught.value)
    assert names(full_disk) == []


def test_batches_must_have_the_columns_of_the_file(tmp_path):
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    for batch, says in [
        (pa.RecordBatch.from_pydict({"b": [1]}), "not those of the file"),
        (pa.RecordBatch.from_pydict({"a": ["1"]}), "'a' should be int64, a batch brings string"),
        (pa.RecordBatch.from_pydict({"a": [1, None]}), "'a' may not have nulls"),
    ]:
        with (
            pytest.raises(SchemaError, match=says),
            ReplicateWriter(tmp_path / "r.parquet", schema, metadata={}) as writer,
        ):
            writer.write(batch)
    with ReplicateWriter(tmp_path / "r.parquet", schema, metadata={}) as writer:
        writer.write(pa.RecordBatch.from_pydict({"a": [1, 2]}))
    assert open_source(tmp_path / "r.parquet").arrow_schema.equals(schema)
