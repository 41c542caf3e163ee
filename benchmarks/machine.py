"""The machine and the versions that a figure belongs to."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from gpusynth.engine import available_threads
from gpusynth.engine.measure import versions
from gpusynth_kernels.compile import cache_is_on

__all__ = ["describe_machine", "describe_versions"]


def describe_machine() -> dict[str, object]:
    """Return processor, cores, memory and how busy the machine is: a busy one measures badly."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": _processor(),
        "cores": available_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": load,
    }


def describe_versions(*more: str) -> dict[str, object]:
    """Return the versions of gpusynth, of what it stands on and of `more` packages."""
    return {
        **versions(),
        **{package: version(package) for package in more},
        # Without the release of the system's kernel, which says nothing of speed.
        "platform": f"{platform.system()} {platform.machine()}",
        "kernel_cache": cache_is_on(),
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
