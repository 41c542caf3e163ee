"""Device rows: columns of numbers that lie in a device's memory, learned and encoded there.

What `gpusynth.table.distinct` is to columns of few values: a source that has its rows on a device
answers in their place. Answers and codes are those of a stream over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gpusynth.arrays import Array
from gpusynth.table.source import Source

if TYPE_CHECKING:
    from gpusynth.table.codec_numbers import NumberCodec
    from gpusynth.table.sketch import ColumnSketch

__all__ = ["NumberRows", "NumberSource", "number_rows"]


class NumberRows(Protocol):
    """Some rows of a column of numbers.

    Attributes
    ----------
    n_rows : int
    """

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        ...

    def sketch(self) -> ColumnSketch:
        """Return what `gpusynth.table.sketch.sketch_batch` returns of them."""
        ...

    def encode(self, codec: NumberCodec) -> tuple[Array, Array | None]:
        """Return codes and numbers on the host, as `NumberCodec.encode` does.

        Raises
        ------
        CodecError
            If a number has no code; it does not say in which row.
        """
        ...


@runtime_checkable
class NumberSource(Protocol):
    """A source that can learn and encode numbers where they lie."""

    def number_rows(self, name: str) -> Iterator[NumberRows] | None:
        """Return the rows of a column, in order; None where they must come to the host."""
        ...


def number_rows(source: Source, name: str) -> Iterator[NumberRows] | None:
    """Return the rows of a column of any source; None where they must come to the host.

    Parameters
    ----------
    source : Source
    name : str

    Returns
    -------
    iterator of NumberRows, or None
    """
    return source.number_rows(name) if isinstance(source, NumberSource) else None
