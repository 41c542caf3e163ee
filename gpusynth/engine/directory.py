"""Run directory: complete when a run has succeeded, and as it was found when it has not."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from gpusynth.errors import OutputError
from gpusynth.io import prepare_output_directory
from gpusynth.io.output import output_error

__all__ = ["RunDirectory"]

_STAGING_PREFIX = ".gpusynth-"
_STAGING_SUFFIX = ".partial"


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

    Attributes
    ----------
    staging : pathlib.Path
        Where to write until `commit`.

    Raises
    ------
    OutputError
        If the directory is not empty without `overwrite`, is a file, or cannot be written.
    """

    def __init__(self, path: str | Path, *, overwrite: bool) -> None:
        self.path = Path(path)
        self._overwrite = overwrite
        self._made: list[Path] = []  # directories that did not exist before, innermost first
        self._committed = False

    def __enter__(self) -> Self:
        self._made = [p for p in (self.path, *self.path.parents) if not p.exists()]
        try:
            if self._overwrite and self.path.is_dir():
                self._remove_staging()  # left by a run that was killed
            else:
                prepare_output_directory(self.path, overwrite=False)
            self.staging = Path(
                tempfile.mkdtemp(suffix=_STAGING_SUFFIX, prefix=_STAGING_PREFIX, dir=self.path)
            )
        except OSError as error:
            self._remove_made()
            if isinstance(error, OutputError):
                raise
            raise output_error(self.path, error) from None
        return self

    def commit(self) -> None:
        """Move every file to its place, the manifest last: where it is, the run is complete.

        Raises
        ------
        OutputError
            If the operating system refuses.
        """
        try:
            if self._overwrite:
                prepare_output_directory(self.path, overwrite=True)
            files = sorted(self.staging.iterdir(), key=lambda f: (f.name == "manifest.json", f))
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
        self._remove_staging()
        if not self._committed:
            self._remove_made()

    def _remove_staging(self) -> None:
        for left in self.path.glob(f"{_STAGING_PREFIX}*{_STAGING_SUFFIX}"):
            shutil.rmtree(left, ignore_errors=True)

    def _remove_made(self) -> None:
        for directory in self._made:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
