"""What a run may take, and what it does where that is too little."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

import gpusynth
from gpusynth.cli.main import main
from gpusynth.datasets import firms
from gpusynth.engine import memory as module
from gpusynth.engine.memory import Memory, available_bytes, zeros
from gpusynth.errors import OutputError, PlanError
from gpusynth.io import open_source
from gpusynth.table import BATCH_ROWS, coded_dtypes, fit_codecs, infer_schema


def test_a_container_counts(tmp_path, monkeypatch):
    limit, usage = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("1000000\n")
    usage.write_text("400000\n")
    monkeypatch.setattr(module, "_LIMIT_FILES", (str(limit),))
    monkeypatch.setattr(module, "_USAGE_FILES", (str(usage),))
    assert available_bytes() == 600_000
    usage.write_text("1000001\n")
    assert available_bytes() == 0
    limit.write_text("max\n")
    assert available_bytes() > 1_000_000


def test_arrays_in_files_are_private_and_hold_zeros(tmp_path):
    file = tmp_path / "column"
    array = zeros(1_000, np.uint16, file)
    assert type(array) is np.ndarray
    assert not array.any()
    assert file.stat().st_size == 2_000
    assert file.stat().st_mode & 0o777 == 0o600
    array[999] = 7
    assert np.fromfile(file, np.uint16)[999] == 7
    assert zeros(0, np.uint8, tmp_path / "none").shape == (0,)
    with pytest.raises(OutputError):
        zeros(10, np.uint8, tmp_path / "no directory" / "column")


def test_columns_go_to_disk_only_when_they_are_large(tmp_path, monkeypatch):
    source = open_source(firms(500, seed=1, columns=6))
    schema = infer_schema(source).schema
    codecs = fit_codecs(schema, source)
    row = sum(np.dtype(dtype).itemsize for dtype in coded_dtypes(schema, codecs).values())
    monkeypatch.setattr(module, "available_bytes", lambda: 5_000_000)
    most = int(0.4 * 5_000_000 / (2 * row))
    assert Memory(None, tmp_path).place_of(schema, codecs, most) is None
    assert Memory(None, tmp_path).place_of(schema, codecs, most + 1) == tmp_path
    assert Memory(None, None).place_of(schema, codecs, most + 1) is None
    assert Memory(None, tmp_path).place_of(schema, codecs, None) is None


def test_fewer_fits_run_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(module, "available_bytes", lambda: 1_280_000_000)
    rows = {n_rows: Memory().fits_at_a_time(n_rows, 8) for n_rows in (1_000, 2_500_000, 10**8)}
    assert rows == {1_000: 8, 2_500_000: 4, 10**8: 1}
    assert Memory(limit=1).fits_at_a_time(1_000, 8) == 1


def test_fewer_row_groups_are_written_at_a_time_where_memory_is_short(monkeypatch):
    fields = [("code", pa.int8()), ("number", pa.float64()), ("text", pa.string())]
    group = 4 * (1 + 8 + 24) * BATCH_ROWS
    monkeypatch.setattr(module, "available_bytes", lambda: 4 * 3 * group)
    assert [Memory().writers(pa.schema(fields), threads) for threads in (1, 2, 3, 4)] == [
        1,
        2,
        3,
        3,
    ]
    assert Memory(limit=1).writers(pa.schema(fields), 8) == 1
    assert Memory().writers(pa.schema([]), 8) == 8


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_same_bytes_in_no_memory(suffix, tmp_path):
    table = firms(3_000, seed=4, columns=10)
    data = tmp_path / f"firms.{suffix}"
    if suffix == "csv":
        csv.write_csv(table, data)
    else:
        pq.write_table(table, data)
    files = []
    for number, memory_bytes in enumerate((None, 1)):
        output = tmp_path / f"run_{number}"
        made = gpusynth.synthesize(
            data, n_replicates=2, seed=3, threads=2, output=output, memory_bytes=memory_bytes
        )
        files.append([replicate.path.read_bytes() for replicate in made.replicates])
        assert sorted(file.name for file in output.iterdir()) == [
            *("manifest.json", "plan.json", "replicate_001.parquet", "replicate_002.parquet"),
            "schema.toml",
        ]
    assert files[0] == files[1]


def test_real_columns_lie_in_the_staging_directory(tmp_path, monkeypatch):
    made = []
    own = module.zeros

    def watched(n_rows, dtype, file=None):
        if file is not None:
            made.append(file.name)
        return own(n_rows, dtype, file)

    monkeypatch.setattr(sys.modules["gpusynth.engine.real.prepare"], "zeros", watched)
    table = firms(500, seed=4, columns=6)
    gpusynth.synthesize(table, output=tmp_path / "run", memory_bytes=1)
    assert any(name.startswith("columns_real_codes_") for name in made)
    made.clear()
    gpusynth.synthesize(table, output=tmp_path / "again")
    assert made == []


def test_the_option_of_the_command_line(tmp_path, capsys):
    pq.write_table(firms(500, seed=4, columns=6), tmp_path / "firms.parquet")
    options = ["run", "--data", str(tmp_path / "firms.parquet"), "--quiet", "--no-utility"]
    assert main([*options, "--output", str(tmp_path / "a"), "--memory", "0.1"]) == 0
    assert main([*options, "--output", str(tmp_path / "b")]) == 0
    names = ("a", "b")
    one, other = ((tmp_path / name / "replicate_001.parquet").read_bytes() for name in names)
    assert one == other
    assert main([*options, "--output", str(tmp_path / "c"), "--memory", "0"]) == 2
    assert "--memory" in capsys.readouterr().err
    with pytest.raises(PlanError, match="memory_bytes"):
        gpusynth.synthesize(firms(50, columns=6), memory_bytes=0)
