from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.errors import DataError
from gpusynth.io import ReplicateMetadata, ReplicateWriter, read_metadata
from gpusynth.io.metadata import PREFIX, with_metadata
from gpusynth.table.schema import Column, Schema

MADE = ReplicateMetadata(
    schema=Schema(
        columns=(
            Column(name="emp", kind="integer", storage="int64", spikes=(0.0,), missing_codes=(-8,)),
            Column(name="Größe", kind="categorical", storage="string", levels=("a", "b")),
        )
    ),
    plan_fingerprint="0f" * 32,
    seed=2**64 - 1,
    version="0.1.0",
    replicate=3,
)


def test_a_replicate_says_how_it_was_made(tmp_path):
    path = tmp_path / "r.parquet"
    schema = pa.schema([("emp", pa.int64())], metadata={"pandas": "{}"})
    with ReplicateWriter(path, schema, metadata=MADE.to_mapping()):
        pass
    assert read_metadata(path) == MADE
    assert pq.read_schema(path).metadata[b"pandas"] == b"{}"


def test_keys_of_an_earlier_making_are_dropped():
    schema = pa.schema([("a", pa.int8())], metadata={PREFIX + "old": "1", "own": "2"})
    assert with_metadata(schema, {PREFIX + "new": "3"}).metadata == {
        b"own": b"2",
        b"gpusynth.new": b"3",
    }
    assert not with_metadata(schema.remove_metadata(), {}).metadata


@pytest.mark.parametrize("missing", [None, "seed", "schema"])
def test_a_file_of_another_making_is_refused(tmp_path, missing):
    path = tmp_path / "r.parquet"
    kept = {} if missing is None else MADE.to_mapping()
    kept.pop(f"{PREFIX}{missing}", None)
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(kept), path)
    with pytest.raises(DataError, match=r"r\.parquet does not say how it was made"):
        read_metadata(path)


def test_values_that_do_not_parse_are_refused(tmp_path):
    path = tmp_path / "r.parquet"
    kept = MADE.to_mapping() | {PREFIX + "seed": "many"}
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(kept), path)
    with pytest.raises(DataError, match="does not say"):
        read_metadata(path)
    path.write_bytes(b"no Parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_metadata(path)
