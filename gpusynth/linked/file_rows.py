"""File rows: the codes of a file, and through its parents those of all files above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpusynth.arrays import Array

__all__ = ["FileRows", "inherited_name", "split_name"]


@dataclass(frozen=True, slots=True)
class FileRows:
    """Rows of one file, real or synthetic, and the rows of the parent that they belong to.

    Attributes
    ----------
    name : str
        Of the file.
    n_rows : int
    codes : mapping of str to array of uint8 or uint16, shape (n_rows,)
    values : mapping of str to array of float64 or int64, shape (n_rows,)
    parent : FileRows or None
    parent_row : array of int64, shape (n_rows,), or None
    """

    name: str
    n_rows: int
    codes: Mapping[str, Array]
    values: Mapping[str, Array]
    parent: FileRows | None = None
    parent_row: Array | None = None

    def read(self, name: str, rows: Array) -> tuple[Array, Array | None]:
        """Return a column of this file or one above, for some rows of this file.

        Parameters
        ----------
        name : str
            As `inherited_name` writes it.
        rows : array of int64, shape (n,)

        Returns
        -------
        tuple of (codes (n,), values (n,) or None)
        """
        file, column = split_name(name)
        if file == self.name:
            values = self.values.get(column)
            return self.codes[column][rows], None if values is None else values[rows]
        if self.parent is None or self.parent_row is None:
            raise KeyError(name)
        return self.parent.read(name, self.parent_row[rows])


def inherited_name(file: str, column: str) -> str:
    """Return the name under which children know a parent's column: no file's name has a point."""
    return f"{file}.{column}"


def split_name(name: str) -> tuple[str, str]:
    """Return file and column of an inherited column."""
    file, _, column = name.partition(".")
    return file, column
