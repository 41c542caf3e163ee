"""Checkpoints: what is finished, found again, and what is new, put down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpusynth.engine.checkpoint.draws import read_draw, write_draw
from gpusynth.engine.checkpoint.journal import Journal, JournalEntry
from gpusynth.engine.edits import EditCounts
from gpusynth.engine.fitting import Recall, StepModels
from gpusynth.engine.step_files import are_storable, read_step_models, write_step_models
from gpusynth.errors import DataError, GpusynthError, ModelFileError, OutputError
from gpusynth.io import file_sha256, writing
from gpusynth.io.array_file import WrittenFile
from gpusynth.io.output import atomic_file
from gpusynth.methods import FittedModel, ModelSize
from gpusynth.plan import Step

if TYPE_CHECKING:
    from gpusynth.engine.drawing import ColumnDraw
    from gpusynth.engine.prepare import Prepared
    from gpusynth.engine.stages import Stages

__all__ = ["MODELS_NOTICE", "Checkpoints", "model_file_name"]

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


class Checkpoints:
    """The finished work of one run.

    Files are checked against the journal's hash once, when they are asked for; what is damaged or
    missing counts as not done. All methods may be called from any thread.

    Parameters
    ----------
    files : pathlib.Path
        Directory of the checkpoints.
    journal : Journal
    keep_models : bool
        Whether `forget_models` leaves them.

    Attributes
    ----------
    damaged : list of str
        Files that were not as the journal says.
    n_found : int
        Draws that an earlier process had finished.
    """

    def __init__(self, files: Path, journal: Journal, *, keep_models: bool = False) -> None:
        self._keep_models = keep_models
        self._files = files
        self._journal = journal
        self._sound: dict[str, bool] = {}
        self._writing = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self.damaged: list[str] = []
        self.n_found = 0

    @property
    def files(self) -> Path:
        """Directory of the checkpoints."""
        return self._files

    def known_model(self, step: int, replicate: int, stratum: int) -> JournalEntry | None:
        """Return the entry of a model whose file is there; it is checked when it is read."""
        entry = self._journal.entries.get(("model", step, replicate, stratum))
        if entry is None or not (self._files / entry.file).is_file():
            return None
        return entry

    def record(self, entry: JournalEntry) -> None:
        """Put down finished work whose file is in its place."""
        with self._file_in_work():
            self._journal.append(entry)
        self._sound[entry.file] = True

    def close(self) -> None:
        """Let files that are being written be finished, and refuse new ones."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._writing)

    @property
    def n_damaged_lines(self) -> int:
        """Lines of the journal that were passed over."""
        return self._journal.n_damaged

    @property
    def n_resumed(self) -> int:
        """How many times the run was resumed."""
        return sum(entry.kind == "resumed" for entry in self._journal.entries.values())

    def record_resumed(self) -> None:
        """Put down that another process goes on."""
        with self._file_in_work():
            number = self.n_resumed + 1
            self._journal.append(JournalEntry(kind="resumed", step=number))

    @property
    def has_any(self) -> bool:
        """Whether anything is finished."""
        return bool(self._journal.entries)

    def has_draw(self, step: int, replicate: int) -> bool:
        """Return whether a step is drawn in a replicate."""
        return self._find("draw", step, replicate) is not None

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
        if self._keep_models:
            return
        for entry in list(self._journal.entries.values()):
            if entry.kind == "model" and entry.step in steps:
                (self._files / entry.file).unlink(missing_ok=True)

    def move_models(self, directory: Path) -> None:
        """Move the models that are kept into a private directory, which says what they are."""
        if not self._keep_models:
            return
        with writing(directory):
            directory.mkdir(mode=0o700, exist_ok=True)
            for file in sorted(self._files.glob("model_*.gpusynth")):
                file.replace(directory / file.name)
        with atomic_file(directory / MODELS_NOTICE, private=True) as notice, writing(directory):
            notice.write(_MODELS_NOTICE_TEXT)

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

    def record_written(
        self, replicate: int, file: Path, sha256: str, n_rows: int, details: Mapping[str, Any]
    ) -> None:
        """Put down that a synthetic file is complete, and what the manifest says of it."""
        entry = JournalEntry(
            kind="written",
            replicate=replicate,
            file=file.name,
            n_bytes=file.stat().st_size,
            sha256=sha256,
            details={**details, "n_rows": n_rows},
        )
        self.record(entry)

    def written(self, replicate: int, directory: Path) -> JournalEntry | None:
        """Return the entry of a complete synthetic file; None where it must be written."""
        return self._find("written", 0, replicate, directory=directory)

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

    def record_commit(self, files: Mapping[str, str]) -> None:
        """Put down that every file of the run lies ready: name -> SHA-256."""
        with self._file_in_work():
            self._journal.append(JournalEntry(kind="commit", details={"files": dict(files)}))

    def committed_files(self) -> dict[str, str] | None:
        """Return what `record_commit` put down; None where it did not."""
        entry = self._journal.entries.get(("commit", 0, 0, 0))
        files = {} if entry is None else entry.details.get("files", {})
        if not files or any(Path(name).name != name for name in files):
            return None
        return {str(name): str(sha256) for name, sha256 in files.items()}

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
        name = f"draw_{step.number:05d}_{rows.number:05d}.arrow"
        with self._file_in_work():
            written = write_draw(self._files / name, step, rows, column.repairs)
            details = {"edits": column.edit_counts.counts()}
            self._append(
                "draw", name, written, step=step.number, replicate=rows.number, details=details
            )
        counts.add_counts(column.edit_counts.counts())

    def _append(
        self,
        kind: Any,
        name: str,
        written: WrittenFile,
        *,
        step: int,
        replicate: int,
        stratum: int = 0,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self._journal.append(
            JournalEntry(
                kind=kind,
                step=step,
                replicate=replicate,
                stratum=stratum,
                file=name,
                n_bytes=written.n_bytes,
                sha256=written.sha256,
                details=dict(details or {}),
            )
        )
        self._sound[name] = True

    def _find(
        self, kind: str, step: int, replicate: int, stratum: int = 0, directory: Path | None = None
    ) -> JournalEntry | None:
        """Return the entry of a file that is as it was written."""
        entry = self._journal.entries.get((kind, step, replicate, stratum))
        if entry is None or not entry.file:
            return None
        if entry.file not in self._sound:
            self._sound[entry.file] = self._is_sound(entry, directory or self._files)
        return entry if self._sound[entry.file] else None

    def _is_sound(self, entry: JournalEntry, directory: Path) -> bool:
        path = directory / entry.file
        try:
            if path.is_symlink() or path.stat().st_size != entry.n_bytes:
                sound = False
            else:
                sound = file_sha256(path) == entry.sha256
        except (OSError, GpusynthError):
            sound = False
        if not sound:
            self.damaged.append(entry.file)
        return sound

    @contextmanager
    def _file_in_work(self) -> Iterator[None]:
        """Hold back `close` until a file and its entry are complete."""
        with self._changed:
            if self._is_closed:
                raise OutputError("the run has ended; nothing more is put down")
            self._writing += 1
        try:
            yield
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()
