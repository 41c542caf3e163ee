"""Probe: what this machine has for CUDA, found out without computing anything."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["DeviceFacts", "probe_device"]

_CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy")
_RAPIDS = {
    "cuml": ("cuml-cu13", "cuml-cu12", "cuml"),
    "cudf": ("cudf-cu13", "cudf-cu12", "cudf"),
    "rmm": ("rmm-cu13", "rmm-cu12", "rmm"),
}


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a machine has for CUDA.

    Attributes
    ----------
    simulated : bool
        Whether Numba's simulator stands for a device; nothing else then matters.
    driver : int
        Newest CUDA that the driver can run, as 1000 * major + 10 * minor; 0 without a driver.
    cupy, numba_cuda : str or None
        Versions; None where not installed.
    runtime : int
        CUDA that CuPy was built for, counted as `driver` is; 0 where not known.
    n_devices : int
    name : str
        Of the first device.
    capability : tuple of int
        Of the first device, such as (9, 0).
    rapids : mapping of str to str
        Versions of cuml, cudf and rmm, as far as they are installed.
    trouble : str
        What CuPy said when it could not be asked.
    has_compiler : bool
        Whether NVIDIA's compiler library (libNVVM), which numba-cuda calls, is found.
    """

    simulated: bool = False
    driver: int = 0
    cupy: str | None = None
    numba_cuda: str | None = None
    runtime: int = 0
    n_devices: int = 0
    name: str = ""
    capability: tuple[int, int] = (0, 0)
    rapids: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    has_compiler: bool = True


def probe_device() -> DeviceFacts:
    """Find out what this machine has for CUDA.

    Returns
    -------
    DeviceFacts
    """
    rapids = {name: _first_version(packages) for name, packages in _RAPIDS.items()}
    found: dict[str, Any] = {
        "simulated": os.environ.get("NUMBA_ENABLE_CUDASIM") == "1",
        "driver": _driver_version(),
        "cupy": _first_version(_CUPY),
        "numba_cuda": _first_version(("numba-cuda",)),
        "rapids": {name: found for name, found in rapids.items() if found is not None},
    }
    if found["driver"] and found["cupy"] is not None:
        found |= _ask_cupy()
    if found["driver"] and found["numba_cuda"] is not None:
        found["has_compiler"] = _has_compiler()
    return DeviceFacts(**found)


def _first_version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def _driver_version() -> int:
    """Ask NVIDIA's driver library itself, which needs no package."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    number = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(library)
        if driver.cuDriverGetVersion(ctypes.byref(number)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return number.value


def _has_compiler() -> bool:
    """Look for libNVVM as numba-cuda does; it comes as a wheel or with CUDA's toolkit."""
    try:
        finder = import_module("cuda.pathfinder")
    except ImportError:
        return True  # an installation of another kind: numba-cuda will say
    try:
        finder.load_nvidia_dynamic_lib("nvvm")
    except finder.DynamicLibNotFoundError:
        return False
    return True


def _ask_cupy() -> dict[str, Any]:
    """Return what CuPy says of the first device."""
    try:
        import cupy

        runtime = cupy.cuda.runtime
        found: dict[str, Any] = {
            "runtime": int(runtime.runtimeGetVersion()),
            "n_devices": int(runtime.getDeviceCount()),
        }
        properties = runtime.getDeviceProperties(0)
        name = properties["name"]
        return found | {
            "name": name.decode() if isinstance(name, bytes) else str(name),
            "capability": (int(properties["major"]), int(properties["minor"])),
        }
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises
        if "cudaErrorNoDevice" in str(error):  # the driver is there, and hides or has no GPU
            return {}
        return {"trouble": f"{type(error).__name__}: {error}".splitlines()[0]}
