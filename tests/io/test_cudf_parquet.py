"""Parquet by cuDF: the rows, types and metadata of Arrow's reader and writer, with a stand-in."""

import datetime as dt
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.errors import BackendUnavailableError, DataError, PlanError, SchemaError
from gpusynth.io import ReplicateWriter, open_source
from gpusynth.io.cudf import read_row_groups
from gpusynth.io.cudf_out import DeviceBatch
from gpusynth.io.cudf_parquet import CudfParquetSource
from gpusynth.io.parquet import ParquetSource
from gpusynth.table import encode_table, fit_codecs, infer_schema
from tests.io import cudf_stand_in

RNG = np.random.default_rng(11)
N = 110
REAL = pa.table(
    {
        "region": pa.array(["S", "N", None, "W", "S"] * 22).dictionary_encode(),
        "sector": pa.array(["01", "02", "10", None, "7é"] * 22),
        "flag": pa.array([True, False, None, True, True] * 22),
        "staff": pa.array([*RNG.integers(0, 5000, N - 2).tolist(), None, -9], pa.int64()),
        "sales": pa.array([None, float("nan"), -0.0, *RNG.normal(size=N - 3)]),
        "day": pa.array([dt.date(2020, 1, 1 + n % 28) for n in range(N)]),
        "when": pa.array(RNG.integers(0, 10**12, N), pa.timestamp("us")),
    }
)


@pytest.fixture
def stand_in(monkeypatch):
    return cudf_stand_in.install_parquet(monkeypatch)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "real.parquet"
    pq.write_table(REAL, path, row_group_size=25)
    return path


def rows(source, **options):
    return pa.Table.from_batches(source.batches(**options), schema=None)


@pytest.mark.parametrize("columns", [None, ["day", "sales"], ["staff"], ["region", "day"]])
def test_batches_are_those_of_arrow(stand_in, file, columns):
    ours, arrows = CudfParquetSource(file), ParquetSource(file)
    assert ours.arrow_schema == arrows.arrow_schema
    assert ours.n_rows == arrows.n_rows
    assert ours.fingerprint() == arrows.fingerprint()
    found, expected = rows(ours, columns=columns), rows(arrows, columns=columns)
    assert found.schema == expected.schema
    assert repr(found.to_pylist()) == repr(expected.to_pylist())
    sizes = [batch.num_rows for batch in ours.batches(columns, batch_rows=40)]
    assert sizes == [40, 40, 30]


def test_codes_are_those_of_arrow(stand_in, file):
    ours, arrows = CudfParquetSource(file), ParquetSource(file)
    schema = infer_schema(arrows).schema
    assert infer_schema(ours).schema == schema
    codecs = fit_codecs(schema, ours)
    here, there = encode_table(schema, codecs, arrows), encode_table(schema, codecs, ours)
    for name in here.codes:
        np.testing.assert_array_equal(there.codes[name], here.codes[name])
    for name in here.values:
        np.testing.assert_array_equal(
            there.values[name].view(np.int64), here.values[name].view(np.int64)
        )


def test_row_groups_go_in_parts_that_fit(monkeypatch, file):
    cudf_stand_in.install_parquet(monkeypatch, free_bytes=4 * 1500)
    asked = []

    def watched(path, columns, row_groups):
        asked.append((tuple(columns), tuple(row_groups)))
        return read_row_groups(path, columns, row_groups)

    monkeypatch.setattr("gpusynth.io.cudf_parquet.read_row_groups", watched)
    source = CudfParquetSource(file)
    parts = list(source.distinct_batches("flag"))
    assert sum(part.n_rows for part in parts) == N
    assert [columns for columns, _ in asked] == [("flag",)] * len(parts)
    assert 1 < len(parts) < 5
    assert [group for _, groups in asked for group in groups] == [0, 1, 2, 3, 4]
    assert source.distinct_batches("sector") is None  # 64 bytes a text are too many here
    assert repr(rows(source).to_pylist()) == repr(rows(ParquetSource(file)).to_pylist())


def test_written_files_read_alike(stand_in, tmp_path):
    table = REAL.drop_columns(["day"])
    fields = [field.with_nullable(field.name != "when") for field in table.schema]
    schema = pa.schema(fields, metadata={"kept": "é"})
    found = []
    for writer in ("arrow", "cudf"):
        path = tmp_path / f"{writer}.parquet"
        given = {"metadata": {"seed": "1"}, "row_group_rows": 40, "writer": writer}
        with ReplicateWriter(path, schema, **given) as file:
            for batch in table.cast(schema).to_batches(max_chunksize=33):
                file.write(batch)
        found.append(path)
    arrow, cudf = (pq.read_table(path) for path in found)
    assert cudf.schema.equals(arrow.schema, check_metadata=True)
    assert repr(cudf.to_pylist()) == repr(arrow.to_pylist())
    written = pq.read_metadata(found[1])
    assert written.num_row_groups == 3
    for at in range(written.num_columns):  # whose entries cuDF numbers as threads arrive
        assert "RLE_DICTIONARY" not in written.row_group(0).column(at).encodings
    assert found[0].read_bytes() != found[1].read_bytes()


@pytest.mark.parametrize(
    ("names", "host", "message"),
    [
        (("a",), {"a": [1]}, "not those of the file"),
        (("b", "a"), {"a": [1]}, "not those of the file"),
        (("a", "b"), {"a": [1.5]}, "should be int64"),
        (("a", "b"), {"a": pa.array([None], pa.int64())}, "may not have nulls"),
    ],
)
def test_rows_of_another_file_are_refused(stand_in, tmp_path, names, host, message):
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), ("b", pa.int64())])
    made = {"b": cudf_stand_in.Column.of(pa.array([2]))}
    path = tmp_path / "synthetic.parquet"

    def make(first, last):
        return DeviceBatch(names, pa.record_batch(host), made, last - first)

    def write(make):
        with ReplicateWriter(path, schema, metadata={}, writer="cudf") as file:
            assert file.is_on_device
            file.write_groups(make, 1, written=lambda n_rows: None)

    with pytest.raises(SchemaError, match=message):
        write(make)
    assert not list(tmp_path.iterdir())
    write(lambda first, last: DeviceBatch(("a", "b"), pa.record_batch({"a": [1]}), made, 1))
    assert pq.read_table(path).to_pylist() == [{"a": 1, "b": 2}]


def test_columns_on_the_device_are_for_cudfs_writer_alone(stand_in, tmp_path):
    for name, schema in (("text.csv", REAL.schema), ("days.parquet", REAL.schema)):
        with ReplicateWriter(tmp_path / name, schema, metadata={}, writer="cudf") as file:
            assert not file.is_on_device


def test_a_file_without_rows_and_a_type_that_arrow_keeps(stand_in, tmp_path):
    for name, table in (("none", REAL.slice(0, 0).select(["staff"])), ("days", REAL)):
        path = tmp_path / f"{name}.parquet"
        with ReplicateWriter(path, table.schema, metadata={}, writer="cudf") as file:
            for batch in table.to_batches():
                file.write(batch)
        assert pq.read_table(path).schema.types == table.schema.types
        assert pq.read_table(path).num_rows == table.num_rows


@pytest.mark.parametrize("dropped", [[], ["day"]])  # a file with dates is Arrow's
def test_a_run_has_the_rows_of_arrows_run(stand_in, file, tmp_path, dropped):
    pq.write_table(REAL.drop_columns(dropped), file, row_group_size=25)
    runs = {
        io: gpusynth.synthesize(file, seed=3, output=tmp_path / io, io=io, checkpoints=True)
        for io in ("arrow", "cudf")
    }
    arrow, cudf = (pq.read_table(run.replicates[0].path) for run in runs.values())
    assert cudf.schema.equals(arrow.schema, check_metadata=True)
    assert repr(cudf.to_pylist()) == repr(arrow.to_pylist())
    hashes = {run.replicates[0].sha256 for run in runs.values()}
    assert len(hashes) == (2 if dropped else 1)
    assert runs["cudf"].manifest["settings"]["io"] == "cudf"
    assert "io" not in runs["arrow"].manifest["settings"]
    assert runs["cudf"].manifest["input"] == runs["arrow"].manifest["input"]


def test_the_command_line_takes_it(stand_in, file, tmp_path):
    options = ["--io", "cudf", "--quiet", "--no-utility"]
    assert main(["run", "--data", str(file), "--output", str(tmp_path / "run"), *options]) == 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["settings"]["io"] == "cudf"


def test_without_cudf_the_extra_is_named(monkeypatch, file, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "cudf", None)
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[rapids-cu13\]"):
        gpusynth.synthesize(file, output=tmp_path / "run", io="cudf")
    assert not (tmp_path / "run").exists()
    assert main(["run", "--data", str(file), "--output", str(tmp_path / "r"), "--io", "cudf"]) == 2
    assert "rapids-cu13" in capsys.readouterr().err


def test_other_files_words_and_clusters_are_refused(stand_in, tmp_path):
    text = tmp_path / "real.csv"
    text.write_text("a,b\n" + "1,x\n2,y\n" * 20)
    with pytest.raises(DataError, match="reads Parquet files only"):
        open_source(text, reader="cudf")
    with pytest.raises(PlanError, match="io must be arrow or cudf"):
        gpusynth.synthesize(REAL, io="pandas")
    with pytest.raises(PlanError, match="runs in one process"):
        gpusynth.synthesize(REAL, output=tmp_path / "run", io="cudf", client=object())


def test_what_cudf_cannot_read_is_told_without_its_words(stand_in, file, monkeypatch):
    def broken(*given):
        raise RuntimeError("CUDF failure: 4711 is confidential")

    monkeypatch.setattr("gpusynth.io.cudf_parquet.read_row_groups", broken)
    with pytest.raises(DataError, match=r"row groups 1 to 5 cannot be read .*RuntimeError") as told:
        rows(CudfParquetSource(file))
    assert "4711" not in str(told.value)


@pytest.mark.rapids
def test_pylibcudf_and_rmm_have_what_is_asked():
    plc = pytest.importorskip("pylibcudf")
    mr = pytest.importorskip("rmm").mr
    assert mr.available_device_memory
    assert plc.unary.is_null
    assert plc.Table.from_arrow and plc.io.SinkInfo and plc.io.types.TableInputMetadata
    assert plc.io.types.CompressionType.ZSTD is not None
    assert plc.io.types.ColumnEncoding.PLAIN is not None
    for name in ("set_name", "set_nullability", "set_encoding"):
        assert hasattr(plc.io.types.ColumnInMetadata, name)
    builder = plc.io.parquet.ChunkedParquetWriterOptionsBuilder
    for name in ("metadata", "key_value_metadata", "compression", "write_arrow_schema", "build"):
        assert hasattr(builder, name)
    writer = plc.io.parquet.ChunkedParquetWriter
    assert writer.from_options and writer.write and writer.close


@pytest.mark.rapids
def test_with_cudf_itself(file, tmp_path):
    cudf = pytest.importorskip("cudf")
    try:
        cudf.Series([1])
    except Exception as error:  # noqa: BLE001 - cuDF has many ways to say so
        pytest.skip(f"cuDF is installed and has no GPU: {type(error).__name__}")
    tables = []
    for io in ("arrow", "cudf"):
        run = gpusynth.synthesize(file, seed=3, output=tmp_path / io, io=io)
        tables.append(pq.read_table(run.replicates[0].path))
    assert tables[1].schema.equals(tables[0].schema, check_metadata=True)
    assert repr(tables[1].to_pylist()) == repr(tables[0].to_pylist())
