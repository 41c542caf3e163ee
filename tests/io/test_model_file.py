from __future__ import annotations

import hashlib
import json
from functools import partial

import numpy as np
import pytest

from gpusynth.errors import DataError, ModelFileError, OutputError
from gpusynth.io import model_file, read_model_file

write_model_file = partial(model_file.write_model_file, version="0.1.0")

ARRAYS = (
    np.arange(5),
    np.linspace(0, 1, 6).reshape(2, 3),
    np.zeros(0, np.uint8),
    np.array([True, False]),
    np.array([7], np.uint16),
    np.arange(4, dtype=np.uint32),
    np.arange(3, dtype=np.int32),
    np.zeros((0, 4)),
)
DOCUMENT = {"steps": [{"a": 0.1, "b": None}], "name": "Größe"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.model"
    write_model_file(path, DOCUMENT, ARRAYS, kind="test", mark="CONFIDENTIAL: real records")
    return path


@pytest.mark.parametrize("memory_map", [False, True])
def test_what_is_written_is_read(path, memory_map):
    file = read_model_file(path, kind="test", memory_map=memory_map)
    assert file.document == DOCUMENT
    assert file.version == "0.1.0"
    assert file.mark == "CONFIDENTIAL: real records"
    for read, written in zip(file.arrays, ARRAYS, strict=True):
        assert read.dtype == written.dtype
        assert np.array_equal(read, written)
        assert read.flags.writeable
        assert read.flags.aligned


def test_changes_of_arrays_never_reach_the_file(path):
    before = path.read_bytes()
    file = read_model_file(path, kind="test", memory_map=True)
    file.arrays[0][:] = 9
    assert path.read_bytes() == before


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    again = tmp_path / "y.model"
    digest = write_model_file(
        again, DOCUMENT, ARRAYS, kind="test", mark="CONFIDENTIAL: real records"
    )
    assert again.read_bytes() == path.read_bytes()
    assert read_model_file(again, kind="test").digest == digest


def test_the_header_says_what_it_is_and_only_the_owner_reads_it(path):
    header = path.read_bytes()[:512].decode()
    assert header.startswith("GPUSYNTH MODEL 1\n")
    assert "mark: CONFIDENTIAL: real records\n" in header
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["x.model"]


def test_every_altered_byte_is_noticed(path):
    whole = bytearray(path.read_bytes())
    for place in [*range(len(whole))][:: max(len(whole) // 700, 1)]:
        altered = bytearray(whole)
        altered[place] ^= 1 << (place % 8)
        path.write_bytes(altered)
        with pytest.raises(ModelFileError, match=r"x\.model"):
            read_model_file(path, kind="test")


def test_every_truncation_is_noticed(path):
    whole = path.read_bytes()
    for length in [1, 10, 511, 512, 513, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            read_model_file(path, kind="test")
    path.write_bytes(whole + b"\0")
    with pytest.raises(ModelFileError, match="truncated or has grown"):
        read_model_file(path, kind="test")
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        read_model_file(path, kind="test")


def test_another_format_names_both(path):
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"GPUSYNTH MODEL 1\n", b"GPUSYNTH MODEL 2\n", 1))
    with pytest.raises(ModelFileError, match=r"format '2'.*0\.1\.0.*reads format 1"):
        read_model_file(path, kind="test")


def test_other_files_are_refused(path, tmp_path):
    with pytest.raises(ModelFileError, match="kind 'test', not 'other'"):
        read_model_file(path, kind="other")
    csv = tmp_path / "a.csv"
    csv.write_text("a,b\n1,2\n" * 200, encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"a\.csv is not a model file"):
        read_model_file(csv, kind="test")
    with pytest.raises(DataError, match="does not exist"):
        read_model_file(tmp_path / "absent", kind="test")
    with pytest.raises(DataError, match="is a directory"):
        read_model_file(tmp_path, kind="test")


def test_a_forged_file_is_refused_without_harm(path):
    """Whole by its own digest, but with a content that nobody writes."""
    whole = path.read_bytes()
    for old, new in [
        (b'["int64",[5]]', b'["int64",[4]]'),
        (b'["int64",[5]]', b'["int64",[6]]'),
        (b'["int64",[5]]', b'["int65",[5]]'),
        (b'["int64",[5]]', b'["int64",-55]'),
        (b'["bool",[2]]', b'["bool",[3]]'),
        (b'"steps"', b'"step\xff"'),
        (b'{"name"', b"[[[[[[]"),
        (b"ARROW1", b"ARROW0"),
        (b"bytes", b"byteZ"),
        *((whole[at : at + 8], b"\xff" * 8) for at in range(560, len(whole), 256)),
    ]:
        content = whole[512:].replace(old, new)
        header = model_file._Header("test", "0.1.0", "m", len(content))
        digest = model_file._digest(header, hashlib.sha256(content).digest())
        signed = model_file._Header("test", "0.1.0", "m", len(content), digest)
        path.write_bytes(signed.text() + content)
        try:
            file = read_model_file(path, kind="test")
        except ModelFileError:
            continue
        json.dumps(file.document)
        assert [array.dtype for array in file.arrays] == [array.dtype for array in ARRAYS]


def test_an_existing_file_stays(path, tmp_path):
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"x\.model exists\. Choose another name"):
        write_model_file(path, {}, [], kind="test", mark="")
    assert path.read_bytes() == before
    write_model_file(path, {}, [], kind="test", mark="", overwrite=True)
    assert read_model_file(path, kind="test").arrays == ()
    with pytest.raises(OutputError, match="is a directory"):
        write_model_file(tmp_path, {}, [], kind="test", mark="", overwrite=True)


@pytest.mark.parametrize("wrong", [np.zeros(2, np.float32), np.array(["a"])])
def test_what_cannot_be_held_leaves_nothing(tmp_path, wrong):
    with pytest.raises(OutputError, match="no arrays of"):
        write_model_file(tmp_path / "y", {}, [wrong], kind="test", mark="")
    with pytest.raises(OutputError, match="too long for its header"):
        write_model_file(tmp_path / "y", {}, [], kind="test", mark="x" * 600)
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_it(tmp_path):
    with pytest.raises(OutputError, match="Make the directory first"):
        write_model_file(tmp_path / "absent" / "y", {}, [], kind="test", mark="")
