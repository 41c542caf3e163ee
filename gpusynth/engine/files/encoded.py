"""Encoded rows of an unfinished run, so that a process that resumes it does not read them again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import gpusynth
from gpusynth.arrays import Array
from gpusynth.engine.checkpoint.pins import codec_fingerprint
from gpusynth.engine.files.step_files import CONFIDENTIAL
from gpusynth.engine.models.saved_table import Saved, table_to_json
from gpusynth.engine.real.prepared import Prepared
from gpusynth.errors import DataError, ModelFileError, OutputError
from gpusynth.io import read_model_file, write_model_file
from gpusynth.table import Codec, Schema, Table

__all__ = ["read_encoded", "write_encoded"]

_NAME = "encoded.gpusynth"
_KIND = "encoded rows of an unfinished run"


def write_encoded(place: Path, prepared: Prepared) -> None:
    """Put down the encoded rows; a disk without room for them only costs time later.

    Parameters
    ----------
    place : pathlib.Path
        Directory of the checkpoints.
    prepared : Prepared
    """
    arrays: list[Array] = []
    document: dict[str, Any] = {
        "input": prepared.fingerprint,
        "codecs": codec_fingerprint(prepared.resolved.codecs),
        "table": table_to_json(prepared.table, arrays),
    }
    with suppress(OutputError):
        write_model_file(
            place / _NAME,
            document,
            arrays,
            kind=_KIND,
            mark=CONFIDENTIAL,
            version=gpusynth.__version__,
            overwrite=True,
        )


def read_encoded(
    place: Path, schema: Schema, codecs: Mapping[str, Codec], fingerprint: str
) -> Table | None:
    """Return the rows that `write_encoded` put down, mapped into memory.

    Parameters
    ----------
    place : pathlib.Path
    schema : Schema
    codecs : mapping of str to Codec
    fingerprint : str
        Of the data as they are now.

    Returns
    -------
    Table or None
        None where they must be encoded again: the file is not there, is damaged, or holds the rows
        of other data.
    """
    try:
        file = read_model_file(place / _NAME, kind=_KIND, memory_map=True)
        document = file.document if isinstance(file.document, dict) else {}
        known = {"input": fingerprint, "codecs": codec_fingerprint(codecs)}
        if any(document.get(name) != value for name, value in known.items()):
            return None
        return Saved(place / _NAME, document, file.arrays).part("table").table(schema, codecs)
    except (DataError, ModelFileError):
        return None
