"""What a run had on disk each time that it had put something down: where a kill would leave it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gpusynth.engine.checkpoint.journal import Journal, JournalEntry


def copy_if_there(source: str, target: str) -> None:
    """Copy a file that another thread may remove or rename meanwhile, as a kill would find it."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


def after_each_line(
    carry_out: Callable[[Path], object], place: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Path]:
    """Carry a run out and return copies of its directory, one a line of its journals."""
    out, copies = place / "unbroken", []
    append = Journal.append

    def copied(self: Journal, entry: JournalEntry) -> None:
        append(self, entry)
        copies.append(place / f"killed_{len(copies):04d}")
        shutil.copytree(out, copies[-1], copy_function=copy_if_there)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", copied)
        carry_out(out)
    return copies


def some(copies: list[Path], *, about: int) -> list[Path]:
    """Choose that many of them, spread from the first to the last."""
    last = len(copies) - 1
    return [copies[round(last * place / (about - 1))] for place in range(about)]
