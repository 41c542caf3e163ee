"""Reading: columns by name, whatever rows are meant; what conditions, formulas and methods ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from gpusynth.arrays import Array

if TYPE_CHECKING:
    from gpusynth.table.table import Table

__all__ = ["Read", "read_rows", "read_table"]

Read: TypeAlias = Callable[[str], tuple[Array, Array | None]]
"""Column name -> (codes (n,), values (n,) or None) of some rows."""


def read_table(table: Table, rows: Array | slice = slice(None)) -> Read:
    """Return a function that reads some rows of a table.

    Parameters
    ----------
    table : Table
    rows : array or slice

    Returns
    -------
    callable
    """

    def read(name: str) -> tuple[Array, Array | None]:
        values = table.values.get(name)
        return table.codes[name][rows], None if values is None else values[rows]

    return read


def read_rows(read: Read, rows: Array | slice) -> Read:
    """Return a function that reads some of the rows that another reads.

    Parameters
    ----------
    read : callable
    rows : array or slice
        Positions among those rows.

    Returns
    -------
    callable
    """

    def read_some(name: str) -> tuple[Array, Array | None]:
        codes, values = read(name)
        return codes[rows], None if values is None else values[rows]

    return read_some
