"""SHA-256 of files and tables: what a manifest says went in and came out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from gpusynth.io.input_file import reading
from gpusynth.io.rebatch import rebatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["file_sha256", "table_sha256"]


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    path = Path(path)
    with reading(path.name, "Check that the file is still there."), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def table_sha256(table: pa.Table) -> str:
    """Return the SHA-256 of a table's Arrow IPC stream, written in batches of `BATCH_ROWS` rows.

    How the table is cut into chunks does not enter, and the stream is never held as a whole.
    """
    digest = hashlib.sha256()
    sink = pa.PythonFile(_DigestSink(digest), mode="w")
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in rebatch(table.unify_dictionaries().to_batches(), BATCH_ROWS):
            writer.write_batch(batch)
    return digest.hexdigest()


class _DigestSink:
    """A file to write to that keeps nothing but the digest."""

    closed = False

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, block: bytes) -> int:
        self._digest.update(block)
        return len(block)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to close."""
