"""Names and levels cannot steer the terminal that shows them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from gpusynth.cli.console import console, new_table, visible
from gpusynth.cli.main import main

CLEAR = "\x1b[2J\x1b]0;owned\x07"


def test_controls_are_written_out():
    assert visible(f"a{CLEAR}\tb\n") == "a\\x1b[2J\\x1b]0;owned\\x07\tb\n"
    assert visible("a\tb\n", one_line=True) == "a\\x09b\\x0a"
    assert visible("ä 🙂 \u2014") == "ä 🙂 \u2014"


def test_tables_and_lines(capsys):
    table = new_table("column")
    table.add_row(CLEAR)
    out = console()
    out.print(table)
    out.print(CLEAR)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.count("\\x1b[2J") == 2


def test_a_column_with_such_a_name(tmp_path, capsys):
    path = tmp_path / "survey.parquet"
    table = pa.table({f"a{CLEAR}": [f"{CLEAR}{i % 3}" for i in range(60)], "b": list(range(60))})
    pq.write_table(table, path)
    assert main(["infer-schema", str(path)]) == 0
    assert main(["plan", "--data", str(path)]) == 0
    assert main(["run", "--data", str(path), "--output", str(tmp_path / "run")]) == 0
    assert main(["run", "--data", str(path), "--output", str(tmp_path / f"x{CLEAR}\x00")]) == 2
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
