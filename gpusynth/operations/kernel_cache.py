"""Kernel cache: where compiled kernels are kept, and who else may change them there.

Numba keeps them in pickled files: whoever may write there can run code as whoever loads them.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["cache_place", "open_to_others"]


def cache_place() -> Path:
    """Return the directory that holds compiled kernels, or will.

    Returns
    -------
    pathlib.Path
        `NUMBA_CACHE_DIR`; else the package of the kernels, or the user's cache directory where that
        cannot be written.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given is not None:
        return Path(given)
    import gpusynth_kernels

    package = Path(str(gpusynth_kernels.__file__)).parent
    if os.access(package, os.W_OK):
        return package
    from numba.misc import appdirs

    directories: Any = appdirs.AppDirs  # it has no types
    return Path(directories(appname="numba", appauthor=False).user_cache_dir)


def open_to_others(place: Path) -> Path | None:
    """Return the first directory of a cache that another user owns or may write to.

    Parameters
    ----------
    place : pathlib.Path

    Returns
    -------
    pathlib.Path or None
        None where only this user and the administrator may, or nothing is there yet.
    """
    if sys.platform == "win32":
        return None
    return next((one for one in _directories(place) if _is_open(one)), None)


def _directories(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield place
        yield from (one for one in sorted(place.rglob("*")) if one.is_dir())


def _is_open(directory: Path) -> bool:
    if sys.platform == "win32":
        return False
    facts = directory.stat()
    if facts.st_uid not in (0, os.geteuid()) or facts.st_mode & stat.S_IWOTH:
        return True
    return bool(facts.st_mode & stat.S_IWGRP) and not _is_own_group(facts.st_gid)


def _is_own_group(group: int) -> bool:
    """Return whether a group is the administrator's, or a user's private one of the same name."""
    import grp
    import pwd

    try:
        return group == 0 or grp.getgrgid(group).gr_name == pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
