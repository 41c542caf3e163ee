"""Keep compiled CUDA kernels on disk, so that only the first process on a machine compiles.

numba-cuda writes cache entries as Numba does, one for each compute capability, CUDA and numba-cuda
version; what `gpusynth_kernels.compile` says of the CPU's kernels holds here too: the same place,
the same switches, the same lock. An entry counts only for the very sources that it was compiled
from, those of the CUDA kernels and of the functions that both devices share.

An entry that cannot be read is compiled again, and one that cannot be written is left out: a full
disk or a damaged file costs time and nothing else.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from gpusynth_kernels import compile as cpu_compile
from gpusynth_kernels.compile import cache_is_on

__all__ = ["keep_on_disk"]


@cache
def _fingerprint() -> str:
    """Return the hash of the sources of CUDA kernels, and of what turns them into PTX."""
    from numba.cuda.cudadrv import nvvm

    compiler = nvvm.NVVM()
    digest = hashlib.sha256(f"{compiler.get_version()} {compiler.get_ir_version()}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def keep_on_disk(dispatcher: Any) -> Any:
    """Let a CUDA dispatcher load what was compiled before, and save what it compiles.

    Parameters
    ----------
    dispatcher : numba_cuda dispatcher
        Not yet launched.

    Returns
    -------
    dispatcher
        The same; without a cache where that is switched off or there is no place for it.
    """
    if not cache_is_on():
        return dispatcher
    with suppress(RuntimeError):  # no directory can be written
        dispatcher.enable_caching()
        cpu_compile._guard(dispatcher)
        _forgive(dispatcher._cache)
    return dispatcher


def _forgive(kept: Any) -> None:
    """Tell sources of today from others, and never fail for the sake of a cache."""
    kept._cache_file._source_stamp = (kept._cache_file._source_stamp, _fingerprint())
    load, save = kept.load_overload, kept.save_overload

    def load_overload(*given: Any) -> Any:
        try:
            return load(*given)
        except Exception:  # noqa: BLE001 - whatever damaged bytes raise
            return None

    def save_overload(*given: Any) -> Any:
        with suppress(OSError):
            return save(*given)

    kept.load_overload, kept.save_overload = load_overload, save_overload
