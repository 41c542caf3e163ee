"""Model files: a JSON document and arrays in one file that is whole, unaltered and private.

A file is a header of 512 bytes, in plain text so that ``head`` shows what it is, and then an Arrow
IPC file. The Arrow schema's metadata hold the document under ``document``, the dtypes and shapes of
the arrays under ``arrays``; record batch i holds the bytes of array i in one column of uint8. The
header names format, version, kind, mark and length, and the SHA-256 of everything after it and of
its own other lines, so that no bit can change unseen. The digest guards against damage, not against
a forger: whoever interprets the document must check it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.errors import ModelFileError, OutputError
from gpusynth.io.input_file import check_input_file, reading
from gpusynth.io.output import atomic_file, writing

__all__ = ["ModelFile", "check_model_path", "read_model_file", "write_model_file"]

_HEADER_BYTES = 512
_FIRST_LINE = "GPUSYNTH MODEL"
_FORMAT = 1
_MOST_DOCUMENT_BYTES = 1 << 28
"""JSON of 256 MiB describes some million models; a longer one is not read."""

_DTYPES = ("uint8", "uint16", "uint32", "uint64", "int32", "int64", "float64", "bool")
_MOST_DIMENSIONS = 3
_ALIGNMENT = 8
"""Arrow pads to it, and no dtype here needs more."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a model file holds.

    Attributes
    ----------
    kind : str
    version : str
        Of the gpusynth that wrote it.
    mark : str
        Who may see it.
    digest : str
        SHA-256 that the header holds.
    document : object
        JSON.
    arrays : tuple of array
        Writable; changes never reach the file.
    """

    kind: str
    version: str
    mark: str
    digest: str
    document: Any
    arrays: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class _Header:
    """The first 512 bytes; `text` writes them, and only what it writes is read."""

    kind: str
    version: str
    mark: str
    length: int
    digest: str = ""

    def text(self) -> bytes:
        lines = (
            f"{_FIRST_LINE} {_FORMAT}",
            f"version: {self.version}",
            f"kind: {self.kind}",
            f"mark: {self.mark}",
            f"length: {self.length}",
            f"sha256: {self.digest}",
        )
        text = ("\n".join(lines) + "\n").encode("ascii")
        if len(text) >= _HEADER_BYTES:
            raise OutputError("the kind or mark of a model file is too long for its header")
        return text.ljust(_HEADER_BYTES - 1) + b"\n"

    @classmethod
    def parse(cls, header: bytes, name: str) -> _Header:
        damaged = ModelFileError(f"{name}: the header is damaged. {_REMEDY}")
        try:
            lines = header.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise damaged from None
        if not lines[0].startswith(f"{_FIRST_LINE} "):
            raise ModelFileError(f"{name} is not a model file of gpusynth. Check the path.")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if lines[0] != f"{_FIRST_LINE} {_FORMAT}":
            raise ModelFileError(
                f"{name} has format {lines[0].removeprefix(_FIRST_LINE).strip()!r} (written by "
                f"gpusynth {fields.get('version', 'of an unknown version')}); this version of "
                f"gpusynth reads format {_FORMAT}. Fit the model again, or read it with the "
                "version that wrote it."
            )
        try:
            length = int(fields["length"])
            parts = (fields["kind"], fields["version"], fields["mark"], length, fields["sha256"])
            parsed = cls(*parts)
            if parsed.text() != header:
                raise damaged
        except (KeyError, ValueError, OutputError):
            raise damaged from None
        return parsed


_REMEDY = "Copy it again from where it was made, or fit the model again."


def check_model_path(path: str | Path, *, overwrite: bool) -> Path:
    """Check that a model file can be written, before the work that makes one.

    Parameters
    ----------
    path : str or pathlib.Path
    overwrite : bool

    Returns
    -------
    pathlib.Path

    Raises
    ------
    OutputError
        If it exists and may not be replaced, or its directory is not there or not writable.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a directory. Give the name of a file.")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise OutputError(f"{path} exists. Choose another name or allow overwriting (--overwrite).")
    if not path.parent.is_dir():
        raise OutputError(
            f"{path} cannot be written: {path.parent} is no directory. "
            "Make the directory first or correct the path."
        )
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path} cannot be written: no permission. Choose another place.")
    return path


def write_model_file(
    path: str | Path,
    document: Any,
    arrays: Sequence[Array],
    *,
    kind: str,
    mark: str,
    version: str,
    overwrite: bool = False,
) -> str:
    """Write a model file, readable for its owner only (0600); it appears whole or not at all.

    Parameters
    ----------
    path : str or pathlib.Path
    document : object
        Anything that JSON holds, without NaN and infinity.
    arrays : sequence of array
        Of bool, uint8 to uint64, int32, int64 or float64.
    kind : str
        One line of ASCII: what the file is for; a reader asks for it.
    mark : str
        One line of ASCII: who may see it.
    version : str
        Of gpusynth.
    overwrite : bool
        Replace what stands under `path`.

    Returns
    -------
    str
        The digest that the header holds, which tells the file from every other.

    Raises
    ------
    OutputError
        If `path` exists, or the operating system refuses; nothing stays behind.
    """
    path = check_model_path(path, overwrite=overwrite)
    contiguous = [np.ascontiguousarray(array) for array in arrays]
    schema = _schema(document, contiguous)
    with atomic_file(path, private=True) as file, writing(path):
        file.write(bytes(_HEADER_BYTES))
        hashing = _Hashing(file)
        with (
            pa.PythonFile(hashing, mode="w") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            for array in contiguous:
                column = pa.array(array.reshape(-1).view(np.uint8))
                writer.write_batch(pa.record_batch([column], schema=schema))
        unsigned = _Header(kind, version, mark, hashing.n_bytes)
        digest = _digest(unsigned, hashing.content.digest())
        file.seek(0)
        file.write(replace(unsigned, digest=digest).text())
    return digest


def read_model_file(
    path: str | Path, *, kind: str | tuple[str, ...], memory_map: bool = False
) -> ModelFile:
    """Read a model file and check that every bit is as it was written.

    Parameters
    ----------
    path : str or pathlib.Path
    kind : str or tuple of str
        As it was written with, or the kinds that are looked for.
    memory_map : bool
        Leave the arrays on the disk until they are asked for. Only for files that nobody else can
        change meanwhile: what changes after the check is not noticed.

    Returns
    -------
    ModelFile

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    ModelFileError
        If it is no model file, of another kind or format, truncated or altered.
    """
    path = Path(path)
    check_input_file(path)
    name = str(path)
    with reading(name, "Check the disk, and copy the file again."):
        # Writable, as what was fitted is: kernels are compiled apart for arrays that are not.
        whole: Array
        if memory_map:
            whole = np.memmap(path, np.uint8, mode="c").view(np.ndarray)
        else:
            whole = np.fromfile(path, np.uint8)
    header = _Header.parse(whole[:_HEADER_BYTES].tobytes(), name)
    content = whole[_HEADER_BYTES:]
    if len(content) != header.length:
        raise ModelFileError(
            f"{name} is truncated or has grown: {len(content)} bytes follow its header, which says "
            f"{header.length}. {_REMEDY}"
        )
    if _digest(header, hashlib.sha256(content).digest()) != header.digest:
        raise ModelFileError(f"{name} was altered: its SHA-256 is not the one it had. {_REMEDY}")
    kinds = (kind,) if isinstance(kind, str) else kind
    if header.kind not in kinds:
        wanted = " or ".join(map(repr, kinds))
        raise ModelFileError(
            f"{name} is a file of the kind {header.kind!r}, not {wanted}. Check the path."
        )
    document, arrays = _parsed(content, name)
    return ModelFile(header.kind, header.version, header.mark, header.digest, document, arrays)


def _parsed(content: Array, name: str) -> tuple[Any, tuple[Array, ...]]:
    """Return the document and the arrays of the Arrow file."""
    damaged = ModelFileError(f"{name}: the content is not that of a model file. {_REMEDY}")
    try:
        with pa.ipc.open_file(pa.py_buffer(content)) as reader:
            metadata = reader.schema.metadata or {}
            text, described = metadata[b"document"], json.loads(metadata[b"arrays"])
            if len(text) > _MOST_DOCUMENT_BYTES or reader.num_record_batches != len(described):
                raise damaged
            arrays = [
                _array(reader.get_batch(place), content, dtype, tuple(shape))
                for place, (dtype, shape) in enumerate(described)
            ]
            return json.loads(text), tuple(arrays)
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, RecursionError):
        # Not chained: the words of Arrow and JSON may quote the content.
        raise damaged from None


def _array(batch: pa.RecordBatch, content: Array, dtype: str, shape: tuple[int, ...]) -> Array:
    """Return the part of the content that a record batch is, as an array of its own kind.

    Raises
    ------
    ValueError
        If the bytes are not those of such an array.
    """
    sizes_known = all(type(size) is int and 0 <= size < 1 << 48 for size in shape)
    if dtype not in _DTYPES or not sizes_known or not 1 <= len(shape) <= _MOST_DIMENSIONS:
        raise ValueError(dtype)
    kind = np.dtype(dtype)
    n_bytes = math.prod(shape) * kind.itemsize
    (column,) = batch.columns
    if column.type != pa.uint8() or column.null_count or column.offset or len(column) != n_bytes:
        raise ValueError("bytes")
    if not n_bytes:
        return np.zeros(shape, kind)
    buffer = column.buffers()[1]
    first = buffer.address - content.ctypes.data
    if first < 0 or first + n_bytes > len(content) or buffer.size < n_bytes:
        raise ValueError("place")
    taken = content[first : first + n_bytes]
    if buffer.address % _ALIGNMENT:
        taken = taken.copy()
    if dtype == "bool" and taken.max() > 1:
        raise ValueError("bool")
    array: Array = taken.view(kind).reshape(shape)
    return array


def _schema(document: Any, arrays: Sequence[Array]) -> pa.Schema:
    described = [[array.dtype.name, list(array.shape)] for array in arrays]
    unknown = [dtype for dtype, _ in described if dtype not in _DTYPES]
    if unknown:
        raise OutputError(f"a model file holds no arrays of {unknown[0]}")
    metadata = {
        "document": json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False),
        "arrays": json.dumps(described, separators=(",", ":")),
    }
    if len(metadata["document"]) > _MOST_DOCUMENT_BYTES:
        raise OutputError(
            f"the model's description has {len(metadata['document'])} bytes; at most "
            f"{_MOST_DOCUMENT_BYTES} are written"
        )
    return pa.schema([pa.field("bytes", pa.uint8(), nullable=False)], metadata=metadata)


class _Hashing:
    """A file to write to that keeps the digest and the number of bytes."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.content = hashlib.sha256()
        self.n_bytes = 0

    def write(self, block: bytes) -> int:
        self._file.write(block)
        self.content.update(block)
        self.n_bytes += len(block)
        return len(block)

    def tell(self) -> int:
        return self.n_bytes

    def flush(self) -> None:
        """Leave it to the end."""

    def close(self) -> None:
        """Leave the file to whoever opened it."""


def _digest(header: _Header, content: bytes) -> str:
    """Return the digest of the header's other lines and of the digest of what follows it."""
    return hashlib.sha256(replace(header, digest="").text() + content).hexdigest()
