"""What a run tells whoever watches it; the command line draws it, a library call is silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from gpusynth.table import BATCH_ROWS, Source
from gpusynth.table.device_rows import NumberRows, number_rows
from gpusynth.table.distinct import DistinctBatch, distinct_batches

__all__ = ["Listener", "SilentListener", "WatchedSource"]


class Listener(Protocol):
    """Receives a run's progress, always from the thread that started the run.

    It is told names of phases and columns and numbers of rows, never a value of the data.
    """

    def start(self, phase: str, work: int | None) -> None:
        """Begin a phase of `work` units, None when not known; it ends the phase before."""
        ...

    def advance(self, label: str, *, work: int, rows: int) -> None:
        """Report `work` more units done, in which `rows` rows were handled."""
        ...


class SilentListener:
    """Hears everything and says nothing."""

    def start(self, phase: str, work: int | None) -> None:
        """Do nothing."""

    def advance(self, label: str, *, work: int, rows: int) -> None:
        """Do nothing."""


class WatchedSource:
    """A source that reports each batch it gives; otherwise the source itself.

    Parameters
    ----------
    source : Source
    listener : Listener
    """

    def __init__(self, source: Source, listener: Listener) -> None:
        self._source = source
        self._listener = listener
        self._n_rows = source.n_rows

    @property
    def name(self) -> str:
        """File name, or "table"."""
        return self._source.name

    @property
    def arrow_schema(self) -> Any:
        """Columns of every batch."""
        return self._source.arrow_schema

    @property
    def is_text(self) -> bool:
        """True when types must be found out from text."""
        return self._source.is_text

    @property
    def n_rows(self) -> int | None:
        """Number of rows, None when not known before it was read once."""
        return self._n_rows

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[Any]:
        """Yield the source's batches and report each."""
        n_rows = 0
        for batch in self._source.batches(columns, batch_rows=batch_rows):
            yield batch
            n_rows += batch.num_rows
            self._listener.advance("", work=batch.num_rows, rows=batch.num_rows)
        self._n_rows = n_rows

    def distinct_batches(self, name: str) -> Iterator[DistinctBatch] | None:
        """Return the batches of a column that the source tells by its distinct values.

        Parameters
        ----------
        name : str

        Returns
        -------
        iterator of DistinctBatch, or None
        """
        return distinct_batches(self._source, name)

    def number_rows(self, name: str) -> Iterator[NumberRows] | None:
        """Return the rows of a column of numbers that the source learns and encodes itself.

        Parameters
        ----------
        name : str

        Returns
        -------
        iterator of NumberRows, or None
        """
        return number_rows(self._source, name)

    def fingerprint(self) -> str:
        """SHA-256 of the data.

        Returns
        -------
        str
        """
        return self._source.fingerprint()
