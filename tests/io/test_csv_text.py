"""CSV in detail: what a field means, and how a value is written."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpusynth.io import CsvStyle, open_source
from gpusynth.io.csv_text import csv_header, csv_lines

texts = st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\x00")))


def parsed(directory, text: bytes) -> dict[str, list[str | None]]:
    path = directory / "t.csv"
    path.write_bytes(text)
    return pa.Table.from_batches(open_source(path).batches()).to_pydict()


def written(array: pa.Array, **style: object) -> list[str]:
    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    return csv_lines(batch, CsvStyle(**style)).decode().split("\n")[:-1]


@pytest.mark.parametrize(
    "text",
    [
        b'a,b\n1,"x\n""y"", z"\n,""\n 01 ,3\n',
        b'a,b\r\n1,"x\n""y"", z"\r\n,""\r\n 01 ,3\r\n',
        b'\xef\xbb\xbfa,b\n1,"x\n""y"", z"\n,""\n 01 ,3',
        b'\xef\xbb\xbf"a","b"\n\n1,"x\n""y"", z"\n\n,""\n\n 01 ,3\n\n',
    ],
    ids=["plain", "CRLF", "byte order mark, no last line end", "empty lines"],
)
def test_fields_are_the_text_of_the_file(tmp_path, text):
    assert parsed(tmp_path, text) == {"a": ["1", None, " 01 "], "b": ['x\n"y", z', "", "3"]}


def test_an_empty_line_is_a_null_in_a_file_of_one_column(tmp_path):
    assert parsed(tmp_path, b'a\n1\n\n""\n') == {"a": ["1", None, ""]}


def test_a_last_field_may_hold_line_ends(tmp_path):
    assert parsed(tmp_path, b'a,b\n1,"x\ny"\n') == {"a": ["1"], "b": ["x\ny"]}
    assert parsed(tmp_path, b'a,b\n1,"x\n"') == {"a": ["1"], "b": ["x\n"]}


@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
@example(rows=[(None, None), ("", None)])
def test_text_written_is_text_read(tmp_path_factory, rows):
    columns = [list(column) for column in zip(*rows, strict=True)]
    batch = pa.RecordBatch.from_arrays([pa.array(c, pa.string()) for c in columns], ["a", "b, c"])
    text = csv_header(batch.schema.names) + csv_lines(batch, CsvStyle())
    found = parsed(tmp_path_factory.mktemp("text"), text)
    assert found == {"a": columns[0], "b, c": columns[1]}
    lines = list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert lines[1:] == [[first or "", second or ""] for first, second in rows]


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.integers(0, 12))
def test_numbers_written_are_the_numbers_read(numbers, decimals):
    lines = written(pa.array(numbers), decimals={"x": decimals})
    assert [float(line) for line in lines] == numbers


def test_numbers_have_no_needless_digits():
    numbers = [17000.0, 0.1, 2731.2, 123456789012.5, 1e15, -0.000002, 1e300, None]
    assert written(pa.array(numbers)) == [
        "17000",
        "0.1",
        "2731.2",
        "123456789012.5",
        "1000000000000000",
        "-0.000002",
        "1e+300",
        "",
    ]
    assert written(pa.array([0.1, 16777216], pa.float32())) == ["0.1", "16777216"]


def test_decimals_of_the_style_are_kept():
    numbers = pa.array([17000.0, 0.5, None, 0.125, -3.0, np.inf])
    assert written(numbers, decimals={"x": 1}) == ["17000.0", "0.5", "", "0.125", "-3.0", "inf"]
    assert written(pa.array([3, None]), decimals={"x": 2}) == ["3.00", ""]


def test_other_types():
    moments = pa.array([0, 1_500_000, None], pa.timestamp("us"))
    assert written(moments) == ["1970-01-01 00:00:00", "1970-01-01 00:00:01.5", ""]
    zoned = pa.array([0], pa.timestamp("us", "UTC"))
    assert written(zoned) == ["1970-01-01 00:00:00Z"]
    assert written(pa.array([20], pa.timestamp("s"))) == ["1970-01-01 00:00:20"]
    flags = pa.array([True, None, False])
    assert written(flags) == ["true", "", "false"]
    assert written(flags, booleans={"x": ("TRUE", "FALSE")}) == ["TRUE", "", "FALSE"]
    assert written(pa.array(["b,c", None, ""]).dictionary_encode()) == ['"b,c"', "", '""']
    assert written(pa.array([7, None]).dictionary_encode()) == ["7", ""]
    assert written(pa.array([17897], pa.date32())) == ["2019-01-01"]
    assert written(pa.nulls(2)) == ["", ""]


def test_a_slice_writes_its_own_rows_only():
    batch = pa.RecordBatch.from_pydict({"a": ["u", "v", "w"], "b": [1, 2, 3]})
    assert csv_lines(batch.slice(1, 1), CsvStyle()) == b"v,2\n"
    assert csv_lines(batch.slice(1, 0), CsvStyle()) == b""
