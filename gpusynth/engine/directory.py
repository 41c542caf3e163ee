"""Run directory: complete when a run has succeeded, and as it was found when it has not.

A run with checkpoints that is cut short leaves its work directory, hidden inside, to be resumed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from gpusynth.engine.checkpoint.checkpoints import MODELS_NOTICE, Checkpoints
from gpusynth.engine.checkpoint.head import RunHead
from gpusynth.engine.checkpoint.journal import Journal
from gpusynth.engine.checkpoint.work import WORK_NAME, WorkDirectory
from gpusynth.errors import GpusynthError, OutputError
from gpusynth.io import prepare_output_directory
from gpusynth.io.output import OWN_FILES, output_error
from gpusynth.table.run_files import read_run_json

__all__ = ["MODELS_NAME", "RunDirectory", "run_directory"]

MODELS_NAME = "models"
"""Directory of the models that a run leaves, inside the run directory."""

_OLD_STAGING = ".gpusynth-*.partial"
_MANIFEST = "manifest.json"
_LINKED_NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9_-]*(_\d{3,}\.(parquet|csv)|_(plan\.json|schema\.toml))"
)


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
    resume : bool
        Go on with the run that was cut short here; `overwrite` then stands in its journal.

    Attributes
    ----------
    work : WorkDirectory
    staging : pathlib.Path
        Where to write until `commit`.
    checkpoints : Checkpoints or None
    head : RunHead or None
        Of a run that is resumed.

    Raises
    ------
    OutputError
        If the directory is not empty without `overwrite`, is a file, or cannot be written; if
        another run is at work in it or was cut short in it; if there is nothing to resume.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False, resume: bool = False) -> None:
        self.path = Path(path)
        self.work = WorkDirectory(self.path)
        self.staging = self.work.staging
        self.checkpoints: Checkpoints | None = None
        self.head: RunHead | None = None
        self.overwrite = overwrite
        self._resume = resume
        self._made: list[Path] = []  # directories that did not exist before, innermost first
        self._committed = False

    def __enter__(self) -> Self:
        self._made = [p for p in (self.path, *self.path.parents) if not p.exists()]
        try:
            if self._resume:
                self._enter_again()
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
        if not (self.overwrite and self.path.is_dir()):
            if self.work.is_resumable:
                raise OutputError(
                    f"{self.path}: an unfinished run is here. Go on with it by "
                    f"`gpusynth resume {self.path}`, or start again with --overwrite."
                )
            prepare_output_directory(self.path, overwrite=False, ignore=WORK_NAME)
        self.work.enter()
        self.work.clear()  # left by a run that was killed
        for left in self.path.glob(_OLD_STAGING):
            shutil.rmtree(left, ignore_errors=True)
        self.work.make_directories()

    def _enter_again(self) -> None:
        if not self.work.is_resumable:
            finished = (self.path / _MANIFEST).is_file()
            state = "the run here is finished" if finished else "no unfinished run is here"
            raise OutputError(f"{self.path}: {state}; there is nothing to resume.")
        self.work.enter()
        self.work.make_directories()
        journal = Journal.open(self.work.journal_file)
        self.head = RunHead.read(journal.head, self.path)
        self.overwrite = self.head.overwrite
        self.checkpoints = Checkpoints(self.work.files, journal, keep_models=self.head.keep_models)
        for left in (*self.staging.glob("columns_*"), *self.work.path.rglob("*.partial")):
            left.unlink(missing_ok=True)

    def begin_checkpoints(self, head: RunHead) -> Checkpoints:
        """Begin the journal of a new run.

        Returns
        -------
        Checkpoints

        Raises
        ------
        OutputError
        """
        journal = Journal.begin(self.work.journal_file, head.model_dump(mode="json"))
        self.checkpoints = Checkpoints(self.work.files, journal, keep_models=head.keep_models)
        return self.checkpoints

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
                self._remove_earlier_run(frozenset(placed or ()))
            files = sorted(self.staging.iterdir(), key=lambda f: (f.name == _MANIFEST, f))
            for file in files:
                file.replace(self.path / file.name)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise output_error(self.path, error) from None
        self._committed = True

    def _remove_earlier_run(self, keep: frozenset[str]) -> None:
        linked = _linked_files(self.path)
        for pattern in OWN_FILES:
            for file in self.path.glob(pattern):
                if file.name not in keep and (file.is_file() or file.is_symlink()):
                    file.unlink()
        for file in linked:
            if file.name not in keep and (file.is_file() or file.is_symlink()):
                file.unlink()
        models = self.path / MODELS_NAME
        is_new = not (self.staging / MODELS_NAME).is_dir() and keep
        if (models / MODELS_NOTICE).is_file() and not models.is_symlink() and not is_new:
            shutil.rmtree(models)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.checkpoints is not None:
            self.checkpoints.close()
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
        if self._resume:
            return True
        if self.checkpoints is None or not self.checkpoints.has_any:
            return False
        return isinstance(error, (KeyboardInterrupt, OSError, MemoryError))

    def _remove_made(self) -> None:
        for directory in self._made:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()


def _linked_files(path: Path) -> list[Path]:
    """Return the files of an earlier run of linked files: its manifest alone knows their names."""
    try:
        manifest = read_run_json(path, _MANIFEST, OutputError)
        if manifest["kind"] != "linked":
            return []
        names = [*(str(entry["file"]) for entry in manifest["outputs"]), *manifest["files"]]
    except (GpusynthError, KeyError, TypeError):
        return []
    return [path / name for name in names if _LINKED_NAME.fullmatch(str(name))]


def run_directory(
    path: str | Path | None, *, overwrite: bool
) -> AbstractContextManager[RunDirectory | None]:
    """Return the run directory; what gives None where none is named.

    Parameters
    ----------
    path : str or pathlib.Path, optional
    overwrite : bool
        As for `RunDirectory`.

    Returns
    -------
    context manager
    """
    return nullcontext() if path is None else RunDirectory(path, overwrite=overwrite)
