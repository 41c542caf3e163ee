"""Run directory: complete when a run has succeeded, and as it was found when it has not.

A run with checkpoints that is cut short leaves its work directory, hidden inside, to be resumed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from gpusynth.engine.checkpoint.checkpoints import Checkpoints
from gpusynth.engine.checkpoint.head import Head
from gpusynth.engine.checkpoint.journal import Journal, open_or_begin
from gpusynth.engine.checkpoint.work import JOURNAL_NAME, WORK_NAME, WorkDirectory
from gpusynth.engine.files.earlier_run import MODELS_NAME, check_inputs, remove_earlier_run
from gpusynth.errors import CheckpointMismatchError, GpusynthError, OutputError
from gpusynth.io import prepare_output_directory, writing
from gpusynth.io.output import PARTIAL, output_error

__all__ = ["AnyHead", "RunDirectory", "run_directory"]

AnyHead = TypeVar("AnyHead", bound=Head)
"""Head of a run of one kind."""

_OLD_STAGING = ".gpusynth-*.partial"
_MANIFEST = "manifest.json"


class RunDirectory:
    """Output directory of one run; a context manager.

    Files are written into a hidden directory inside, on the same disk, and moved to their place by
    `commit`: nothing of a run that fails is ever seen, and an earlier run's files stay until the
    new ones are complete.

    Parameters
    ----------
    path : str or pathlib.Path
        Made if it does not exist.
    overwrite : bool
        Replace an earlier run; other files in the directory stay.
    resume : type of Head, optional
        Go on with the run that was cut short here; `overwrite` then stands in its journal. The
        type is that of the head of such a run.
    inputs : iterable of object
        What the run reads: files among it are never replaced. Anything but paths is passed over.

    Attributes
    ----------
    work : WorkDirectory
    staging : pathlib.Path
        Where to write until `commit`.
    checkpoints : Checkpoints or None
    parts : dict of int to Checkpoints
        Of the parts of the run that `part` was asked for.

    Raises
    ------
    OutputError
        If the directory is not empty without `overwrite`, is a file, or cannot be written; if
        another run is at work in it or was cut short in it; if there is nothing to resume.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        overwrite: bool = False,
        resume: type[Head] | None = None,
        inputs: Iterable[Any] = (),
    ) -> None:
        self.path = Path(path)
        self.work = WorkDirectory(self.path)
        self.staging = self.work.staging
        self.checkpoints: Checkpoints | None = None
        self.parts: dict[int, Checkpoints] = {}
        self.overwrite = overwrite
        self._resume = resume
        self._inputs = tuple(inputs)
        self._head: Head | None = None
        self._made: list[Path] = []  # directories that did not exist before, innermost first
        self._committed = False

    def __enter__(self) -> Self:
        self._made = [p for p in (self.path, *self.path.parents) if not p.exists()]
        try:
            if self._resume is not None:
                self._enter_again(self._resume)
            else:
                self._enter_anew()
        except BaseException as error:
            self.work.leave()
            self._remove_made()
            if isinstance(error, OSError) and not isinstance(error, GpusynthError):
                raise output_error(self.path, error) from None
            raise
        return self

    def _enter_anew(self) -> None:
        if self.overwrite and self.path.is_dir():
            check_inputs(self.path, self._inputs)
        if not (self.overwrite and self.path.is_dir()):
            if self.work.is_resumable:
                raise OutputError(
                    f"{self.path}: an unfinished run is here. Go on with it by "
                    f"`gpusynth resume {self.path}`, or start again with --overwrite."
                )
            prepare_output_directory(self.path, ignore=WORK_NAME)
        self.work.enter()
        self.work.clear()  # left by a run that was killed
        for left in self.path.glob(_OLD_STAGING):
            shutil.rmtree(left, ignore_errors=True)
        self.work.make_directories()

    def _enter_again(self, kind: type[Head]) -> None:
        if not self.work.is_resumable:
            finished = (self.path / _MANIFEST).is_file()
            state = "the run here is finished" if finished else "no unfinished run is here"
            raise OutputError(f"{self.path}: {state}; there is nothing to resume.")
        self.work.enter()
        self.work.make_directories()
        journal = Journal.open(self.work.journal_file)
        self._head = head = kind.read(journal.head, self.path)
        self.overwrite = head.overwrite
        if self.overwrite:
            check_inputs(self.path, self._inputs)
        self.checkpoints = Checkpoints(self.work.files, journal, keep_models=head.keep_models)
        for left in (*self.work.path.rglob("columns_*"), *self.work.path.rglob("*" + PARTIAL)):
            left.unlink(missing_ok=True)

    def head_of(self, kind: type[AnyHead]) -> AnyHead:
        """Return the head of the run that is resumed.

        Parameters
        ----------
        kind : type of Head
            That the directory was entered with.

        Returns
        -------
        Head
            Of that type.

        Raises
        ------
        CheckpointMismatchError
            If no such run is resumed.
        """
        if not isinstance(self._head, kind):
            raise CheckpointMismatchError(f"{self.path}: no journal is here")
        return self._head

    def begin_checkpoints(self, head: Head) -> Checkpoints:
        """Begin the journal of a new run.

        Returns
        -------
        Checkpoints

        Raises
        ------
        OutputError
        """
        journal = Journal.begin(self.work.journal_file, head.model_dump(mode="json"))
        self._head = head
        self.checkpoints = Checkpoints(self.work.files, journal, keep_models=head.keep_models)
        return self.checkpoints

    def part(self, number: int) -> Checkpoints | None:
        """Return the checkpoints of a part of the run: a synthesis of its own, one of several.

        A part has a directory and a journal of its own, so that nothing of a synthesis need know
        that it is a part. What the part is follows from the run, which the head pins.

        Parameters
        ----------
        number : int

        Returns
        -------
        Checkpoints or None
            None where the run makes no checkpoints.

        Raises
        ------
        OutputError
        """
        if self.checkpoints is None or self._head is None:
            return None
        if number not in self.parts:
            place = self.scratch(number)
            files = place / self.work.files.name
            with writing(place):
                files.mkdir(mode=0o700, exist_ok=True)
            journal = open_or_begin(place / JOURNAL_NAME, {"part": number})
            self.parts[number] = Checkpoints(files, journal, keep_models=self._head.keep_models)
        return self.parts[number]

    def scratch(self, number: int) -> Path:
        """Return a directory for columns of a part that memory does not hold.

        Parameters
        ----------
        number : int
            Of the part.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        OutputError
        """
        place = self.work.part(number)
        with writing(place):
            place.mkdir(mode=0o700, exist_ok=True)
        return place

    def commit(self, *, placed: Mapping[str, str] | None = None) -> None:
        """Move every file to its place, the manifest last: where it is, the run is complete.

        Parameters
        ----------
        placed : mapping of str to str, optional
            Files that an earlier process had moved already, for they must not be taken for an
            earlier run's.

        Raises
        ------
        OutputError
            If the operating system refuses.
        """
        try:
            if self.overwrite:
                new_models = (self.staging / MODELS_NAME).is_dir()
                remove_earlier_run(
                    self.path, keep=frozenset(placed or ()), has_new_models=new_models
                )
            files = sorted(self.staging.iterdir(), key=lambda f: (f.name == _MANIFEST, f))
            for file in files:
                file.replace(self.path / file.name)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise output_error(self.path, error) from None
        self._committed = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for checkpoints in self._all_checkpoints():
            checkpoints.close()
        if not self._committed and self._may_resume(error):
            if error is not None:
                error.add_note(f"resume with: gpusynth resume {self.path}")
            self.work.leave()
            return
        self.work.remove()
        if not self._committed:
            self._remove_made()

    def _may_resume(self, error: BaseException | None) -> bool:
        """Return whether the work is worth keeping: not where the same error would come again."""
        if self._resume is not None:
            return True
        if not any(checkpoints.has_any for checkpoints in self._all_checkpoints()):
            return False
        return isinstance(error, (KeyboardInterrupt, OSError, MemoryError))

    def _all_checkpoints(self) -> list[Checkpoints]:
        own = [] if self.checkpoints is None else [self.checkpoints]
        return [*own, *self.parts.values()]

    def _remove_made(self) -> None:
        for directory in self._made:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()


def run_directory(
    path: str | Path | None, *, overwrite: bool, inputs: Iterable[Any] = ()
) -> AbstractContextManager[RunDirectory | None]:
    """Return the run directory; what gives None where none is named.

    Parameters
    ----------
    path : str or pathlib.Path, optional
    overwrite, inputs : as for `RunDirectory`

    Returns
    -------
    context manager
    """
    if path is None:
        return nullcontext()
    return RunDirectory(path, overwrite=overwrite, inputs=inputs)
