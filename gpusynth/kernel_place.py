"""Where compiled kernels can be kept; asked before the first of them is imported."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

__all__ = ["switch_cache_off_without_place"]

_SWITCH = "GPUSYNTH_KERNEL_CACHE"


def switch_cache_off_without_place() -> None:
    """Switch the cache of kernels off where no directory can hold it, and warn.

    Numba refuses a kernel that is to be kept and cannot: where the package is read-only and the
    user has no home, as in some containers, not even the first import would succeed. Every process
    compiles then, which takes a minute and changes no result.
    """
    if sys.platform == "win32" or os.environ.get(_SWITCH, "1") == "0":
        return
    if any(_can_be_written(place) for place in _places()):
        return
    from gpusynth.errors import GpusynthWarning

    os.environ[_SWITCH] = "0"
    warnings.warn(
        "compiled kernels cannot be kept: neither the package nor the user's cache directory can "
        "be written. This process compiles them for a minute; set NUMBA_CACHE_DIR to a directory "
        "that can be written.",
        GpusynthWarning,
        stacklevel=3,
    )


def _places() -> Iterator[Path]:
    """Yield where Numba would keep kernels, in its order."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        yield Path(given)
    found = find_spec("gpusynth_kernels")
    if found is not None and found.origin is not None:
        yield Path(found.origin).parent / "cpu" / "__pycache__"
    if sys.platform == "darwin":
        yield Path.home() / "Library" / "Caches"
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111


def _can_be_written(place: Path) -> bool:
    """Return whether a directory, or the nearest one above it that is there, can be written."""
    for one in (place, *place.parents):
        if os.access(one, os.F_OK):
            return one.is_dir() and os.access(one, os.W_OK | os.X_OK)
    return False
