from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gpusynth.errors import OutputError
from gpusynth.io import prepare_output_directory, write_json_atomic
from gpusynth.io.output import check_replaceable


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def test_json_has_one_form(tmp_path):
    path = tmp_path / "m.json"
    write_json_atomic(path, {"b": [1, 2.5], "a": {"z": None, "y": "Ä"}})
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "Ä" in text
    assert text.index('"a"') < text.index('"b"')
    write_json_atomic(path, {"a": {"y": "Ä", "z": None}, "b": [1, 2.5]})
    assert path.read_text(encoding="utf-8") == text
    assert json.loads(text) == {"a": {"y": "Ä", "z": None}, "b": [1, 2.5]}
    assert names(tmp_path) == ["m.json"]


def test_json_that_no_reader_knows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_atomic(tmp_path / "m.json", {"a": float("nan")})
    assert names(tmp_path) == []


def test_json_without_a_place(tmp_path):
    with pytest.raises(OutputError, match="Make the directory first"):
        write_json_atomic(tmp_path / "absent" / "m.json", {})


def test_a_directory_is_made_with_its_parents(tmp_path):
    path = prepare_output_directory(tmp_path / "a" / "b")
    assert path.is_dir()
    assert names(path) == []
    assert prepare_output_directory(path) == path


def test_outputs_are_as_readable_as_the_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        path = prepare_output_directory(tmp_path / "run")
        write_json_atomic(path / "m.json", {})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o750
    assert (path / "m.json").stat().st_mode & 0o777 == 0o640


def test_a_directory_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OutputError, match=r"not empty: it has 1 entry\. Choose another"):
        prepare_output_directory(tmp_path)


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "f").touch()
    with pytest.raises(OutputError, match="is a file"):
        prepare_output_directory(tmp_path / "f")
    with pytest.raises(OutputError, match="Correct the path"):
        prepare_output_directory(tmp_path / "f" / "g")


def test_a_directory_that_cannot_be_written_is_refused_now():
    if os.geteuid() != 0 or not Path("/proc/self").is_dir():
        pytest.skip("needs a directory that nobody can write")
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_output_directory("/proc/self/gpusynth")


def test_a_device_or_a_pipe_is_never_replaced(tmp_path):
    """Who may write to its directory would put a file in the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for name in ("pipe", "link"):
        with pytest.raises(OutputError, match=f"{name} is a device or a pipe"):
            write_json_atomic(tmp_path / name, {})
    assert names(tmp_path) == ["link", "pipe"]
    assert pipe.is_fifo()
    with pytest.raises(OutputError, match="/dev/stdout is a device"):
        check_replaceable(Path("/dev/stdout"))
