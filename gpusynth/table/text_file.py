"""Text files that people or other programs wrote: read within limits, whatever they hold.

Schemas, plans, regressions and results may come from outside. A file that is not a regular file,
too large, not UTF-8, nested without end or not what its name says gives one error, in bounded time
and memory. Errors give the place of a mistake and never the text around it, which may quote values.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from gpusynth.errors import GpusynthError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "parse_json", "parse_toml", "read_text", "read_toml"]

MAX_DEPTH = 32
"""Deepest nesting of tables and lists; what gpusynth writes has no more than eight."""

MAX_BYTES = 64 << 20
"""Largest file: a schema of 200 columns with 10,000 levels each has 40 MB."""

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe that nobody writes to must not hold the reader; for files it makes no difference."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

_KEY = r"""(?:"[^"\n]*+"|'[^'\n]*+'|[\w-]++)"""
_LONG_KEY = re.compile(
    rf"""(?:^|[\[{{,])[ \t]*+(?:{_KEY}[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}""", re.MULTILINE
)
"""Keys of many parts, "a.b.c...", make tables as deep, and Python's parser quadratic."""


def read_text(
    path: str | Path,
    kind: str,
    error: type[GpusynthError],
    *,
    max_bytes: int = MAX_BYTES,
    follow_links: bool = True,
) -> str:
    """Read a text file.

    Parameters
    ----------
    path : str or pathlib.Path
    kind : str
        What the file is, for messages: "plan file".
    error : type
        Of the error that is raised.
    max_bytes : int
    follow_links : bool
        Whether the file itself may be a symbolic link.

    Returns
    -------
    str

    Raises
    ------
    GpusynthError
        Of the type `error`, if the file cannot be read, is too large or is not UTF-8.
    """
    place = Path(path)
    try:
        if not follow_links and place.is_symlink():
            raise error(f"{kind} {place} is a link, which is not followed; check the directory")
        flags = _NO_WAIT if follow_links else _NO_WAIT | _NO_LINK
        with os.fdopen(os.open(place, os.O_RDONLY | flags), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise error(f"{kind} {place} is not a regular file; check the path")
            content = file.read(max_bytes + 1)
    except GpusynthError:  # some are errors of the system, too
        raise
    except FileNotFoundError:
        raise error(f"{kind} not found: {place}") from None
    except IsADirectoryError:
        raise error(f"{kind} {place} is a directory; check the path") from None
    except (OSError, ValueError) as problem:  # ValueError: a path with a zero byte
        reason = getattr(problem, "strerror", None) or "not a path"
        raise error(f"{kind} {str(place)!r} cannot be read: {reason}; check the path") from None
    if len(content) > max_bytes:
        raise error(f"{kind} {place} has more than {max_bytes} bytes, which is the most")
    try:
        return content.decode("utf-8-sig")  # some editors begin with a mark of the byte order
    except UnicodeDecodeError as problem:
        raise error(
            f"{kind} {place} is not UTF-8 (byte {problem.start}); save it as UTF-8"
        ) from None


def read_toml(path: str | Path, kind: str, error: type[GpusynthError]) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : str or pathlib.Path
    kind : str
    error : type

    Returns
    -------
    dict

    Raises
    ------
    GpusynthError
        Of the type `error`, as `read_text` and `parse_toml` raise it.
    """
    return parse_toml(read_text(path, kind, error), str(path), error)


def parse_toml(text: str, file: str, error: type[GpusynthError]) -> dict[str, Any]:
    """Parse TOML.

    Parameters
    ----------
    text : str
    file : str
        Name of the file, for messages.
    error : type

    Returns
    -------
    dict

    Raises
    ------
    GpusynthError
        Of the type `error`, if the text is not TOML or nested too deep.
    """
    if _LONG_KEY.search(text):
        raise _too_deep(file, error)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise error(f"{file} is not valid TOML: {_position(problem)}") from None
    except RecursionError:
        raise _too_deep(file, error) from None
    except ValueError:  # a number or date out of Python's range
        raise error(f"{file} is not valid TOML: a number or date is out of range") from None
    _check_depth(content, file, error)
    return content


def parse_json(text: str, file: str, error: type[GpusynthError]) -> Any:
    """Parse JSON.

    Parameters
    ----------
    text : str
    file : str
        Name of the file, for messages.
    error : type

    Returns
    -------
    dict, list, str, number, bool or None

    Raises
    ------
    GpusynthError
        Of the type `error`, if the text is not JSON or nested too deep.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise error(f"{file} is not valid JSON: error at {place}") from None
    except RecursionError:
        raise _too_deep(file, error) from None
    except ValueError:  # an integer of more digits than Python reads
        raise error(f"{file} is not valid JSON: a number is out of range") from None
    _check_depth(content, file, error)
    return content


def _position(problem: tomllib.TOMLDecodeError) -> str:
    """Keep the place of the error only: the message may quote the text around it."""
    _, found, place = str(problem).rpartition("(at ")
    return f"error at {place.rstrip(')')}; correct the syntax there" if found else "syntax error"


def _check_depth(content: Any, file: str, error: type[GpusynthError]) -> None:
    level = [content]
    for _ in range(MAX_DEPTH + 1):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inside += item.values()
            elif isinstance(item, list):
                inside += item
        level = inside
        if not level:
            return
    raise _too_deep(file, error)


def _too_deep(file: str, error: type[GpusynthError]) -> GpusynthError:
    return error(f"{file} is nested deeper than {MAX_DEPTH} levels, which is the most")
