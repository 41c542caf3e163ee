"""Found: the steps that one process had drawn before a cluster went on, as a worker sees them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpusynth.engine.checkpoint.checkpoints import Checkpoints, draw_file_name
from gpusynth.engine.checkpoint.journal import Journal, JournalEntry
from gpusynth.engine.draw.edits import EditCounts

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw

__all__ = ["FoundDraws"]


class FoundDraws(Checkpoints):
    """Checkpoints that are read only: the coordinator has checked them, and keeps the journal.

    Parameters
    ----------
    files : pathlib.Path
        Directory of the checkpoints.
    replicate : int
    found : mapping of str to mapping
        Number of each step that is drawn -> what its edits counted.
    """

    def __init__(self, files: Path, replicate: int, found: Mapping[str, Any]) -> None:
        journal = Journal(files / "journal of the coordinator", {})
        for step, edits in found.items():
            entry = JournalEntry(
                kind="draw",
                step=int(step),
                replicate=replicate,
                file=draw_file_name(int(step), replicate),
                details={"edits": edits},
            )
            journal.entries[entry.key] = entry
        super().__init__(files, journal, keep_models=True)  # other tasks draw from them
        self._sound = {entry.file: True for entry in journal.entries.values()}

    def _save(self, column: ColumnDraw, counts: EditCounts) -> None:
        """Count the edits of a step that is drawn now, and put nothing down."""
        counts.add_counts(column.edit_counts.counts())
