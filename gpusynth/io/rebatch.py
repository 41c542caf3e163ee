"""Cut a stream of record batches anew, so that nothing depends on how a file was cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

__all__ = ["Rebatcher", "rebatch"]


class Rebatcher:
    """Collect batches of any length and give back batches of `n_rows` rows.

    At most the pushed batch and `n_rows` rows are held. Dictionaries that differ between the
    joined batches are unified.

    Parameters
    ----------
    n_rows : int

    Raises
    ------
    ValueError
        If `n_rows` is not positive.
    """

    def __init__(self, n_rows: int) -> None:
        if n_rows < 1:
            raise ValueError(f"a batch needs at least one row, {n_rows} asked for")
        self._n_rows = n_rows
        self._parts: list[pa.RecordBatch] = []
        self._held = 0

    def push(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Take a batch and yield every batch of `n_rows` rows that is now complete."""
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, self._n_rows - self._held)
            self._parts.append(part)
            self._held += part.num_rows
            start += part.num_rows
            if self._held == self._n_rows:
                yield from self.flush()

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that are left, if any, as one batch."""
        parts, self._parts, self._held = self._parts, [], 0
        if len(parts) == 1:
            yield parts[0]
        elif parts:
            joined = pa.Table.from_batches(parts).unify_dictionaries().combine_chunks()
            yield from joined.to_batches()


def rebatch(batches: Iterable[pa.RecordBatch], n_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of exactly `n_rows` rows; the last may be shorter.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        All of one schema.
    n_rows : int
    """
    rebatcher = Rebatcher(n_rows)
    for batch in batches:
        yield from rebatcher.push(batch)
    yield from rebatcher.flush()
