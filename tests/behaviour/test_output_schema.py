"""Promise: a replicate has exactly the input's names, order and types."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import gpusynth


def test_parquet_to_parquet(mixed, mixed_file, tmp_path):
    run = gpusynth.synthesize(mixed_file, output=tmp_path / "out", n_replicates=2)
    for replicate in run.replicates:
        written = pq.read_table(replicate.path)
        assert written.schema == mixed.schema
        assert written.num_rows == replicate.n_rows == mixed.num_rows
        assert written["fax"].null_count == written["telex"].null_count == written.num_rows
        assert written["year"].unique().to_pylist() == [2012]


def test_feather_to_parquet(mixed, tmp_path):
    path = tmp_path / "survey.feather"
    pyarrow.feather.write_feather(mixed, path)
    run = gpusynth.synthesize(path, output=tmp_path / "out")
    assert pq.read_schema(run.replicates[0].path) == mixed.schema


def test_csv_to_csv_reads_back_with_the_same_types(mixed, tmp_path):
    path = tmp_path / "survey.csv"
    seconds = mixed["seen"].cast(pa.timestamp("s"), safe=False)
    real = mixed.set_column(0, "region", mixed["region"].cast(pa.string()))
    real = real.set_column(5, "seen", seconds)
    pyarrow.csv.write_csv(real, path)
    run = gpusynth.synthesize(path, output=tmp_path / "out", format="csv")
    given, written = (pyarrow.csv.read_csv(p) for p in (path, run.replicates[0].path))
    assert written.schema == given.schema


def test_metadata_say_how_a_file_was_made(mixed_file, tmp_path):
    from gpusynth.io import read_metadata

    run = gpusynth.synthesize(mixed_file, output=tmp_path / "out", seed=3)
    made = read_metadata(run.replicates[0].path)
    assert (made.seed, made.replicate, made.version) == (3, 1, gpusynth.__version__)
    assert made.plan_fingerprint == run.plan.fingerprint()
    assert made.schema.names == tuple(pq.read_schema(mixed_file).names)


def roles(table: pa.Table, **chosen: str) -> gpusynth.Schema:
    schema = gpusynth.infer_schema(table).schema
    columns = tuple(
        c.model_copy(update={"role": chosen[c.name]}) if c.name in chosen else c
        for c in schema.columns
    )
    return gpusynth.Schema(columns=columns)


def test_dropped_columns_are_nowhere(mixed, tmp_path):
    path = tmp_path / "survey.parquet"
    pq.write_table(mixed, path)
    schema = roles(mixed, legal="drop")
    run = gpusynth.synthesize(path, schema, output=tmp_path / "out")
    written = pq.read_table(run.replicates[0].path)
    assert written.column_names == [n for n in mixed.column_names if n != "legal"]
    # Neither as a column nor as levels in the metadata of a file that is given away.
    assert b"sole" not in run.replicates[0].path.read_bytes()


@pytest.mark.parametrize(
    ("storage", "first", "last"),
    [
        (pa.int64(), 1, 1500),
        (pa.uint16(), 1, 1500),
        (pa.float64(), 1.0, 1500.0),
        (pa.string(), "0001", "1500"),
        (pa.large_string(), "0001", "1500"),
    ],
)
def test_keys_are_numbered_afresh(mixed, storage, first, last):
    real = mixed.append_column("firm", pa.array(range(9000, 10500)).cast(storage))
    synthetic = gpusynth.synthesize(real, roles(real, firm="key"))
    assert synthetic.schema == real.schema
    keys = synthetic["firm"].to_pylist()
    assert (keys[0], keys[-1], len(set(keys))) == (first, last, 1500)


def test_a_key_that_cannot_count_so_far(mixed):
    real = mixed.append_column("firm", pa.array([i % 100 for i in range(1500)], pa.int8()))
    with pytest.raises(gpusynth.PlanError, match=r"'firm'.*int8.*1500 rows"):
        gpusynth.synthesize(real, roles(real, firm="key"))
    with pytest.raises(gpusynth.PlanError, match=r"'opened'.*date32"):
        gpusynth.synthesize(mixed, roles(mixed, opened="key"))


def test_a_column_that_inference_leaves_out_is_told(tmp_path):
    """More texts than codes can hold: nobody asked for the column to go, so it is said."""
    names = [f"name {row % 65_600}" for row in range(65_700)]
    table = pa.table({"who": names, "grade": [row % 7 for row in range(65_700)]})
    told = (
        "column 'who' is left out of the output: more than 65,536 distinct texts; make it coarser"
    )
    with pytest.warns(gpusynth.GpusynthWarning, match=told):
        assert gpusynth.synthesize(table, n_rows=10).column_names == ["grade"]
    run = gpusynth.synthesize(table, n_rows=10, output=tmp_path / "out")
    assert [note.startswith(told) for note in run.manifest["notes"]] == [True]
    columns = [
        column.model_copy(update={"levels": None})
        for column in gpusynth.infer_schema(table).schema.columns
    ]
    asked = gpusynth.Schema(columns=tuple(columns))  # now the user says so
    assert gpusynth.synthesize(table, asked, n_rows=10).column_names == ["grade"]
