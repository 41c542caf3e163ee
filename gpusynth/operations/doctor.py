"""Doctor: what this machine has for gpusynth, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

import psutil

from gpusynth.backends import FitterName, choose_backend, probe_device
from gpusynth.engine import available_threads
from gpusynth.errors import BackendUnavailableError
from gpusynth.operations.kernel_cache import cache_place, open_to_others

__all__ = ["Finding", "Verdict", "examine"]

Verdict: TypeAlias = Literal["ok", "optional", "problem"]
"""ok: there. optional: not there, but only some users need it. problem: runs fail or suffer."""

_LITTLE_MEMORY = 2 << 30
_LITTLE_DISK = 5 << 30

_EXTRAS = {
    "parametric": ("scipy", "statsmodels", "threadpoolctl"),
    "evaluate": ("scipy", "scikit-learn", "threadpoolctl"),
    "inference": ("formulaic", "statsmodels", "pandas", "scipy"),
    "report": ("jinja2",),
    "dask": ("dask", "distributed", "cryptography"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    area : str
    what : str
    found : str
    verdict : {"ok", "optional", "problem"}
    remedy : str
        What to do; empty where nothing is to be done.
    """

    area: str
    what: str
    found: str
    verdict: Verdict
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the JSON form.

        Returns
        -------
        dict
        """
        return asdict(self)


def examine() -> list[Finding]:
    """Look at the machine, the packages and the devices.

    Returns
    -------
    list of Finding
        By area.
    """
    areas: tuple[Callable[[], list[Finding]], ...] = (
        _machine,
        _packages,
        _kernels,
        _devices,
        _clusters,
    )
    return [finding for area in areas for finding in area()]


def _machine() -> list[Finding]:
    memory = psutil.virtual_memory()
    place = Path(tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    return [
        Finding("machine", "system", platform.platform(terse=True), "ok"),
        Finding("machine", "processors", f"{available_threads()} usable", "ok"),
        Finding(
            "machine",
            "memory",
            f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB available",
            "ok" if memory.available >= _LITTLE_MEMORY else "problem",
            ""
            if memory.available >= _LITTLE_MEMORY
            else "Free some memory: a million rows of 130 columns take about 1 GB.",
        ),
        Finding(
            "machine",
            "temporary files",
            f"{free / 1e9:.1f} GB free in {place}",
            "ok" if free >= _LITTLE_DISK else "problem",
            "" if free >= _LITTLE_DISK else "Free some space, or set TMPDIR to a larger disk.",
        ),
    ]


def _packages() -> list[Finding]:
    findings = [Finding("packages", "python", platform.python_version(), "ok")]
    findings += [_package(name) for name in ("gpusynth", "numpy", "numba", "pyarrow")]
    for extra, names in _EXTRAS.items():
        missing = [name for name in names if _version(name) is None]
        found = ", ".join(f"{name} {_version(name)}" for name in names if name not in missing)
        remedy = f'pip install "gpusynth[{extra}]"' if missing else ""
        lacks = f"no {', '.join(missing)}" if missing else ""
        findings.append(
            Finding(
                "packages",
                f"extra {extra}",
                "; ".join(part for part in (found, lacks) if part),
                "optional" if missing else "ok",
                remedy,
            )
        )
    return findings


def _package(name: str) -> Finding:
    found = _version(name)
    if found is None and name == "gpusynth":
        from gpusynth import __version__

        return Finding("packages", name, f"{__version__} from a checkout", "ok")
    if found is None:
        return Finding("packages", name, "missing", "problem", "pip install gpusynth")
    return Finding("packages", name, found, "ok")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _kernels() -> list[Finding]:
    from gpusynth_kernels.compile import cache_is_on

    if not cache_is_on():
        return [
            Finding(
                "kernels",
                "cache",
                "off",
                "problem",
                "Every process compiles for a minute. Unset GPUSYNTH_KERNEL_CACHE if it is 0; set "
                "NUMBA_CACHE_DIR where no other directory can be written.",
            )
        ]
    place = cache_place()
    if not os.access(place if place.exists() else place.parent, os.W_OK) and _is_given():
        remedy = "Set NUMBA_CACHE_DIR to a directory of your own."
        return [Finding("kernels", "cache", str(place), "problem", remedy)]
    unsafe = open_to_others(place)
    if unsafe is not None:
        remedy = (
            "Others may write there, and what they put there runs as you. Set NUMBA_CACHE_DIR to a "
            "directory of your own (mode 0700)."
        )
        return [Finding("kernels", "cache", f"{unsafe} is open to other users", "problem", remedy)]
    return [Finding("kernels", "cache", str(place), "ok")]


def _is_given() -> bool:
    return "NUMBA_CACHE_DIR" in os.environ


def _devices() -> list[Finding]:
    wanted: tuple[tuple[str, FitterName], ...] = (("GPU", "histogram"), ("cuML trees", "cuml"))
    return [*(_device(what, fitter) for what, fitter in wanted), _cudf()]


def _cudf() -> Finding:
    """Say whether ``--io cudf`` and cuDF's data frames can be used; cuDF itself is not imported."""
    what = "cuDF files and frames"
    found = probe_device().rapids.get("cudf")
    if found is None:
        remedy = 'pip install "gpusynth[rapids-cu13]" (or rapids-cu12)'
        return Finding("devices", what, "missing", "optional", remedy)
    return Finding("devices", what, found, "ok")


def _device(what: str, fitter: FitterName) -> Finding:
    try:
        backend = choose_backend("cuda", fitter)
    except BackendUnavailableError as error:
        found, _, remedy = str(error).partition(". ")
        return Finding("devices", what, found, "optional", remedy)
    return Finding("devices", what, backend.name, "ok")


def _clusters() -> list[Finding]:
    """Say what ``--cluster local`` and ``--cluster local-cuda`` would start here."""
    missing = [name for name in _EXTRAS["dask"] if _version(name) is None]
    local, cuda = "--cluster local", "--cluster local-cuda"
    if missing:
        lacks, remedy = f"no {', '.join(missing)}", 'pip install "gpusynth[dask]"'
        return [Finding("clusters", what, lacks, "optional", remedy) for what in (local, cuda)]
    n_workers = available_threads()
    each = psutil.virtual_memory().available / n_workers / 1e9
    found = f"{n_workers} workers of one thread, {each:.1f} GB of memory for each"
    findings = [Finding("clusters", local, found, "ok")]
    version, n_devices = _version("dask-cuda"), probe_device().n_devices
    if version is None:
        remedy = 'On a machine with GPUs: pip install dask-cuda "gpusynth[rapids-cu12]" (or -cu13).'
        return [*findings, Finding("clusters", cuda, "no dask-cuda", "optional", remedy)]
    found = f"dask-cuda {version}, {n_devices} workers, one a GPU"
    remedy = "" if n_devices else "Run where a GPU is, or use --cluster local."
    return [*findings, Finding("clusters", cuda, found, "ok" if n_devices else "optional", remedy)]
