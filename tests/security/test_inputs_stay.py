"""No command replaces a file that it reads, whatever it is called and however it is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.errors import OutputError

TABLE = pa.table({"staff": [1, 2, 3, None] * 20, "region": ["N", "S"] * 40})


@pytest.fixture(name="place")
def _place(tmp_path, monkeypatch) -> Path:
    """A directory whose files are called as those of runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("replicate_001", "imputation_001", "data"):
        pq.write_table(TABLE, f"{name}.parquet")
    Path("plan.toml").write_text("")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "replicate_001.parquet")
    return tmp_path


def read() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--data", "replicate_001.parquet", "--output", "."],
        ["run", "--data", "link.parquet", "--output", "../{here}"],
        ["run", "--data", "data.parquet", "--plan", "plan.toml", "--output", "."],
        ["impute", "imputation_001.parquet", "--output", "."],
        ["fit", "data.parquet", "--output", "data.parquet"],
        ["fit", "data.parquet", "--plan", "plan.toml", "--output", "plan.toml"],
        ["infer-schema", "data.parquet", "--output", "data.parquet"],
        ["plan", "--data", "data.parquet", "--output", "../{here}/data.parquet"],
    ],
    ids=" ".join,
)
def test_overwrite_spares_what_is_read(place, capsys, arguments):
    before = read()
    named = [argument.format(here=place.name) for argument in arguments]
    assert main([*named, "--overwrite"]) == 2
    assert "is read" in capsys.readouterr().err
    assert read() == before


@pytest.mark.parametrize("option", ["--log", "--metrics"])
def test_where_a_run_tells_of_itself(place, capsys, option):
    before = read()
    arguments = ["run", "--data", "data.parquet", "--output", "out", option]
    assert main([*arguments, "data.parquet"]) == 2
    assert "is read" in capsys.readouterr().err
    assert main([*arguments, str(Path("missing") / "file")]) == 2
    assert "Make the directory first" in capsys.readouterr().err
    assert read() == before
    assert not (place / "out").exists()


def test_linked_files_and_resumed_runs(place):
    parents = pa.table({"key": range(20), "region": ["N", "S"] * 10})
    pq.write_table(parents, "firms_001.parquet")
    pq.write_table(pa.table({"key": [1, 2] * 20, "staff": [1, 2, 3, 4] * 10}), "children.parquet")
    given = {"firms": Path("firms_001.parquet"), "children": Path("children.parquet")}
    links = [gpusynth.Link(child="children", parent="firms", key="key")]
    gpusynth.synthesize_linked(given, links, output="made")
    made = {**given, "firms": Path("made") / "firms_001.parquet"}
    before = made["firms"].read_bytes()
    with pytest.raises(OutputError, match="is read"):
        gpusynth.synthesize_linked(made, links, output="made", overwrite=True)
    assert made["firms"].read_bytes() == before


def test_another_run_may_be_replaced(place):
    for _ in range(2):
        gpusynth.synthesize(place / "data.parquet", output=place / "out", overwrite=True)
    assert main(["simulate-firms", "--rows", "5", "--output", "data.parquet"]) == 2
    assert pq.read_table("data.parquet").equals(TABLE)
