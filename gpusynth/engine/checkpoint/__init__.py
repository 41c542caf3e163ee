"""checkpoint: what a run has finished, on disk, so that another process can go on.

A work directory inside the run directory holds a journal and one file for each finished piece of
work. Everything in it is as confidential as the data.
"""

from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.checkpoint.head import RunHead
from gpusynth.engine.checkpoint.journal import Journal, JournalEntry
from gpusynth.engine.checkpoint.work import WorkDirectory

__all__ = ["Checkpoints", "Journal", "JournalEntry", "RunHead", "WorkDirectory"]
