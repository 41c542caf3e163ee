"""Array files: named NumPy arrays and a JSON document in one Arrow IPC file.

The file holds one record batch of one row; each array is a large list of plain numbers, and the
document stands in the schema's metadata. Any Arrow reader can open it, and reading maps the file
into memory without a copy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.io.input_file import reading
from gpusynth.io.output import atomic_file, writing

__all__ = ["ArrayFile", "WrittenFile", "read_arrays", "write_arrays"]

_DOCUMENT = b"gpusynth.document"
_REMEDY = "The file is damaged or was made by something else; remove it."


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as it was written.

    Attributes
    ----------
    n_bytes : int
    sha256 : str
    """

    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """What an array file holds.

    Attributes
    ----------
    document : dict
    arrays : dict of str to array, shape (n,)
        Read-only, backed by the file.
    """

    document: dict[str, Any]
    arrays: dict[str, Array]


def write_arrays(
    path: Path, document: Mapping[str, Any], arrays: Mapping[str, Array]
) -> WrittenFile:
    """Write arrays to a private file (mode 0600) that appears whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
    document : mapping
        JSON-serialisable.
    arrays : mapping of str to array, shape (n,)
        Integers or floating point numbers.

    Returns
    -------
    WrittenFile

    Raises
    ------
    OutputError
        If the operating system refuses; nothing stays behind.
    """
    columns = [_one_list(array) for array in arrays.values()]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    fields = [pa.field(name, column.type) for name, column in zip(arrays, columns, strict=True)]
    schema = pa.schema(fields, metadata={_DOCUMENT: text.encode()})
    with atomic_file(path, private=True) as file, writing(path):
        sink = _HashingFile(file)
        with _ipc_writer(sink, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return WrittenFile(sink.n_bytes, sink.digest.hexdigest())


def read_arrays(path: Path) -> ArrayFile:
    """Read what `write_arrays` wrote; the arrays stay in the file until they are used.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile

    Raises
    ------
    DataError
        If the file cannot be read or is not such a file.
    """
    with reading(path.name, _REMEDY):
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        batch.validate(full=True)
        metadata = batch.schema.metadata or {}
        try:
            document = json.loads(metadata[_DOCUMENT])
            arrays = {
                name: column.values.to_numpy(zero_copy_only=True)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }
        except (KeyError, ValueError, AttributeError, RecursionError):
            raise pa.ArrowInvalid("not an array file") from None
    return ArrayFile(document, arrays)


def _one_list(array: Array) -> pa.LargeListArray:
    """Return an Arrow array of one list that shares the memory of a NumPy array."""
    plain = np.ascontiguousarray(array)
    kind = pa.from_numpy_dtype(plain.dtype)
    numbers = pa.Array.from_buffers(kind, len(plain), [None, pa.py_buffer(plain)])
    return pa.LargeListArray.from_arrays(pa.array([0, len(plain)], pa.int64()), numbers)


@contextmanager
def _ipc_writer(sink: _HashingFile, schema: pa.Schema) -> Iterator[Any]:
    with pa.PythonFile(sink, mode="w") as out, pa.ipc.new_file(out, schema) as writer:
        yield writer


class _HashingFile:
    """A file to write to that computes the SHA-256 on the way."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.n_bytes = 0

    def write(self, block: Any) -> int:
        self.digest.update(block)
        size = memoryview(block).nbytes
        self.n_bytes += size
        self._file.write(block)
        return size

    def flush(self) -> None:
        """Leave it to whoever opened the file."""

    def close(self) -> None:
        """Leave it to whoever opened the file."""
