"""Files of a run directory, which may come from elsewhere: by their own names and never by links.

A manifest names the files beside it. A name that leads out of the directory, and a link in place of
a file, would have a reader open what its writer has no access to.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from gpusynth.errors import GpusynthError
from gpusynth.table.text_file import MAX_BYTES, parse_json, read_text

__all__ = ["check_own_name", "own_file", "read_run_json"]

_LONGEST_NAME = 255
"""Bytes; the limit of common file systems."""


def check_own_name(name: object, error: type[GpusynthError]) -> str:
    """Return the name of a file of a run directory.

    Parameters
    ----------
    name : object
        As a manifest has it.
    error : type
        Of the error that is raised.

    Returns
    -------
    str

    Raises
    ------
    GpusynthError
        Of the type `error`, if it is no plain name of a file.
    """
    is_plain = (
        isinstance(name, str)
        and 0 < len(name.encode("utf-8", "replace")) <= _LONGEST_NAME
        and name not in (".", "..")
        and not any(sign in "/\\:" or unicodedata.category(sign)[0] == "C" for sign in name)
    )
    if not is_plain:
        raise error("the manifest names a file that is not of its directory. Do not use the run.")
    return str(name)


def own_file(directory: Path, name: object, error: type[GpusynthError]) -> Path:
    """Return the path of a file of a run directory.

    Parameters
    ----------
    directory : pathlib.Path
    name : object
    error : type

    Returns
    -------
    pathlib.Path
        Of a file in the directory itself, or of nothing.

    Raises
    ------
    GpusynthError
        Of the type `error`, if it is no plain name, or that of a link.
    """
    path = directory / check_own_name(name, error)
    if path.is_symlink():
        raise error(f"{path} is a link, and no run makes links. Do not use the run.")
    return path


def read_run_json(
    directory: Path, name: str, error: type[GpusynthError], *, max_bytes: int = MAX_BYTES
) -> Any:
    """Read a JSON file of a run directory, within limits.

    Parameters
    ----------
    directory : pathlib.Path
    name : str
    error : type
    max_bytes : int

    Returns
    -------
    dict, list, str, number, bool or None

    Raises
    ------
    GpusynthError
        Of the type `error`, if it is a link, cannot be read or is not JSON.
    """
    text = read_text(directory / name, "file", error, max_bytes=max_bytes, follow_links=False)
    return parse_json(text, str(directory / name), error)
