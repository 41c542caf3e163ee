"""Journal: every whole line counts, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.engine.checkpoint import Journal, JournalEntry
from gpusynth.errors import OutputError


def entry(step: int) -> JournalEntry:
    return JournalEntry(
        kind="draw", step=step, replicate=1, file=f"draw_{step}.arrow", sha256="0" * 64, n_bytes=9
    )


@pytest.fixture(name="path")
def _path(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal.begin(path, {"seed": "7"})
    for step in (1, 2, 3):
        journal.append(entry(step))
    return path


def steps(journal: Journal) -> list[int]:
    return [e.step for e in journal.entries.values()]


def test_what_was_appended_is_read(path):
    journal = Journal.open(path)
    assert journal.head == {"seed": "7"}
    assert list(journal.entries.values()) == [entry(1), entry(2), entry(3)]
    assert journal.n_damaged == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_cut_leaves_the_whole_lines(path):
    content = path.read_bytes()
    head = content.index(b"\n") + 1
    for length in (*range(head, len(content), 11), len(content) - 1, len(content)):
        path.write_bytes(content[:length])
        journal = Journal.open(path)
        whole = content[head:length].count(b"\n")
        assert steps(journal) == [1, 2, 3][:whole]
        assert journal.n_damaged == 0
        journal.append(entry(9))
        assert steps(Journal.open(path)) == [*[1, 2, 3][:whole], 9]


@settings(max_examples=40)
@given(st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_is_never_believed(tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("j") / "journal.jsonl"
    journal = Journal.begin(path, {"seed": "7"})
    for step in (1, 2, 3):
        journal.append(entry(step))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    try:
        found = Journal.open(path)
    except OutputError as error:
        assert "head" in str(error) or "first line" in str(error)
        return
    assert found.head == {"seed": "7"}
    assert set(steps(found)) <= {1, 2, 3}
    assert all(e == entry(e.step) for e in found.entries.values())
    assert len(found.entries) >= 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"kind":"draw"}',
        b"[" * 100_000,
        b'{"kind":"draw","step":1,"file":"../x"}',
        b"\xff\xfe",
    ],
)
def test_lines_of_others_are_passed_over(path, line):
    path.write_bytes(path.read_bytes() + line + b"\n")
    journal = Journal.open(path)
    assert steps(journal) == [1, 2, 3]
    assert journal.n_damaged == 1


def test_a_file_cannot_lie_elsewhere():
    for name in ("../x.arrow", "/x.arrow", "a/b.arrow", ".arrow", "x\0.arrow", "arrow"):
        with pytest.raises(ValueError, match="file"):
            JournalEntry(kind="draw", file=name)


def test_a_head_that_is_damaged_is_told(path):
    path.write_bytes(path.read_bytes().replace(b'"7"', b'"8"', 1))
    with pytest.raises(OutputError, match="first line"):
        Journal.open(path)


def test_a_full_disk_leaves_no_half_line(path, monkeypatch):
    from gpusynth.engine.checkpoint import journal as module

    before = path.read_bytes()

    def half(descriptor, content):
        module.os.write(descriptor, content[:10])
        raise OSError(28, "No space left on device")

    journal = Journal.open(path)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_all", half)
        with pytest.raises(OutputError, match="space"):
            journal.append(entry(4))
    assert path.read_bytes() == before
    assert steps(journal) == [1, 2, 3]
    journal.append(entry(4))
    assert steps(Journal.open(path)) == [1, 2, 3, 4]
