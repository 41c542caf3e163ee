"""Promise: a file that changes while it is read or synthesized is told, and nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.errors import DataError


def write(path: Path, shift: int) -> None:
    pq.write_table(pa.table({"x": [(i + shift) % 7 for i in range(200)]}), path)


class At:
    """A listener that does something once, when a phase begins."""

    def __init__(self, phase: str, action) -> None:
        self.phase, self.action = phase, action

    def start(self, phase: str, work: int | None) -> None:
        if phase == self.phase:
            self.action()

    def advance(self, label: str, *, work: int, rows: int) -> None:
        pass


@pytest.fixture(name="data")
def _data(tmp_path) -> Path:
    path = tmp_path / "survey.parquet"
    write(path, 0)
    return path


def append_nothing_but_keep_the_time(path: Path) -> None:
    """Change bytes so that size and time stay: only the file system's own time tells."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize(
    ("phase", "change"),
    [
        ("encode", lambda path: write(path, 3)),
        ("hash input", lambda path: write(path, 3)),
        ("fit and draw", lambda path: write(path, 3)),
        ("write", append_nothing_but_keep_the_time),
        ("write", Path.unlink),
    ],
)
def test_a_changed_file_is_told(data, tmp_path, phase, change, checkpoints):
    listener = At(phase, lambda: change(data))
    out = tmp_path / "out"
    with pytest.raises(DataError, match=r"survey.parquet (was changed|cannot be read)"):
        gpusynth.synthesize(data, output=out, listener=listener, checkpoints=checkpoints)
    assert not out.exists()


@pytest.mark.parametrize(
    "touch", [lambda p: os.utime(p), lambda p: p.chmod(0o640), lambda p: write(p, 0)]
)
def test_the_same_bytes_do_no_harm(data, tmp_path, touch):
    listener = At("fit and draw", lambda: touch(data))
    run = gpusynth.synthesize(data, output=tmp_path / "out", listener=listener)
    assert run.replicates[0].path.is_file()


def test_a_read_error_halfway(data, tmp_path, monkeypatch):
    from gpusynth.io.parquet import ParquetSource

    original = ParquetSource.batches

    def batches(self, *rest, **named):
        for number, batch in enumerate(original(self, *rest, **named)):
            if number == 1:
                raise OSError(5, "Input/output error")
            yield batch

    monkeypatch.setattr(ParquetSource, "batches", batches)
    with pytest.raises(OSError, match="Input/output"):
        gpusynth.synthesize(data, output=tmp_path / "out", batch_rows=50, checkpoints=True)
    assert not (tmp_path / "out").exists()


def test_no_clock_matters(data, tmp_path, monkeypatch):
    """The wall clock jumps back and forth; monotonic clocks cannot, so they are left alone."""
    import time

    first = gpusynth.synthesize(data, output=tmp_path / "a", checkpoints=True)
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: 1e9 * (-1) ** next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: 10**18 * (-1) ** next(jumps))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize(
            data, output=tmp_path / "b", checkpoints=True, listener=At("write", interrupt)
        )
    for path in (tmp_path / "b").rglob("*"):
        os.utime(path, (4e9, 4e9))  # as if all had been written in the year 2096
    second = gpusynth.resume(tmp_path / "b")
    assert [r.sha256 for r in first.replicates] == [r.sha256 for r in second.replicates]
