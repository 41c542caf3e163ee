"""Stamps: whether a file is still the one that was read, without reading it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gpusynth.errors import DataError

__all__ = ["FileStamp"]


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What the file system says of a file, at one time.

    Attributes
    ----------
    path : pathlib.Path
    size : int
        Bytes.
    modified, changed : int
        Nanoseconds, by the file system's clock; they are compared for equality only, so that no
        clock that is set back or forward matters. `changed` cannot be set by programs.
    node : tuple of (int, int)
        Device and number of the file.
    """

    path: Path
    size: int
    modified: int
    changed: int
    node: tuple[int, int]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at a file.

        Raises
        ------
        DataError
            If it is not there.
        """
        try:
            found = path.stat()
        except OSError as error:
            raise DataError(
                f"{path} cannot be read: {error.strerror}. Check that the file is still there."
            ) from None
        node = (found.st_dev, found.st_ino)
        return cls(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, node)

    def has_new_content(self) -> bool:
        """Return whether the file was written to or replaced since."""
        now = FileStamp.of(self.path)
        return (now.size, now.modified, now.node) != (self.size, self.modified, self.node)

    def was_touched(self) -> bool:
        """Return whether anything about the file has changed since, its content perhaps."""
        return FileStamp.of(self.path) != self
