"""Promise: bad input ends with code 2, one line that helps, no value shown, nothing left behind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from gpusynth.cli.main import main
from gpusynth.io import output

SECRET = "Zyxwv"  # stands for every value of the confidential file

ROWS = 300


def good_table() -> pa.Table:
    return pa.table(
        {
            "region": [f"{SECRET}{i % 3}" for i in range(ROWS)],
            "staff": [i % 17 for i in range(ROWS)],
            "sales": [1.5 * i for i in range(ROWS)],
        }
    )


def good_csv() -> list[str]:
    return ["region,staff,sales", *(f"{SECRET}{i % 3},{i % 17},{1.5 * i}" for i in range(ROWS))]


@pytest.fixture(name="data")
def _data(tmp_path) -> Path:
    path = tmp_path / "survey.parquet"
    pq.write_table(good_table(), path)
    return path


@pytest.fixture(name="fails")
def _fails(tmp_path, capsys):
    """Run, and return the one line of the error after checking what every error promises."""

    def run(data: Path, *options: str, out: str = "out") -> str:
        directory = tmp_path / out
        before = sorted(directory.rglob("*")) if directory.exists() else None
        code = main(["run", "--data", str(data), "--output", str(directory), *options])
        error = capsys.readouterr().err.splitlines()
        assert code == 2
        assert error[-1].startswith("error: ")
        assert not any(line.startswith("error") for line in error[:-1])
        assert SECRET not in "".join(error)
        assert "Traceback" not in "".join(error)
        after = sorted(directory.rglob("*")) if directory.exists() else None
        assert before == after
        return error[-1]

    return run


def test_no_such_file(tmp_path, fails):
    assert "survey.csv" in fails(tmp_path / "survey.csv")


def test_unknown_kind_of_file(tmp_path, fails):
    path = tmp_path / "survey.sas7bdat"
    path.write_bytes(b"x")
    assert "survey.sas7bdat" in fails(path)


def test_a_name_that_is_not_utf8(tmp_path, data, fails):
    path = tmp_path / os.fsdecode(b"d\xe9p\xf4t.parquet")
    try:
        path.write_bytes(data.read_bytes())
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    error = fails(path)
    assert "d\\udce9p\\udcf4t.parquet: the name or a directory's is not in UTF-8" in error
    assert "damaged" not in error


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_parquet(data, fails, share):
    whole = data.read_bytes()
    data.write_bytes(whole[: int(share * len(whole))])
    assert "survey.parquet" in fails(data)


def test_damaged_parquet_column(data, fails):
    whole = bytearray(data.read_bytes())
    for place in range(40, 120):
        whole[place] ^= 0x5A
    data.write_bytes(bytes(whole))
    assert "survey.parquet" in fails(data)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_broken_row_of_a_csv(tmp_path, fails, suffix):
    lines = good_csv()
    lines[200] += ",extra"
    path = tmp_path / f"survey{suffix}"
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if suffix == ".csv.gz" else text)
    assert "200" in fails(path)


def test_truncated_gzip(tmp_path, fails):
    path = tmp_path / "survey.csv.gz"
    whole = gzip.compress("\n".join(good_csv()).encode())
    path.write_bytes(whole[: len(whole) // 2])
    assert "survey.csv.gz" in fails(path)


def test_duplicate_column_names(tmp_path, fails):
    path = tmp_path / "survey.csv"
    path.write_text("region,staff,region\na,1,b\nc,2,d\n")
    assert "'region'" in fails(path)


@pytest.mark.parametrize("text", ["region,staff\n", "region,staff"])
def test_no_rows_in_a_csv(tmp_path, fails, text):
    path = tmp_path / "survey.csv"
    path.write_text(text)
    assert "rows" in fails(path)


def test_no_rows_in_a_parquet(tmp_path, fails):
    path = tmp_path / "survey.parquet"
    pq.write_table(good_table().slice(0, 0), path)
    assert "rows" in fails(path)


def test_no_columns(tmp_path, fails):
    path = tmp_path / "survey.parquet"
    pq.write_table(good_table().select([]), path)
    assert "columns" in fails(path)


def test_nothing_at_all(tmp_path, fails):
    path = tmp_path / "survey.csv"
    path.write_text("")
    assert "survey.csv" in fails(path)


def schema_file(data: Path, old: str, new: str) -> Path:
    path = data.parent / "schema.toml"
    assert main(["infer-schema", str(data), "--output", str(path)]) == 0
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_schema_with_an_unknown_column(data, fails):
    schema = schema_file(data, "staff", "stuff")
    line = fails(data, "--schema", str(schema))
    assert "'stuff'" in line


def test_levels_outside_the_schema(tmp_path, data, fails):
    schema = schema_file(data, f'"{SECRET}2"', '"other"')
    line = fails(data, "--schema", str(schema))
    assert "'region'" in line
    assert "row 3" in line


def test_schema_that_is_no_toml(tmp_path, data, fails):
    path = tmp_path / "schema.toml"
    path.write_text("columns = [")
    assert "schema.toml" in fails(data, "--schema", str(path))
    assert "none.toml" in fails(data, "--schema", str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[predictors]\nstaff = ['staff']", "itself"),
        ("[predictors]\nregion = ['sales']", "later"),
        ("visit = ['region', 'staff']", "'sales'"),
        ("[methods]\nstaff = 'jungle'", "'jungle'"),
        ("[methods]\nstaff = 'constant'", "'staff'"),
        ("default = { method = 'cart', min_leaf = -1 }", "'min_leaf'"),
        ("default = { method = 'cart', weighted = true }", "role weight"),
    ],
)
def test_plans_that_cannot_be(tmp_path, data, fails, text, word):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    assert word in fails(data, "--plan", str(path))


def test_output_is_not_empty(tmp_path, data, fails):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    assert "not empty" in fails(data)


def test_a_failed_overwrite_leaves_the_earlier_run(tmp_path, data, fails):
    assert main(["run", "--data", str(data), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    before = {f: f.read_bytes() for f in (tmp_path / "out").iterdir()}
    plan = tmp_path / "plan.toml"
    plan.write_text("[methods]\nstaff = 'constant'")
    assert "constant" in fails(data, "--overwrite", "--plan", str(plan))
    assert before == {f: f.read_bytes() for f in (tmp_path / "out").iterdir()}


def test_output_is_a_file(tmp_path, data, fails):
    (tmp_path / "letter.txt").write_text("dear")
    assert "letter.txt" in fails(data, out="letter.txt")
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_output_cannot_be_made(tmp_path, data, fails):
    (tmp_path / "letter.txt").write_text("dear")
    assert "letter.txt" in fails(data, out="letter.txt/out")


class FullDisk:
    """A file on a disk with room for some bytes."""

    def __init__(self, file, room: int) -> None:
        self._file = file
        self._room = room

    def write(self, block: bytes) -> int:
        self._room -= len(memoryview(block).cast("B"))
        if self._room < 0:
            raise OSError(28, "No space left on device")
        return self._file.write(block)

    def __getattr__(self, name: str):
        return getattr(self._file, name)


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("room", [0, 1000, 3000])
def test_disk_full(data, fails, monkeypatch, form, room):
    opened = Path.open

    def open_on_a_full_disk(self, mode="r", *rest, **named):
        file = opened(self, mode, *rest, **named)
        return FullDisk(file, room) if "w" in mode and "replicate_" in self.name else file

    monkeypatch.setattr(Path, "open", open_on_a_full_disk)
    assert "space" in fails(data, "--format", form, "--no-checkpoints").lower()
    assert output.PARTIAL  # the name under which a half-written file would have stayed


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "sav"],
        ["--replicates", "0"],
        ["--rows", "-5"],
        ["--rows", "many"],
        ["--seed", "-1"],
        ["--threads", "0"],
        ["--batch-rows", "0"],
        ["--colour", "red"],
    ],
)
def test_unknown_options(data, fails, options):
    assert options[0] in fails(data, *options)


def test_fault_inside_never_shows_a_value(data, tmp_path, capsys, monkeypatch):
    from gpusynth.engine import synthesis

    def broken(*_args, **_named):
        raise RuntimeError(f"cannot convert {SECRET}1")

    monkeypatch.setattr(synthesis, "fit_step", broken)
    code = main(["run", "--data", str(data), "--output", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert code == 1
    assert "a fault in gpusynth: RuntimeError" in error
    assert SECRET not in error
    assert not (tmp_path / "out").exists()


def test_interrupt(data, tmp_path, capsys, monkeypatch):
    from gpusynth.engine import synthesis

    def interrupted(*_args, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(synthesis, "ColumnDraw", interrupted)
    options = ["--data", str(data), "--output", str(tmp_path / "out"), "--no-checkpoints"]
    code = main(["run", *options])
    assert code == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
