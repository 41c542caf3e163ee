"""Bad input: one error that says what, where and what to do, and never shows a value."""

from __future__ import annotations

import datetime as dt
import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from gpusynth.errors import DataError
from gpusynth.io import open_source
from gpusynth.io.csv_stream import BLOCK_BYTES

SECRET = "SECRETVALUE"
"""In every broken file; must not be in any message."""


def message(data: object) -> str:
    """Read everything and return the words of the one error."""
    with pytest.raises(DataError) as caught:
        for _ in open_source(data).batches():
            pass
    words = str(caught.value)
    assert SECRET not in words
    # Nor in the traceback, where a library's own error would be shown as the cause.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert words.endswith(".")
    assert "\n" not in words
    return words


def file(directory: Path, name: str, content: bytes) -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", [".parquet", ".csv", ".csv.gz", ".arrow", ".feather"])
class TestEveryFormat:
    def test_missing(self, tmp_path, kind):
        words = message(tmp_path / f"absent{kind}")
        assert f"absent{kind} does not exist" in words

    def test_directory(self, tmp_path, kind):
        (tmp_path / f"d{kind}").mkdir()
        assert "is a directory" in message(tmp_path / f"d{kind}")

    def test_empty(self, tmp_path, kind):
        assert "is empty (0 bytes)" in message(file(tmp_path, f"e{kind}", b""))

    def test_no_permission(self, tmp_path, kind, monkeypatch):
        path = file(tmp_path, f"p{kind}", SECRET.encode())
        if os.access(path, os.R_OK) and os.geteuid() == 0:
            # The permissions of a file do not bind root.
            monkeypatch.setattr(os, "access", lambda *_: False)
        else:
            path.chmod(0)
        assert "may not be read. Ask for the permission" in message(path)

    def test_another_format_under_the_name(self, tmp_path, kind):
        path = file(tmp_path, f"x{kind}", b"\x89PNG\r\n\x1a\n\x00\xff" + SECRET.encode() * 10)
        assert message(path).startswith(f"x{kind}")


def test_unknown_suffix(tmp_path):
    words = message(file(tmp_path, "survey.xlsx", b"x"))
    assert "Use one of .parquet, .csv, .csv.gz, .arrow, .feather" in words


def test_not_an_ordinary_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not an ordinary file" in message(tmp_path / "pipe.csv")


class TestParquet:
    @pytest.fixture
    def content(self, tmp_path) -> bytes:
        table = pa.table({"a": np.arange(1000), "b": [SECRET + str(i) for i in range(1000)]})
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=500)
        return (tmp_path / "t.parquet").read_bytes()

    @pytest.mark.parametrize("keep", [0.001, 0.5, 0.99])
    def test_truncated(self, tmp_path, content, keep):
        path = file(tmp_path, "cut.parquet", content[: int(len(content) * keep) or 1])
        assert message(path).startswith("cut.parquet cannot be read")

    def test_damaged_row_group(self, tmp_path, content):
        start = (
            pq.read_metadata(tmp_path / "t.parquet").row_group(1).column(0).dictionary_page_offset
        )
        broken = bytearray(content)
        broken[start : start + 40] = b"\xff" * 40
        words = message(file(tmp_path, "broken.parquet", bytes(broken)))
        assert words.startswith("broken.parquet: row group 2 of 2 cannot be read")

    def test_no_rows_and_no_columns(self, tmp_path):
        pq.write_table(pa.table({"a": pa.array([], pa.int8())}), tmp_path / "rows.parquet")
        pq.write_table(pa.table({}), tmp_path / "columns.parquet")
        assert "rows.parquet has no rows" in message(tmp_path / "rows.parquet")
        assert "columns.parquet has no columns" in message(tmp_path / "columns.parquet")

    def test_names_that_occur_twice(self, tmp_path):
        table = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "b", "a"])
        pq.write_table(table, tmp_path / "t.parquet")
        assert "column name 'a' is used more than once" in message(tmp_path / "t.parquet")


class TestArrow:
    def content(self, *, new: object, n_rows: int = 1000) -> bytes:
        table = pa.table({"a": np.arange(n_rows), "b": [SECRET] * n_rows})
        sink = pa.BufferOutputStream()
        with new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
        return sink.getvalue().to_pybytes()

    @pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
    @pytest.mark.parametrize("keep", [0.01, 0.5, 0.9])
    def test_truncated(self, tmp_path, new, keep):
        content = self.content(new=new)
        path = file(tmp_path, "cut.arrow", content[: int(len(content) * keep)])
        assert "cannot be read" in message(path)

    @pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
    def test_no_rows(self, tmp_path, new):
        path = file(tmp_path, "none.arrow", self.content(new=new, n_rows=0))
        assert "none.arrow has no rows" in message(path)

    def test_damaged_batch(self, tmp_path):
        table = pa.table({"b": [SECRET] * 10})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
            writer.write_table(table)
        content = sink.getvalue().to_pybytes()
        at = content.rindex(SECRET.encode() * 2)
        broken = content[:at] + b"\xff" + content[at + 1 :]
        words = message(file(tmp_path, "broken.arrow", broken))
        assert words.startswith("broken.arrow: record batch 2 cannot be read")

    def test_feather_version_1(self, tmp_path):
        assert "Feather version 1" in message(file(tmp_path, "old.feather", b"FEA1" + b"\0" * 99))


class TestCsv:
    HEADER = b"a,b,c\n"
    GOOD = b"1," + SECRET.encode() + b",3\n"

    @pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
    @pytest.mark.parametrize("n_before", [0, 3, 300_000])
    @pytest.mark.parametrize(
        ("broken", "says"),
        [
            (b"1,%s\n", "row {row} has 2 fields where the header has 3"),
            (b"1,%s,3,4\n", "row {row} has 4 fields where the header has 3"),
            (b"1,%s,\xff\n", "row {row}, column 'c' is not UTF-8 text"),
            (b'1,%s,"4\n', None),
        ],
        ids=["short", "long", "not UTF-8", "open quotation mark"],
    )
    def test_broken_row(self, tmp_path, broken, says, n_before, packed):
        content = self.HEADER + self.GOOD * n_before + broken.replace(b"%s", SECRET.encode())
        content += b"\n" + self.GOOD * 2  # with an empty line, which is not counted
        name = "t.csv.gz" if packed else "t.csv"
        path = file(tmp_path, name, gzip.compress(content, 1) if packed else content)
        says = says or "row {row} opens a quotation mark that is not closed"
        assert message(path).startswith(f"{name}: " + says.format(row=n_before + 1))

    def test_open_quotation_mark_in_a_large_file(self, tmp_path):
        n_after = BLOCK_BYTES * 3 // len(self.GOOD)
        content = self.HEADER + self.GOOD * 5 + b'1,"2,3\n' + self.GOOD * n_after
        words = message(file(tmp_path, "t.csv", content))
        assert words.startswith("t.csv: row 6 is longer than 4 MiB. Close its quotation mark")

    @pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
    def test_open_quotation_mark_shows_whichever_columns_are_read(self, tmp_path, end):
        path = file(tmp_path, "t.csv", b'a,b\n1,2\n3,"4\n5,6\n7,8' + end)
        with pytest.raises(DataError, match="row 2 opens a quotation mark"):
            list(open_source(path).batches(["a"]))

    def test_row_numbers_count_rows_and_not_lines(self, tmp_path):
        content = self.HEADER + b'1,"x\ny\nz",3\r\n\r\n' + self.GOOD + b"1,2\n"
        assert "row 3 has 2 fields" in message(file(tmp_path, "t.csv", content))

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"a,b,c\n", "has no rows"),
            (b"a,b,c", "has no rows"),
            (b"\n\r\n\n", "nothing but empty lines"),
            (b"a,,c,\n1,2,3,4\n", "columns 2, 4 are without a name"),
            (b"a,b,a,b\n1,2,3,4\n", "column names 'a', 'b' are used more than once"),
            (b"a;b\n1;2\n", "seems to be separated by ';'"),
            (b"a\tb\n1\t2\n", "seems to be separated by '\\t'"),
            (b"a,\xe4\n1,2\n", "the header is not UTF-8"),
            ("a,b\n1,2\n".encode("utf-16"), "the header is not UTF-8"),
            (b'a,"b\n1,2\n' + b"3,4\n" * 99_999, "header has a quotation mark that is never"),
        ],
    )
    def test_header(self, tmp_path, content, says):
        words = message(file(tmp_path, "t.csv", content))
        assert says in words
        assert words.startswith("t.csv")

    @pytest.mark.parametrize("keep", [0.2, 0.6, 0.98])
    def test_truncated_gz(self, tmp_path, keep):
        rows = b"".join(b"%d,%d,3\n" % (i, i * i) for i in range(20_000))
        packed = gzip.compress(self.HEADER + rows)
        path = file(tmp_path, "cut.csv.gz", packed[: int(len(packed) * keep)])
        assert "damaged or cut off" in message(path)


class TestMemory:
    @pytest.mark.parametrize(
        ("array", "says"),
        [
            (pa.array([[1], [2]]), "'x' (list: give each of its parts a column of its own)"),
            (pa.array([{"u": SECRET}]), "'x' (struct: give each of its parts"),
            (pa.array([b"x"]), "'x' (binary: store it as text or numbers)"),
            (pa.array([b"x"]).dictionary_encode(), "'x' (dictionary of binary: store it as text"),
            (pc.run_end_encode(pa.array([1])), "'x' (run_end_encoded: decode its runs"),
            (pa.array([dt.time(1)]), "store it as a number, such as seconds"),
            (pa.array([dt.timedelta(1)]), "store it as a number, such as seconds"),
        ],
        ids=lambda value: str(getattr(value, "type", "")),
    )
    def test_types(self, array, says):
        words = message(pa.table({"x": array, "good": [1] * len(array)}))
        assert says in words
        assert "good" not in words

    def test_several_types_make_one_error(self):
        words = message(pa.table({f"x{i}": [[i]] for i in range(7)}))
        assert words.count("list") == 5
        assert "and 2 more are of a type" in words

    def test_no_rows_and_no_columns(self):
        assert "the table has no rows" in message(pa.table({"a": pa.array([], pa.int8())}))
        assert "has no columns" in message(pa.table({}))

    @pytest.mark.parametrize("data", [7, [1, 2], {"a": [1]}, None], ids=repr)
    def test_no_table(self, data):
        assert "is no table. Give a path, a pandas or polars" in message(data)

    def test_pandas(self):
        pd = pytest.importorskip("pandas")
        mixed = pd.DataFrame({"a": [1, 2], "b": [1, SECRET]})
        assert "column 'b' mixes types" in message(mixed)
        assert "'a' is used more than once" in message(mixed.set_axis(["a", "a"], axis=1))
        half = mixed.set_axis(pd.Index(["a", "b\ud800"], dtype=object), axis=1)
        assert "column 2 is named with half a character" in message(half)
        levels = mixed.set_axis(pd.MultiIndex.from_tuples([("u", 1), ("u", 2)]), axis=1)
        assert "names of several levels" in message(levels)
        periods = pd.DataFrame({"q": pd.period_range("2018Q1", periods=2, freq="Q")})
        assert "'q' (pandas.period: store it as plain int64)" in message(periods)
        cut = pd.DataFrame({"age": pd.cut(pd.Series([1, 5]), [0, 2, 9])})
        assert "(dictionary of pandas.interval: store it as text or numbers)" in message(cut)
        assert "object of type Series is no table" in message(mixed["a"])

    def test_polars(self):
        pl = pytest.importorskip("polars")
        assert "Call its collect() first" in message(pl.LazyFrame({"a": [1]}))
        assert "object of type Series is no table" in message(pl.Series([1]))
        assert "'a' (large_list: give each" in message(pl.DataFrame({"a": [[1]]}))
        assert "'a' (" in message(pl.DataFrame({"a": [object()]}, schema={"a": pl.Object}))
