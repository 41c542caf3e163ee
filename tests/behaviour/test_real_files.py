"""Promise: real survey files go through, and come out in their own words."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.io import read_metadata
from gpusynth.table import parse_storage

FILES = [
    "nist_acs/national2018.csv",
    "firm/ppp_mt_small.csv",
    "wide/gss2012.csv",
    "sd2011.csv",
    "boys.csv",
]


def words(path: Path) -> pa.Table:
    """The file as text, an empty field without quotes as null."""
    names = pyarrow.csv.open_csv(path).schema.names
    return pyarrow.csv.read_csv(
        path,
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


@pytest.mark.parametrize("name", FILES)
def test_csv_comes_out_in_the_words_of_the_file(shared_data, tmp_path, name):
    data = shared_data(name)
    run = gpusynth.synthesize(data, output=tmp_path, format="csv", seed=1)
    real, synthetic = words(data), words(run.replicates[0].path)
    assert synthetic.schema == real.schema
    assert synthetic.num_rows == real.num_rows
    keys = {c.name for c in gpusynth.read_schema(tmp_path / "schema.toml").with_role("key")}
    for column in real.column_names:
        if column not in keys:
            strange = set(synthetic[column].to_pylist()) - set(real[column].to_pylist())
            assert len(strange) == 0, column


@pytest.mark.parametrize("name", FILES)
def test_parquet_has_the_types_of_the_schema(shared_data, tmp_path, name):
    run = gpusynth.synthesize(shared_data(name), output=tmp_path)
    schema = gpusynth.read_schema(tmp_path / "schema.toml")
    written = pq.read_schema(run.replicates[0].path)
    assert written.names == list(schema.names)
    assert written.types == [parse_storage(column.storage) for column in schema.columns]
    described = read_metadata(run.replicates[0].path).schema
    told = {"levels", "labels", "spikes"}  # only those that occur in the file
    for column in schema.columns:
        own = described[column.name]
        assert own.model_dump(exclude=told) == column.model_dump(exclude=told)
        assert set(own.levels or ()) <= set(column.levels or ())
        assert set(own.spikes) <= set(column.spikes)
