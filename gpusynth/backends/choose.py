"""Choose: from what a user asks for and what the machine has to a device and a tree fitter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gpusynth.backends.probe import DeviceFacts, probe_device
from gpusynth.errors import BackendUnavailableError

__all__ = ["CPU", "Backend", "DeviceName", "FitterName", "choose_backend"]

DeviceName: TypeAlias = Literal["cpu", "cuda", "auto"]
FitterName: TypeAlias = Literal["histogram", "cuml", "auto"]

_OLDEST_DRIVER = 12_000
_OLDEST_CAPABILITY = (7, 0)
"""Older ones (Pascal) have no independent threads of a warp, and RAPIDS does not support them."""

_OLDEST_FOR_CUDA_13 = (7, 5)
"""CUDA 13 compiles for Turing and newer; Volta needs what was built for CUDA 12."""

_NUMBA_CUDA = (0, 30)
"""The last series of numba-cuda: see `gpusynth_kernels.cuda.launch`."""

_RAPIDS_FIRST, _RAPIDS_LAST = (26, 8), (26, 10)
"""Minor versions of RAPIDS: weights came with 26.08, and 26.10 is the newest that was read."""


_NOT_THE_SAME = (
    "cuML grew the trees: numbers are summed in the order in which threads arrive, so that another "
    "run with this seed, or one that was resumed, may give other bytes"
)


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a run computes, and what grows its trees.

    Attributes
    ----------
    device : {"cpu", "cuda"}
    fitter : {"histogram", "cuml"}
    name : str
        Of the device, for people.
    note : str
        One line on what was settled, such as why "auto" took the CPU; empty otherwise.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    fitter: Literal["histogram", "cuml"] = "histogram"
    name: str = "cpu"
    note: str = ""

    @property
    def on_device(self) -> bool:
        """Whether trees are walked on a CUDA device."""
        return self.device == "cuda"

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest says of it.

        Returns
        -------
        dict
        """
        return {"device": self.device, "fitter": self.fitter, "name": self.name}


CPU = Backend()
"""The processor and the histogram fitter: what is used where nothing is asked for."""


def choose_backend(
    device: DeviceName = "cpu",
    fitter: FitterName = "auto",
    *,
    probe: Callable[[], DeviceFacts] = probe_device,
) -> Backend:
    """Settle the device and the fitter of a run.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"}
        auto: a CUDA device where one can be used, else the processor, with a note that says why.
    fitter : {"histogram", "cuml", "auto"}
        auto: histogram, whose trees do not depend on the device. cuML needs a CUDA device.
    probe : callable
        Finds out what the machine has.

    Returns
    -------
    Backend

    Raises
    ------
    BackendUnavailableError
        If what is asked for cannot be had; the message names the cause and what to install.
    """
    if device == "cpu":
        if fitter == "cuml":
            raise BackendUnavailableError(
                'fitter "cuml" grows trees on a GPU: ask for device "cuda", or for the fitter '
                '"histogram", which needs none.'
            )
        return CPU
    facts = probe()
    reason = _why_no_cuda(facts)
    if not reason and fitter == "cuml":
        reason = _why_no_cuml(facts)
    if not reason:
        name = "Numba's CUDA simulator" if facts.simulated else facts.name
        if fitter == "cuml":
            return Backend("cuda", "cuml", name, _NOT_THE_SAME)
        return Backend("cuda", "histogram", name)
    if device == "cuda" or fitter == "cuml":
        raise BackendUnavailableError(reason)
    return Backend(note=f"device auto took the processor: {reason}")


def _why_no_cuda(facts: DeviceFacts) -> str:
    """Return why no device can be used and what to do, empty where one can."""
    if facts.simulated:
        return ""
    return _why_no_driver(facts) or _why_no_packages(facts) or _why_no_device(facts)


def _why_no_driver(facts: DeviceFacts) -> str:
    if not facts.driver:
        return (
            "no NVIDIA driver was found. Install the driver (525 or newer) on a machine with an "
            'NVIDIA GPU, or use device "cpu".'
        )
    if facts.driver < _OLDEST_DRIVER:
        return (
            f"the NVIDIA driver is too old: it runs CUDA {_cuda(facts.driver)}, and 12.0 is "
            "needed. Install driver 525 or newer."
        )
    return ""


def _why_no_packages(facts: DeviceFacts) -> str:
    extra = _extra(facts)
    if facts.cupy is None:
        return f"CuPy is not installed. {_install(extra)}"
    if facts.numba_cuda is None:
        return f"CuPy is there, but numba-cuda is not installed. {_install(extra)}"
    if _numbers(facts.numba_cuda)[:2] != _NUMBA_CUDA:
        return (
            f"numba-cuda {facts.numba_cuda} is not of the series that gpusynth was tested with, "
            f"0.30. {_install(extra)}"
        )
    if not facts.has_compiler:
        return (
            "numba-cuda is there, but NVIDIA's compiler library (libNVVM) is not. "
            f"{_install(extra)} (or set CUDA_HOME to CUDA's toolkit)"
        )
    if facts.runtime // 1000 > facts.driver // 1000:
        return (
            f"CuPy is built for CUDA {_cuda(facts.runtime)}, but the driver runs CUDA "
            f"{_cuda(facts.driver)}. {_install(extra)}"
        )
    return ""


def _why_no_device(facts: DeviceFacts) -> str:
    if facts.trouble:
        return f"CuPy cannot use the GPU ({facts.trouble}). {_install(_extra(facts))}"
    if not facts.n_devices:
        return (
            "the NVIDIA driver shows no GPU. Check nvidia-smi and CUDA_VISIBLE_DEVICES, or use "
            'device "cpu".'
        )
    if facts.capability < _OLDEST_CAPABILITY:
        return (
            f"the GPU ({facts.name}) has compute capability "
            f"{facts.capability[0]}.{facts.capability[1]}, and 7.0 (Volta) is the oldest that is "
            'supported. Use another GPU, or device "cpu".'
        )
    if facts.runtime >= 13_000 and facts.capability < _OLDEST_FOR_CUDA_13:
        return (
            f"the GPU ({facts.name}) has compute capability "
            f"{facts.capability[0]}.{facts.capability[1]}, and CUDA 13 supports 7.5 (Turing) and "
            'newer. Take what was built for CUDA 12: pip install "gpusynth[cuda12]"'
        )
    return ""


def _why_no_cuml(facts: DeviceFacts) -> str:
    """Return why cuML cannot be used and what to do, empty where it can."""
    if facts.simulated:
        return 'cuML needs a GPU; Numba\'s simulator is none. Use the fitter "histogram".'
    extra = _extra(facts).replace("cuda", "rapids-cu")
    found = facts.rapids
    if "cuml" not in found:
        return f"cuML is not installed. {_install(extra)}"
    minors = {name: _numbers(number)[:2] for name, number in found.items()}
    if len(set(minors.values())) > 1:
        listed = ", ".join(f"{name} {number}" for name, number in sorted(found.items()))
        return f"packages of RAPIDS belong to different releases ({listed}). {_install(extra)}"
    if not _RAPIDS_FIRST <= minors["cuml"] <= _RAPIDS_LAST:
        return (
            f"cuML {found['cuml']} is outside the releases that gpusynth was written for, 26.08 "
            f"to 26.10. {_install(extra)}"
        )
    return ""


def _extra(facts: DeviceFacts) -> str:
    """Return the extra that suits the driver."""
    return "cuda13" if facts.driver >= 13_000 else "cuda12"


def _install(extra: str) -> str:
    return f'Install it with: pip install "gpusynth[{extra}]"'


def _cuda(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
