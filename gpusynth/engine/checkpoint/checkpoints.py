"""Checkpoints: what is finished, found again, and what is new, put down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpusynth.engine.checkpoint.draws import read_draw, write_draw
from gpusynth.engine.checkpoint.finished import FinishedFiles
from gpusynth.engine.checkpoint.journal import Journal, JournalEntry
from gpusynth.engine.draw.edits import EditCounts
from gpusynth.engine.files.step_files import are_storable, read_step_models, write_step_models
from gpusynth.engine.fitting import Recall, StepModels
from gpusynth.errors import DataError, ModelFileError
from gpusynth.io import write_bytes_atomic, writing
from gpusynth.io.array_file import WrittenFile
from gpusynth.methods import FittedModel, ModelSize
from gpusynth.plan import Step

if TYPE_CHECKING:
    from gpusynth.engine.draw.drawing import ColumnDraw
    from gpusynth.engine.draw.stages import Stages
    from gpusynth.engine.real.prepared import Prepared

__all__ = ["MODELS_NOTICE", "Checkpoints", "draw_file_name", "mark_models", "model_file_name"]

MODELS_NOTICE = "CONFIDENTIAL.txt"
"""Name of the file that marks a directory of models."""

_MODELS_NOTICE_TEXT = b"""\
CONFIDENTIAL. These are the fitted models of a run of gpusynth. They are made from real records and
hold them: guard them like the data, and never release them with the synthetic files.
"""


def model_file_name(step: int, replicate: int, stratum: int) -> str:
    """Return the name of the file of one model.

    Returns
    -------
    str
    """
    return f"model_{step:05d}_{replicate:05d}_{stratum:08d}.gpusynth"


def draw_file_name(step: int, replicate: int) -> str:
    """Return the name of the file of one step that is drawn in one replicate.

    Returns
    -------
    str
    """
    return f"draw_{step:05d}_{replicate:05d}.arrow"


def mark_models(directory: Path) -> None:
    """Make a private directory for models, which says what they are.

    Parameters
    ----------
    directory : pathlib.Path

    Raises
    ------
    OutputError
    """
    with writing(directory):
        directory.mkdir(mode=0o700, exist_ok=True)
    write_bytes_atomic(directory / MODELS_NOTICE, _MODELS_NOTICE_TEXT, private=True)


class Checkpoints(FinishedFiles):
    """The finished work of a synthesis: besides files, its models and draws.

    Parameters
    ----------
    files : pathlib.Path
        Directory of the checkpoints.
    journal : Journal
    keep_models : bool
        Whether `forget_models` leaves them.

    Attributes
    ----------
    keeps_models : bool
    """

    def __init__(self, files: Path, journal: Journal, *, keep_models: bool = False) -> None:
        super().__init__(files, journal)
        self.keeps_models = keep_models

    def known_model(self, step: int, replicate: int, stratum: int) -> JournalEntry | None:
        """Return the entry of a model whose file is there; it is checked when it is read."""
        entry = self._journal.entries.get(("model", step, replicate, stratum))
        if entry is None or not (self._files / entry.file).is_file():
            return None
        return entry

    def has_draw(self, step: int, replicate: int) -> bool:
        """Return whether a step is drawn in a replicate."""
        return self._find("draw", step, replicate) is not None

    def draw_edits(self, step: int, replicate: int) -> Mapping[str, Mapping[str, int]] | None:
        """Return what edits counted at a step in a replicate; None where it is not drawn."""
        entry = self._find("draw", step, replicate)
        return None if entry is None else entry.details.get("edits", {})

    def stages(self, column: ColumnDraw, counts: EditCounts, *, anew: bool = False) -> Stages:
        """Return the tasks that draw a step and put it down, or that read it.

        Parameters
        ----------
        column : ColumnDraw
        counts : EditCounts
            Of the run; takes the column's own when it is complete.
        anew : bool
            Draw it even where it is put down.

        Returns
        -------
        list of list of callables
        """
        step, replicate = column.step, column.rows.number
        if not anew and self.has_draw(step.number, replicate):
            column.make_room()
            self.n_found += 1
            return [[partial(self._restore, column, counts)]]
        return [*column.stages(), [partial(self._save, column, counts)]]

    def recall(self, step: Step, prepared: Prepared) -> Recall:
        """Return what finds the models of a step, and puts down those that are fitted now.

        Models of user-written methods cannot be stored; they are fitted again.
        """

        def found_or_fitted(
            fit: Callable[[], FittedModel], *, replicate: int, stratum: int
        ) -> FittedModel:
            name = model_file_name(step.number, replicate, stratum)
            model = self._read_model(
                name, ("model", step.number, replicate, stratum), step, prepared
            )
            if model is None:
                model = fit()
                models = StepModels((model,))
                if are_storable(models):
                    with self._file_in_work():
                        path = self._files / name
                        digest = write_step_models(path, step, models, prepared)
                        written = WrittenFile(path.stat().st_size, digest)
                        self._append(
                            "model",
                            name,
                            written,
                            step=step.number,
                            replicate=replicate,
                            stratum=stratum,
                        )
            return model

        return found_or_fitted

    def forget_models(self, steps: Collection[int]) -> None:
        """Remove the model files of steps that are drawn in all replicates.

        The journal still names them; a file that is not there is fitted again if it is needed.
        """
        if self.keeps_models:
            return
        for entry in list(self._journal.entries.values()):
            if entry.kind == "model" and entry.step in steps:
                (self._files / entry.file).unlink(missing_ok=True)

    def move_models(self, directory: Path) -> None:
        """Move the models that are kept into a private directory, which says what they are."""
        if not self.keeps_models:
            return
        mark_models(directory)
        with writing(directory):
            for file in sorted(self._files.glob("model_*.gpusynth")):
                file.replace(directory / file.name)

    def _read_model(
        self, name: str, key: tuple[str, int, int, int], step: Step, prepared: Prepared
    ) -> FittedModel | None:
        """Return a model that was put down; None where there is none, or it is damaged."""
        entry = self._journal.entries.get(key)
        path = self._files / name
        if entry is None or entry.file != name or not path.is_file():
            return None
        try:
            return read_step_models(path, step, prepared).models[0]
        except (DataError, ModelFileError):
            self.damaged.append(name)
            return None

    def record_fit(self, step: Step, size: ModelSize, note: str, spent: list[float]) -> None:
        """Put down that a step's models are complete, and what the manifest says of them."""
        details = {
            "n_leaves": size.n_leaves,
            "depth": size.depth,
            "note": note,
            "cpu_seconds": spent[0],
            "wall_seconds": spent[1],
        }
        with self._file_in_work():
            self._journal.append(JournalEntry(kind="fit", step=step.number, details=details))

    def recorded_fit(self, step: Step) -> Mapping[str, Any] | None:
        """Return what `record_fit` put down; None where it did not."""
        entry = self._journal.entries.get(("fit", step.number, 0, 0))
        return None if entry is None else entry.details

    def find_written(
        self, replicates: Iterable[int], steps: Sequence[int], directory: Path, counts: EditCounts
    ) -> dict[int, Mapping[str, Any]]:
        """Return the replicates whose files are complete, and count their edits.

        Parameters
        ----------
        replicates : iterable of int
        steps : sequence of int
            Of the plan.
        directory : pathlib.Path
            Where the files lie.
        counts : EditCounts
            Of the run.

        Returns
        -------
        dict of int to mapping
            Number of the replicate -> the details that `record_written` was given.
        """
        found: dict[int, Mapping[str, Any]] = {}
        for replicate in replicates:
            entries = [self._journal.entries.get(("draw", s, replicate, 0)) for s in steps]
            known = [entry for entry in entries if entry is not None]
            written = self.written(replicate, directory)
            if written is not None and "edits" in written.details:
                known = [written]
            elif len(known) < len(steps) or written is None:
                continue
            found[replicate] = written.details
            for entry in known:
                counts.add_counts(entry.details.get("edits", {}))
        return found

    def _restore(self, column: ColumnDraw, counts: EditCounts) -> None:
        step, rows = column.step, column.rows
        entry = self._journal.entries["draw", step.number, rows.number, 0]
        counts.add_counts(entry.details.get("edits", {}))
        if step.part == "state" and self.has_draw(step.number + 1, rows.number):
            return  # the value step's file holds the states, too
        changed = read_draw(self._files / entry.file, step, rows, column.prepared.table.codecs)
        column.publish(changed)

    def _save(self, column: ColumnDraw, counts: EditCounts) -> None:
        step, rows = column.step, column.rows
        name = draw_file_name(step.number, rows.number)
        with self._file_in_work():
            written = write_draw(self._files / name, step, rows, column.repairs)
            details = {"edits": column.edit_counts.counts()}
            self._append(
                "draw", name, written, step=step.number, replicate=rows.number, details=details
            )
        counts.add_counts(column.edit_counts.counts())
