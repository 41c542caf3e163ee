"""``gpusynth warm``: compile the kernels before the first run, or before many at once."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gpusynth.cli.choices import DeviceChoice
from gpusynth.cli.console import console, seconds_text

__all__ = ["warm_kernels"]


def warm_kernels(
    *,
    device: Annotated[
        DeviceChoice, typer.Option("--device", help="auto: a GPU, too, where one can be used.")
    ] = DeviceChoice.auto,
) -> None:
    """Compile the kernels and keep them, so that every run begins at once."""
    from gpusynth.backends import choose_backend
    from gpusynth.trees import warm_up
    from gpusynth_kernels.compile import cache_is_on

    backend = choose_backend(device.value)
    begun = time.perf_counter()
    warm_up(backend)
    out = console()
    taken = seconds_text(time.perf_counter() - begun)
    out.print(f"kernels for {backend.name}: {taken}", soft_wrap=True, markup=False)
    if backend.note:
        out.print(f"note: {backend.note}", soft_wrap=True, markup=False)
    if not cache_is_on():
        out.print("note: nothing was kept, since GPUSYNTH_KERNEL_CACHE is 0", soft_wrap=True)
