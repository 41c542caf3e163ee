"""How the process of the command line holds memory: large arrays go back to the system at once."""

from __future__ import annotations

import ctypes
import platform

__all__ = ["give_back_large_arrays"]

_M_MMAP_THRESHOLD = -3  # <malloc.h> of glibc
_LARGE = 1 << 20


def give_back_large_arrays() -> None:
    """Let glibc return every freed array of 1 MiB or more to the system.

    By default glibc raises this limit (up to 32 MiB) as arrays are freed, and then keeps and
    splinters the memory of the arrays that every fit makes anew: with 1,000,000 rows and two
    threads a tenth of the peak. Only the command does this; a library must not change how its host
    program allocates. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
