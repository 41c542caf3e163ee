"""Tables and files: names, types, selections, reproducibility, errors."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.datasets import firms, firms_schema, select_columns, write_firms
from gpusynth.datasets.calibration import CUTS
from gpusynth.datasets.draws import STREAM_NUMBERS, Draws
from gpusynth.datasets.facts_columns import COLUMN_NAMES
from gpusynth.datasets.firms import BLOCK_ROWS
from gpusynth.datasets.simulation import simulate
from gpusynth.errors import DataError, OutputError


def test_all_columns_in_file_order(table):
    assert table.column_names == list(COLUMN_NAMES)
    assert table.num_columns == 130


def test_storage_types(table):
    types = {name: table.schema.field(name).type for name in table.column_names}
    assert pa.types.is_dictionary(types["FIPST"])
    assert pa.types.is_dictionary(types["RACE1"])
    assert types["SECTOR"] == pa.int16()
    assert types["TABWGT"] == pa.float64()
    assert types["PAYROLL_NOISY"] == pa.int64()
    assert types["SCAMOUNT"] == pa.string()
    assert types["AGE1"] == pa.int8()
    assert table["AGE1"].null_count > 0
    assert table["SEX1"].null_count == 0


def test_a_longer_table_begins_with_the_shorter_one():
    short, long = firms(1_000, seed=5), firms(BLOCK_ROWS + 500, seed=5)
    assert long.slice(0, 1_000).combine_chunks().equals(short.combine_chunks())


@settings(max_examples=15, deadline=None)
@given(first=st.integers(0, 1 << 40), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_blocks_of_any_size_give_the_same_rows(first, cuts):
    whole = simulate(Draws(3, first, sum(cuts), cuts=CUTS))
    start = 0
    for n_rows in cuts:
        part = simulate(Draws(3, first + start, n_rows, cuts=CUTS))
        for name, values in part.items():
            assert np.array_equal(values, whole[name][start : start + n_rows])
        start += n_rows


def test_seeds_differ_and_repeat():
    assert firms(500, seed=1).equals(firms(500, seed=1))
    assert not firms(500, seed=1).equals(firms(500, seed=2))


def test_every_column_has_its_own_stream():
    assert len(set(STREAM_NUMBERS.values())) == len(STREAM_NUMBERS)
    assert set(CUTS) <= set(STREAM_NUMBERS)


@pytest.mark.parametrize("columns", [1, 10, 40, 129])
def test_a_selection_is_part_of_the_whole(columns):
    whole, part = firms(300, seed=2), firms(300, seed=2, columns=columns)
    assert part.num_columns == columns
    assert part.equals(whole.select(part.column_names))
    assert part.column_names == list(select_columns(columns))


def test_selections_are_nested_and_mixed():
    chosen = [set(select_columns(k)) for k in range(1, 131)]
    assert all(small < large for small, large in pairwise(chosen))
    forty = firms(10, columns=40).schema.types
    assert sum(t == pa.int8() for t in forty) in range(24, 33)


def test_zero_rows():
    empty = firms(0)
    assert empty.num_rows == 0
    assert empty.column_names == list(COLUMN_NAMES)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"n_rows": -1}, "n_rows"),
        ({"n_rows": 1, "seed": -1}, "seed"),
        ({"n_rows": 1, "seed": 1 << 64}, "seed"),
        ({"n_rows": 1, "columns": 0}, "columns"),
        ({"n_rows": 1, "columns": 131}, "columns"),
    ],
)
def test_arguments_out_of_range(arguments, part):
    with pytest.raises(DataError, match=part):
        firms(**arguments)


def test_file_equals_table(tmp_path):
    path = tmp_path / "firms.parquet"
    write_firms(path, BLOCK_ROWS + 10, seed=4, columns=20)
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 2
    expected = firms(BLOCK_ROWS + 10, seed=4, columns=20)
    back = file.read()
    assert back.schema.equals(expected.schema)
    assert back.combine_chunks().equals(expected.combine_chunks())
    assert [p.name for p in tmp_path.iterdir()] == ["firms.parquet"]


def test_file_has_the_same_bytes_again(tmp_path):
    digests = set()
    for name in ("a.parquet", "b.parquet"):
        write_firms(tmp_path / name, 500, seed=9)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_csv_file(tmp_path):
    path = tmp_path / "firms.csv"
    write_firms(path, BLOCK_ROWS + 10, seed=4, columns=20)
    expected = firms(BLOCK_ROWS + 10, seed=4, columns=20)
    options = csv.ConvertOptions(
        column_types={field.name: plain_type(field.type) for field in expected.schema},
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    back = csv.read_csv(path, convert_options=options)
    plain = pa.schema([(field.name, plain_type(field.type)) for field in expected.schema])
    assert back.equals(expected.cast(plain))
    assert [p.name for p in tmp_path.iterdir()] == ["firms.csv"]


def plain_type(kind):
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"Use one of \.parquet, \.csv"):
        write_firms(tmp_path / "firms.xlsx", 10)
    with pytest.raises(OutputError):
        write_firms(tmp_path / "missing" / "firms.parquet", 10)
    with pytest.raises(DataError):
        write_firms(tmp_path / "firms.parquet", 10, columns=0)
    assert list(tmp_path.iterdir()) == []


def test_schema_describes_the_table(table):
    schema = firms_schema()
    assert schema.names == tuple(table.column_names)
    for column in schema.columns:
        stored = table[column.name]
        assert column.storage == str(stored.type)
        assert column.role == "synthesize"
        assert column.note
        if column.levels is not None:
            found = {str(code) for code in stored.unique().to_pylist() if code is not None}
            assert found <= {*column.levels, *map(str, column.missing_codes)}
            assert set(column.labels) <= {*column.levels, *map(str, column.missing_codes)}
        else:
            low, high = column.bounds
            values = stored.to_numpy()
            assert values.min() >= low
            assert high is None or values.max() <= high


def test_schema_of_a_selection():
    assert firms_schema(15).names == select_columns(15)
